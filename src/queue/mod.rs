//! SQS: what could not be delivered now, and what never can be.

mod entry;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use futures_util::{StreamExt, stream};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use crate::telemetry::{self, Log};

pub use entry::{EntryError, QueueEntry};

/// SQS takes so many entries, and so many bytes of them, in one request:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
const ENTRIES: usize = 10;
const BYTES: usize = 256 * 1024;

/// Requests under way at once.
const CONCURRENCY: usize = 20;

/// Why entries are not in the queue.
#[derive(Debug, Error)]
pub enum QueueError {
    /// SQS did not take the request.
    #[error("the queue cannot be written: {0}")]
    Send(String),
    /// SQS took the request but not all of its entries.
    #[error("the queue did not take {0} entries")]
    Entries(usize),
    /// The delivery's time is over.
    #[error("no time left to write the queue")]
    OutOfTime,
}

/// One queue.
#[derive(Clone)]
pub struct Queue {
    client: Client,
    url: String,
    log: Log,
}

impl Queue {
    /// The queue at `url`.
    pub fn new(client: Client, url: String, log: Log) -> Self {
        Queue { client, url, log }
    }

    /// Whether SQS takes a body of this size.
    pub fn fits(body: &str) -> bool {
        body.len() <= BYTES
    }

    /// Puts bodies into the queue and says of each, in their order, whether it is there. What is larger
    /// than SQS takes is not.
    pub async fn send_all(&self, bodies: Vec<String>, deadline: Instant) -> Vec<bool> {
        let mut there = vec![false; bodies.len()];
        let send = |request: Vec<(usize, String)>| async move {
            let indexes: Vec<_> = request.iter().map(|(index, _)| *index).collect();
            (indexes, self.send(request, deadline).await)
        };
        let mut sent =
            stream::iter(requests(bodies).into_iter().map(send)).buffer_unordered(CONCURRENCY);
        while let Some((indexes, result)) = sent.next().await {
            match result {
                Ok(failed) => {
                    for index in indexes {
                        if let Some(slot) = there.get_mut(index) {
                            *slot = !failed.contains(&index);
                        }
                    }
                    if !failed.is_empty() {
                        self.log
                            .error("not queued", &QueueError::Entries(failed.len()));
                    }
                }
                Err(error) => self.log.error("not queued", &error),
            }
        }
        there
    }

    /// The indexes that SQS did not take.
    async fn send(
        &self,
        bodies: Vec<(usize, String)>,
        deadline: Instant,
    ) -> Result<Vec<usize>, QueueError> {
        let entry = |(index, body): (usize, String)| {
            // Both fields are given, so this cannot fail; an entry that is missing is not acknowledged.
            SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_body(body)
                .build()
                .ok()
        };
        let indexes: Vec<_> = bodies.iter().map(|(index, _)| *index).collect();
        let entries: Vec<_> = bodies.into_iter().filter_map(entry).collect();
        let request = self
            .client
            .send_message_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries));
        let answer = timeout_at(deadline, request.send())
            .await
            .map_err(|_| QueueError::OutOfTime)?;
        let answer = answer.map_err(|error| match (error.code(), error.message()) {
            (Some(code), Some(message)) => QueueError::Send(format!("{code}: {message}")),
            _ => QueueError::Send(telemetry::error_chain(&error)),
        })?;
        let taken = |index: &usize| {
            answer
                .successful()
                .iter()
                .any(|entry| entry.id() == index.to_string())
        };
        Ok(indexes.into_iter().filter(|index| !taken(index)).collect())
    }
}

/// Bodies with their indexes, in as many requests as SQS's limits ask for.
fn requests(bodies: Vec<String>) -> Vec<Vec<(usize, String)>> {
    let mut requests: Vec<Vec<(usize, String)>> = Vec::new();
    let mut bytes = 0;
    for (index, body) in bodies
        .into_iter()
        .enumerate()
        .filter(|(_, body)| Queue::fits(body))
    {
        match requests.last_mut() {
            Some(request) if request.len() < ENTRIES && bytes + body.len() <= BYTES => {
                bytes += body.len();
                request.push((index, body));
            }
            _ => {
                bytes = body.len();
                requests.push(vec![(index, body)]);
            }
        }
    }
    requests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_keep_to_sqs_s_limits_and_lose_nothing_that_fits() {
        let bodies = |sizes: &[usize]| {
            sizes
                .iter()
                .map(|size| "x".repeat(*size))
                .collect::<Vec<_>>()
        };
        let counts = |sizes: &[usize]| {
            requests(bodies(sizes))
                .iter()
                .map(Vec::len)
                .collect::<Vec<_>>()
        };
        assert_eq!(counts(&[]), [0_usize; 0]);
        assert_eq!(counts(&[10; 25]), [10, 10, 5]);
        assert_eq!(counts(&[BYTES, BYTES, 1]), [1, 1, 1]);
        assert_eq!(counts(&[BYTES / 2, BYTES / 2, 1]), [2, 1]);
        assert_eq!(counts(&[BYTES + 1, 1]), [1]);
        assert_eq!(
            requests(bodies(&[BYTES + 1, 1]))[0][0].0,
            1,
            "the index is the body's own"
        );
    }
}
