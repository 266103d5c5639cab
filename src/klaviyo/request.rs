//! HTTP requests to Klaviyo, ready to be sent any number of times.

use std::borrow::Cow;

use bytes::Bytes;
use reqwest::Method;
use serde::Serialize;

use super::event::Event;
use super::profile::{Profile, ProfileKey};
use super::wire::{Document, ProfileResource, Reference, SingleEvent, resource};
use crate::domain::{Email, ListId};

/// The path that subscribes people.
pub(super) const SUBSCRIBE_PATH: &str = "/api/profile-subscription-bulk-create-jobs";

/// The most profiles in one answer to `GET /api/profiles`:
/// <https://developers.klaviyo.com/en/reference/get_profiles>
pub const PROFILES_PER_PAGE: usize = 100;

/// A request to Klaviyo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiRequest {
    /// The HTTP method.
    pub method: Method,
    /// The path below the base URL.
    pub path: Cow<'static, str>,
    /// The query of a `GET`: names and values, not yet encoded.
    pub query: Vec<(&'static str, String)>,
    /// A JSON:API document; empty in a `GET`.
    pub body: Bytes,
}

impl ApiRequest {
    /// Creates a `POST` of bytes that are a JSON document.
    pub(super) fn post(path: &'static str, body: Vec<u8>) -> Self {
        ApiRequest {
            method: Method::POST,
            path: path.into(),
            query: Vec::new(),
            body: body.into(),
        }
    }

    /// Whether sending the request twice does the same as sending it once. A second subscription
    /// makes Klaviyo ask for confirmation a second time.
    pub fn is_idempotent(&self) -> bool {
        self.path != SUBSCRIBE_PATH
    }

    /// Creates the request that creates or updates one profile.
    pub fn upsert_profile(profile: &Profile) -> Self {
        let document = Document {
            data: ProfileResource(profile),
        };
        ApiRequest::post("/api/profile-import", to_json(&document))
    }

    /// Creates the request that records one event.
    pub(super) fn create_event(event: &Event) -> Self {
        ApiRequest::post(
            "/api/events",
            to_json(&resource("event", SingleEvent(event))),
        )
    }

    /// Creates the request that deletes the profile with this address.
    pub(super) fn delete_by_email(email: &Email) -> Self {
        ApiRequest::delete(None, DeletedProfile { email: Some(email) })
    }

    /// Creates the request that deletes the profile with this id of Klaviyo's.
    pub(super) fn delete_by_profile_id(id: &str) -> Self {
        ApiRequest::delete(Some(id), DeletedProfile { email: None })
    }

    /// <https://developers.klaviyo.com/en/reference/request_profile_deletion>
    fn delete(id: Option<&str>, attributes: DeletedProfile) -> Self {
        #[derive(Serialize)]
        struct DeletionJob<'o> {
            profile: Document<ProfileToDelete<'o>>,
        }
        #[derive(Serialize)]
        struct ProfileToDelete<'o> {
            r#type: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            id: Option<&'o str>,
            attributes: DeletedProfile<'o>,
        }
        let profile = Document {
            data: ProfileToDelete {
                r#type: "profile",
                id,
                attributes,
            },
        };
        let job = resource("data-privacy-deletion-job", DeletionJob { profile });
        ApiRequest::post("/api/data-privacy-deletion-jobs", to_json(&job))
    }

    /// Creates the request that removes profiles from a list.
    pub(super) fn remove_from_list(list_id: &ListId, profile_ids: &[&str]) -> Self {
        let mut profiles = Vec::with_capacity(profile_ids.len());
        for id in profile_ids {
            profiles.push(Reference {
                r#type: "profile",
                id,
            });
        }
        ApiRequest {
            method: Method::DELETE,
            path: format!("/api/lists/{}/relationships/profiles", list_id.as_str()).into(),
            query: Vec::new(),
            body: to_json(&Document { data: profiles }).into(),
        }
    }

    /// Creates the request that finds the profiles with these addresses or ids, all of one kind and
    /// at most [`PROFILES_PER_PAGE`] of them.
    pub fn find_profiles(keys: &[ProfileKey]) -> Self {
        let field = match keys.first() {
            Some(ProfileKey::ExternalId(_)) => "external_id",
            _ => "email",
        };
        let values: Vec<_> = keys.iter().map(|key| key.value()).collect();
        let filter = format!(
            "any({field},{})",
            String::from_utf8_lossy(&to_json(&values))
        );
        ApiRequest {
            method: Method::GET,
            path: "/api/profiles".into(),
            query: vec![
                ("filter", filter),
                ("page[size]", PROFILES_PER_PAGE.to_string()),
            ],
            body: Bytes::new(),
        }
    }
}

/// The identifiers of a profile to delete, beside its id.
#[derive(Serialize)]
struct DeletedProfile<'o> {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'o Email>,
}

/// Most bodies of one operation are smaller, so that writing one asks for memory once.
const BODY_CAPACITY: usize = 1_024;

/// Writes a value as JSON.
pub(super) fn to_json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(BODY_CAPACITY);
    write_json(value, &mut bytes);
    bytes
}

/// Appends a value as JSON.
#[expect(
    clippy::expect_used,
    reason = "half a body must become a 500, and never a request"
)]
pub(super) fn write_json(value: &impl Serialize, bytes: &mut Vec<u8>) {
    serde_json::to_writer(bytes, value).expect("text, numbers and valid JSON can be written");
}
