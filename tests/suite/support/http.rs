//! Events of API Gateway.

use segment_klaviyo::signature::sign;
use segment_klaviyo_stand_in::SHARED_SECRET;
use serde_json::{Value, json};

/// Returns the event of a request with this body and these headers.
pub(crate) fn http_event(body: &str, headers: &Value) -> Value {
    json!({
        "version": "2.0",
        "requestContext": {"http": {"method": "POST"}},
        "headers": headers,
        "body": body,
    })
}

/// Returns the event of a request that Segment signed.
pub(crate) fn signed_event(body: &str) -> Value {
    http_event(
        body,
        &json!({"x-signature": signature(body, SHARED_SECRET)}),
    )
}

/// Returns the event of a request that somebody else signed.
pub(crate) fn forged_event(body: &str) -> Value {
    http_event(body, &json!({"x-signature": "00"}))
}

pub(crate) fn signature(body: &str, shared_secret: &str) -> String {
    sign(body.as_bytes(), shared_secret).unwrap()
}
