//! Answers to Segment, in the form in which tests compare them.

use segment_klaviyo::response::WebhookResponse;

/// Returns the messages that were delivered, ignored and rejected.
pub(crate) fn counts(answer: &WebhookResponse) -> [usize; 3] {
    let body = &answer.body;
    [body.delivered, body.ignored, body.rejected]
}

/// Returns the position and the reason of each message that was not simply delivered.
pub(crate) fn reasons(answer: &WebhookResponse) -> Vec<(usize, &'static str)> {
    answer
        .body
        .results
        .iter()
        .map(|entry| (entry.index, entry.reason))
        .collect()
}
