//! The settings of the rules.

use std::time::Duration;

use rlibphonenumber::Region;

use super::audiences::AudienceLists;
use super::consent::ConsentSettings;
use crate::domain::ListId;

/// The settings that decide how a message is mapped. All booleans accept `true` and `false`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSettings {
    /// `CONFIRM_OPTIN`, true by default: people confirm a subscription as the list's double opt-in
    /// asks.
    pub confirm_optin: bool,
    /// `ENFORCE_EMAIL`, true by default: email is the only identifier, and a message without one is
    /// ignored.
    pub enforce_email: bool,
    /// `FALLBACK_ON_ANONYMOUS_ID`, false by default: the anonymous id identifies a visitor who has
    /// neither an email nor a user id. It has no effect with `ENFORCE_EMAIL`.
    pub fallback_on_anonymous_id: bool,
    /// `ACCEPT_KX`, false by default: Klaviyo's own id of a person, `_kx`, is read in properties and in
    /// the page's address too, and identifies somebody without an email.
    pub accept_kx: bool,
    /// `SEND_PLACED_ORDER_AS_ORDER_COMPLETED`, true by default: the metric of an order is
    /// `Order Completed`. If false it is `Placed Order`.
    pub send_placed_order_as_order_completed: bool,
    /// `LIST_ID`, none by default: the Klaviyo list that **every** identify subscribes to, except
    /// people who left it.
    pub list_id: Option<ListId>,
    /// `CONSENT_CHANNELS`, `email` by default: the channels of a subscription, `email`, `sms` or
    /// `email,sms`.
    pub consent_channels: Vec<Channel>,
    /// Whose consent counts.
    pub consent: ConsentSettings,
    /// `DEFAULT_COUNTRY`, none by default: the country of national phone numbers, an ISO 3166-1
    /// alpha-2 code. Without it only numbers that begin with `+` are phone numbers.
    pub default_country: Option<Region>,
    /// `KLAVIYO_PROPERTY_NAMES`, true by default: adds Klaviyo's e-commerce property names beside
    /// Segment's.
    pub klaviyo_property_names: bool,
    /// `CLASSIC_PROPERTY_NAMES`, true by default: adds the names that Klaviyo Classic sent, and keeps
    /// traits that are mapped as custom properties.
    pub classic_property_names: bool,
    /// `METRIC_NAMES`, `segment` by default: whose names the metrics have.
    pub metric_names: MetricNames,
    /// `ORDER_EVENTS`, none by default: further names of events that are completed orders, separated
    /// by commas.
    pub order_events: Vec<String>,
    /// `ONCE_PER_ORDER`, `Checkout Started` by default: further events of which there is one for each
    /// order, separated by commas.
    pub once_per_order: Vec<String>,
    /// `EMAIL_FROM`, none by default: further places of the email, separated by commas, each the keys
    /// from the message on: `properties.customer.email`.
    pub email_from: Vec<Vec<String>>,
    /// `VALUE_FROM`, `revenue,value,total` by default: the properties that an event's value is taken
    /// from, the first that can be read. `total` counts for orders only.
    pub value_from: Vec<String>,
    /// `EVENTS_ALLOWED` and `EVENTS_BLOCKED`, none by default: names of events, separated by commas.
    pub events: EventFilter,
    /// `SEND_PAGES`, false by default: page messages are sent as events.
    pub send_pages: bool,
    /// `SEND_SCREENS`, false by default: screen messages are sent as events.
    pub send_screens: bool,
    /// `GROUP_LISTS`, false by default: group messages subscribe to and unsubscribe from a list.
    pub group_lists: bool,
    /// `AUDIENCE_LISTS`, false by default: entering and leaving an Engage audience adds a person to
    /// a list and removes them. True, or pairs such as `vip=Y6nRLr`, separated by commas.
    pub audience_lists: AudienceLists,
    /// `HONOR_DELETIONS`, false by default: delete messages delete profiles.
    pub honor_deletions: bool,
    /// `BACKFILL_AFTER_HOURS`, none by default: events older than this many hours (1 to 87,600) do
    /// not trigger flows. With zero, which only the command-line tool sets, no event does.
    pub backfill_after: Option<Duration>,
}

/// A channel that a person can consent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Email marketing.
    Email,
    /// SMS marketing.
    Sms,
}

/// The vocabulary of metric names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricNames {
    /// The names of Segment's e-commerce spec, such as `Product Viewed`.
    Segment,
    /// The names that Klaviyo's own integrations use, such as `Viewed Product`.
    Klaviyo,
}

/// The events that are sent, by Segment's names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// The only events that are sent, or all events if it is empty.
    pub allowed: Vec<String>,
    /// Events that are never sent, even if they are allowed.
    pub blocked: Vec<String>,
}

impl EventFilter {
    /// Whether an event is sent. `is_its_name` says whether a name is one of the event's.
    pub fn lets_through(&self, is_its_name: impl Fn(&str) -> bool) -> bool {
        let is_allowed =
            self.allowed.is_empty() || self.allowed.iter().any(|name| is_its_name(name));
        is_allowed && !self.blocks(is_its_name)
    }

    /// Whether `EVENTS_BLOCKED` holds one of the event's names.
    pub fn blocks(&self, is_its_name: impl Fn(&str) -> bool) -> bool {
        self.blocked.iter().any(|name| is_its_name(name))
    }
}
