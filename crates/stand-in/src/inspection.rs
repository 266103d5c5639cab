//! The inspection API: what a script asks and sets over HTTP, below [`PATH`]. It is no part of
//! Klaviyo.
//!
//! | Request | Body | Answer |
//! |---|---|---|
//! | `GET state` | | what Klaviyo and SQS hold |
//! | `GET log` | | every request to Klaviyo |
//! | `POST reset` | | forgets both, and all faults |
//! | `GET options` | | the options and switches |
//! | `POST options` | `{"rate_limits": true, "latency_ms": 60}`, also with [`Switches`](crate::Switches) | |
//! | `POST faults` | a [`FaultSpec`] | |
//! | `POST lists` | `{"Y6nRLr": "double_opt_in", "OTHER1": "missing"}` | |
//! | `POST consent` | `[{"state": "unsubscribed", "email": "sarah@klaviyo-demo.com"}]`: [`ConsentSetting`]s | |
//! | `POST confirm` | `{"email": "sarah@klaviyo-demo.com"}`: the person confirms what waits for it | |
//! | `POST metrics` | `[{"name": "Placed Order"}]` | |
//! | `POST profiles` | `[{"email": "sarah@klaviyo-demo.com"}]` | |
//! | `POST queues` | `{"url": "http://…"}` | at most ten bodies, which leave the queue |

#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::faults::{Fault, Symptom, error_body};
use crate::klaviyo::{Channel, ConsentSetting, ImportFailure, Mishap};
use crate::response::JsonResponse;
use crate::state::StandInState;

/// The path below which the inspection API is served.
pub(crate) const PATH: &str = "/__stand-in/";

/// The most messages of one receive, as in SQS.
const MAX_RECEIVED_MESSAGES: usize = 10;

/// A problem with a request to the inspection API.
#[derive(Debug, thiserror::Error)]
enum InspectionError {
    #[error("no such request")]
    UnknownRequest,
    #[error("{0}")]
    InvalidBody(#[from] serde_json::Error),
    #[error("a list is double_opt_in, single_opt_in or missing, not {0}")]
    UnknownProcess(String),
}

/// A fault to set. A request that it affects gets `status`, or no answer with `drop`, or its usual
/// answer after `delay_ms`. Klaviyo may also do the work worse than usual.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultSpec {
    /// The path of the requests; one that ends with `*` is its beginning.
    r#match: String,
    /// The number of requests that it affects.
    #[serde(default = "one")]
    times: usize,
    /// The number of requests that it lets pass first.
    #[serde(default)]
    after: usize,
    status: Option<u16>,
    retry_after: Option<u64>,
    body: Option<Value>,
    #[serde(default)]
    drop: bool,
    /// Whether Klaviyo does the work nevertheless.
    #[serde(default)]
    apply: bool,
    #[serde(default)]
    delay_ms: u64,
    /// The number of new events that Klaviyo acknowledges and loses.
    #[serde(default)]
    lose_events: usize,
    /// The number of profiles of an import job that become its errors.
    #[serde(default)]
    fail_imports: usize,
    #[serde(default)]
    import_failure: ImportFailure,
    /// Whether Klaviyo leaves phone numbers out, as if they were impossible.
    #[serde(default)]
    leave_phones_out: bool,
}

fn one() -> usize {
    1
}

