//! Consent: <https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles>,
//! <https://developers.klaviyo.com/en/reference/bulk_unsubscribe_profiles>

use serde::Serialize;

use super::super::operation::{Subscription, Unsubscription};

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
        let Subscription { email, phone_number, consented_at, .. } = subscription;
        let consent = Consent { consent: "SUBSCRIBED", consented_at: consented_at.as_deref() };
        Consenting::new(email.as_deref(), phone_number.as_deref(), consent)
    }

    pub(in super::super) fn unsubscriber(unsubscription: &'o Unsubscription) -> Self {
        let Unsubscription { email, phone_number, .. } = unsubscription;
        let consent = Consent { consent: "UNSUBSCRIBED", consented_at: None };
        Consenting::new(email.as_deref(), phone_number.as_deref(), consent)
    }

    /// A channel is spoken for by the identifier that it needs.
    fn new(email: Option<&'o str>, phone_number: Option<&'o str>, marketing: Consent<'o>) -> Self {
        let of = |identifier: Option<&str>| identifier.map(|_| Marketing { marketing });
        Consenting { email, phone_number, subscriptions: Channels { email: of(email), sms: of(phone_number) } }
    }
}
