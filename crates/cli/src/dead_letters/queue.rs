//! The dead-letter queue in SQS.

use std::collections::HashSet;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
};
use segment_klaviyo::queue::{Queue, QueueMessage};
use segment_klaviyo::telemetry::{Log, error_chain};
use tokio::time::Instant;

use super::letter::DeadLetter;
use super::selection::Selection;
use super::source::QueueUrls;
use super::verdict::Judge;
use crate::input::QueuedMessage;
use crate::progress::ProgressDisplay;
use crate::{aws, output};

/// The most messages of one request.
const MAX_BATCH: usize = 10;

/// The seconds for which nobody else gets what is only looked at, if the tool is killed meanwhile.
const PEEK_SECONDS: i32 = 60;

/// The seconds for which nobody else gets what is moved.
const TAKE_SECONDS: i32 = 300;

/// The seconds that SQS looks for messages. Without them it asks only some of its servers, and an
/// empty answer does not mean that the queue is empty.
const WAIT_SECONDS: i32 = 1;

/// The time for writing ten messages.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// What becomes of selected messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// They move into the retry queue.
    Retry,
    /// They are deleted.
    Drop,
    /// They are only counted.
    Keep,
}

/// What became of the messages of a queue.
#[derive(Debug, Default)]
pub(super) struct ChangeReport {
    /// Selected ones that are moved, deleted or, with [`Fate::Keep`], counted.
    pub(super) done: usize,
    /// Selected ones that are still there.
    pub(super) failed: usize,
    /// Those in the retry queue that could not be deleted here.
    pub(super) twice: usize,
    /// Those that were not selected.
    pub(super) others: usize,
    /// Ids that no message has.
    pub(super) missing: Vec<String>,
}

impl ChangeReport {
    /// Whether everything that was selected is done.
    pub(super) fn is_clean(&self) -> bool {
        self.failed == 0 && self.twice == 0 && self.missing.is_empty()
    }
}

/// A message that this tool has received.
struct Received {
    receipt_handle: String,
    message: QueuedMessage,
}

/// The dead-letter queue.
pub(super) struct DeadLetterQueue {
    client: Client,
    urls: QueueUrls,
    /// The messages that nobody else gets at present.
    held: Vec<String>,
}

impl DeadLetterQueue {
    pub(super) fn connect(urls: QueueUrls) -> Result<Self, String> {
        Ok(DeadLetterQueue {
            client: aws::sqs(&urls.dead_letters)?,
            urls,
            held: Vec::new(),
        })
    }

    /// The URL.
    pub(super) fn name(&self) -> &str {
        &self.urls.dead_letters
    }

    /// Reads at most so many messages, and leaves them there for everybody.
    pub(super) async fn peek(&mut self, limit: usize) -> Result<Vec<QueuedMessage>, String> {
        let mut messages = Vec::new();
        let mut progress = ProgressDisplay::of_wait();
        let mut seen = HashSet::new();
        let mut problem = None;
        while messages.len() < limit {
            let page = match self.receive(PEEK_SECONDS, &mut seen).await {
                Ok(page) => page,
                Err(error) => {
                    problem = Some(error);
                    break;
                }
            };
            if page.is_empty() {
                break;
            }
            for received in page {
                self.held.push(received.receipt_handle);
                messages.push(received.message);
            }
            progress.wait(&format!("{} dead letters so far", messages.len()));
        }
        progress.clear();
        self.release().await?;
        if let Some(problem) = problem {
            return Err(problem);
        }
        if messages.len() >= limit {
            output::note(&format!(
                "only the first {limit} are read; --limit changes that"
            ));
            messages.truncate(limit);
        }
        Ok(messages)
    }

    /// Lets the selected messages meet their fate, and leaves the others there. What moves is in the
    /// retry queue before it is deleted here.
    pub(super) async fn take(
        &mut self,
        selection: &Selection,
        judge: &Judge,
        fate: Fate,
    ) -> Result<ChangeReport, String> {
        let retry_queue = match fate {
            Fate::Retry => Some(self.retry_queue().await?),
            Fate::Drop | Fate::Keep => None,
        };
        let mut report = ChangeReport::default();
        let mut found_ids = Vec::new();
        let mut seen = HashSet::new();
        let mut result = Ok(());
        loop {
            let page = match self.receive(TAKE_SECONDS, &mut seen).await {
                Ok(page) if page.is_empty() => break,
                Ok(page) => page,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            };
            let mut selected = Vec::new();
            for received in page {
                let letter = DeadLetter::new(received.message.clone(), judge).await;
                if selection.matches(&letter) {
                    found_ids.extend(Selection::ids_of(&letter));
                    selected.push(received);
                } else {
                    report.others += 1;
                    self.held.push(received.receipt_handle);
                }
            }
            self.finish(selected, fate, retry_queue.as_ref(), &mut report)
                .await;
        }
        // What was not moved can be received again at once.
        self.release().await?;
        report.missing = selection.missing_ids(&found_ids);
        result.map(|()| report)
    }

