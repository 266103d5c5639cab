//! Klaviyo's answers about what it holds: profiles, their consents, and lists.

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::profile::ProfileKey;
use crate::domain::ListId;

/// A profile that Klaviyo knows.
#[derive(Debug, Clone, Deserialize)]
pub struct FoundProfile {
    /// Klaviyo's own id.
    pub id: String,
    attributes: FoundAttributes,
}

#[derive(Debug, Clone, Deserialize)]
struct FoundAttributes {
    email: Option<String>,
    external_id: Option<String>,
    phone_number: Option<String>,
    subscriptions: Option<Subscriptions>,
}

/// What a person has consented to: <https://developers.klaviyo.com/en/reference/get_profiles>
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Subscriptions {
    email: Channel,
    sms: Channel,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Channel {
    marketing: Option<Marketing>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Marketing {
    consent: Option<String>,
    consent_timestamp: Option<String>,
    last_updated: Option<String>,
    /// What keeps the person from being written to at all; Klaviyo also calls it `suppressions`.
    #[serde(alias = "suppressions")]
    suppression: Option<Vec<Suppression>>,
    /// What keeps the person from being written to by one list.
    list_suppressions: Option<Vec<Suppression>>,
}

#[derive(Debug, Clone, Deserialize)]
struct Suppression {
    #[serde(default)]
    list_id: Option<String>,
    #[serde(default)]
    timestamp: Option<String>,
}

/// What Klaviyo holds of a person's consent for one channel and list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelConsent {
    /// The person has never subscribed.
    Never,
    /// The person is subscribed.
    Subscribed,
    /// The person unsubscribed or is suppressed, since this moment if Klaviyo says.
    Left(Option<OffsetDateTime>),
}

impl FoundProfile {
    /// Whether the profile has this address, id or number.
    pub fn matches(&self, key: ProfileKey) -> bool {
        match key {
            ProfileKey::Email(email) => match &self.attributes.email {
                Some(found) => found.eq_ignore_ascii_case(email),
                None => false,
            },
            ProfileKey::ExternalId(id) => self.attributes.external_id.as_deref() == Some(id),
            // Klaviyo hands it out, and does not show it.
            ProfileKey::ExchangeId(_) => false,
            ProfileKey::PhoneNumber(number) => {
                self.attributes.phone_number.as_deref() == Some(number)
            }
        }
    }

    /// Returns the consent to email of one list; `None` if the answer does not say.
    pub fn email_consent(&self, list_id: &ListId) -> Option<ChannelConsent> {
        let subscriptions = self.attributes.subscriptions.as_ref()?;
        Some(consent(&subscriptions.email, list_id))
    }

    /// Returns the consent to SMS; `None` if the answer does not say.
    pub fn sms_consent(&self, list_id: &ListId) -> Option<ChannelConsent> {
        let subscriptions = self.attributes.subscriptions.as_ref()?;
        Some(consent(&subscriptions.sms, list_id))
    }
}

fn consent(channel: &Channel, list_id: &ListId) -> ChannelConsent {
    let Some(marketing) = &channel.marketing else {
        return ChannelConsent::Never;
    };
    let everywhere = marketing.suppression.iter().flatten();
    let on_this_list = marketing
        .list_suppressions
        .iter()
        .flatten()
        .filter(|suppression| suppression.list_id.as_deref() == Some(list_id.as_str()));
    let mut left_at: Vec<Option<OffsetDateTime>> = everywhere
        .chain(on_this_list)
        .map(|suppression| moment(suppression.timestamp.as_deref()))
        .collect();
    if marketing.consent.as_deref() == Some("UNSUBSCRIBED") {
        let recorded = moment(marketing.consent_timestamp.as_deref());
        left_at.push(recorded.or_else(|| moment(marketing.last_updated.as_deref())));
    }
    if left_at.contains(&None) {
        return ChannelConsent::Left(None);
    }
    match (left_at.into_iter().max(), marketing.consent.as_deref()) {
        (Some(latest), _) => ChannelConsent::Left(latest),
        (None, Some("SUBSCRIBED")) => ChannelConsent::Subscribed,
        (None, _) => ChannelConsent::Never,
    }
}

fn moment(text: Option<&str>) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text?, &Rfc3339).ok()
}

/// Parses the answer to [`ApiRequest::find_profiles`](super::ApiRequest::find_profiles). Returns
/// `None` for any other document.
pub fn parse_profiles(body: &[u8]) -> Option<Vec<FoundProfile>> {
    #[derive(Deserialize)]
    struct ProfilesDocument {
        data: Vec<FoundProfile>,
    }
    let document: ProfilesDocument = serde_json::from_slice(body).ok()?;
    Some(document.data)
}

/// Counts the resources in an answer; `None` for any other document.
pub fn count_resources(body: &[u8]) -> Option<usize> {
    #[derive(Deserialize)]
    struct Collection {
        data: Vec<serde::de::IgnoredAny>,
    }
    let document: Collection = serde_json::from_slice(body).ok()?;
    Some(document.data.len())
}

/// The process by which a list takes people in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptIn {
    /// Whoever subscribes is on the list.
    Single,
    /// Whoever subscribes is asked to confirm.
    Double,
}

/// Parses the answer to [`ApiRequest::read_list`](super::ApiRequest::read_list); `None` if it does
/// not name a process that is known.
pub fn parse_opt_in(body: &[u8]) -> Option<OptIn> {
    #[derive(Deserialize)]
    struct ListDocument {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        attributes: Attributes,
    }
    #[derive(Deserialize)]
    struct Attributes {
        opt_in_process: Option<String>,
    }
    let document: ListDocument = serde_json::from_slice(body).ok()?;
    match document.data.attributes.opt_in_process.as_deref() {
        Some("single_opt_in") => Some(OptIn::Single),
        Some("double_opt_in") => Some(OptIn::Double),
        _ => None,
    }
}
