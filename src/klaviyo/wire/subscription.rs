//! Consent: <https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles>,
//! <https://developers.klaviyo.com/en/reference/bulk_unsubscribe_profiles>

use serde::Serialize;

use super::super::operation::{Subscriber, Subscription, Unsubscription};

/// The attributes of somebody who subscribes, or takes a subscription back.
#[derive(Serialize)]
pub(in super::super) struct Consenting<'o> {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'o str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<&'o str>,
    subscriptions: Channels<'o>,
}

#[derive(Serialize)]
struct Channels<'o> {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<Marketing<'o>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sms: Option<Marketing<'o>>,
}

#[derive(Serialize, Clone, Copy)]
struct Marketing<'o> {
    marketing: Consent<'o>,
}

#[derive(Serialize, Clone, Copy)]
struct Consent<'o> {
    consent: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    consented_at: Option<&'o str>,
}

impl<'o> Consenting<'o> {
    pub(in super::super) fn subscriber(subscription: &'o Subscription) -> Self {
        let consented_at = subscription.consented_at.as_deref();
        Consenting::new(
            &subscription.who,
            Consent {
                consent: "SUBSCRIBED",
                consented_at,
            },
        )
    }

    pub(in super::super) fn unsubscriber(unsubscription: &'o Unsubscription) -> Self {
        Consenting::new(
            &unsubscription.who,
            Consent {
                consent: "UNSUBSCRIBED",
                consented_at: None,
            },
        )
    }

    fn new(who: &'o Subscriber, marketing: Consent<'o>) -> Self {
        let meant = |is_meant: bool| is_meant.then_some(Marketing { marketing });
        let (email, phone_number) = (who.email.as_deref(), who.phone_number.as_deref());
        let subscriptions = Channels {
            email: meant(who.by_email),
            sms: meant(phone_number.is_some()),
        };
        Consenting {
            email,
            phone_number,
            subscriptions,
        }
    }
}
