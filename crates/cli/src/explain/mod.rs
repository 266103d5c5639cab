//! `explain`: which rule decided what of a message, field by field, without a call to anybody.

pub(crate) mod diff;
mod explanation;
mod fields;
mod json;
mod left_out;
mod rows;
pub(crate) mod seen;
mod rendering;
mod switches;
mod trace;
mod trial;

use std::collections::BTreeMap;
use std::path::PathBuf;

use segment_klaviyo::ingress::{EventPayload, Trigger};
use segment_klaviyo::segment;
use segment_klaviyo::signature::{Credentials, sign, verify};
use segment_klaviyo_stand_in::SHARED_SECRET;
use serde_json::Value;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::overrides::SettingOverrides;
use crate::sign::SharedSecret;
use crate::{input, overrides};
use diff::Difference;
use explanation::Explanation;
use seen::Seen;

/// Says of each message what Klaviyo would get, where each attribute of it comes from, and what was left out and
/// why. Nothing is sent.
///
/// The rules themselves are asked: each field in turn is given another value or taken away, each setting is
/// turned, and what changes in the requests came from it.
#[derive(clap::Args)]
#[command(
    after_help = "Examples: segment-klaviyo explain events/order-completed.json\n          segment-klaviyo explain --diff ENFORCE_EMAIL=false messages.ndjson"
)]
pub(crate) struct Arguments {
    /// Lambda events, Segment messages, arrays of them or NDJSON; `-` is stdin.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Sets one of the function's settings; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = overrides::parse)]
    settings: Vec<(String, String)>,

    /// Shows only what would change with this setting; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = overrides::parse)]
    diff: Vec<(String, String)>,

    /// Prints JSON for scripts.
    #[arg(long)]
    json: bool,

    /// Takes the messages as coming at this time (RFC 3339) instead of now.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    now: Option<OffsetDateTime>,

    #[command(flatten)]
    secret: SharedSecret,
}

/// A time as options take it.
pub(crate) fn moment(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| "expected a time such as 2026-11-20T12:00:00Z".to_owned())
}

/// What is said of one file.
struct Explained {
    /// How to speak of it.
    name: String,
    /// What Segment would be told instead of taking the messages.
    refused: Option<String>,
    messages: Vec<About>,
}

/// What is said of one message.
struct About {
    /// Its type, event and id, as far as it has them.
    titles: [Option<String>; 3],
    said: Said,
}

enum Said {
    Explanation(Box<Explanation>),
    /// With `--diff`.
    Difference(Box<Difference>),
    /// Of a message whose fields cannot be tried, since something in it (such as 1e999) is no value here.
    Untried {
        seen: Seen,
        problem: String,
    },
}

/// Explains each file in turn.
pub(crate) fn run(arguments: Arguments) -> Result<(), String> {
    let setup = SettingOverrides::new(arguments.settings);
    setup.rules()?;
    let other = (!arguments.diff.is_empty()).then(|| setup.with_all(arguments.diff));
    other.as_ref().map(SettingOverrides::rules).transpose()?;
    let now = arguments.now.unwrap_or_else(OffsetDateTime::now_utc);
    let mut files = Vec::new();
    for path in &arguments.files {
        let name = input::name(path);
        let (bodies, refused) = messages(&input::event(path)?, &arguments.secret)
            .map_err(|problem| format!("{name}: {problem}"))?;
        let messages: Result<Vec<_>, String> = bodies
            .iter()
            .map(|raw| about(raw, &setup, other.as_ref(), now))
            .collect();
        let messages = messages.map_err(|problem| format!("{name}: {problem}"))?;
        let file = Explained {
            name,
            refused,
            messages,
        };
        if arguments.json {
            files.push(file);
        } else {
            rendering::file(&file);
        }
    }
    if arguments.json {
        crate::output::line(&crate::output::json(&json::of(&files)));
    }
    Ok(())
}

/// The messages of a delivery, and what Segment would be told if the function did not take it. What is signed
/// with the stand-in's secret is taken as well.
pub(crate) fn messages(
    event: &EventPayload,
    secret: &SharedSecret,
) -> Result<(Vec<Box<RawValue>>, Option<String>), String> {
    let Ok(Trigger::Webhook(request)) = event.trigger() else {
        return Err("not an HTTP request and no messages".to_owned());
    };
    let (body, theirs, ours) = (
        request.body.as_ref(),
        secret.to_secret()?,
        SharedSecret::default().to_secret()?,
    );
    let credentials = request.credentials();
    let refused = verify(body, credentials, &theirs)
        .or_else(|_| verify(body, credentials, &ours))
        .err();
    let refused = refused.map(|why| format!("401: {why}"));
    // What is explained is what would be done if the body were let in.
    let signature = sign(body, SHARED_SECRET);
    let credentials = Credentials {
        signature: signature.as_deref(),
        authorization: None,
    };
    let body = verify(body, credentials, &ours).map_err(|error| error.to_string())?;
    match segment::raw_messages(&body) {
        Ok(elements) => Ok((
            elements.into_iter().map(ToOwned::to_owned).collect(),
            refused,
        )),
        Err(why) => Ok((Vec::new(), refused.or_else(|| Some(format!("400: {why}"))))),
    }
}

fn about(
    raw: &RawValue,
    setup: &SettingOverrides,
    other: Option<&SettingOverrides>,
    now: OffsetDateTime,
) -> Result<About, String> {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
    let titles =
        ["type", "event", "messageId"].map(|key| serde_json::from_str(fields.get(key)?.get()).ok());
    let seen = seen::see(raw, &setup.rules()?, now, &[]);
    let message = match serde_json::from_str::<Value>(raw.get()) {
        Ok(message) => message,
        Err(error) => {
            return Ok(About {
                titles,
                said: Said::Untried {
                    seen,
                    problem: error.to_string(),
                },
            });
        }
    };
    let said = match other {
        Some(other) => Said::Difference(Box::new(diff::between(
            &seen,
            &seen::see(raw, &other.rules()?, now, &[]),
        ))),
        None => Said::Explanation(Box::new(explanation::of(&message, seen, setup, now)?)),
    };
    Ok(About { titles, said })
}
