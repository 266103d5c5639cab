//! The bodies of requests, as Klaviyo's OpenAPI description has them (revision 2026-10-15):
//! <https://developers.klaviyo.com/en/reference/api_overview>

mod event;
mod profile;
mod subscription;

use serde::Serialize;

pub(super) use event::{BulkEvent, SingleEvent};
pub(super) use profile::{EventProfile, ProfileResource};
pub(super) use subscription::Consenting;

/// `{"data": …}`, which JSON:API puts around everything.
#[derive(Serialize)]
pub(super) struct Data<T> {
    pub(super) data: T,
}

/// A JSON:API resource.
#[derive(Serialize)]
pub(super) struct Resource<A> {
    pub(super) r#type: &'static str,
    pub(super) attributes: A,
}

/// A resource by its id alone.
#[derive(Serialize)]
pub(super) struct Reference<'o> {
    pub(super) r#type: &'static str,
    pub(super) id: &'o str,
}

pub(super) fn data<A>(r#type: &'static str, attributes: A) -> Data<Resource<A>> {
    Data {
        data: Resource { r#type, attributes },
    }
}
