//! Profiles as Klaviyo holds them: their own ids, which some requests need, and their consents.

use std::collections::{HashMap, HashSet};

use futures_util::{StreamExt, stream};

use super::session::{SendError, Session};
use super::task::OperationError;
use crate::klaviyo::{
    ApiRequest, FoundProfile, PROFILES_PER_PAGE, ProfileFields, ProfileIdentifiers, ProfileKey,
    parse_profiles,
};
use crate::outcome::RetryReason;

/// The most bytes of the keys in one request: they become part of the URL, percent-encoded, and few
/// servers take more than 8 KB of it. A page of usual addresses fits.
const MAX_KEY_BYTES: usize = 6_000;

/// The quotes, the comma and the `@` of a key, percent-encoded.
const ENCODING_BYTES: usize = 12;

/// The most look-ups under way at a time.
const MAX_CONCURRENT_LOOKUPS: usize = 20;

/// Klaviyo's answers about the profiles of a delivery.
#[derive(Default)]
pub(super) struct FoundProfiles(HashMap<OwnedKey, Result<FoundProfile, LookupError>>);

/// The reason why a look-up failed.
#[derive(Debug, Clone)]
pub(super) enum LookupError {
    /// The key may not read profiles.
    Forbidden,
    /// Anything else.
    Failed(OperationError),
}

/// A key that outlives the operation it comes from.
#[derive(PartialEq, Eq, Hash)]
enum OwnedKey {
    Email(String),
    ExternalId(String),
    PhoneNumber(String),
    ExchangeId(String),
}

impl From<ProfileKey<'_>> for OwnedKey {
    fn from(key: ProfileKey) -> Self {
        match key {
            ProfileKey::Email(email) => OwnedKey::Email(email.to_owned()),
            ProfileKey::ExternalId(id) => OwnedKey::ExternalId(id.to_owned()),
            ProfileKey::PhoneNumber(number) => OwnedKey::PhoneNumber(number.to_owned()),
            ProfileKey::ExchangeId(id) => OwnedKey::ExchangeId(id.to_owned()),
        }
    }
}

impl FoundProfiles {
    /// Returns the profile with this key; none if Klaviyo knows no such profile.
    pub(super) fn get(&self, key: ProfileKey) -> Result<Option<&FoundProfile>, &LookupError> {
        match self.0.get(&OwnedKey::from(key)) {
            Some(Ok(profile)) => Ok(Some(profile)),
            Some(Err(error)) => Err(error),
            None => Ok(None),
        }
    }

    /// Returns the id of a profile, if Klaviyo knows it.
    pub(super) fn id(&self, identifiers: &ProfileIdentifiers) -> Option<&str> {
        let profile = self.get(identifiers.key()).ok()??;
        Some(&profile.id)
    }

    /// Records the profiles that an answer holds.
    fn record(&mut self, keys: &[ProfileKey], answer: &[u8]) {
        let Some(profiles) = parse_profiles(answer) else {
            let error = OperationError::Transient(RetryReason::Unavailable);
            return self.record_error(keys, &LookupError::Failed(error));
        };
        for key in keys {
            if let Some(profile) = profiles.iter().find(|profile| profile.matches(*key)) {
                self.0.insert(OwnedKey::from(*key), Ok(profile.clone()));
            }
        }
    }

    fn record_error(&mut self, keys: &[ProfileKey], error: &LookupError) {
        for key in keys {
            self.0.insert(OwnedKey::from(*key), Err(error.clone()));
        }
    }
}

/// Asks Klaviyo for the profiles with these keys, in as few requests as its limits allow.
pub(super) async fn find_profiles(
    session: &Session<'_>,
    keys: impl IntoIterator<Item = ProfileKey<'_>>,
    fields: ProfileFields,
) -> FoundProfiles {
    let mut emails = Vec::new();
    let mut external_ids = Vec::new();
    let mut numbers = Vec::new();
    let mut seen = HashSet::new();
    for key in keys {
        if !seen.insert(key) {
            continue;
        }
        match key {
            ProfileKey::Email(_) => emails.push(key),
            ProfileKey::ExternalId(_) => external_ids.push(key),
            ProfileKey::PhoneNumber(_) => numbers.push(key),
            // Klaviyo does not say whose it is, and the rules ask for nobody by it.
            ProfileKey::ExchangeId(_) => {}
        }
    }
    let mut waiting = pages(emails);
    waiting.extend(pages(external_ids));
    waiting.extend(pages(numbers));

    let mut found = FoundProfiles::default();
    while !waiting.is_empty() {
        let requests = waiting.drain(..).map(async |keys| {
            let request = ApiRequest::find_profiles(&keys, fields);
            (session.send(&request).await, keys)
        });
        let answers: Vec<_> = stream::iter(requests)
            .buffer_unordered(MAX_CONCURRENT_LOOKUPS)
            .collect()
            .await;
        for (answer, mut keys) in answers {
            match answer {
                Ok(acknowledgement) => found.record(&keys, &acknowledgement.body),
                // One of the keys is refused. Halving finds it, and the others get their answer.
                Err(SendError::Refused(_)) if keys.len() > 1 => {
                    let second_half = keys.split_off(keys.len() / 2);
                    waiting.extend([keys, second_half]);
                }
                Err(SendError::Forbidden) => found.record_error(&keys, &LookupError::Forbidden),
                Err(error) => {
                    let error = LookupError::Failed(error.into_operation_error());
                    found.record_error(&keys, &error);
                }
            }
        }
    }
    found
}

impl LookupError {
    /// Returns the error of an operation that needs the look-up.
    pub(super) fn to_operation_error(&self) -> OperationError {
        match self {
            LookupError::Forbidden => OperationError::Transient(RetryReason::ApiKeyRejected),
            LookupError::Failed(error) => error.clone(),
        }
    }
}

/// Groups keys into pages that one request can ask for.
fn pages(keys: Vec<ProfileKey<'_>>) -> Vec<Vec<ProfileKey<'_>>> {
    let mut pages: Vec<Vec<ProfileKey>> = Vec::new();
    let mut page_bytes = 0;
    for key in keys {
        let key_bytes = key.value().len() + ENCODING_BYTES;
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
