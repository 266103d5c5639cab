//! Reports as JSON. `docs/cli.md` describes the shape; keys are only ever added.

use serde_json::{Value, json};

use super::attribute_origin::{AttributeOrigin, AttributeSource};
use super::difference::{AttributeChange, Difference};
use super::effect::AttributeRef;
use super::evaluation::{Evaluation, RuleDecision};
use super::explanation::{Explanation, SettingEffect};
use super::json_path::JsonPath;
use super::report::{FileReport, MessageReport, ReportContent};
use super::request_preview::RequestPreview;
use super::setting_changes::SettingValue;
use super::unused::{OmissionReason, UnusedField};

/// Returns an array with an object for each file.
pub(super) fn files(reports: &[FileReport]) -> Value {
    let mut files = Vec::new();
    for report in reports {
        let messages: Value = report.messages.iter().map(message).collect();
        files.push(json!({
            "file": report.name,
            "rejection": report.rejection,
            "messages": messages,
        }));
    }
    files.into()
}

fn message(report: &MessageReport) -> Value {
    let mut message = match &report.content {
        ReportContent::Explanation(it) => explanation(it),
        ReportContent::Difference(it) => json!({"difference": difference(it)}),
        ReportContent::Evaluation {
            evaluation,
            problem,
        } => json!({
            "decision": decision(&evaluation.decision),
            "warnings": warnings(evaluation),
            "analysis_error": problem,
        }),
    };
    let titles = json!({
        "type": report.title.message_type,
        "event": report.title.event,
        "message_id": report.title.message_id,
        "queued": report.queued,
    });
    if let (Value::Object(message), Value::Object(titles)) = (&mut message, titles) {
        message.extend(titles);
    }
    message
}

fn explanation(explanation: &Explanation) -> Value {
    let mut requests = Vec::new();
    for (index, preview) in explanation.evaluation.requests.iter().enumerate() {
        requests.push(request(explanation, index, preview));
    }
    let mut unused = Vec::new();
    let mut unread = Vec::new();
    for field in &explanation.unused {
        if field.reason == OmissionReason::Unread {
            unread.push(field.path.to_string());
        } else {
            unused.push(unused_field(field));
        }
    }
    let settings: Value = explanation
        .decisive_settings
        .iter()
        .map(setting_effect)
        .collect();
    let suggestions = &explanation.suggestions;
    let sent_with: Value = suggestions
        .settings
        .iter()
        .map(|values| setting_values(values))
        .collect();
    json!({
        "decision": decision(&explanation.evaluation.decision),
        "warnings": warnings(&explanation.evaluation),
        "requests": requests,
        "unused": unused,
        "unread": unread,
        "decisive_fields": names(&explanation.decisive_fields),
        "decisive_settings": settings,
        "sent_with": sent_with,
        "sent_without": names(&suggestions.removals),
        "sent_with_another_value": names(&suggestions.variants),
    })
}

fn names(paths: &[JsonPath]) -> Value {
    paths.iter().map(ToString::to_string).collect()
}

fn setting_values(settings: &[SettingValue]) -> Value {
    settings
        .iter()
        .map(|setting| (setting.name.to_owned(), Value::from(setting.value.as_str())))
        .collect()
}

fn decision(decision: &RuleDecision) -> Value {
    let reason = decision.reason();
    json!({
        "outcome": decision.outcome(),
        "reason": reason.map(|reason| reason.name),
        "detail": reason.map(|reason| &reason.detail),
    })
}

fn warnings(evaluation: &Evaluation) -> Value {
    evaluation
        .warnings
        .iter()
        .map(|warning| json!({"reason": warning.reason(), "detail": warning.to_string()}))
        .collect()
}

fn request(explanation: &Explanation, index: usize, request: &RequestPreview) -> Value {
    let mut attributes = Vec::new();
    for (path, value) in &request.leaves {
        let attribute = AttributeRef {
            request: index,
            path: path.clone(),
        };
        // An explanation is made from the parsed message, whose requests can differ from those of
        // the original bytes: such an attribute has no known origin.
        let unknown = AttributeOrigin::default();
        let origin = explanation.origins.get(&attribute).unwrap_or(&unknown);
        let sources: Value = origin.sources.iter().map(source).collect();
        attributes.push(json!({
            "attribute": path.to_string(),
            "value": value,
            "sources": sources,
            "fallbacks": names(&origin.fallbacks),
        }));
    }
    json!({"endpoint": request.endpoint, "attributes": attributes})
}

fn source(source: &AttributeSource) -> Value {
    match source {
        AttributeSource::Field(path) => json!({"field": path.to_string()}),
        AttributeSource::Setting(name) => json!({"setting": name}),
        AttributeSource::MessageHash => json!({"hash_of": "message"}),
        AttributeSource::DeliveryTime => json!({"time_of": "delivery"}),
    }
}

fn unused_field(field: &UnusedField) -> Value {
    let (reason, attributes) = match &field.reason {
        OmissionReason::Empty => ("empty", json!([])),
        OmissionReason::NotNeeded { attribute, .. } => {
            ("not_needed", json!([attribute.to_string()]))
        }
        OmissionReason::Invalid { attributes, .. } => ("invalid", names(attributes)),
        OmissionReason::Setting { attribute, .. } => ("setting", json!([attribute.to_string()])),
        OmissionReason::Unread => ("unread", json!([])),
    };
    json!({
        "field": field.path.to_string(),
        "reason": reason,
        "detail": field.reason.to_string(),
        "attributes": attributes,
    })
}

fn setting_effect(effect: &SettingEffect) -> Value {
    json!({
        "setting": effect.name,
        "value": effect.value,
        "alternative": effect.alternative,
        "difference": difference(&effect.difference),
    })
}

fn difference(difference: &Difference) -> Value {
    let decisions = difference
        .decision
        .as_ref()
        .map(|(before, after)| json!({"before": decision(before), "after": decision(after)}));
    let warnings = difference
        .warnings
        .as_ref()
        .map(|(before, after)| json!({"before": before, "after": after}));
    let changes: Value = difference.changes.iter().map(attribute_change).collect();
    json!({
        "decision": decisions,
        "warnings": warnings,
        "removed": difference.removed,
        "added": difference.added,
        "changes": changes,
    })
}

fn attribute_change(change: &AttributeChange) -> Value {
    json!({
        "request": change.request,
        "attribute": change.attribute.to_string(),
        "kind": change.kind(),
        "before": change.before,
        "after": change.after,
    })
}
