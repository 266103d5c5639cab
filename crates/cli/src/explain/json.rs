//! What `explain` found as JSON. The shape is described in `docs/harness.md`; names are only ever added.

use serde_json::{Value, json};

use super::diff::{Change, Difference};
use super::explanation::{Explanation, Switched};
use super::fields::Path;
use super::left_out::Why;
use super::seen::{Request, Seen, Verdict};
use super::trace::{Origin, Source};
use super::{About, Explained, Said};

/// An array with an object for each file.
pub(super) fn of(files: &[Explained]) -> Value {
    files.iter().map(file).collect()
}

fn file(file: &Explained) -> Value {
    let messages: Value = file.messages.iter().map(message).collect();
    json!({"file": file.name, "refused": file.refused, "messages": messages})
}

fn message(about: &About) -> Value {
    let [kind, event, message_id] = &about.titles;
    let titles = json!({"type": kind, "event": event, "message_id": message_id});
    let said = match &about.said {
        Said::Explanation(explanation) => self::explanation(explanation),
        Said::Difference(difference) => json!({"difference": self::difference(difference)}),
        Said::Untried { seen, problem } => {
            json!({"verdict": verdict(&seen.verdict), "warnings": warnings(seen), "untried": problem})
        }
    };
    let objects = [titles, said]
        .into_iter()
        .filter_map(|object| object.as_object().cloned());
    Value::Object(objects.flatten().collect())
}

fn explanation(it: &Explanation) -> Value {
    let requests = it
        .seen
        .requests
        .iter()
        .enumerate()
        .map(|(at, request)| self::request(it, at, request));
    let left_out = it.left_out.iter().filter(|(_, why)| *why != Why::Unread);
    let unread = it
        .left_out
        .iter()
        .filter(|(_, why)| *why == Why::Unread)
        .map(|(path, _)| path.to_string());
    json!({
        "verdict": verdict(&it.seen.verdict),
        "warnings": warnings(&it.seen),
        "requests": requests.collect::<Value>(),
        "left_out": left_out.map(|(path, why)| self::left_out(&path.to_string(), why)).collect::<Value>(),
        "unread": unread.collect::<Value>(),
        "decisive": names(&it.decisive),
        "settings": it.switches.iter().map(switched).collect::<Value>(),
        "sent_with": it.remedies.settings.iter().map(|settings| pairs(settings)).collect::<Value>(),
        "sent_without": names(&it.remedies.without),
        "sent_with_another_value": names(&it.remedies.with_another_value),
    })
}

fn names(paths: &[Path]) -> Value {
    paths.iter().map(ToString::to_string).collect()
}

fn pairs(settings: &[(&'static str, String)]) -> Value {
    settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())))
        .collect()
}

fn verdict(verdict: &Verdict) -> Value {
    json!({"outcome": verdict.outcome, "reason": verdict.reason, "detail": verdict.detail})
}

fn warnings(seen: &Seen) -> Value {
    seen.warnings
        .iter()
        .map(|note| json!({"reason": note.reason(), "detail": note.to_string()}))
        .collect()
}

fn request(it: &Explanation, at: usize, request: &Request) -> Value {
    let attributes = request.leaves.iter().map(|(path, value)| {
        let nowhere = Origin::default();
        let origin = it.origins.get(&(at, path.clone())).unwrap_or(&nowhere);
        let sources: Value = origin.sources.iter().map(source).collect();
        let instead_of: Value = origin.instead_of.iter().map(ToString::to_string).collect();
        json!({"attribute": path.to_string(), "value": value, "from": sources, "instead_of": instead_of})
    });
    json!({"call": request.call, "attributes": attributes.collect::<Value>()})
}

fn source(source: &Source) -> Value {
    match source {
        Source::Field(path) => json!({"field": path.to_string()}),
        Source::Setting(name) => json!({"setting": name}),
        Source::Message => json!({"hash_of": "message"}),
        Source::Clock => json!({"time_of": "delivery"}),
    }
}

fn left_out(field: &str, why: &Why) -> Value {
    let (reason, attributes) = match why {
        Why::Empty => ("empty", Vec::new()),
        Why::NotNeeded { attribute, .. } => ("not_needed", vec![attribute]),
        Why::Unreadable { attributes, .. } => ("unreadable", attributes.iter().collect()),
        Why::Setting { attribute, .. } => ("setting", vec![attribute]),
        Why::Unread => ("unread", Vec::new()),
    };
    let attributes: Value = attributes.into_iter().map(ToString::to_string).collect();
    json!({"field": field, "reason": reason, "detail": why.to_string(), "attributes": attributes})
}

fn switched(switched: &Switched) -> Value {
    let Switched {
        name,
        value,
        instead,
        difference,
    } = switched;
    json!({"setting": name, "value": value, "instead": instead, "difference": self::difference(difference)})
}

fn difference(it: &Difference) -> Value {
    let change = |change: &Change| {
        let Change {
            at: _,
            request,
            attribute,
            before,
            after,
        } = change;
        json!({
            "request": request, "attribute": attribute.to_string(),
            "way": change.way(), "before": before, "after": after,
        })
    };
    let verdict = it.verdict.as_ref().map(
        |(before, after)| json!({"before": self::verdict(before), "after": self::verdict(after)}),
    );
    let warnings = it
        .warnings
        .as_ref()
        .map(|(before, after)| json!({"before": before, "after": after}));
    json!({
        "verdict": verdict,
        "warnings": warnings,
        "removed": it.removed,
        "added": it.added,
        "changes": it.changes.iter().map(change).collect::<Value>(),
    })
}
