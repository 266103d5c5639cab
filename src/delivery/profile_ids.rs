//! Klaviyo's own ids of profiles, which some requests need.

use std::collections::HashMap;

use futures_util::{StreamExt, stream};

use super::session::{SendError, Session};
use super::task::OperationError;
use crate::klaviyo::{
    ApiRequest, PROFILES_PER_PAGE, ProfileIdentifiers, ProfileKey, parse_profiles,
};
use crate::outcome::RetryReason;

/// The most bytes of the keys in one request: they become part of the URL, percent-encoded.
const MAX_KEY_BYTES: usize = 2_000;

/// The most look-ups under way at a time.
const MAX_CONCURRENT_LOOKUPS: usize = 20;

/// Klaviyo's answers about the profiles of a delivery.
#[derive(Default)]
pub(super) struct ProfileIds(HashMap<OwnedKey, Result<String, OperationError>>);

/// A key that outlives the operation it comes from.
#[derive(PartialEq, Eq, Hash)]
enum OwnedKey {
    Email(String),
    ExternalId(String),
}

impl From<ProfileKey<'_>> for OwnedKey {
    fn from(key: ProfileKey) -> Self {
        match key {
            ProfileKey::Email(email) => OwnedKey::Email(email.to_owned()),
            ProfileKey::ExternalId(id) => OwnedKey::ExternalId(id.to_owned()),
        }
    }
}

/// Klaviyo's answer about one profile.
pub(super) enum ProfileId<'i> {
    /// The profile has this id.
    Found(&'i str),
    /// Klaviyo knows no such profile.
    Unknown,
    /// The look-up failed.
    Failed(&'i OperationError),
}

impl ProfileIds {
    /// Returns Klaviyo's answer about a profile.
    pub(super) fn get(&self, identifiers: &ProfileIdentifiers) -> ProfileId<'_> {
        match self.0.get(&OwnedKey::from(identifiers.key())) {
            Some(Ok(id)) => ProfileId::Found(id),
            Some(Err(error)) => ProfileId::Failed(error),
            None => ProfileId::Unknown,
        }
    }

    /// Returns the id of a profile, if Klaviyo knows it.
    pub(super) fn id(&self, identifiers: &ProfileIdentifiers) -> Option<&str> {
        match self.get(identifiers) {
            ProfileId::Found(id) => Some(id),
            ProfileId::Unknown | ProfileId::Failed(_) => None,
        }
    }

    /// Records the ids of the profiles that an answer holds.
    fn record(&mut self, keys: &[ProfileKey], answer: &[u8]) {
        let Some(profiles) = parse_profiles(answer) else {
            return self.record_error(keys, &OperationError::Transient(RetryReason::Unavailable));
        };
        for key in keys {
            if let Some(profile) = profiles.iter().find(|profile| profile.matches(*key)) {
                self.0.insert(OwnedKey::from(*key), Ok(profile.id.clone()));
            }
        }
    }

    fn record_error(&mut self, keys: &[ProfileKey], error: &OperationError) {
        for key in keys {
            self.0.insert(OwnedKey::from(*key), Err(error.clone()));
        }
    }
}

/// Asks Klaviyo for the ids of these profiles, in as few requests as its limits allow.
pub(super) async fn find_profile_ids(
    session: &Session<'_>,
    identifiers: &[&ProfileIdentifiers<'_>],
) -> ProfileIds {
    let mut emails = Vec::new();
    let mut external_ids = Vec::new();
    for identifiers in identifiers {
        match identifiers.key() {
            key @ ProfileKey::Email(_) => emails.push(key),
            key @ ProfileKey::ExternalId(_) => external_ids.push(key),
        }
    }
    let mut waiting = pages(emails);
    waiting.extend(pages(external_ids));

    let mut ids = ProfileIds::default();
    while !waiting.is_empty() {
        let requests = waiting.drain(..).map(async |keys| {
            let answer = session.send(&ApiRequest::find_profiles(&keys)).await;
            (answer, keys)
        });
        let answers: Vec<_> = stream::iter(requests)
            .buffer_unordered(MAX_CONCURRENT_LOOKUPS)
            .collect()
            .await;
        for (answer, mut keys) in answers {
            match answer {
                Ok(body) => ids.record(&keys, &body),
                // One of the keys is refused. Halving finds it, and the others get their answer.
                Err(SendError::Refused(_)) if keys.len() > 1 => {
                    let second_half = keys.split_off(keys.len() / 2);
                    waiting.extend([keys, second_half]);
                }
                Err(error) => ids.record_error(&keys, &error.into_operation_error()),
            }
        }
    }
    ids
}

/// Groups keys into pages that one request can ask for.
fn pages(keys: Vec<ProfileKey<'_>>) -> Vec<Vec<ProfileKey<'_>>> {
    let mut pages: Vec<Vec<ProfileKey>> = Vec::new();
    let mut page_bytes = 0;
    for key in keys {
        // Two quotes and a comma surround each key.
        let key_bytes = key.value().len() + 3;
        match pages.last_mut() {
            Some(page)
                if page.len() < PROFILES_PER_PAGE && page_bytes + key_bytes <= MAX_KEY_BYTES =>
            {
                page_bytes += key_bytes;
                page.push(key);
            }
            _ => {
                page_bytes = key_bytes;
                pages.push(vec![key]);
            }
        }
    }
    pages
}
