//! A dead letter.

use segment_klaviyo::json::Raw;
use segment_klaviyo::klaviyo::OperationId;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::verdict::{Judge, Verdict};
use crate::explain::message_title::MessageTitle;
use crate::input::{QueueReason, QueuedMessage};

/// The reason of a message that is no entry of the function.
const UNREADABLE: &str = "unreadable";

/// A message of the dead-letter queue.
pub(super) struct DeadLetter {
    queued: QueuedMessage,
    title: Option<MessageTitle>,
    reason: QueueReason,
    /// The moment at which the message first arrived.
    first_seen_at: Option<OffsetDateTime>,
    pending: Vec<OperationId>,
    completed: Vec<OperationId>,
    verdict: Verdict,
}

impl DeadLetter {
    /// Reads a message of the queue.
    pub(super) async fn new(queued: QueuedMessage, judge: &Judge) -> Self {
        let title = queued.message().ok();
        let title = title.map(|message| MessageTitle::parse(message.get()));
        let (reason, first_seen_at, pending, completed, verdict) = match queued.entry() {
            Ok(entry) => (
                queued.reason(),
                OffsetDateTime::from_unix_timestamp(entry.first_seen_at).ok(),
                entry.pending.clone(),
                entry.completed.clone(),
                judge.judge(entry).await,
            ),
            Err(problem) => {
                let reason = QueueReason {
                    reason: UNREADABLE.to_owned(),
                    detail: problem,
                    klaviyo_detail: None,
                };
                let verdict = Verdict::Unknown("the tool cannot read it".to_owned());
                (Some(reason), None, Vec::new(), Vec::new(), verdict)
            }
        };
        DeadLetter {
            title,
            reason: reason.unwrap_or(QueueReason {
                reason: UNREADABLE.to_owned(),
                detail: String::new(),
                klaviyo_detail: None,
            }),
            first_seen_at,
            pending,
            completed,
            verdict,
            queued,
        }
    }

    pub(super) fn queued(&self) -> &QueuedMessage {
        &self.queued
    }

    pub(super) fn message_id(&self) -> Option<&str> {
        self.title.as_ref()?.message_id.as_deref()
    }

    pub(super) fn event(&self) -> Option<&str> {
        self.title.as_ref()?.event.as_deref()
    }

    /// The stable name of the reason.
    pub(super) fn reason(&self) -> &str {
        &self.reason.reason
    }

    /// The reason, in words too.
    pub(super) fn full_reason(&self) -> &QueueReason {
        &self.reason
    }

    pub(super) fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    pub(super) fn passes(&self) -> bool {
        self.verdict.passes()
    }

    pub(super) fn completed(&self) -> &[OperationId] {
        &self.completed
    }

    pub(super) fn pending(&self) -> &[OperationId] {
        &self.pending
    }

    /// Returns the type and the name of the event.
    pub(super) fn kind(&self) -> String {
        match &self.title {
            None => "not a message".to_owned(),
            Some(title) => {
                let kind = title.message_type.as_deref().unwrap_or("no type");
                let event = title.event.as_deref().unwrap_or_default();
                format!("{kind} {event}").trim_end().to_owned()
            }
        }
    }

    /// Returns the id by which it can be named.
    pub(super) fn name(&self) -> &str {
        let id = self.message_id().or(self.queued.id.as_deref());
        id.unwrap_or("no messageId")
    }

    /// Returns the time of arrival, to the minute, in UTC.
    pub(super) fn arrival(&self) -> Option<String> {
        let at = self.first_seen_at?;
        let (hour, minute, _) = at.time().as_hms();
        Some(format!("{} {hour:02}:{minute:02}", at.date()))
    }

    /// Returns it for scripts.
    pub(super) fn json(&self) -> Value {
        let title = self.title.as_ref();
        json!({
            "id": self.queued.id,
            "message_id": self.message_id(),
            "type": title.and_then(|title| title.message_type.as_deref()),
            "event": self.event(),
            "reason": self.reason.reason,
            "detail": self.reason.detail,
            "klaviyo_detail": self.reason.klaviyo_detail,
            "arrived": self.first_seen_at.map(OffsetDateTime::unix_timestamp),
            "now": self.verdict.json(),
        })
    }

    /// Returns it for scripts, with the message.
    pub(super) fn full_json(&self) -> Value {
        let mut document = self.json();
        if let Value::Object(fields) = &mut document {
            let message = self.message();
            let value = message.and_then(|message| serde_json::from_str(message.get()).ok());
            fields.insert("done".to_owned(), json!(self.completed));
            fields.insert("to_do".to_owned(), json!(self.pending));
            fields.insert("message".to_owned(), value.unwrap_or(Value::Null));
        }
        document
    }

    pub(super) fn message(&self) -> Option<Raw<'_>> {
        self.queued.message().ok()
    }
}
