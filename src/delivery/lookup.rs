//! Operations that name a profile by Klaviyo's own id, which has to be looked up.

use std::collections::HashMap;

use super::merge::Item;
use super::send::NotDone;
use super::{Delivery, Results, Unmet};
use crate::klaviyo::{Call, Identity, IdentityKey, Operation, PAGE, found, resolved};
use crate::outcome::{Rejected, Unfinished};

impl Delivery<'_> {
    /// Looks the profiles up and sends what is to be done with them. Who is not in Klaviyo is on no list;
    /// a deletion of nobody is for a person to look at.
    pub(super) async fn run_by_id(&self, items: Vec<Item<'_>>, results: &mut Results) {
        let ids = match self.ids(&items).await {
            Ok(ids) => ids,
            Err(unmet) => {
                items.into_iter().for_each(|item| item.settle(&Err(unmet.clone()), results));
                return;
            }
        };
        let id_of = |identity: &Identity| ids.get(identity.key()?.value()).map(String::as_str);
        let (known, unknown): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| identity(&item.operation).is_some_and(|it| id_of(it).is_some()));
        for item in unknown {
            let result = match item.operation {
                Operation::Delete(_) => Err(Unmet::Never(Rejected::DeletionUnresolved)),
                _ => Ok(()),
            };
            item.settle(&result, results);
        }
        self.run(known, |operations| resolved(operations, id_of), results).await;
    }

    /// Klaviyo's ids by address or external id.
    async fn ids(&self, items: &[Item<'_>]) -> Result<HashMap<String, String>, Unmet> {
        let keys = items.iter().filter_map(|item| identity(&item.operation)?.key());
        let (emails, external_ids): (Vec<_>, Vec<_>) = keys.partition(|key| matches!(key, IdentityKey::Email(_)));
        let mut ids = HashMap::new();
        for keys in emails.chunks(PAGE).chain(external_ids.chunks(PAGE)) {
            let body = self.send(&Call::find(keys)).await.map_err(|error| match error {
                NotDone::Later(cause) => Unmet::Later(cause),
                NotDone::Refused(refusal) => Unmet::Never(refusal.rejected()),
            })?;
            let profiles = found(&body).ok_or(Unmet::Later(Unfinished::Unavailable))?;
            for key in keys {
                let profile = profiles.iter().find(|profile| profile.is(*key));
                ids.extend(profile.map(|profile| (key.value().to_owned(), profile.id.clone())));
            }
        }
        Ok(ids)
    }
}

fn identity<'o>(operation: &'o Operation<'_>) -> Option<&'o Identity<'o>> {
    match operation {
        Operation::Delete(identity) => Some(identity),
        Operation::RemoveFromList(membership) => Some(&membership.identity),
        _ => None,
    }
}
