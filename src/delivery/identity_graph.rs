//! The people of one delivery: a profile that one message knows by address and id, and another by
//! only one of them, is the same person. An id that two addresses share, such as `guest`, is nobody.

use std::collections::HashMap;

use crate::domain::ExternalId;
use crate::klaviyo::{Operation, ProfileIdentifiers, ProfileKey};

/// The identifiers that belong together, as trees (a union-find). Every look-up makes its path flat:
/// thousands of addresses under one id would otherwise be a path of thousands of steps, walked for
/// each of them.
#[derive(Default)]
pub(super) struct IdentityGraph<'t> {
    parents: HashMap<ProfileKey<'t>, ProfileKey<'t>>,
    /// The address that goes with each id; none if several do.
    emails: HashMap<&'t str, Option<&'t str>>,
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
        let (address, external_id) = (email.as_str(), ExternalId::as_str(id));
        self.emails
            .entry(external_id)
            .and_modify(|known| *known = known.filter(|known| *known == address))
            .or_insert(Some(address));
        let email = self.find_root(ProfileKey::Email(email.as_str()));
        let id = self.find_root(ProfileKey::ExternalId(ExternalId::as_str(id)));
        if email != id {
            self.parents.insert(id, email);
        }
    }

    /// Returns the one identifier of the person: the address, also for an id that goes with only one.
    /// Two operations are repeats only if it is the same.
    pub(super) fn person(&self, identifiers: &'t ProfileIdentifiers<'_>) -> ProfileKey<'t> {
        let key = identifiers.key();
        let email = match key {
            ProfileKey::ExternalId(id) => self.emails.get(id).copied().flatten(),
            _ => None,
        };
        email.map_or(key, ProfileKey::Email)
    }

    /// Returns the identifier that represents everybody who may be the same profile. Their updates
    /// go one after another.
    pub(super) fn profile(&mut self, identifiers: &'t ProfileIdentifiers<'_>) -> ProfileKey<'t> {
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
            let root = graph.profile(identifiers);
            assert_eq!(root, ProfileKey::Email("sarah.99@klaviyo-demo.com"));
            let parent = graph.parents.get(&identifiers.key());
            assert!(parent.is_none_or(|parent| *parent == root), "{parent:?}");
        }
    }

    #[test]
    fn an_id_that_strangers_share_is_nobody() {
        let identifiers = |email: Option<&str>, id: &str| {
            let external_id = ExternalId::parse(id.to_owned().into()).unwrap();
            match email.and_then(Email::parse) {
                Some(email) => ProfileIdentifiers::Email {
                    email,
                    external_id: Some(external_id),
                },
                None => ProfileIdentifiers::ExternalId(external_id),
            }
        };
        let named = [
            identifiers(Some("sarah@klaviyo-demo.com"), "usr_1"),
            identifiers(Some("sarah@klaviyo-demo.com"), "guest"),
            identifiers(Some("li@klaviyo-demo.com"), "guest"),
        ];
        let operations = named.map(|named| Operation::UpsertProfile(Profile::new(named)));
        let (usr_1, guest) = (identifiers(None, "usr_1"), identifiers(None, "guest"));
        let mut graph = IdentityGraph::default();
        for operation in &operations {
            graph.add(operation);
        }
        let sarah = ProfileKey::Email("sarah@klaviyo-demo.com");
        assert_eq!(graph.person(&usr_1), sarah);
        assert_eq!(graph.person(&guest), ProfileKey::ExternalId("guest"));
    }
}
