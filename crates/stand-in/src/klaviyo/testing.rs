//! Requests for the tests of the endpoints.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::{Account, MEDIA_TYPE, Mishap, REVISION, answer};
use crate::request::KlaviyoRequest;
use crate::response::JsonResponse;

/// Returns a request with the headers that Klaviyo asks for.
pub(super) fn request(method: Method, path: &str, body: &Value) -> KlaviyoRequest {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("authorization", "Klaviyo-API-Key pk_local_not_a_real_key"),
        ("revision", REVISION),
        ("content-type", MEDIA_TYPE),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let body = match body {
        Value::Null => Bytes::new(),
        json => Bytes::from(json.to_string()),
    };
    KlaviyoRequest::new(method, path.parse().unwrap(), headers, body)
}

pub(super) fn post(account: &mut Account, path: &str, body: Value) -> JsonResponse {
    answer(
        account,
        None,
        &request(Method::POST, path, &body),
        Mishap::default(),
    )
}

pub(super) fn get(account: &mut Account, path: &str) -> JsonResponse {
    answer(
        account,
        None,
        &request(Method::GET, path, &Value::Null),
        Mishap::default(),
    )
}

pub(super) fn delete(account: &mut Account, path: &str, body: &Value) -> JsonResponse {
    answer(
        account,
        None,
        &request(Method::DELETE, path, body),
        Mishap::default(),
    )
}

/// Returns the status, and the code and pointer of each error.
pub(super) fn refusals(answer: &JsonResponse) -> (u16, Vec<String>) {
    let mut errors = Vec::new();
    for error in answer.body["errors"].as_array().into_iter().flatten() {
        let pointer = error["source"]["pointer"].as_str().unwrap();
        errors.push(format!("{} {pointer}", error["code"].as_str().unwrap()));
    }
    (answer.status, errors)
}

pub(super) fn profile(attributes: Value) -> Value {
    json!({"type": "profile", "attributes": attributes})
}

/// Returns the places that a check refuses.
pub(super) fn pointers_of(checked: Result<(), Vec<Refusal>>) -> Vec<String> {
    let refusals = checked.err().unwrap_or_default();
    refusals
        .into_iter()
        .map(|refusal| refusal.pointer)
        .collect()
}
