//! The people of one delivery: a profile that one message knows by address and id, and another by
//! only one of them, is the same person.

use std::collections::HashMap;

use crate::domain::ExternalId;
use crate::klaviyo::{Operation, ProfileIdentifiers, ProfileKey};

/// The identifiers that belong together, as trees: a union-find without ranks, because hardly any
/// tree is deeper than one step.
#[derive(Default)]
pub(super) struct IdentityGraph<'t> {
    parents: HashMap<ProfileKey<'t>, ProfileKey<'t>>,
}

impl<'t> IdentityGraph<'t> {
    /// Connects the identifiers that an operation names together.
    pub(super) fn add(&mut self, operation: &'t Operation<'_>) {
        let Some(identifiers) = operation.identifiers() else {
            return;
        };
        let (Some(email), Some(id)) = (identifiers.email(), identifiers.external_id()) else {
            return;
        };
        let email = self.find_root(ProfileKey::Email(email.as_str()));
        let id = self.find_root(ProfileKey::ExternalId(ExternalId::as_str(id)));
        if email != id {
            self.parents.insert(id, email);
        }
    }

    /// Returns the identifier that represents the person.
    pub(super) fn key(&self, identifiers: &'t ProfileIdentifiers<'_>) -> ProfileKey<'t> {
        self.find_root(identifiers.key())
    }

    fn find_root(&self, mut key: ProfileKey<'t>) -> ProfileKey<'t> {
        while let Some(parent) = self.parents.get(&key) {
            key = *parent;
        }
        key
    }
}
