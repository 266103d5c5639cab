//! The people of one delivery: a profile that one message knows by address and id, and another by
//! only one of them, is the same person.

use std::collections::HashMap;

use crate::domain::ExternalId;
use crate::klaviyo::{Operation, ProfileIdentifiers, ProfileKey};

/// The identifiers that belong together, as trees (a union-find). Every look-up makes its path flat:
/// thousands of addresses under one id would otherwise be a path of thousands of steps, walked for
/// each of them.
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
    pub(super) fn key(&mut self, identifiers: &'t ProfileIdentifiers<'_>) -> ProfileKey<'t> {
        self.find_root(identifiers.key())
    }

    fn find_root(&mut self, key: ProfileKey<'t>) -> ProfileKey<'t> {
        let mut root = key;
        while let Some(parent) = self.parents.get(&root) {
            root = *parent;
        }
        let mut node = key;
        while node != root {
            match self.parents.insert(node, root) {
                Some(parent) => node = parent,
                None => break,
            }
        }
        root
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Email;
    use crate::klaviyo::Profile;

    #[test]
    fn paths_are_flat_after_they_are_walked() {
        let mut operations = Vec::new();
        for n in 0..100 {
            let email = Email::parse(&format!("sarah.{n}@klaviyo-demo.com")).unwrap();
            let external_id = ExternalId::parse("usr_1".into());
            let identifiers = ProfileIdentifiers::Email { email, external_id };
            operations.push(Operation::UpsertProfile(Profile::new(identifiers)));
        }
        let mut graph = IdentityGraph::default();
        for operation in &operations {
            graph.add(operation);
        }
        for operation in &operations {
            let identifiers = operation.identifiers().unwrap();
            let root = graph.key(identifiers);
            assert_eq!(root, ProfileKey::Email("sarah.99@klaviyo-demo.com"));
            let parent = graph.parents.get(&identifiers.key());
            assert!(parent.is_none_or(|parent| *parent == root), "{parent:?}");
        }
    }
}
