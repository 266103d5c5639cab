//! What is to be done in Klaviyo, before it is put into calls.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::segment::json::{Fields, Json};

/// One thing to be done in Klaviyo.
#[derive(Debug, Clone)]
pub enum Operation<'a> {
    /// Create or update a profile.
    UpsertProfile(Profile<'a>),
    /// Record an event.
    RecordEvent(Event<'a>),
    /// Add a profile to a list. That is no consent.
    AddToList(Membership<'a>),
    /// Take a profile off a list. That takes no consent back.
    RemoveFromList(Membership<'a>),
    /// Forget a profile.
    Delete(ProfileIdentifiers<'a>),
    /// Subscribe a profile to a list.
    Subscribe(Subscription),
    /// Take a subscription to a list back.
    Unsubscribe(Unsubscription),
}

impl Operation<'_> {
    /// What tells this operation from the others of its message, the same whenever the rules are applied.
    pub fn operation_id(&self) -> String {
        match self {
            Operation::UpsertProfile(_) => "profile".to_owned(),
            Operation::RecordEvent(event) => {
                ["event ", &event.metric, " ", &event.unique_id].concat()
            }
            Operation::AddToList(it) => format!("add to {}", it.list_id.as_str()),
            Operation::RemoveFromList(it) => format!("remove from {}", it.list_id.as_str()),
            Operation::Delete(_) => "delete".to_owned(),
            Operation::Subscribe(it) => format!("subscribe to {}", it.list_id.as_str()),
            Operation::Unsubscribe(it) => format!("unsubscribe from {}", it.list_id.as_str()),
        }
    }
}

/// Who somebody is in Klaviyo. Only these are ever sent as identifiers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ProfileIdentifiers<'a> {
    /// A valid address, trimmed and lower-cased.
    pub email: Option<String>,
    /// The merchant's own id, at most 255 characters.
    pub external_id: Option<Cow<'a, str>>,
}

impl ProfileIdentifiers<'_> {
    /// What tells this profile from others: the address, else the merchant's id.
    pub fn key(&self) -> Option<ProfileKey<'_>> {
        match (&self.email, &self.external_id) {
            (Some(email), _) => Some(ProfileKey::Email(email)),
            (None, Some(id)) => Some(ProfileKey::ExternalId(id)),
            (None, None) => None,
        }
    }
}

/// The one identifier that a profile is told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProfileKey<'i> {
    /// An address.
    Email(&'i str),
    /// A merchant's own id.
    ExternalId(&'i str),
}

impl<'i> ProfileKey<'i> {
    /// The address or id itself.
    pub fn value(self) -> &'i str {
        match self {
            ProfileKey::Email(value) | ProfileKey::ExternalId(value) => value,
        }
    }
}

/// A profile as far as one message tells it.
#[derive(Debug, Clone, Default)]
pub struct Profile<'a> {
    /// Whose profile it is.
    pub identity: ProfileIdentifiers<'a>,
    /// In E.164, or `Null` to clear it. Klaviyo matches by it too.
    pub phone_number: Option<Json<'a>>,
    /// Klaviyo's own fields: `first_name`, `organization`, …
    pub attributes: Fields<'a>,
    /// Klaviyo's own fields of a place: `city`, `zip`, `timezone`, …
    pub location: Fields<'a>,
    /// Everything else, by the merchant's own names.
    pub properties: Fields<'a>,
    /// Changes to custom properties that need not be known to be changed.
    pub patch: Patch<'a>,
}

/// `meta.patch_properties` of a profile.
#[derive(Debug, Clone, Default)]
pub struct Patch<'a> {
    /// Names of properties to remove.
    pub unset: Vec<Cow<'a, str>>,
    /// Values to add to list properties.
    pub append: Fields<'a>,
    /// Values to take out of list properties.
    pub unappend: Fields<'a>,
}

impl Patch<'_> {
    /// Whether nothing is to be changed.
    pub fn is_empty(&self) -> bool {
        self.unset.is_empty() && self.append.is_empty() && self.unappend.is_empty()
    }
}

/// An event of one profile.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// 1–127 characters.
    pub metric: Cow<'a, str>,
    /// Who did it.
    pub profile: Profile<'a>,
    /// What flows and templates read.
    pub properties: Properties<'a>,
    /// RFC 3339, UTC, milliseconds; without it Klaviyo takes the time of the request.
    pub time: Option<String>,
    /// Money, in `value_currency`.
    pub value: Option<f64>,
    /// Three upper-case letters (ISO 4217).
    pub value_currency: Option<String>,
    /// Klaviyo keeps one event for each of (profile, metric, unique_id). 1–255 characters.
    pub unique_id: String,
    /// Recorded without firing flows.
    pub backfill: bool,
}

/// Properties of an event.
#[derive(Debug, Clone)]
pub enum Properties<'a> {
    /// The message's own bytes.
    Unchanged(&'a RawValue),
    /// Put together from several objects.
    Merged(Fields<'a>),
}

/// Somebody's consent to be written to.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// The list that is subscribed to.
    pub list_id: ListId,
    /// Who consents to what.
    pub who: Subscriber,
    /// When consent was given, for somebody who is subscribed without being asked again (RFC 3339).
    /// `None`: Klaviyo asks as the list's double opt-in says.
    pub consented_at: Option<String>,
}

/// Somebody's consent taken back.
#[derive(Debug, Clone)]
pub struct Unsubscription {
    /// The list that is unsubscribed from. Klaviyo unsubscribes somebody who is not on it from everything:
    /// <https://developers.klaviyo.com/en/reference/bulk_unsubscribe_profiles>
    pub list_id: ListId,
    /// Who takes back what.
    pub who: Subscriber,
}

/// Somebody and the channels that a consent is about, at least one.
#[derive(Debug, Clone)]
pub struct Subscriber {
    /// The address: also for SMS alone, so that the number's consent finds the right profile.
    pub email: Option<String>,
    /// The number in E.164, when SMS is meant.
    pub phone_number: Option<String>,
    /// Whether email is meant.
    pub by_email: bool,
}

impl Subscriber {
    /// The same with the other's channels too.
    pub fn with(self, other: Subscriber) -> Self {
        Subscriber {
            email: self.email.or(other.email),
            phone_number: self.phone_number.or(other.phone_number),
            by_email: self.by_email || other.by_email,
        }
    }

    /// The same without the other's channels, if any is left.
    pub fn without(&self, other: &Subscriber) -> Option<Self> {
        let by_email = self.by_email && !other.by_email;
        let phone_number = self
            .phone_number
            .clone()
            .filter(|_| other.phone_number.is_none());
        (by_email || phone_number.is_some()).then(|| Subscriber {
            email: self.email.clone(),
            phone_number,
            by_email,
        })
    }

    /// The same for email alone, if email is meant and SMS too.
    pub fn without_sms(&self) -> Option<Self> {
        let both = self.by_email && self.phone_number.is_some();
        both.then(|| Subscriber {
            phone_number: None,
            ..self.clone()
        })
    }
}

/// Somebody's place on a list.
#[derive(Debug, Clone)]
pub struct Membership<'a> {
    /// The list.
    pub list_id: ListId,
    /// Whose place it is.
    pub identity: ProfileIdentifiers<'a>,
}

/// The id of a list, such as `Y6nRLr`: it goes into paths, so it can be nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListId(String);

impl ListId {
    /// Takes letters, digits, `-` and `_`, at most 64 of them.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        (plain && (1..=64).contains(&text.len())).then(|| ListId(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
