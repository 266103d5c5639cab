//! Klaviyo's API: <https://developers.klaviyo.com/en/reference/api_overview>
//!
//! [`endpoint`] finds the endpoint of a request. Its body is checked against a [`schema`], which
//! each endpoint has beside its work in [`events`], [`profiles`], [`subscriptions`], [`lists`] and
//! [`deletions`]. They refuse values that Klaviyo's public descriptions rule out, and nothing
//! beyond that. A job is done whole or refused whole, with an error for every item that is wrong.

mod account;
mod consent;
mod deletions;
mod endpoint;
mod event_properties;
mod event_values;
mod events;
mod find_profiles;
mod import_jobs;
mod lists;
mod metrics;
mod mishap;
mod nulls;
mod patch;
mod phones;
mod pointer;
mod profile_schema;
mod profile_values;
mod profiles;
mod query;
pub(crate) mod rate_limiter;
mod refusal;
pub(crate) mod schema;
mod sms;
mod standing;
mod subscription_schema;
mod subscription_view;
mod subscriptions;
mod switches;
#[cfg(test)]
mod testing;
mod text_rules;
mod wide_integers;

use std::time::UNIX_EPOCH;

use axum::http::Method;
use serde_json::json;

use crate::credentials::API_KEY;
use crate::request::KlaviyoRequest;
use crate::response::JsonResponse;
use endpoint::Endpoint;
use refusal::Refusal;

pub use account::{Account, ConsentRecord, EventRecord};
pub use consent::{ConsentSetting, ConsentState, LiftedRecord};
pub use import_jobs::{ImportError, ImportJob};
pub use mishap::{ImportFailure, Mishap};
pub(crate) use rate_limiter::RateLimiter;
pub use standing::{
    Channel, Consent, PendingSubscription, Standing, Suppression, SuppressionReason,
};
pub use switches::{SmsPointer, Switches};

/// The revision whose schemas are here: <https://developers.klaviyo.com/en/reference/api_overview>
const REVISION: &str = "2026-10-15";

/// The media type of every body: <https://jsonapi.org>
const MEDIA_TYPE: &str = "application/vnd.api+json";

/// Answers a request, and does its work in the account. Without a rate limiter there are no limits.
pub(crate) fn answer(
    account: &mut Account,
    rate_limiter: Option<&mut RateLimiter>,
    request: &KlaviyoRequest,
    mishap: Mishap,
) -> JsonResponse {
    account.mishap = mishap;
    let events = account.events.len();
    let answer = match perform(account, rate_limiter, request) {
        Ok(answer) => answer,
        Err(refusals) => Refusal::answer(&refusals),
    };
    account.lose_events(events);
    account.mishap = Mishap::default();
    if answer.body.is_null() {
        answer
    } else {
        answer.with_header("content-type", MEDIA_TYPE)
    }
}

fn perform(
    account: &mut Account,
    rate_limiter: Option<&mut RateLimiter>,
    request: &KlaviyoRequest,
) -> Result<JsonResponse, Vec<Refusal>> {
    check_headers(account, request)?;
    let path = request.uri.path();
    let Some((endpoint, id)) = Endpoint::find(&request.method, path) else {
        let (status, code) = if Endpoint::is_path(path) {
            (405, "method_not_allowed")
        } else {
            (404, "not_found")
        };
        let detail = format!("{} {path} is not an endpoint", request.method);
        return Err(Refusal::new(status, code, detail, path).into());
    };
    let mut headers = Vec::new();
    if let Some(rate_limiter) = rate_limiter {
        let now = request.received_at.duration_since(UNIX_EPOCH);
        match rate_limiter.admit(endpoint, now.unwrap_or_default()) {
            Ok(admitted) => headers.extend(admitted),
            Err(seconds) => return Ok(throttled(seconds)),
        }
    }
    if request.body.len() > endpoint.max_bytes() {
        let detail = format!("The maximum is {} bytes", endpoint.max_bytes());
        return Err(Refusal::new(413, "too_large", detail, "/data").into());
    }
    let body = &request.json;
    if let Some(schema) = endpoint.body_schema() {
        schema.check(body)?;
    }
    if matches!(endpoint, Endpoint::CreateEvent | Endpoint::CreateEvents) {
        wide_integers::check(&request.body, body)?;
    }
    let mut answer = match endpoint {
        Endpoint::CreateEvent => events::create_event(account, body),
        Endpoint::CreateEvents => events::create_events(account, body),
        Endpoint::ImportProfile => profiles::import_profile(account, body),
        Endpoint::ImportProfiles => profiles::import_profiles(account, body),
        Endpoint::Subscribe => subscriptions::subscribe(account, body),
        Endpoint::Unsubscribe => subscriptions::unsubscribe(account, body),
        Endpoint::RequestDeletion => deletions::request_deletion(account, body),
        Endpoint::FindProfiles => find_profiles::find_profiles(account, request),
        Endpoint::FindListProfiles => find_profiles::find_list_profiles(account, id, request),
        Endpoint::GetImportJob => import_jobs::get_job(account, id),
        Endpoint::GetImportErrors => import_jobs::get_errors(account, id, request),
        Endpoint::GetMetrics => metrics::get_metrics(account, request),
        Endpoint::GetList => lists::get_list(account, id),
        Endpoint::AddToList => lists::add_to_list(account, id, body),
        Endpoint::RemoveFromList => lists::remove_from_list(account, id, body),
    }?;
    answer.headers.extend(headers);
    Ok(answer)
}

