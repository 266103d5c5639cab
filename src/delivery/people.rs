//! Who is the same person in one delivery: a profile that one message knows by address and id, and another
//! by one of them alone.

use std::collections::HashMap;

use super::Work;
use crate::klaviyo::{Operation, ProfileIdentifiers, ProfileKey};

/// The people of a delivery.
pub(super) struct People<'w> {
    /// Identifiers that stand together in some message, as a tree of those that are the same.
    parent: HashMap<ProfileKey<'w>, ProfileKey<'w>>,
}

impl<'w> People<'w> {
    pub(super) fn of(work: &'w [Work]) -> Self {
        let mut people = People {
            parent: HashMap::new(),
        };
        for identity in work.iter().filter_map(|work| identity(&work.operation)) {
            if let (Some(email), Some(id)) = (&identity.email, &identity.external_id) {
                let (email, id) = (
                    people.root(ProfileKey::Email(email)),
                    people.root(ProfileKey::ExternalId(id)),
                );
                if email != id {
                    people.parent.insert(id, email);
                }
            }
        }
        people
    }

    /// One identifier for everything that is about this person.
    pub(super) fn key(&self, identity: &'w ProfileIdentifiers<'_>) -> Option<ProfileKey<'w>> {
        identity.key().map(|key| self.root(key))
    }

    fn root(&self, mut key: ProfileKey<'w>) -> ProfileKey<'w> {
        while let Some(parent) = self.parent.get(&key) {
            key = *parent;
        }
        key
    }
}

fn identity<'w>(operation: &'w Operation<'_>) -> Option<&'w ProfileIdentifiers<'w>> {
    match operation {
        Operation::UpsertProfile(profile) => Some(&profile.identity),
        Operation::RecordEvent(event) => Some(&event.profile.identity),
        Operation::AddToList(it) | Operation::RemoveFromList(it) => Some(&it.identity),
        Operation::Delete(identity) => Some(identity),
        Operation::Subscribe(_) | Operation::Unsubscribe(_) => None,
    }
}
