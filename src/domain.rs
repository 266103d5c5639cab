//! Values that rules read from a message and Klaviyo takes: parsed once, and valid from then on.

mod currency;
mod email;
mod ids;
mod phone;
mod timestamp;
mod unique_id;

pub use currency::Currency;
pub use email::Email;
pub use ids::{ExternalId, ListId, MetricName};
pub use phone::PhoneNumber;
pub use timestamp::{Timestamp, parse_moment};
pub use unique_id::UniqueId;
