//! Where dead letters are read: a queue, or files that hold its messages.

use std::path::PathBuf;

use crate::aws::StackOutputs;
use crate::samconfig::Environment;
use crate::setting_arguments::SettingArguments;

const NO_SOURCE: &str = "which queue? Name the environment (--env prod), the stack (--stack), \
    the URL (--queue-url), or to read only, a file of its messages (--file)";

/// The options that name the queues.
#[derive(clap::Args)]
pub(super) struct QueueArguments {
    /// The stack whose queues they are; by default that of --env. The AWS CLI looks its outputs up.
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,

    /// The URL of the dead-letter queue, the stack's output DeadLetterQueueUrl; by default
    /// DEAD_LETTER_QUEUE_URL in the environment.
    #[arg(long, value_name = "URL")]
    queue_url: Option<String>,

    /// The URL of the retry queue; by default the queue whose dead letters go to the other one.
    #[arg(long, value_name = "URL")]
    retry_queue_url: Option<String>,
}

/// The options that name a queue or files.
#[derive(clap::Args)]
pub(super) struct DeadLetterSource {
    #[command(flatten)]
    queue: QueueArguments,

    /// Reads a file instead, such as the output of `aws sqs receive-message`; `-` is stdin; may be
    /// repeated.
    #[arg(long, value_name = "FILE")]
    file: Vec<PathBuf>,

    /// Reads at most so many messages of the queue.
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000)]
    pub(super) limit: usize,
}

/// A source of dead letters.
pub(super) enum Source {
    /// Files of messages of a queue.
    Files(Vec<PathBuf>),
    /// A queue.
    Queue(QueueUrls),
}

/// The URLs of both queues.
pub(super) struct QueueUrls {
    /// The dead-letter queue.
    pub(super) dead_letters: String,
    /// The retry queue, if its URL is known.
    pub(super) retry: Option<String>,
}

impl DeadLetterSource {
    /// Finds the source. `settings` may name the environment whose stack it is.
    pub(super) fn find(&self, settings: &SettingArguments) -> Result<Source, String> {
        if !self.file.is_empty() {
            return Ok(Source::Files(self.file.clone()));
        }
        self.queue.urls(settings).map(Source::Queue)
    }
}

impl QueueArguments {
    /// Finds the URLs of the queues.
    pub(super) fn urls(&self, settings: &SettingArguments) -> Result<QueueUrls, String> {
        Ok(QueueUrls {
            dead_letters: self.dead_letters(settings)?,
            retry: self.retry_queue_url.clone(),
        })
    }

    fn dead_letters(&self, settings: &SettingArguments) -> Result<String, String> {
        if let Some(url) = &self.queue_url {
            return Ok(url.clone());
        }
        let mut stack = self.stack.clone();
        if stack.is_none()
            && let Some(name) = settings.environment()
        {
            stack = Environment::read(name)?.stack_name;
        }
        if let Some(stack) = stack {
            let outputs = StackOutputs::of(&stack)?;
            return Ok(outputs.value_of("DeadLetterQueueUrl")?.to_owned());
        }
        std::env::var("DEAD_LETTER_QUEUE_URL").map_err(|_| NO_SOURCE.to_owned())
    }
}
