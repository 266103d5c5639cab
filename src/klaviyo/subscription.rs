//! Consent, and places on lists.

use super::profile::ProfileIdentifiers;
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
}

/// A person's consent withdrawn.
#[derive(Debug, Clone)]
pub struct Unsubscription {
    /// The list to unsubscribe from. Klaviyo unsubscribes a person who is not on it from everything:
    /// <https://developers.klaviyo.com/en/reference/bulk_unsubscribe_profiles>
    pub list_id: ListId,
    /// The person, and the channels of the consent.
    pub subscriber: Subscriber,
}

/// A person, and the channels that a consent is about, at least one.
#[derive(Debug, Clone)]
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

    /// Returns the subscriber without the channels of `other`, if any is left.
    pub fn difference(&self, other: &Subscriber) -> Option<Self> {
        let sms_number = match other.sms_number {
            Some(_) => None,
            None => self.sms_number.clone(),
        };
        Subscriber::new(
            self.email.clone(),
            self.includes_email && !other.includes_email,
            sms_number,
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
