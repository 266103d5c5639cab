//! Every environment variable, read once into types that cannot be wrong.

mod parse;

use std::borrow::Cow;
use std::time::Duration;

use reqwest::Url;
use rlibphonenumber::Region;
use thiserror::Error;

use crate::klaviyo::ListId;

/// A setting that cannot be read; the function does not start.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SettingsError {
    /// The variable has no default and is not set.
    #[error("{0} is not set: it is required")]
    Missing(&'static str),
    /// The variable is set to something else than it accepts.
    #[error("{name} cannot be read: expected {expected}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What it accepts.
        expected: Cow<'static, str>,
    },
}

/// A channel that somebody can consent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Email marketing.
    Email,
    /// SMS marketing.
    Sms,
}

/// What the rules go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSettings {
    /// `CONFIRM_OPTIN`: subscriptions are confirmed as the list's double opt-in asks.
    pub confirm_optin: bool,
    /// `ENFORCE_EMAIL`: email is the only identifier.
    pub enforce_email: bool,
    /// `FALLBACK_ON_ANONYMOUS_ID`: a visitor without a user id is known by the anonymous id.
    pub fallback_on_anonymous_id: bool,
    /// `SEND_PLACED_ORDER_AS_ORDER_COMPLETED`: the metric of an order is `Order Completed`, else `Placed Order`.
    pub send_placed_order_as_order_completed: bool,
    /// `LIST_ID`: the list that identify subscribes to.
    pub list_id: Option<ListId>,
    /// `CONSENT_CHANNELS`: the channels a subscription is for.
    pub consent_channels: Vec<Channel>,
    /// `DEFAULT_COUNTRY`: national phone numbers are read as this country's (ISO 3166-1 alpha-2).
    pub default_country: Option<Region>,
    /// `KLAVIYO_PROPERTY_NAMES`: Klaviyo's own e-commerce names are added beside Segment's.
    pub klaviyo_property_names: bool,
    /// `METRIC_NAMES` is `klaviyo`: metrics have Klaviyo's own e-commerce names.
    pub klaviyo_metric_names: bool,
    /// `EVENTS_ALLOWED` and `EVENTS_BLOCKED`.
    pub events: EventFilter,
    /// `SEND_PAGES`: page messages are events.
    pub send_pages: bool,
    /// `SEND_SCREENS`: screen messages are events.
    pub send_screens: bool,
    /// `GROUP_LISTS`: group messages subscribe and unsubscribe.
    pub group_lists: bool,
    /// `AUDIENCE_LISTS`: entering and leaving an Engage audience adds to and removes from a list.
    pub audience_lists: bool,
    /// `HONOR_DELETIONS`: delete messages delete profiles.
    pub honor_deletions: bool,
    /// `BACKFILL_AFTER_HOURS`: events older than this fire no flows; with zero none does, whatever its time.
    pub backfill_after: Option<Duration>,
}

/// Which events are sent, by Segment's names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only these, unless it is empty.
    pub allowed: Vec<String>,
    /// Never these.
    pub blocked: Vec<String>,
}

/// Everything that the environment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `ENVIRONMENT`: the name of this deployment, the dimension of its metrics.
    pub environment: String,
    /// `SECRET_ID`: name or ARN of the secret.
    pub secret_id: String,
    /// `SECRET_TTL_SECONDS`: how long a fetched secret is taken as fresh.
    pub secret_ttl: Duration,
    /// `RETRY_QUEUE_URL`: where messages wait that Klaviyo cannot take now.
    pub retry_queue_url: Option<String>,
    /// `DEAD_LETTER_QUEUE_URL`: where messages go that can never succeed.
    pub dead_letter_queue_url: Option<String>,
    /// `DELIVERY_BUDGET_MS`: the time for one delivery.
    pub delivery_budget: Duration,
    /// `KLAVIYO_BASE_URL`: where Klaviyo is.
    pub klaviyo_base_url: Url,
    /// The settings that the rules go by.
    pub rules: RuleSettings,
}

