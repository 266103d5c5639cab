//! The JSON in which the inspection API shows the state.

use std::time::UNIX_EPOCH;

use serde_json::{Map, Value, json};

use crate::json::at;
use crate::klaviyo::{Account, Channel, ConsentRecord, EventRecord, ImportJob, Standing};
use crate::request::RecordedRequest;
use crate::state::StandInState;

/// Returns what Klaviyo and SQS hold.
pub(super) fn state(state: &StandInState) -> Value {
    let account = &state.account;
    let mut lists = Map::new();
    for (list_id, members) in &account.lists {
        let ids: Value = members.iter().map(usize::to_string).collect();
        lists.insert(list_id.clone(), ids);
    }
    let mut deletions = Vec::new();
    for (identifier, value) in &account.deletions {
        deletions.push(json!({ identifier.as_str(): value }));
    }
    json!({
        "events": list(account.events.iter().enumerate(), |record| event(account, record)),
        "profiles": list(account.profiles.iter().enumerate(), profile),
        "lists": lists,
        "consents": list(&account.consents, |record| consent(account, record)),
        "standings": list(&account.standings, standing),
        "lifted": account.lifted,
        "welcome_flows": account.welcome_flows,
        "lost_events": list(account.lost_events.iter().enumerate(), |record| event(account, record)),
        "metrics": account.metrics,
        "import_jobs": list(&account.import_jobs, import_job),
        "deletions": deletions,
        "queues": state.queues,
        "secret_fetches": state.fetches,
    })
}

fn list<T>(records: impl IntoIterator<Item = T>, show: impl Fn(T) -> Value) -> Value {
    records.into_iter().map(show).collect()
}

fn event(account: &Account, (index, record): (usize, &EventRecord)) -> Value {
    json!({
        "id": index.to_string(),
        "metric": record.metric,
        "unique_id": record.unique_id,
        "profile": record.profile.to_string(),
        "email": account.text(Some(record.profile), "email"),
        "external_id": account.text(Some(record.profile), "external_id"),
        "anonymous_id": account.text(Some(record.profile), "anonymous_id"),
        "time": record.time,
        "value": record.value,
        "value_currency": record.value_currency,
        "properties": record.properties,
        "backfill": record.backfill,
    })
}

fn profile((index, attributes): (usize, &Map<String, Value>)) -> Value {
    let mut profile = attributes.clone();
    profile.insert("id".to_owned(), index.to_string().into());
    profile.entry("properties").or_insert_with(|| json!({}));
    profile.into()
}

fn consent(account: &Account, record: &ConsentRecord) -> Value {
    let mut email = record.email.clone();
    if email.is_none() {
        email = account.text(record.profile, "email");
    }
    let mut phone_number = record.phone_number.clone();
    if phone_number.is_none() {
        phone_number = account.text(record.profile, "phone_number");
    }
    json!({
        "profile": record.profile.map(|profile| profile.to_string()),
        "email": email,
        "phone_number": phone_number,
        "channel": if record.email.is_some() { "email" } else { "sms" },
        "consent": if record.subscribed { "SUBSCRIBED" } else { "UNSUBSCRIBED" },
        "list": (!record.list_id.is_empty()).then_some(&record.list_id),
        "confirmation_sent": record.confirmation_sent,
        "consented_at": record.consented_at,
        "welcome_flow": record.welcome_flow,
        "everywhere": record.everywhere,
    })
}

fn standing(((channel, address), standing): (&(Channel, String), &Standing)) -> Value {
    json!({"channel": channel, "address": address, "standing": standing})
}

fn import_job(job: &ImportJob) -> Value {
    let errors = list(&job.errors, |error| {
        json!({"code": error.code, "detail": error.detail, "source": error.source,
            "original_payload": error.original_payload})
    });
    json!({"total": job.total, "lists": job.lists, "errors": errors})
}

/// Returns the requests to Klaviyo, each with its answer.
pub(super) fn log(requests: &[RecordedRequest]) -> Value {
    list(requests, request)
}

fn request(request: &RecordedRequest) -> Value {
    let (path, query) = match request.path.split_once('?') {
        Some(parts) => parts,
        None => (request.path.as_str(), ""),
    };
    let seconds = request
        .received_at
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64();
    let mut errors = Vec::new();
    if let Some(problems) = at(&request.answer, "/errors").as_array() {
        for problem in problems {
            errors.push(error(problem));
        }
    }
    json!({
        "t": seconds,
        "method": request.method,
        "path": path,
        "query": query,
        "body": request.body,
        "bytes": request.bytes,
        "status": request.status,
        "left_out": request.left_out,
        "errors": errors,
        "answer": request.answer,
    })
}

/// Returns an error of an answer in one line.
fn error(error: &Value) -> String {
    let mut texts = Vec::new();
    for pointer in ["/source/pointer", "/code", "/detail"] {
        texts.extend(at(error, pointer).as_str());
    }
    texts.join(": ")
}
