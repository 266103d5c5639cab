//! The things to do in Klaviyo, before they become requests.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::attribute::Attribute;
use super::event::Event;
use super::profile::{Profile, ProfileIdentifiers};
use super::subscription::{Membership, Subscriber, Subscription, Unsubscription};

/// One thing to do in Klaviyo for a message.
#[derive(Debug, Clone)]
pub enum Operation<'a> {
    /// Creates or updates a profile.
    UpsertProfile(Profile<'a>),
    /// Records an event.
    RecordEvent(Event<'a>),
    /// Adds a profile to a list, which gives no consent.
    AddToList(Membership<'a>),
    /// Removes a profile from a list, which withdraws no consent.
    RemoveFromList(Membership<'a>),
    /// Deletes a profile and everything that Klaviyo knows about the person.
    Delete(ProfileIdentifiers<'a>),
    /// Subscribes a person to a list.
    Subscribe(Subscription),
    /// Withdraws a person's subscription to a list.
    Unsubscribe(Unsubscription),
}

/// The id of an operation among those of its message, the same whenever the rules are applied to
/// the message again.
///
/// It is persisted in queue entries and checkpoints, as the record of what Klaviyo has
/// acknowledged. Changing the text of an id sends operations of older entries again, and with them
/// subscriptions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OperationId(Cow<'static, str>);

impl OperationId {
    const PROFILE: &str = "profile";
    const EVENT: &str = "event ";
    const SHORT: &str = "#";

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns a shorter id for the same operation, if it is an event's. An order of thousands of
    /// lines has as many ids, and each repeats the order's own.
    pub fn shortened(&self) -> Self {
        const BYTES: usize = 8;
        if !self.0.starts_with(Self::EVENT) {
            return self.clone();
        }
        let digest = Sha256::digest(self.0.as_bytes());
        let short = hex::encode(digest.get(..BYTES).unwrap_or_default());
        OperationId(format!("{}{short}", Self::SHORT).into())
    }

    /// Whether it is a [`shortened`](OperationId::shortened) id.
    pub fn is_short(&self) -> bool {
        self.0.starts_with(Self::SHORT)
    }

    /// Whether the operation creates or updates a profile.
    pub fn is_profile(&self) -> bool {
        self.0 == Self::PROFILE
    }
}

impl<'a> Operation<'a> {
    /// Returns the id of the operation among those of its message.
    pub fn id(&self) -> OperationId {
        OperationId(match self {
            Operation::UpsertProfile(_) => OperationId::PROFILE.into(),
            Operation::RecordEvent(event) => [
                OperationId::EVENT,
                event.metric.as_str(),
                " ",
                event.unique_id.as_str(),
            ]
            .concat()
            .into(),
            Operation::AddToList(membership) => {
                format!("add to {}", membership.list_id.as_str()).into()
            }
            Operation::RemoveFromList(membership) => {
                format!("remove from {}", membership.list_id.as_str()).into()
            }
            Operation::Delete(_) => "delete".into(),
            Operation::Subscribe(subscription) => {
                format!("subscribe to {}", subscription.list_id.as_str()).into()
            }
            Operation::Unsubscribe(unsubscription) => {
                format!("unsubscribe from {}", unsubscription.list_id.as_str()).into()
            }
        })
    }

    /// Returns the identifiers of the profile that the operation is about. Consents have none: they
    /// go by the addresses that are written to.
    pub fn identifiers(&self) -> Option<&ProfileIdentifiers<'a>> {
        match self {
            Operation::UpsertProfile(profile) => Some(&profile.identifiers),
            Operation::RecordEvent(event) => Some(&event.profile.identifiers),
            Operation::AddToList(membership) | Operation::RemoveFromList(membership) => {
                Some(&membership.identifiers)
            }
            Operation::Delete(identifiers) => Some(identifiers),
            Operation::Subscribe(_) | Operation::Unsubscribe(_) => None,
        }
    }

    /// Returns the person whose consent the operation is about.
    pub fn subscriber(&self) -> Option<&Subscriber> {
        match self {
            Operation::Subscribe(subscription) => Some(&subscription.subscriber),
            Operation::Unsubscribe(unsubscription) => Some(&unsubscription.subscriber),
            _ => None,
        }
    }

    /// Returns the person whose consent the operation is about.
    pub fn subscriber_mut(&mut self) -> Option<&mut Subscriber> {
        match self {
            Operation::Subscribe(subscription) => Some(&mut subscription.subscriber),
            Operation::Unsubscribe(unsubscription) => Some(&mut unsubscription.subscriber),
            _ => None,
        }
    }

    /// Whether the operation names its profile by Klaviyo's own id, which a request has to find
    /// first.
    pub fn needs_profile_id(&self) -> bool {
        match self {
            Operation::RemoveFromList(_) => true,
            Operation::Delete(identifiers) => identifiers.email().is_none(),
            _ => false,
        }
    }

    /// Returns about how many bytes the operation takes in memory until it is sent, its JSON included.
    pub fn weight(&self) -> usize {
        /// The operation itself, and what is kept beside it on its way.
        const OVERHEAD: usize = 2_000;
        OVERHEAD
            + match self {
                Operation::UpsertProfile(profile) => profile.weight(),
                Operation::RecordEvent(event) => event.weight(),
                _ => 0,
            }
    }

    /// Drops an attribute that Klaviyo refuses, if something is left to do, and returns whether it
    /// was there.
    pub fn drop_attribute(&mut self, attribute: &Attribute) -> bool {
        match self {
            Operation::UpsertProfile(profile) => profile.drop_attribute(attribute),
            Operation::RecordEvent(event) => event.drop_attribute(attribute),
            Operation::Subscribe(Subscription { subscriber, .. })
            | Operation::Unsubscribe(Unsubscription { subscriber, .. }) => {
                *attribute == Attribute::PhoneNumber && subscriber.drop_sms()
            }
            Operation::AddToList(_) | Operation::RemoveFromList(_) | Operation::Delete(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Email, ListId, MetricName, Timestamp, UniqueId};
    use crate::klaviyo::event::Properties;
    use crate::klaviyo::subscription::Wish;

    /// A changed id sends operations of queue entries that older versions wrote again.
    #[test]
    fn persisted_ids_never_change() {
        let email = Email::parse("sarah@klaviyo-demo.com").unwrap();
        let identifiers = ProfileIdentifiers::Email {
            email: email.clone(),
            external_id: None,
        };
        let list_id = ListId::parse("Y6nRLr").unwrap();
        let subscriber = Subscriber::new(Some(email), true, None).unwrap();
        let membership = Membership {
            list_id: list_id.clone(),
            identifiers: identifiers.clone(),
        };
        let event = Event {
            metric: MetricName::ORDERED_PRODUCT,
            profile: Profile::new(identifiers.clone()).into(),
            properties: Properties::Built(Default::default()),
            time: None,
            value: None,
            value_currency: None,
            unique_id: UniqueId::new("order-1_sku-2"),
            backfill: false,
        };
        let subscription = Subscription {
            list_id: list_id.clone(),
            subscriber: subscriber.clone(),
            consented_at: None,
            wish: Wish::Standing,
            asked_at: Timestamp::now(),
            date_of_birth: None,
        };
        for (operation, expected) in [
            (
                Operation::UpsertProfile(Profile::new(identifiers.clone())),
                "profile",
            ),
            (
                Operation::RecordEvent(event),
                "event Ordered Product order-1_sku-2",
            ),
            (Operation::AddToList(membership.clone()), "add to Y6nRLr"),
            (Operation::RemoveFromList(membership), "remove from Y6nRLr"),
            (Operation::Delete(identifiers), "delete"),
            (Operation::Subscribe(subscription), "subscribe to Y6nRLr"),
            (
                Operation::Unsubscribe(Unsubscription {
                    list_id,
                    subscriber,
                    asked_at: Timestamp::now(),
                }),
                "unsubscribe from Y6nRLr",
            ),
        ] {
            let id = serde_json::to_string(&operation.id()).unwrap();
            assert_eq!(id, format!("\"{expected}\""));
        }
    }
}
