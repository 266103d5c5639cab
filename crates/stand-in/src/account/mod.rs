//! What a Klaviyo account holds, and its answers, after <https://developers.klaviyo.com/en/reference/api_overview>.

mod consents;
mod events;
mod profiles;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use axum::http::{HeaderMap, Method, Uri};
use serde_json::{Map, Value, json};

use super::{API_KEY, Reply};

pub use consents::Consent;
pub use events::Event;

/// The revision that requests must name: <https://developers.klaviyo.com/en/reference/api_overview>
const REVISION: &str = "2026-10-15";

/// Profiles, events, lists and consents.
#[derive(Debug, Default)]
pub struct Account {
    /// The only key that is let in; the stand-in's own when `None`.
    pub api_key: Option<String>,
    /// Attributes of each profile. Its index is its id.
    pub profiles: Vec<Map<String, Value>>,
    /// Events, each once.
    pub events: Vec<Event>,
    /// `double_opt_in` or `single_opt_in` of each list that can be looked at.
    pub opt_in: BTreeMap<String, &'static str>,
    /// The profiles on each list.
    pub lists: BTreeMap<String, BTreeSet<usize>>,
    /// Consents given and taken back, in the order in which they arrived.
    pub consents: Vec<Consent>,
    /// Profiles that are to be forgotten: `email` or `id`, and its value.
    pub deletions: Vec<(String, String)>,
    index: HashMap<(String, String), usize>,
    seen: HashSet<(usize, String, String)>,
}

/// A request that Klaviyo does not accept: status, code, pointer; one for each problem.
type No = Vec<(u16, &'static str, String)>;

impl Account {
    /// Klaviyo's answer to one request.
    pub(super) fn answer(
        &mut self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &Value,
    ) -> Reply {
        self.perform(method, uri, headers, body).unwrap_or_else(|no| {
            let error = |(status, code, pointer): &(u16, &str, String)| {
                json!({"status": status, "code": code, "source": {"pointer": pointer}})
            };
            let status = no.first().map_or(500, |(status, ..)| *status);
            Reply::new(status, json!({"errors": no.iter().map(error).collect::<Vec<_>>()}))
        })
    }

    fn perform(
        &mut self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &Value,
    ) -> Result<Reply, No> {
        let header = |name| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let key = self.api_key.as_deref().unwrap_or(API_KEY);
        if header("authorization") != format!("Klaviyo-API-Key {key}") {
            return Err(no(401, "authentication_failed", "/data"));
        }
        if header("revision") != REVISION {
            return Err(no(400, "invalid_revision", "/data"));
        }
        if method != Method::GET && header("content-type") != "application/vnd.api+json" {
            return Err(no(415, "unsupported_media_type", "/data"));
        }
        let list = uri
            .path()
            .strip_prefix("/api/lists/")
            .and_then(|rest| rest.strip_suffix("/relationships/profiles"));
        match (method.as_str(), uri.path(), list) {
            ("POST", "/api/profile-import", _) => self.import(body),
            ("POST", "/api/profile-bulk-import-jobs", _) => self.import_job(body),
            ("POST", "/api/events", _) => self.record(body),
            ("POST", "/api/event-bulk-create-jobs", _) => self.record_job(body),
            ("POST", "/api/profile-subscription-bulk-create-jobs", _) => self.subscribe(body),
            ("POST", "/api/profile-subscription-bulk-delete-jobs", _) => self.unsubscribe(body),
            ("POST", "/api/data-privacy-deletion-jobs", _) => self.delete(body),
            ("GET", "/api/profiles", _) => self.find(uri.query().unwrap_or_default()),
            ("GET", path, _) if path.starts_with("/api/lists/") => self.list(path),
            ("DELETE", _, Some(list)) => self.remove_from_list(list, body),
            _ => Err(no(404, "not_found", uri.path())),
        }
    }
}

fn no(status: u16, code: &'static str, pointer: impl Into<String>) -> No {
    vec![(status, code, pointer.into())]
}

fn accepted(status: u16) -> Result<Reply, No> {
    Ok(Reply::new(status, Value::Null))
}

fn expect_type(body: &Value, pointer: &str, expected: &str) -> Result<(), No> {
    let pointer = format!("{pointer}/type");
    let found = body.pointer(&pointer).and_then(Value::as_str);
    if found == Some(expected) {
        Ok(())
    } else {
        Err(no(400, "invalid", pointer))
    }
}

fn text(body: &Value, pointer: &str) -> Result<String, No> {
    let text = body.pointer(pointer).and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| no(400, "required", pointer))
}

fn object<'v>(body: &'v Value, pointer: &str) -> Result<&'v Map<String, Value>, No> {
    body.pointer(pointer)
        .and_then(Value::as_object)
        .ok_or_else(|| no(400, "required", pointer))
}

/// The elements at a pointer, at least one and at most `most`.
fn array<'v>(body: &'v Value, pointer: &str, most: usize) -> Result<&'v [Value], No> {
    let array = body
        .pointer(pointer)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    if (1..=most).contains(&array.len()) {
        Ok(array)
    } else {
        Err(no(400, "invalid", pointer))
    }
}

/// Checks every place before anything is done: a job is taken whole or not at all.
fn all<T>(checked: impl Iterator<Item = Result<T, No>>) -> Result<Vec<T>, No> {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for result in checked {
        match result {
            Ok(it) => good.push(it),
            Err(no) => bad.extend(no),
        }
    }
    if bad.is_empty() { Ok(good) } else { Err(bad) }
}
