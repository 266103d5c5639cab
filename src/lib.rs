//! Segment → Klaviyo, as one AWS Lambda function.
//!
//! # The path of a message
//!
//! 1. **The event arrives.** [`ingress`] turns Lambda's event into a webhook request, records of the
//!    retry queue, or a check.
//! 2. **The sender is verified.** [`signature`] compares the HMAC of the raw bytes and returns a
//!    `VerifiedBody`. Nothing is parsed before.
//! 3. **The body becomes messages.** [`segment`] cuts it into messages, most of which stay raw
//!    [`json`].
//! 4. **The rules decide.** [`rules`] turn each message into operations made of [`domain`] values, or
//!    into the reason why it is ignored or rejected. They are pure: they never await and never read
//!    a clock.
//! 5. **Operations become requests.** [`klaviyo`] packs them to its API's limits, and
//!    [`delivery`] merges them, sends them in the order that keeps them safe to repeat, and records
//!    what became of each.
//! 6. **Messages get their outcome.** [`outcome`] names it. Messages that are not finished go into a
//!    [`queue`], and Segment gets a [`response`].
//!
//! [`handler`] holds the path together, and the rest serves it: [`settings`], [`secrets`], [`aws`],
//! [`http`], [`telemetry`] and [`check`]. `docs/architecture.md` has the map and the invariants.

pub mod clock;
pub mod settings;
pub mod secrets;

pub mod ingress;
pub mod signature;
pub mod json;
pub mod domain;
pub mod segment;
pub mod rules;
pub mod klaviyo;
pub mod outcome;
pub mod ledger;
pub mod memory;
pub mod delivery;
pub mod queue;
pub mod response;
pub mod check;
pub mod handler;

pub mod aws;
pub mod http;
pub mod telemetry;
