//! Messages on their way to Klaviyo: the operations of a delivery become requests, and each message
//! gets the result of its operations.
//!
//! A message counts as delivered only when Klaviyo has acknowledged the last of its operations. Every
//! operation starts as pending, so that a mistake in here ends in a retry and never in a message
//! that is lost in silence.

mod asked_once;
mod backlog;
mod coalesce;
mod combine;
mod consent_guard;
mod consent_order;
mod dispatch;
mod dispatcher;
mod halving;
mod identity_graph;
mod imports;
mod in_flight;
mod inbound;
mod list_opt_ins;
mod message_result;
mod profile_lookup;
mod refusal;
mod request_plan;
mod session;
mod spill;
mod stages;
mod subscriptions;
mod task;
mod unanswered;
mod waited;

pub use backlog::{Backlog, Delivery, Slice};
pub use dispatcher::{Dispatcher, PendingSubscriptions};
pub use imports::{Import, ImportResult};
pub use in_flight::{InFlight, decide_batch};
pub use inbound::{InboundMessage, Recollection};
pub use list_opt_ins::ListOptIns;
pub use message_result::MessageResult;
pub use session::RequestStats;
pub use task::Task;
pub use unanswered::UnansweredAttempt;