impl From<FaultSpec> for Fault {
    fn from(spec: FaultSpec) -> Self {
        let symptom = match spec.status {
            _ if spec.drop => Symptom::Drop,
            Some(status) => Symptom::Answer {
                status,
                retry_after: spec.retry_after,
                body: spec.body.unwrap_or_else(|| error_body(status)),
            },
            None => Symptom::Delay,
        };
        Fault {
            after: spec.after,
            delay: Duration::from_millis(spec.delay_ms),
            applied: spec.apply,
            mishap: Mishap {
                lose_events: spec.lose_events,
                fail_imports: spec.fail_imports,
                import_failure: spec.import_failure,
                leave_phones_out: spec.leave_phones_out,
            },
            ..Fault::new(spec.r#match, symptom, spec.times)
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricSpec {
    name: String,
}

/// The addresses of a person who confirms.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonSpec {
    email: Option<String>,
    phone_number: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QueueSpec {
    url: String,
}

/// Answers a request to the inspection API by the part of its path below [`PATH`].
pub(crate) fn answer(
    state: &mut StandInState,
    method: &Method,
    name: &str,
    body: &[u8],
) -> JsonResponse {
    let answer = match perform(state, method, name, body) {
        Ok(Some(json)) => JsonResponse::new(200, json),
        Ok(None) => return JsonResponse::empty(204),
        Err(error) => {
            let status = match error {
                InspectionError::UnknownRequest => 404,
                InspectionError::InvalidBody(_) | InspectionError::UnknownProcess(_) => 400,
            };
            JsonResponse::new(status, json!({"error": error.to_string()}))
        }
    };
    answer.with_header("content-type", "application/json")
}

fn perform(
    state: &mut StandInState,
    method: &Method,
    name: &str,
    body: &[u8],
) -> Result<Option<Value>, InspectionError> {
    match (method.as_str(), name) {
        ("GET", "state") => return Ok(Some(view::state(state))),
        ("GET", "log") => return Ok(Some(view::log(&state.requests))),
        ("POST", "reset") => state.reset(),
        ("GET", "options") => return Ok(Some(options(state)?)),
        ("POST", "options") => set_options(state, parse(body)?)?,
        ("POST", "consent") => {
            for setting in parse::<Vec<ConsentSetting>>(body)? {
                state.account.set_consent(&setting);
            }
        }
        ("POST", "confirm") => {
            let person: PersonSpec = parse(body)?;
            if let Some(email) = &person.email {
                state.account.confirm(Channel::Email, email);
            }
            if let Some(number) = &person.phone_number {
                state.account.confirm(Channel::Sms, number);
            }
        }
        ("POST", "faults") => state.faults.push(parse::<FaultSpec>(body)?.into()),
        ("POST", "lists") => set_lists(state, parse(body)?)?,
        ("POST", "metrics") => {
            for metric in parse::<Vec<MetricSpec>>(body)? {
                state.account.metrics.insert(metric.name);
            }
        }
        ("POST", "profiles") => {
            for attributes in parse::<Vec<Map<String, Value>>>(body)? {
                state.account.upsert(None, &attributes);
            }
        }
        ("POST", "queues") => return Ok(Some(receive(state, &parse(body)?))),
        _ => return Err(InspectionError::UnknownRequest),
    }
    Ok(None)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, InspectionError> {
    Ok(serde_json::from_slice(body)?)
}

/// Returns the options and switches in one object.
fn options(state: &StandInState) -> Result<Value, InspectionError> {
    let mut options = switches(state)?;
    options.insert("rate_limits".to_owned(), state.rate_limits.into());
    let milliseconds = json!(state.latency.as_millis());
    options.insert("latency_ms".to_owned(), milliseconds);
    Ok(options.into())
}

fn switches(state: &StandInState) -> Result<Map<String, Value>, InspectionError> {
    let switches = serde_json::to_value(&state.account.switches)?;
    Ok(serde_json::from_value(switches)?)
}

/// Changes the options and switches that are given. A wrong one changes none.
fn set_options(state: &mut StandInState, given: Map<String, Value>) -> Result<(), InspectionError> {
    let mut rate_limits = state.rate_limits;
    let mut latency = state.latency;
    let mut switches = switches(state)?;
    for (name, value) in given {
        match name.as_str() {
            "rate_limits" => rate_limits = serde_json::from_value(value)?,
            "latency_ms" => latency = Duration::from_millis(serde_json::from_value(value)?),
            _ => drop(switches.insert(name, value)),
        }
    }
    state.account.switches = serde_json::from_value(switches.into())?;
    state.rate_limits = rate_limits;
    state.latency = latency;
    Ok(())
}

fn set_lists(
    state: &mut StandInState,
    processes: BTreeMap<String, String>,
) -> Result<(), InspectionError> {
    for (list_id, process) in processes {
        let process = match process.as_str() {
            "double_opt_in" => "double_opt_in",
            "single_opt_in" => "single_opt_in",
            "missing" => {
                state.account.opt_in.remove(&list_id);
                state.account.missing_lists.insert(list_id);
                continue;
            }
            _ => return Err(InspectionError::UnknownProcess(process)),
        };
        state.account.missing_lists.remove(&list_id);
        state.account.opt_in.insert(list_id, process);
    }
    Ok(())
}

/// Takes messages out of a queue: what `ReceiveMessage` and `DeleteMessage` do in SQS.
fn receive(state: &mut StandInState, queue: &QueueSpec) -> Value {
    let Some(bodies) = state.queues.get_mut(&queue.url) else {
        return json!([]);
    };
    let count = bodies.len().min(MAX_RECEIVED_MESSAGES);
    bodies.drain(..count).collect()
}