fn check_headers(account: &Account, request: &KlaviyoRequest) -> Result<(), Refusal> {
    let key = account.api_key.as_deref().unwrap_or(API_KEY);
    if request.header("authorization") != format!("Klaviyo-API-Key {key}") {
        let detail = "Incorrect authentication credentials.";
        return Err(Refusal::new(401, "authentication_failed", detail, "/data"));
    }
    if request.header("revision") != REVISION {
        let detail = format!("The revision is not {REVISION}");
        return Err(Refusal::new(400, "invalid_revision", detail, "/data"));
    }
    if account.switches.revision_retired {
        let detail = format!("Revision {REVISION} is retired");
        return Err(Refusal::new(410, "gone", detail, "/data"));
    }
    if request.method != Method::GET && request.header("content-type") != MEDIA_TYPE {
        let detail = format!("The content type is not {MEDIA_TYPE}");
        return Err(Refusal::new(415, "unsupported_media_type", detail, "/data"));
    }
    Ok(())
}

/// Returns the answer to a request over the rate limit. It has no headers about the limit:
/// <https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling>
fn throttled(seconds: u64) -> JsonResponse {
    let detail = format!("Request was throttled. Expected available in {seconds} seconds.");
    let error = json!({"status": 429, "code": "throttled", "title": "Request was throttled.",
        "detail": detail, "source": {"pointer": "/data/"}});
    JsonResponse::new(429, json!({"errors": [error]})).with_header("retry-after", seconds)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use serde_json::Value;

    use super::testing::{post, profile, request};
    use super::*;

    #[test]
    fn key_revision_and_media_type_are_checked() {
        let mut account = Account::default();
        for (name, value, status) in [
            ("authorization", "Klaviyo-API-Key pk_other", 401),
            ("revision", "2024-10-15", 400),
            ("content-type", "application/json", 415),
        ] {
            let mut request = request(Method::POST, "/api/events", &json!({}));
            request
                .headers
                .insert(name, HeaderValue::from_static(value));
            assert_eq!(
                answer(&mut account, None, &request, Mishap::default()).status,
                status,
                "{name}"
            );
        }
        for (method, path, status) in [
            (Method::POST, "/api/event", 404),
            (Method::GET, "/api/events", 405),
            (Method::DELETE, "/api/lists/Y6nRLr", 405),
            (Method::POST, "/api/profile-bulk-import-jobs/1", 405),
        ] {
            let request = request(method, path, &json!({}));
            let answer = answer(&mut account, None, &request, Mishap::default());
            assert_eq!(answer.status, status, "{path}");
        }
        account.switches.revision_retired = true;
        assert_eq!(post(&mut account, "/api/events", json!({})).status, 410);
        account.switches.revision_retired = false;
        account.api_key = Some("pk_other".to_owned());
        assert_eq!(post(&mut account, "/api/events", json!({})).status, 401);
    }

    #[test]
    fn bodies_have_a_limited_size() {
        let mut account = Account::default();
        for (path, bytes) in [
            ("/api/events", 5 * 1024 * 1024),
            ("/api/profile-import", 100 * 1024),
        ] {
            let body = |bytes: usize| json!("x".repeat(bytes - 2));
            assert_eq!(post(&mut account, path, body(bytes)).status, 400, "{path}");
            assert_eq!(
                post(&mut account, path, body(bytes + 1)).status,
                413,
                "{path}"
            );
        }
    }

    #[test]
    fn success_has_the_documented_status() {
        let mut account = Account::default();
        account.opt_in.insert("Y6nRLr".to_owned(), "double_opt_in");
        let sarah = || profile(json!({"email": "sarah@klaviyo-demo.com"}));
        let agreed = |consent: &str| {
            let consent = json!({"email": {"marketing": {"consent": consent}}});
            profile(json!({"email": "sarah@klaviyo-demo.com", "subscriptions": consent}))
        };
        let job = |kind: &str, profile: Value| json!({"data": {"type": kind, "attributes": {"profiles": {"data": [profile]}}}});
        let metric = json!({"data": {"type": "metric", "attributes": {"name": "Seen"}}});
        let mut event =
            json!({"type": "event", "attributes": {"metric": metric, "properties": {}}});
        let item = json!({"type": "event-bulk-create", "attributes": {"profile": {"data": sarah()},
            "events": {"data": [event.clone()]}}});
        let event_job = json!({"data": {"type": "event-bulk-create-job",
            "attributes": {"events-bulk-create": {"data": [item]}}}});
        event["attributes"]["profile"] = json!({"data": sarah()});
        let deletion = json!({"data": {"type": "data-privacy-deletion-job",
            "attributes": {"profile": {"data": sarah()}}}});
        let members = json!({"data": [{"type": "profile", "id": "0"}]});
        let on_list = "/api/lists/Y6nRLr/relationships/profiles";
        let import_job = job("profile-bulk-import-job", sarah());
        let subscription = job("profile-subscription-bulk-create-job", agreed("SUBSCRIBED"));
        let withdrawal = job(
            "profile-subscription-bulk-delete-job",
            agreed("UNSUBSCRIBED"),
        );
        let none = Value::Null;
        for (method, path, body, status) in [
            (
                Method::POST,
                "/api/profile-import",
                json!({"data": sarah()}),
                201,
            ),
            (
                Method::POST,
                "/api/profile-import",
                json!({"data": sarah()}),
                200,
            ),
            (
                Method::POST,
                "/api/profile-bulk-import-jobs",
                import_job,
                202,
            ),
            (
                Method::GET,
                "/api/profile-bulk-import-jobs/IMPORT0",
                none.clone(),
                200,
            ),
            (
                Method::GET,
                "/api/profile-bulk-import-jobs/IMPORT0/import-errors",
                none.clone(),
                200,
            ),
            (Method::POST, "/api/events", json!({"data": event}), 202),
            (Method::POST, "/api/event-bulk-create-jobs", event_job, 202),
            (
                Method::POST,
                "/api/profile-subscription-bulk-create-jobs",
                subscription,
                202,
            ),
            (
                Method::POST,
                "/api/profile-subscription-bulk-delete-jobs",
                withdrawal,
                202,
            ),
            (Method::POST, on_list, members.clone(), 204),
            (Method::DELETE, on_list, members, 204),
            (Method::GET, "/api/lists/Y6nRLr", none.clone(), 200),
            (Method::GET, "/api/lists/Y6nRLr/profiles", none.clone(), 200),
            (Method::GET, "/api/profiles", none.clone(), 200),
            (Method::GET, "/api/metrics", none, 200),
            (
                Method::POST,
                "/api/data-privacy-deletion-jobs",
                deletion,
                202,
            ),
        ] {
            let request = request(method, path, &body);
            let answer = answer(&mut account, None, &request, Mishap::default());
            assert_eq!(answer.status, status, "{path} {}", answer.body);
        }
    }

    #[test]
    fn a_request_over_the_rate_limit_gets_a_time_to_wait() {
        let mut account = Account::default();
        let mut limiter = RateLimiter::default();
        let mut last = JsonResponse::empty(0);
        let request = request(Method::GET, "/api/lists/Y6nRLr", &Value::Null);
        account.opt_in.insert("Y6nRLr".to_owned(), "double_opt_in");
        for _ in 0..76 {
            last = answer(
                &mut account,
                Some(&mut limiter),
                &request,
                Mishap::default(),
            );
        }
        assert_eq!(last.status, 429);
        assert_eq!(last.headers.first().unwrap().0, "retry-after");
    }
}
