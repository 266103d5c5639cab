//! Consents that are set, given, confirmed and taken back:
//! <https://developers.klaviyo.com/en/docs/collect_email_and_sms_consent_via_api>

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::account::{Account, normalized};
use super::standing::{Channel, Consent, PendingSubscription, Standing, SuppressionReason};

/// A person who had left and may be written to again, since a subscription lifted what kept them
/// from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LiftedRecord {
    /// The address of an email subscription.
    pub email: Option<String>,
    /// The number of an SMS subscription.
    pub phone_number: Option<String>,
    /// The list of the subscription; empty when none was named.
    pub list_id: String,
    /// What was lifted.
    pub reason: SuppressionReason,
}

/// The consent of a person, as a test sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentState {
    /// Neither given nor taken back.
    NeverSubscribed,
    /// Given.
    Subscribed,
    /// Taken back.
    Unsubscribed,
    /// The address is suppressed, whatever the consent.
    Suppressed,
}

/// A consent to set in each channel whose identifier is given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentSetting {
    /// The state to set.
    pub state: ConsentState,
    /// The email address of the person.
    #[serde(default)]
    pub email: Option<String>,
    /// The phone number of the person.
    #[serde(default)]
    pub phone_number: Option<String>,
    /// The list that the state is about; `None` for everything. Who is subscribed is put on it, who
    /// is unsubscribed is taken off it.
    #[serde(default)]
    pub list: Option<String>,
    /// The reason for a suppression.
    #[serde(default)]
    pub why: SuppressionReason,
    /// The time of the consent or of the suppression, as in RFC 3339; now when `None`.
    #[serde(default)]
    pub at: Option<String>,
}

impl ConsentSetting {
    /// Returns a setting of the email channel.
    pub fn of_email(state: ConsentState, email: &str) -> Self {
        ConsentSetting {
            state,
            email: Some(email.to_owned()),
            phone_number: None,
            list: None,
            why: SuppressionReason::default(),
            at: None,
        }
    }
}

/// A consent that counts from now on.
pub(super) struct NewConsent {
    pub(super) subscription: PendingSubscription,
    /// The time at which it was given; `None` for now.
    pub(super) consented_at: Option<String>,
    pub(super) is_confirmed: bool,
    /// Whether joining the list starts its flow.
    pub(super) has_welcome: bool,
}

impl Account {
    /// Returns what an address has agreed to.
    pub fn standing(&self, channel: Channel, address: &str) -> Standing {
        let key = (channel, normalized(channel.identifier(), address));
        self.standings.get(&key).cloned().unwrap_or_default()
    }

    /// Returns what an address has agreed to, to be changed.
    pub(super) fn standing_mut(&mut self, channel: Channel, address: &str) -> &mut Standing {
        let key = (channel, normalized(channel.identifier(), address));
        self.standings.entry(key).or_default()
    }

    /// Puts a person into a state of consent and returns the index of the profile, which is created
    /// where Klaviyo does not know it.
    pub fn set_consent(&mut self, setting: &ConsentSetting) -> usize {
        let mut identifiers = Map::new();
        let mut found = None;
        for channel in Channel::ALL {
            if let Some(address) = setting.address(channel) {
                let identifier = channel.identifier();
                found = found.or(self.find_identifier(identifier, address));
                identifiers.insert(identifier.to_owned(), address.into());
            }
        }
        let profile = match found {
            Some(profile) => profile,
            None => self.upsert(None, &identifiers),
        };
        for channel in Channel::ALL {
            if let Some(address) = setting.address(channel) {
                self.set_channel(channel, address, profile, setting);
            }
        }
        profile
    }

    fn set_channel(
        &mut self,
        channel: Channel,
        address: &str,
        profile: usize,
        setting: &ConsentSetting,
    ) {
        let list_id = setting.list.as_deref();
        let at = setting.at.clone();
        let standing = self.standing_mut(channel, address);
        match setting.state {
            ConsentState::NeverSubscribed => *standing = Standing::default(),
            ConsentState::Suppressed => standing.suppress(setting.why, list_id, at),
            ConsentState::Subscribed => {
                standing.set_consent(Consent::Subscribed, at);
                self.join(list_id.unwrap_or_default(), profile);
            }
            ConsentState::Unsubscribed => {
                self.withdraw(channel, address, list_id, at);
                self.leave(list_id.unwrap_or_default(), profile);
            }
        }
    }

    /// Confirms the subscriptions that wait for it: the person has followed the link.
    pub fn confirm(&mut self, channel: Channel, address: &str) {
        let pending = std::mem::take(&mut self.standing_mut(channel, address).pending);
        for subscription in pending {
            let consent = NewConsent {
                subscription,
                consented_at: None,
                is_confirmed: true,
                has_welcome: true,
            };
            self.consent(channel, address, consent);
        }
    }

    /// Records a consent and puts the profile on its list. Returns whether that starts the list's
    /// flow.
    pub(super) fn consent(&mut self, channel: Channel, address: &str, consent: NewConsent) -> bool {
        let PendingSubscription {
            profile,
            list_id,
            source,
        } = consent.subscription;
        match channel {
            Channel::Email => self.lift(address, &list_id),
            Channel::Sms => {
                // SMS knows no suppressions.
                let before = self.standing(channel, address).consent;
                if before == Consent::Unsubscribed && !consent.is_confirmed {
                    self.lifted.push(LiftedRecord {
                        email: self.text(Some(profile), "email"),
                        phone_number: Some(address.to_owned()),
                        list_id: list_id.clone(),
                        reason: SuppressionReason::Unsubscribe,
                    });
                }
            }
        }
        let standing = self.standing_mut(channel, address);
        standing.set_consent(Consent::Subscribed, consent.consented_at);
        standing.source = source;
        standing.double_opt_in = Some(consent.is_confirmed);
        let is_welcomed = self.join(&list_id, profile) && consent.has_welcome;
        self.welcome_flows += usize::from(is_welcomed);
        is_welcomed
    }

    /// Lifts what keeps an email address from being written to, and records it.
    pub(super) fn lift(&mut self, email: &str, list_id: &str) {
        for reason in self.standing_mut(Channel::Email, email).lift(list_id) {
            self.lifted.push(LiftedRecord {
                email: Some(email.to_owned()),
                phone_number: None,
                list_id: list_id.to_owned(),
                reason,
            });
        }
    }

    /// Takes a consent back, from one list or from everything. SMS is always from everything.
    pub(super) fn withdraw(
        &mut self,
        channel: Channel,
        address: &str,
        list_id: Option<&str>,
        at: Option<String>,
    ) {
        let standing = self.standing_mut(channel, address);
        standing.pending.clear();
        if channel == Channel::Email {
            standing.suppress(SuppressionReason::Unsubscribe, list_id, at.clone());
            if list_id.is_some() {
                return;
            }
        }
        standing.set_consent(Consent::Unsubscribed, at);
    }
}

impl ConsentSetting {
    fn address(&self, channel: Channel) -> Option<&str> {
        match channel {
            Channel::Email => self.email.as_deref(),
            Channel::Sms => self.phone_number.as_deref(),
        }
    }
}
