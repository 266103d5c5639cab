//! Consent, and places on lists.

use super::profile::ProfileIdentifiers;
use time::Date;

use crate::domain::{Email, ListId, PhoneNumber, Timestamp};

/// A person's consent to receive marketing.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// The list to subscribe to.
    pub list_id: ListId,
    /// The person, and the channels of the consent.
    pub subscriber: Subscriber,
    /// The moment of a consent that needs no confirmation. `None`: Klaviyo asks for confirmation if
    /// the list has double opt-in.
    pub consented_at: Option<Timestamp>,
    /// Whether the person wished for it, and when.
    pub wish: Wish,
    /// The time of the message. Of a subscription and an unsubscription the later one counts.
    pub asked_at: Timestamp,
    /// The date of birth, which accounts with an age gate need for SMS.
    pub date_of_birth: Option<Date>,
}

/// The wish behind a subscription. Subscribing somebody who has left lifts what keeps them from
/// being written to, so a later wish has to stand against it:
/// <https://developers.klaviyo.com/en/docs/collect_email_and_sms_consent_via_api>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// A state that shops send with every message. Whoever has left stays away.
    Standing,
    /// A wish of this moment. Whoever left before it is subscribed again.
    At(Timestamp),
}

/// A person's consent withdrawn.
#[derive(Debug, Clone)]
pub struct Unsubscription {
    /// The list to unsubscribe from. Klaviyo unsubscribes a person who is not on it from everything:
    /// <https://developers.klaviyo.com/en/reference/bulk_unsubscribe_profiles>
    pub list_id: ListId,
    /// The person, and the channels of the consent.
    pub subscriber: Subscriber,
    /// The time of the message.
    pub asked_at: Timestamp,
}

/// A person, and the channels that a consent is about, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    email: Option<Email>,
    includes_email: bool,
    sms_number: Option<PhoneNumber>,
}

impl Subscriber {
    /// Creates a subscriber for email if `includes_email`, and for SMS if there is a number; `None`
    /// if no channel is left.
    ///
    /// The address may be there for SMS alone: by it the consent finds the right profile.
    pub fn new(
        email: Option<Email>,
        includes_email: bool,
        sms_number: Option<PhoneNumber>,
    ) -> Option<Self> {
        let includes_email = includes_email && email.is_some();
        if includes_email || sms_number.is_some() {
            Some(Subscriber {
                email,
                includes_email,
                sms_number,
            })
        } else {
            None
        }
    }

    /// Returns the person's address.
    pub fn email(&self) -> Option<&Email> {
        self.email.as_ref()
    }

    /// Whether the consent is about email.
    pub fn includes_email(&self) -> bool {
        self.includes_email
    }

    /// Returns the person's number, if the consent is about SMS.
    pub fn sms_number(&self) -> Option<&PhoneNumber> {
        self.sms_number.as_ref()
    }

    /// Returns the address, else the number: what tells the person from others.
    #[expect(
        clippy::expect_used,
        reason = "the constructor refuses a person without either"
    )]
    pub fn key(&self) -> &str {
        match &self.email {
            Some(email) => email.as_str(),
            None => self
                .sms_number
                .as_ref()
                .expect("an address or a number")
                .as_str(),
        }
    }

    /// Returns the subscriber with the channels of both. Where both have an address or number, that
    /// of `self` wins.
    pub fn union(self, other: Subscriber) -> Self {
        Subscriber {
            includes_email: self.includes_email || other.includes_email,
            email: self.email.or(other.email),
            sms_number: self.sms_number.or(other.sms_number),
        }
    }

    /// Returns the subscriber with the channels alone for which `includes` holds, each tested by
    /// itself, if any is left.
    pub fn only(&self, includes: impl Fn(&Subscriber) -> bool) -> Option<Self> {
        let email_alone = Subscriber::new(self.email.clone(), self.includes_email, None);
        let sms_alone = Subscriber::new(self.email.clone(), false, self.sms_number.clone());
        let email_stays = email_alone.is_some_and(|alone| includes(&alone));
        let sms_stays = sms_alone.is_some_and(|alone| includes(&alone));
        Subscriber::new(
            self.email.clone(),
            email_stays,
            self.sms_number.clone().filter(|_| sms_stays),
        )
    }

    /// Drops SMS if email is left, and returns whether that changed anything.
    pub(super) fn drop_sms(&mut self) -> bool {
        self.includes_email && self.sms_number.take().is_some()
    }
}

/// A person's place on a list.
#[derive(Debug, Clone)]
pub struct Membership<'a> {
    /// The list.
    pub list_id: ListId,
    /// The person.
    pub identifiers: ProfileIdentifiers<'a>,
}
