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
pub(super) const UNSUBSCRIBE_PATH: &str = "/api/profile-subscription-bulk-delete-jobs";

/// The path that imports many profiles.
pub(super) const PROFILE_IMPORT_JOBS_PATH: &str = "/api/profile-bulk-import-jobs";

/// The path that imports one profile.
pub(super) const PROFILE_IMPORT_PATH: &str = "/api/profile-import";

/// The path that records one event.
pub(super) const EVENTS_PATH: &str = "/api/events";

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
    /// The statuses by which Klaviyo acknowledges it, as its description documents them. Any other
    /// 2xx comes from something in between.
    pub success: &'static [u16],
    /// Whether the path names a list, profile or job, which may not exist.
    pub names_resource: bool,
}

impl ApiRequest {
    /// Creates a `POST` of bytes that are a JSON document.
    pub(super) fn post(path: &'static str, body: Vec<u8>) -> Self {
        let success: &[u16] = match path {
            PROFILE_IMPORT_PATH => &[200, 201],
            _ => &[202],
        };
        ApiRequest {
            method: Method::POST,
            path: path.into(),
            query: Vec::new(),
            body: body.into(),
            success,
            names_resource: false,
        }
    }

    /// Creates a `GET` of a collection.
    pub(super) fn get(path: &'static str, query: Vec<(&'static str, String)>) -> Self {
        ApiRequest {
            method: Method::GET,
            path: path.into(),
            query,
            body: Bytes::new(),
            success: &[200],
            names_resource: false,
        }
    }

    /// Creates a `GET` of something that may not exist.
    fn get_resource(path: String, query: Vec<(&'static str, String)>) -> Self {
        ApiRequest {
            path: path.into(),
            names_resource: true,
            ..ApiRequest::get("", query)
        }
    }

    /// Creates the request that reads a list: <https://developers.klaviyo.com/en/reference/get_list>
    pub fn read_list(id: &ListId) -> Self {
        ApiRequest::get_resource(format!("/api/lists/{}", id.as_str()), Vec::new())
    }

    /// Whether sending the request twice does the same as sending it once. A second subscription
    /// makes Klaviyo ask for confirmation a second time, and a second unsubscription from a list is
    /// one from everything.
    pub fn is_idempotent(&self) -> bool {
        !self.asks_people() && self.path != UNSUBSCRIBE_PATH
    }

    /// Whether Klaviyo may ask people for confirmation.
    pub fn asks_people(&self) -> bool {
        self.path == SUBSCRIBE_PATH
    }

    /// Whether it does for one profile or event what a job, with a limit of its own, does for many.
    pub fn has_job(&self) -> bool {
        self.path == PROFILE_IMPORT_PATH || self.path == EVENTS_PATH
    }

    /// Whether Klaviyo does the request later, and names a job to follow.
    pub fn is_import_job(&self) -> bool {
        self.path == PROFILE_IMPORT_JOBS_PATH
    }

    /// Creates the request that asks whether an import job is finished:
    /// <https://developers.klaviyo.com/en/reference/get_bulk_import_profiles_job>
    pub fn read_import_job(id: &str) -> Self {
        ApiRequest::get_resource(format!("{PROFILE_IMPORT_JOBS_PATH}/{id}"), Vec::new())
    }

    /// Creates the request that reads a page of the profiles that an import job did not accept:
    /// <https://developers.klaviyo.com/en/reference/get_errors_for_bulk_import_profiles_job>
    pub fn read_import_errors(id: &str, cursor: Option<&str>) -> Self {
        let mut query = vec![("page[size]", PROFILES_PER_PAGE.to_string())];
        query.extend(cursor.map(|cursor| ("page[cursor]", cursor.to_owned())));
        ApiRequest::get_resource(
            format!("{PROFILE_IMPORT_JOBS_PATH}/{id}/import-errors"),
            query,
        )
    }

    /// Creates the request that creates or updates one profile.
    pub fn upsert_profile(profile: &Profile) -> Self {
        let document = Document {
            data: ProfileResource(profile),
        };
        ApiRequest::post(PROFILE_IMPORT_PATH, to_json(&document))
    }

    /// Creates the request that records one event.
    pub(super) fn create_event(event: &Event) -> Self {
        ApiRequest::post(EVENTS_PATH, to_json(&resource("event", SingleEvent(event))))
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

    /// Creates the request that adds profiles to a list, which gives no consent:
    /// <https://developers.klaviyo.com/en/reference/add_profiles_to_list>
    pub(super) fn add_to_list(list_id: &ListId, profile_ids: &[&str]) -> Self {
        ApiRequest::change_list(Method::POST, list_id, profile_ids)
    }

    /// Creates the request that removes profiles from a list.
    pub(super) fn remove_from_list(list_id: &ListId, profile_ids: &[&str]) -> Self {
        ApiRequest::change_list(Method::DELETE, list_id, profile_ids)
    }

    fn change_list(method: Method, list_id: &ListId, profile_ids: &[&str]) -> Self {
        let mut profiles = Vec::with_capacity(profile_ids.len());
        for id in profile_ids {
            profiles.push(Reference {
                r#type: "profile",
                id,
            });
        }
        ApiRequest {
            method,
            path: format!("/api/lists/{}/relationships/profiles", list_id.as_str()).into(),
            query: Vec::new(),
            body: to_json(&Document { data: profiles }).into(),
            success: &[204],
            names_resource: true,
        }
    }

    /// Creates the request that finds the profiles with these addresses or ids, all of one kind and
    /// at most [`PROFILES_PER_PAGE`] of them.
    pub fn find_profiles(keys: &[ProfileKey], fields: ProfileFields) -> Self {
        let field = match keys.first() {
            Some(ProfileKey::ExternalId(_)) => "external_id",
            Some(ProfileKey::PhoneNumber(_)) => "phone_number",
            Some(ProfileKey::ExchangeId(_)) => "_kx",
            Some(ProfileKey::Email(_)) | None => "email",
        };
        let values: Vec<_> = keys.iter().map(|key| key.value()).collect();
        let filter = format!(
            "any({field},{})",
            String::from_utf8_lossy(&to_json(&values))
        );
        let mut query = vec![
            ("filter", filter),
            ("page[size]", PROFILES_PER_PAGE.to_string()),
        ];
        if fields == ProfileFields::Subscriptions {
            query.push(("additional-fields[profile]", "subscriptions".to_owned()));
        }
        ApiRequest::get("/api/profiles", query)
    }
}

/// The fields of profiles that a look-up asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileFields {
    /// The identifiers.
    Identifiers,
    /// The identifiers, and what the person has consented to.
    Subscriptions,
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
