//! Operations that name a profile by Klaviyo's own id, which has to be looked up.

use std::collections::HashMap;

use futures_util::{StreamExt, stream};

use super::merge::Item;
use super::send::NotDone;
use super::{CONCURRENCY, Delivery, Results, Unmet};
use crate::klaviyo::{
    ApiRequest, Operation, PAGE, ProfileIdentifiers, ProfileKey, build_requests_by_id, found,
};
use crate::outcome::{RejectReason, RetryReason};

/// What the keys of one look-up may come to, in bytes: they go into the URL, percent-encoded.
const KEY_BYTES: usize = 2_000;

/// What is known of a key: the profile's id, that there is none, or why that is not known.
type Known = HashMap<OwnedKey, Result<String, Unmet>>;

/// A key that outlives what it was read from: whether it is an address, and its value.
type OwnedKey = (bool, String);

fn owned(key: ProfileKey) -> OwnedKey {
    (matches!(key, ProfileKey::Email(_)), key.value().to_owned())
}

/// Whether an operation needs its profile's id.
pub(super) fn is_needed(item: &Item) -> bool {
    match &item.operation {
        Operation::RemoveFromList(_) => true,
        Operation::Delete(identity) => identity.email.is_none(),
        _ => false,
    }
}

impl Delivery<'_> {
    /// Looks the profiles up and sends what is to be done with them. Who is not in Klaviyo is on no list;
    /// a deletion of nobody is for a person to look at.
    pub(super) async fn run_by_id(&self, items: Vec<Item<'_>>, results: &mut Results) {
        if items.is_empty() {
            return;
        }
        let identities: Vec<ProfileIdentifiers> = items
            .iter()
            .filter_map(|item| identity(&item.operation).cloned())
            .collect();
        let known = self.look_up(&identities).await;
        let id_of = |identity: &ProfileIdentifiers| {
            known
                .get(&owned(identity.key()?))?
                .as_ref()
                .ok()
                .map(String::as_str)
        };
        let mut found = Vec::with_capacity(items.len());
        for item in items {
            let known = identity(&item.operation)
                .and_then(ProfileIdentifiers::key)
                .and_then(|key| known.get(&owned(key)));
            match (known, &item.operation) {
                (Some(Ok(_)), _) => found.push(item),
                (Some(Err(unmet)), _) => item.settle(&Err(unmet.clone()), results),
                (None, Operation::Delete(_)) => {
                    item.settle(
                        &Err(Unmet::Never(RejectReason::DeletionUnresolved)),
                        results,
                    );
                }
                (None, _) => item.settle(&Ok(()), results),
            }
        }
        self.run(
            found,
            |operations| build_requests_by_id(operations, id_of),
            results,
        )
        .await;
    }

    async fn look_up(&self, identities: &[ProfileIdentifiers<'_>]) -> Known {
        let keys = identities.iter().filter_map(ProfileIdentifiers::key);
        let (emails, external_ids): (Vec<_>, Vec<_>) =
            keys.partition(|key| matches!(key, ProfileKey::Email(_)));
        let mut waiting: Vec<Vec<ProfileKey>> =
            [emails, external_ids].into_iter().flat_map(pages).collect();
        let mut known = Known::new();
        while !waiting.is_empty() {
            let ask = |keys: Vec<_>| async move {
                (self.send(&ApiRequest::find_profiles(&keys)).await, keys)
            };
            let answers = stream::iter(waiting.drain(..).map(ask)).buffer_unordered(CONCURRENCY);
            for (answer, mut keys) in answers.collect::<Vec<_>>().await {
                match answer {
                    Ok(body) => match found(&body) {
                        Some(profiles) => known.extend(keys.into_iter().filter_map(|key| {
                            let profile = profiles.iter().find(|profile| profile.is(key))?;
                            Some((owned(key), Ok(profile.id.clone())))
                        })),
                        None => known.extend(all(keys, &Unmet::Later(RetryReason::Unavailable))),
                    },
                    Err(NotDone::Later(cause)) => known.extend(all(keys, &Unmet::Later(cause))),
                    // One of them is refused: halving finds it, and the others are found.
                    Err(NotDone::Refused(_)) if keys.len() > 1 => {
                        let half = keys.split_off(keys.len() / 2);
                        waiting.extend([keys, half]);
                    }
                    Err(NotDone::Refused(refusal)) => {
                        known.extend(all(keys, &Unmet::Never(refusal.rejected())))
                    }
                }
            }
        }
        known
    }
}

/// Keys in groups that one look-up can ask for.
fn pages(keys: Vec<ProfileKey<'_>>) -> Vec<Vec<ProfileKey<'_>>> {
    let mut pages: Vec<Vec<ProfileKey>> = Vec::new();
    let mut bytes = 0;
    for key in keys {
        bytes += key.value().len() + 3;
        match pages.last_mut() {
            Some(page) if page.len() < PAGE && bytes <= KEY_BYTES => page.push(key),
            _ => {
                bytes = key.value().len() + 3;
                pages.push(vec![key]);
            }
        }
    }
    pages
}

fn all(keys: Vec<ProfileKey>, unmet: &Unmet) -> Vec<(OwnedKey, Result<String, Unmet>)> {
    keys.into_iter()
        .map(|key| (owned(key), Err(unmet.clone())))
        .collect()
}

fn identity<'o, 'a>(operation: &'o Operation<'a>) -> Option<&'o ProfileIdentifiers<'a>> {
    match operation {
        Operation::Delete(identity) => Some(identity),
        Operation::RemoveFromList(membership) => Some(&membership.identity),
        _ => None,
    }
}