/// Every variable with its default (`None`: there is none), in the order of the README.
pub const VARIABLES: &[(&str, Option<&str>)] = &[
    ("ENVIRONMENT", Some("dev")),
    ("SECRET_ID", None),
    ("SECRET_TTL_SECONDS", Some("300")),
    ("CONFIRM_OPTIN", Some("true")),
    ("ENFORCE_EMAIL", Some("true")),
    ("FALLBACK_ON_ANONYMOUS_ID", Some("false")),
    ("SEND_PLACED_ORDER_AS_ORDER_COMPLETED", Some("true")),
    ("LIST_ID", None),
    ("CONSENT_CHANNELS", Some("email")),
    ("DEFAULT_COUNTRY", None),
    ("KLAVIYO_PROPERTY_NAMES", Some("true")),
    ("METRIC_NAMES", Some("segment")),
    ("EVENTS_ALLOWED", None),
    ("EVENTS_BLOCKED", None),
    ("SEND_PAGES", Some("false")),
    ("SEND_SCREENS", Some("false")),
    ("GROUP_LISTS", Some("false")),
    ("AUDIENCE_LISTS", Some("false")),
    ("HONOR_DELETIONS", Some("false")),
    ("BACKFILL_AFTER_HOURS", None),
    ("RETRY_QUEUE_URL", None),
    ("DEAD_LETTER_QUEUE_URL", None),
    ("DELIVERY_BUDGET_MS", Some("4500")),
    ("KLAVIYO_BASE_URL", Some("https://a.klaviyo.com")),
];

impl Settings {
    /// Reads every variable through `get`. A variable that is set to nothing counts as not set: a
    /// template's optional parameter arrives that way.
    pub fn from_env(get: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let read = parse::Reader::new(get);
        Ok(Settings {
            environment: read.environment("ENVIRONMENT")?,
            secret_id: read.required("SECRET_ID")?,
            secret_ttl: Duration::from_secs(read.number("SECRET_TTL_SECONDS", 1..=86_400)?),
            retry_queue_url: read.optional_url("RETRY_QUEUE_URL")?,
            dead_letter_queue_url: read.optional_url("DEAD_LETTER_QUEUE_URL")?,
            delivery_budget: Duration::from_millis(
                read.number("DELIVERY_BUDGET_MS", 500..=60_000)?,
            ),
            klaviyo_base_url: read.url("KLAVIYO_BASE_URL")?,
            rules: RuleSettings {
                confirm_optin: read.boolean("CONFIRM_OPTIN")?,
                enforce_email: read.boolean("ENFORCE_EMAIL")?,
                fallback_on_anonymous_id: read.boolean("FALLBACK_ON_ANONYMOUS_ID")?,
                send_placed_order_as_order_completed: read
                    .boolean("SEND_PLACED_ORDER_AS_ORDER_COMPLETED")?,
                list_id: read.list_id("LIST_ID")?,
                consent_channels: read.channels("CONSENT_CHANNELS")?,
                default_country: read.country("DEFAULT_COUNTRY")?,
                klaviyo_property_names: read.boolean("KLAVIYO_PROPERTY_NAMES")?,
                klaviyo_metric_names: read.metric_names("METRIC_NAMES")?,
                events: EventFilter {
                    allowed: read.names("EVENTS_ALLOWED"),
                    blocked: read.names("EVENTS_BLOCKED"),
                },
                send_pages: read.boolean("SEND_PAGES")?,
                send_screens: read.boolean("SEND_SCREENS")?,
                group_lists: read.boolean("GROUP_LISTS")?,
                audience_lists: read.boolean("AUDIENCE_LISTS")?,
                honor_deletions: read.boolean("HONOR_DELETIONS")?,
                backfill_after: read.hours("BACKFILL_AFTER_HOURS", 1..=87_600)?,
            },
        })
    }
}
