//! A request to Klaviyo, ready to be sent, and sent again.

use std::borrow::Cow;

use bytes::Bytes;
use reqwest::Method;
use serde::Serialize;

use super::operation::{Event, ListId, Profile, ProfileIdentifiers, ProfileKey};
use super::wire::{Data, EventProfile, ProfileResource, Reference, SingleEvent, data};

/// Where subscriptions are asked for.
pub(super) const SUBSCRIBE: &str = "/api/profile-subscription-bulk-create-jobs";

/// A request to Klaviyo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiRequest {
    /// The HTTP method.
    pub method: Method,
    /// The path below the base URL.
    pub path: Cow<'static, str>,
    /// What is asked for, in a `GET`.
    pub query: Vec<(&'static str, String)>,
    /// JSON:API; empty in a `GET`.
    pub body: Bytes,
}

impl ApiRequest {
    /// A `POST` of bytes that are JSON already.
    pub(super) fn post(path: &'static str, body: Vec<u8>) -> Self {
        ApiRequest {
            method: Method::POST,
            path: path.into(),
            query: Vec::new(),
            body: body.into(),
        }
    }

    /// Whether sending it twice is the same as sending it once. A second subscription is a second wish.
    pub fn is_idempotent(&self) -> bool {
        self.path != SUBSCRIBE
    }

    /// Creates or updates one profile.
    pub fn upsert_profile(profile: &Profile) -> Self {
        ApiRequest::post(
            "/api/profile-import",
            json(&Data {
                data: ProfileResource(profile),
            }),
        )
    }

    /// Records one event.
    pub(super) fn create_event(event: &Event) -> Self {
        ApiRequest::post("/api/events", json(&data("event", SingleEvent(event))))
    }

    /// Asks Klaviyo to forget the profile with this id, or with this address.
    pub(super) fn delete(id: Option<&str>, identity: &ProfileIdentifiers) -> Self {
        #[derive(Serialize)]
        struct Job<'o> {
            profile: Data<Person<'o>>,
        }
        #[derive(Serialize)]
        struct Person<'o> {
            r#type: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            id: Option<&'o str>,
            attributes: EventProfile<'o>,
        }
        let email = identity.email.clone().filter(|_| id.is_none());
        let profile = Profile {
            identity: ProfileIdentifiers {
                email,
                external_id: None,
            },
            ..Profile::default()
        };
        let person = Person {
            r#type: "profile",
            id,
            attributes: EventProfile(&profile),
        };
        let job = data(
            "data-privacy-deletion-job",
            Job {
                profile: Data { data: person },
            },
        );
        ApiRequest::post("/api/data-privacy-deletion-jobs", json(&job))
    }

    /// Takes profiles off a list.
    pub(super) fn remove_from_list(list_id: &ListId, ids: &[&str]) -> Self {
        let references: Vec<_> = ids
            .iter()
            .map(|id| Reference {
                r#type: "profile",
                id,
            })
            .collect();
        ApiRequest {
            method: Method::DELETE,
            path: format!("/api/lists/{}/relationships/profiles", list_id.as_str()).into(),
            query: Vec::new(),
            body: json(&Data { data: references }).into(),
        }
    }

    /// Asks for the ids of the profiles with these keys, all of one kind, at most a page of them.
    pub fn find_profiles(keys: &[ProfileKey]) -> Self {
        let field = match keys.first() {
            Some(ProfileKey::ExternalId(_)) => "external_id",
            _ => "email",
        };
        let values: Vec<_> = keys.iter().map(|key| key.value()).collect();
        let filter = format!("any({field},{})", String::from_utf8_lossy(&json(&values)));
        ApiRequest {
            method: Method::GET,
            path: "/api/profiles".into(),
            query: vec![("filter", filter), ("page[size]", PAGE.to_string())],
            body: Bytes::new(),
        }
    }
}

/// Profiles that one `GET /api/profiles` can answer:
/// <https://developers.klaviyo.com/en/reference/get_profiles>
pub const PAGE: usize = 100;

/// Most bodies of one operation are smaller.
const ROOM: usize = 1_024;

/// A body of its own (see [`write`]).
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ROOM);
    write(value, &mut bytes);
    bytes
}

/// What is put together here is text, numbers and bytes that were read as JSON: it can be written.
pub(super) fn write(value: &impl Serialize, to: &mut Vec<u8>) {
    let _ = serde_json::to_writer(to, value);
}
