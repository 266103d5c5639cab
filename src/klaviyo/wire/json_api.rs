//! The parts that JSON:API puts around every value: <https://jsonapi.org/format/#document-structure>

use serde::Serialize;

/// `{"data": …}`.
#[derive(Serialize)]
pub(in super::super) struct Document<T> {
    pub(in super::super) data: T,
}

/// A resource with its attributes.
#[derive(Serialize)]
pub(in super::super) struct Resource<A> {
    pub(in super::super) r#type: &'static str,
    pub(in super::super) attributes: A,
}

/// A resource by its id alone.
#[derive(Serialize)]
pub(in super::super) struct Reference<'o> {
    pub(in super::super) r#type: &'static str,
    pub(in super::super) id: &'o str,
}

/// Creates a document of one resource.
pub(in super::super) fn resource<A>(r#type: &'static str, attributes: A) -> Document<Resource<A>> {
    Document {
        data: Resource { r#type, attributes },
    }
}
