//! What an address has agreed to, and why nothing may be sent to it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A channel of marketing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// Email, to the `email` of a profile.
    Email,
    /// SMS, to the `phone_number` of a profile.
    Sms,
}

impl Channel {
    /// All channels that are recorded.
    pub(super) const ALL: [Channel; 2] = [Channel::Email, Channel::Sms];

    /// Returns the name of the channel in a subscription.
    pub(super) fn name(self) -> &'static str {
        match self {
            Channel::Email => "email",
            Channel::Sms => "sms",
        }
    }

    /// Returns the name of the identifier that the channel writes to.
    pub(super) fn identifier(self) -> &'static str {
        match self {
            Channel::Email => "email",
            Channel::Sms => "phone_number",
        }
    }
}

/// A consent to marketing, in Klaviyo's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Consent {
    /// Neither given nor taken back.
    #[default]
    NeverSubscribed,
    /// Given.
    Subscribed,
    /// Taken back.
    Unsubscribed,
}

/// The reason for a suppression, in Klaviyo's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SuppressionReason {
    /// The person unsubscribed.
    Unsubscribe,
    /// The person marked an email as spam.
    #[serde(alias = "SPAM_REPORT")]
    SpamComplaint,
    /// The merchant suppressed the profile.
    #[default]
    UserSuppressed,
    /// The address does not exist.
    HardBounce,
    /// The address is not an address.
    InvalidEmail,
}

impl SuppressionReason {
    /// Whether a subscription lifts a suppression of this reason:
    /// <https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles>
    pub(super) fn is_lifted(self) -> bool {
        match self {
            SuppressionReason::Unsubscribe
            | SuppressionReason::SpamComplaint
            | SuppressionReason::UserSuppressed => true,
            SuppressionReason::HardBounce | SuppressionReason::InvalidEmail => false,
        }
    }
}

/// A suppression of an email address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suppression {
    /// Why nothing is sent.
    pub reason: SuppressionReason,
    /// The time from which on nothing is sent, as in RFC 3339.
    pub timestamp: String,
    /// The only list that it is about; `None` for everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_id: Option<String>,
}

/// A subscription that waits for its confirmation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PendingSubscription {
    /// The index of the profile.
    pub profile: usize,
    /// The list; empty when none was named.
    pub list_id: String,
    pub(super) source: Option<String>,
}

/// What one address has agreed to in its channel.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Standing {
    /// The consent to marketing.
    pub consent: Consent,
    /// The time of the consent, as in RFC 3339.
    pub consented_at: Option<String>,
    /// The time at which Klaviyo recorded the consent, as in RFC 3339.
    pub updated_at: Option<String>,
    /// The `custom_source` of the subscription.
    pub source: Option<String>,
    /// Whether the consent was confirmed by double opt-in.
    pub double_opt_in: Option<bool>,
    /// The suppressions, of everything and of single lists.
    pub suppressions: Vec<Suppression>,
    /// The subscriptions that wait for their confirmation.
    pub pending: Vec<PendingSubscription>,
    /// The consents beside marketing, such as `open_tracking`, each with its time.
    pub other_consents: BTreeMap<&'static str, (Consent, String)>,
}

impl Standing {
    /// Records a consent that was given or taken back at `time`; now when `None`.
    pub(super) fn set_consent(&mut self, consent: Consent, time: Option<String>) {
        let now = now();
        self.consent = consent;
        self.consented_at = Some(time.unwrap_or_else(|| now.clone()));
        self.updated_at = Some(now);
    }

    /// Suppresses everything or what goes to one list, unless that is so already.
    pub(super) fn suppress(
        &mut self,
        reason: SuppressionReason,
        list_id: Option<&str>,
        time: Option<String>,
    ) {
        for held in &self.suppressions {
            if held.reason == reason && held.list_id.as_deref() == list_id {
                return;
            }
        }
        self.suppressions.push(Suppression {
            reason,
            timestamp: time.unwrap_or_else(now),
            list_id: list_id.map(str::to_owned),
        });
    }

    /// Takes the suppressions that a subscription to a list lifts and returns their reasons.
    pub(super) fn lift(&mut self, list_id: &str) -> Vec<SuppressionReason> {
        let mut lifted = Vec::new();
        self.suppressions.retain(|suppression| {
            let is_met = suppression
                .list_id
                .as_deref()
                .is_none_or(|id| id == list_id);
            if suppression.reason.is_lifted() && is_met {
                lifted.push(suppression.reason);
                return false;
            }
            true
        });
        lifted
    }

    /// Whether everything is suppressed.
    pub(super) fn is_suppressed(&self) -> bool {
        self.suppressions.iter().any(|held| held.list_id.is_none())
    }
}

/// Returns the time as in RFC 3339.
pub(super) fn now() -> String {
    OffsetDateTime::now_utc()
        .format(&Rfc3339)
        .unwrap_or_default()
}
