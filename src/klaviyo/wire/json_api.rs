//! The parts that JSON:API puts around every value: <https://jsonapi.org/format/#document-structure>

use serde::Serialize;

/// `{"data": …}`.
#[derive(Serialize)]
pub(in crate::klaviyo) struct Document<T> {
    pub(in crate::klaviyo) data: T,
}

/// A resource with its attributes.
#[derive(Serialize)]
pub(in crate::klaviyo) struct Resource<A> {
    pub(in crate::klaviyo) r#type: &'static str,
    pub(in crate::klaviyo) attributes: A,
}

/// A resource by its id alone.
#[derive(Serialize)]
pub(in crate::klaviyo) struct Reference<'o> {
    pub(in crate::klaviyo) r#type: &'static str,
    pub(in crate::klaviyo) id: &'o str,
}

/// Creates a document of one resource.
pub(in crate::klaviyo) fn resource<A>(
    r#type: &'static str,
    attributes: A,
) -> Document<Resource<A>> {
    Document {
        data: Resource { r#type, attributes },
    }
}
