//! The JSON of requests, as Klaviyo's OpenAPI description has it (revision 2026-10-15):
//! <https://developers.klaviyo.com/en/reference/api_overview>

mod event;
mod json_api;
mod profile;
mod subscription;

pub(super) use event::{BulkEvent, SingleEvent};
pub(super) use json_api::{Document, Reference, Resource, resource};
pub(super) use profile::{IdentifierAttributes, ProfileAttributes, ProfileResource};
pub(super) use subscription::ConsentAttributes;