    async fn finish(
        &mut self,
        selected: Vec<Received>,
        fate: Fate,
        retry_queue: Option<&Queue>,
        report: &mut ChangeReport,
    ) {
        let mut done = Vec::new();
        match (fate, retry_queue) {
            (Fate::Keep, _) => {
                report.done += selected.len();
                let handles = selected.into_iter().map(|received| received.receipt_handle);
                self.held.extend(handles);
                return;
            }
            (Fate::Retry, Some(queue)) => {
                let mut messages = Vec::new();
                for received in &selected {
                    messages.push(QueueMessage::from(received.message.body.clone()));
                }
                let accepted = queue
                    .send_all(messages, Instant::now() + SEND_TIMEOUT)
                    .await;
                for (received, is_accepted) in selected.into_iter().zip(accepted) {
                    if is_accepted {
                        done.push(received.receipt_handle);
                    } else {
                        report.failed += 1;
                        self.held.push(received.receipt_handle);
                    }
                }
            }
            (Fate::Retry | Fate::Drop, _) => {
                done = selected
                    .into_iter()
                    .map(|received| received.receipt_handle)
                    .collect();
            }
        }
        let count = done.len();
        let deleted = self.delete(done).await;
        report.done += deleted;
        match fate {
            Fate::Retry => report.twice += count - deleted,
            Fate::Drop | Fate::Keep => report.failed += count - deleted,
        }
    }

    /// Receives the next messages that were not seen before; none if there are no more.
    async fn receive(
        &self,
        visibility_seconds: i32,
        seen: &mut HashSet<String>,
    ) -> Result<Vec<Received>, String> {
        let request = self
            .client
            .receive_message()
            .queue_url(&self.urls.dead_letters)
            .max_number_of_messages(MAX_BATCH as i32)
            .visibility_timeout(visibility_seconds)
            .wait_time_seconds(WAIT_SECONDS);
        let answer = request.send().await.map_err(|error| self.problem(&error))?;
        let mut page = Vec::new();
        for message in answer.messages.unwrap_or_default() {
            let (Some(receipt_handle), Some(body)) = (message.receipt_handle, message.body) else {
                continue;
            };
            let id = message.message_id;
            if seen.insert(id.clone().unwrap_or_else(|| receipt_handle.clone())) {
                page.push(Received {
                    receipt_handle,
                    message: QueuedMessage { id, body },
                });
            }
        }
        Ok(page)
    }

    /// Deletes messages, and returns how many of them are deleted for certain.
    async fn delete(&self, receipt_handles: Vec<String>) -> usize {
        let mut entries = Vec::new();
        for (index, handle) in receipt_handles.into_iter().enumerate() {
            let entry = DeleteMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(handle);
            entries.extend(entry.build());
        }
        if entries.is_empty() {
            return 0;
        }
        let request = self
            .client
            .delete_message_batch()
            .queue_url(&self.urls.dead_letters)
            .set_entries(Some(entries));
        match request.send().await {
            Ok(answer) => answer.successful.len(),
            Err(error) => {
                output::note(&self.problem(&error));
                0
            }
        }
    }

    /// Lets everybody receive the held messages again.
    async fn release(&mut self) -> Result<(), String> {
        let held = std::mem::take(&mut self.held);
        for handles in held.chunks(MAX_BATCH) {
            let mut entries = Vec::new();
            for (index, handle) in handles.iter().enumerate() {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(handle)
                    .visibility_timeout(0);
                entries.extend(entry.build());
            }
            let request = self
                .client
                .change_message_visibility_batch()
                .queue_url(&self.urls.dead_letters)
                .set_entries(Some(entries));
            request.send().await.map_err(|error| self.problem(&error))?;
        }
        Ok(())
    }

    /// Finds the retry queue: it is the one whose dead letters come here.
    async fn retry_queue(&self) -> Result<Queue, String> {
        let url = match &self.urls.retry {
            Some(url) => url.clone(),
            None => {
                let request = self
                    .client
                    .list_dead_letter_source_queues()
                    .queue_url(&self.urls.dead_letters);
                let answer = request.send().await.map_err(|error| self.problem(&error))?;
                match answer.queue_urls.as_slice() {
                    [url] => url.clone(),
                    urls => {
                        return Err(format!(
                            "{} queues have their dead letters here; name the retry queue (--retry-queue-url)",
                            urls.len()
                        ));
                    }
                }
            }
        };
        let log = Log::new(|line| output::note(&output::escape_control(line)));
        Ok(Queue::new(self.client.clone(), url, log))
    }

    fn problem<E>(&self, error: &E) -> String
    where
        E: ProvideErrorMetadata + std::error::Error,
    {
        let reason = match (error.code(), error.message()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            _ => error_chain(error),
        };
        format!("{}: {reason}", self.urls.dead_letters)
    }
}
