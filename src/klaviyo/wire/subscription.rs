//! Consent: <https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles>,
//! <https://developers.klaviyo.com/en/reference/bulk_unsubscribe_profiles>

use serde::Serialize;

use crate::domain::{Email, PhoneNumber, Timestamp};
use crate::klaviyo::subscription::{Subscriber, Subscription, Unsubscription};

/// The attributes of a person who subscribes or unsubscribes.
#[derive(Serialize)]
pub(in crate::klaviyo) struct ConsentAttributes<'o> {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'o Email>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<&'o PhoneNumber>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_gated_date_of_birth: Option<String>,
    subscriptions: ChannelConsents,
}

#[derive(Serialize)]
struct ChannelConsents {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<ChannelConsent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sms: Option<ChannelConsent>,
}

#[derive(Serialize)]
struct ChannelConsent {
    marketing: MarketingConsent,
}

#[derive(Serialize, Clone, Copy)]
struct MarketingConsent {
    consent: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    consented_at: Option<Timestamp>,
}

impl<'o> ConsentAttributes<'o> {
    pub(in crate::klaviyo) fn subscribed(subscription: &'o Subscription) -> Self {
        let consented_at = subscription.consented_at;
        let marketing = MarketingConsent {
            consent: "SUBSCRIBED",
            consented_at,
        };
        let mut attributes = ConsentAttributes::new(&subscription.subscriber, marketing);
        attributes.age_gated_date_of_birth =
            subscription.date_of_birth.map(|date| date.to_string());
        attributes
    }

    pub(in crate::klaviyo) fn unsubscribed(unsubscription: &'o Unsubscription) -> Self {
        let marketing = MarketingConsent {
            consent: "UNSUBSCRIBED",
            consented_at: None,
        };
        ConsentAttributes::new(&unsubscription.subscriber, marketing)
    }

    fn new(subscriber: &'o Subscriber, marketing: MarketingConsent) -> Self {
        let consent_if = |is_included: bool| is_included.then_some(ChannelConsent { marketing });
        let phone_number = subscriber.sms_number();
        ConsentAttributes {
            email: subscriber.email(),
            phone_number,
            age_gated_date_of_birth: None,
            subscriptions: ChannelConsents {
                email: consent_if(subscriber.includes_email()),
                sms: consent_if(phone_number.is_some()),
            },
        }
    }
}
