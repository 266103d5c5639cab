//! The evaluation of one message: what the rules decide, and the requests that would follow.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use segment_klaviyo::outcome::{RejectReason, Warning};
use segment_klaviyo::rules::{self, Decision};
use segment_klaviyo::segment::{InvalidMessage, Message};
use segment_klaviyo::settings::RuleSettings;
use serde_json::value::RawValue;
use time::OffsetDateTime;

use super::request_preview::{RequestPreview, api_requests};

/// The result of applying the rules to one message. Nothing has been sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Evaluation {
    /// Whether the message would be sent.
    pub(crate) decision: RuleDecision,
    /// The requests that would be sent to Klaviyo: one for each operation.
    pub(crate) requests: Vec<Rc<RequestPreview>>,
    /// The warnings about a message that would be sent.
    pub(crate) warnings: Vec<Warning>,
}

/// Whether a message would be sent, and why not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RuleDecision {
    /// A rule says not to send it.
    Ignored(DecisionReason),
    /// Klaviyo could never accept it.
    Rejected(DecisionReason),
    /// It would be sent.
    Sent,
}

/// The reason why a message would not be sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DecisionReason {
    /// The stable name of the reason, such as `no_email`.
    pub(crate) name: &'static str,
    /// The reason in words.
    pub(crate) detail: String,
}

impl RuleDecision {
    /// Whether the message would be sent.
    pub(crate) fn is_sent(&self) -> bool {
        matches!(self, RuleDecision::Sent)
    }

    /// Returns the outcome in one word: `sent`, `ignored` or `rejected`.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            RuleDecision::Ignored(_) => "ignored",
            RuleDecision::Rejected(_) => "rejected",
            RuleDecision::Sent => "sent",
        }
    }

    /// Returns the reason why the message would not be sent.
    pub(crate) fn reason(&self) -> Option<&DecisionReason> {
        match self {
            RuleDecision::Ignored(reason) | RuleDecision::Rejected(reason) => Some(reason),
            RuleDecision::Sent => None,
        }
    }
}

impl fmt::Display for RuleDecision {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.reason() {
            Some(reason) => write!(f, "{} ({})", self.outcome(), reason.name),
            None => f.write_str(self.outcome()),
        }
    }
}

/// Applies the rules to a message.
pub(crate) fn evaluate(
    message: &RawValue,
    rules: &RuleSettings,
    now: OffsetDateTime,
) -> Evaluation {
    evaluate_change(message, rules, now, &[])
}

/// Applies the rules to a message after a small change. Requests that are still the same, byte for
/// byte, are taken from `known_requests`: after the change of one field of a large order, nearly all
/// of them are.
pub(super) fn evaluate_change(
    message: &RawValue,
    rules: &RuleSettings,
    now: OffsetDateTime,
    known_requests: &[Rc<RequestPreview>],
) -> Evaluation {
    let (operations, warnings) = match decide(message, rules, now) {
        Decision::Send(plan) => plan.into_parts(),
        Decision::Ignore(reason) => {
            return Evaluation::without_requests(RuleDecision::Ignored(DecisionReason {
                name: reason.reason(),
                detail: reason.to_string(),
            }));
        }
        Decision::Reject(reason) => {
            return Evaluation::without_requests(RuleDecision::Rejected(DecisionReason {
                name: reason.reason(),
                detail: reason.to_string(),
            }));
        }
    };
    let mut requests: Vec<Rc<RequestPreview>> = Vec::new();
    for request in operations.iter().flat_map(api_requests) {
        let preview = match known_requests.get(requests.len()) {
            Some(known) if known.shows(&request) => Rc::clone(known),
            _ => Rc::new(RequestPreview::new(request)),
        };
        requests.push(preview);
    }
    Evaluation {
        decision: RuleDecision::Sent,
        requests,
        warnings,
    }
}

impl Evaluation {
    fn without_requests(decision: RuleDecision) -> Self {
        Evaluation {
            decision,
            requests: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

/// Applies the rules. A panic in a rule rejects the message, as it does in the function.
fn decide<'a>(raw: &'a RawValue, rules: &RuleSettings, now: OffsetDateTime) -> Decision<'a> {
    match Message::parse(raw) {
        Ok(message) => {
            let decision = catch_unwind(AssertUnwindSafe(|| rules::decide(&message, rules, now)));
            decision.unwrap_or(Decision::Reject(RejectReason::InternalError))
        }
        Err(InvalidMessage) => Decision::Reject(RejectReason::NotAMessage),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::to_raw_value;
    use serde_json::{Value, json};
    use time::macros::datetime;

    use super::*;
    use crate::overrides::SettingOverrides;

    fn evaluate(settings: &SettingOverrides, message: &Value) -> Evaluation {
        let raw = to_raw_value(message).unwrap();
        let now = datetime!(2026-11-20 12:00 UTC);
        super::evaluate(&raw, &settings.rules().unwrap(), now)
    }

    fn attributes(request: &RequestPreview) -> Vec<String> {
        let attributes = request.attributes.iter();
        attributes
            .map(|(path, value)| format!("{path}={value}"))
            .collect()
    }

    #[test]
    fn requests_are_lists_of_attributes() {
        let settings = SettingOverrides::default().with("CONFIRM_OPTIN", "false");
        let message = json!({
            "type": "identify", "timestamp": "2026-11-20T10:00:00Z",
            "traits": {"email": "sarah@klaviyo-demo.com", "data": {"type": 1}, "city": "York"},
            "integrations": {"Klaviyo": {"listId": "Y6nRLr", "fieldsToUnset": "old"}},
        });
        let evaluation = evaluate(&settings, &message);
        assert!(evaluation.decision.is_sent());
        assert_eq!(
            attributes(&evaluation.requests[0]),
            [
                r#"email="sarah@klaviyo-demo.com""#,
                r#"location.city="York""#,
                r#"patch_properties.unset=["old"]"#,
                r#"properties.city="York""#,
                r#"properties.data={"type":1}"#
            ]
        );
        assert_eq!(
            attributes(&evaluation.requests[1]),
            [
                r#"custom_source="Segment""#,
                "historical_import=true",
                r#"list="Y6nRLr""#,
                r#"profiles.email="sarah@klaviyo-demo.com""#,
                r#"profiles.subscriptions.email.marketing.consent="SUBSCRIBED""#,
                r#"profiles.subscriptions.email.marketing.consented_at="2026-11-20T10:00:00.000Z""#,
            ]
        );
    }

    #[test]
    fn a_message_that_is_not_sent_has_a_reason_and_no_requests() {
        let evaluation = evaluate(&SettingOverrides::default(), &json!({"type": "alias"}));
        assert_eq!(
            evaluation.decision.to_string(),
            "ignored (unsupported_type)"
        );
        assert!(evaluation.requests.is_empty());
    }
}
