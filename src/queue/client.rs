//! Writing to a queue.

use std::collections::HashSet;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use futures_util::{StreamExt, stream};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use crate::telemetry::{Log, error_chain};

/// The most entries, and bytes of entries, in one request to SQS:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
const MAX_BATCH_ENTRIES: usize = 10;
const MAX_BATCH_BYTES: usize = 1024 * 1024;

/// The longest delay:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html>
pub(super) const MAX_DELAY: Duration = Duration::from_secs(900);

/// The most requests under way at a time.
const MAX_CONCURRENT_REQUESTS: usize = 20;

/// The reason why entries are not in the queue.
#[derive(Debug, Error)]
pub enum QueueError {
    /// SQS did not take the request.
    #[error("the queue cannot be written: {0}")]
    Send(String),
    /// SQS took the request, but not all of its entries.
    #[error("the queue did not take {0} entries")]
    Entries(usize),
    /// The time for the delivery is over.
    #[error("no time left to write to the queue")]
    Timeout,
}

/// A queue.
#[derive(Clone)]
pub struct Queue {
    client: Client,
    url: String,
    log: Log,
}

/// A message for a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueMessage {
    /// The body.
    pub body: String,
    /// The time for which the queue keeps it back, in whole seconds. SQS allows 15 minutes at most.
    pub delay: Duration,
}

impl From<String> for QueueMessage {
    fn from(body: String) -> Self {
        let delay = Duration::ZERO;
        QueueMessage { body, delay }
    }
}

/// A request of messages, each with its index among all of them.
type IndexedMessages = Vec<(usize, QueueMessage)>;

impl Queue {
    /// Creates the queue at `url`.
    pub fn new(client: Client, url: String, log: Log) -> Self {
        Queue { client, url, log }
    }

    /// Whether SQS takes a body of this size.
    pub fn fits(body: &str) -> bool {
        body.len() <= MAX_BATCH_BYTES
    }

    /// Puts messages into the queue. Returns one flag for each, in order: true if SQS accepted it.
    pub async fn send_all(&self, messages: Vec<QueueMessage>, deadline: Instant) -> Vec<bool> {
        let mut is_accepted = vec![false; messages.len()];
        let requests = batches(messages)
            .into_iter()
            .map(|batch| self.send(batch, deadline));
        let mut answers = stream::iter(requests).buffer_unordered(MAX_CONCURRENT_REQUESTS);
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(accepted) => {
                    for index in accepted {
                        if let Some(is_accepted) = is_accepted.get_mut(index) {
                            *is_accepted = true;
                        }
                    }
                }
                Err(error) => self.log.error("not queued", &error),
            }
        }
        is_accepted
    }

    /// Puts messages into the queue, one request after another until one fails. Returns how many of
    /// them, from the first on, SQS accepted for certain.
    pub async fn send_in_order(&self, messages: Vec<QueueMessage>, deadline: Instant) -> Vec<bool> {
        let mut is_accepted = vec![false; messages.len()];
        for batch in batches(messages) {
            let count = batch.len();
            let accepted = match self.send(batch, deadline).await {
                Ok(accepted) => accepted,
                Err(error) => {
                    self.log.error("not queued", &error);
                    break;
                }
            };
            let is_complete = accepted.len() == count;
            for index in accepted {
                if let Some(is_accepted) = is_accepted.get_mut(index) {
                    *is_accepted = true;
                }
            }
            if !is_complete {
                break;
            }
        }
        is_accepted
    }

    /// Sends one request. Returns the indexes of the bodies that SQS took.
    async fn send(
        &self,
        messages: IndexedMessages,
        deadline: Instant,
    ) -> Result<Vec<usize>, QueueError> {
        let mut indexes = Vec::with_capacity(messages.len());
        let mut entries = Vec::with_capacity(messages.len());
        for (index, message) in messages {
            indexes.push(index);
            entries.push(batch_entry(index, message));
        }
        let request = self
            .client
            .send_message_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries));
        let answer = timeout_at(deadline, request.send())
            .await
            .map_err(|_| QueueError::Timeout)?;
        let answer = answer.map_err(|error| match (error.code(), error.message()) {
            (Some(code), Some(message)) => QueueError::Send(format!("{code}: {message}")),
            _ => QueueError::Send(error_chain(&error)),
        })?;
        let successful: HashSet<&str> =
            answer.successful().iter().map(|entry| entry.id()).collect();
        let (accepted, refused) = partition_accepted(indexes, &successful);
        if !refused.is_empty() {
            self.log
                .error("not queued", &QueueError::Entries(refused.len()));
        }
        Ok(accepted)
    }
}

/// Separates the indexes of a request into those that SQS names as successful and the others. An id
/// that the request does not hold must not vouch for an entry of another request.
fn partition_accepted(indexes: Vec<usize>, successful: &HashSet<&str>) -> (Vec<usize>, Vec<usize>) {
    indexes
        .into_iter()
        .partition(|index| successful.contains(index.to_string().as_str()))
}

#[expect(
    clippy::expect_used,
    reason = "both fields that the SDK asks for are given"
)]
fn batch_entry(index: usize, message: QueueMessage) -> SendMessageBatchRequestEntry {
    let QueueMessage { body, delay } = message;
    let delay = delay.min(MAX_DELAY).as_secs();
    let delay_seconds = i32::try_from(delay).ok().filter(|seconds| *seconds > 0);
    SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(body)
        .set_delay_seconds(delay_seconds)
        .build()
        .expect("an id and a body")
}

/// Groups the messages that SQS takes into as few requests as its limits allow.
fn batches(messages: Vec<QueueMessage>) -> Vec<IndexedMessages> {
    let mut batches: Vec<IndexedMessages> = Vec::new();
    let mut batch_bytes = 0;
    for (index, message) in messages.into_iter().enumerate() {
        if !Queue::fits(&message.body) {
            continue;
        }
        let bytes = message.body.len();
        match batches.last_mut() {
            Some(batch)
                if batch.len() < MAX_BATCH_ENTRIES && batch_bytes + bytes <= MAX_BATCH_BYTES =>
            {
                batch_bytes += bytes;
                batch.push((index, message));
            }
            _ => {
                batch_bytes = bytes;
                batches.push(vec![(index, message)]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes_of_batches(sizes: &[usize]) -> Vec<usize> {
        let bodies = sizes.iter().map(|size| "x".repeat(*size).into());
        batches(bodies.collect()).iter().map(Vec::len).collect()
    }

    #[test]
    fn batches_keep_to_the_limits_of_sqs() {
        assert_eq!(sizes_of_batches(&[]), [0_usize; 0]);
        assert_eq!(sizes_of_batches(&[10; 25]), [10, 10, 5]);
        assert_eq!(
            sizes_of_batches(&[MAX_BATCH_BYTES, MAX_BATCH_BYTES, 1]),
            [1, 1, 1]
        );
        assert_eq!(
            sizes_of_batches(&[MAX_BATCH_BYTES / 2, MAX_BATCH_BYTES / 2, 1]),
            [2, 1]
        );
    }

    #[test]
    fn only_ids_of_the_request_itself_are_accepted() {
        let successful = HashSet::from(["10", "12", "3", "-1", "x"]);
        assert_eq!(
            partition_accepted(vec![10, 11, 12], &successful),
            (vec![10, 12], vec![11])
        );
    }

    #[test]
    fn a_body_over_the_limit_costs_no_other() {
        let small = QueueMessage::from("y".to_owned());
        let batches = batches(vec!["x".repeat(MAX_BATCH_BYTES + 1).into(), small.clone()]);
        assert_eq!(batches, [vec![(1, small)]]);
    }
}
