//! The report on the messages of one file.

use serde_json::Value;
use serde_json::value::RawValue;
use time::OffsetDateTime;

use super::difference::Difference;
use super::evaluation::{Evaluation, evaluate};
use super::explanation::Explanation;
use super::message_title::MessageTitle;
use super::messages::{DeliveryMessage, DeliveryMessages};
use crate::input::{Delivery, QueueReason};
use crate::overrides::SettingOverrides;
use crate::progress::ProgressDisplay;
use crate::sign::SharedSecret;

/// The settings and the time that messages are evaluated with.
pub(super) struct ReportOptions {
    /// The settings.
    pub(super) settings: SettingOverrides,
    /// The settings to compare with, instead of explaining the messages.
    pub(super) other_settings: Option<SettingOverrides>,
    /// The time of the delivery.
    pub(super) now: OffsetDateTime,
}

/// The report on one file.
pub(super) struct FileReport {
    /// The name of the file.
    pub(super) name: String,
    /// The status and the reason with which the function would reject the delivery.
    pub(super) rejection: Option<String>,
    /// The reports on its messages, in their order.
    pub(super) messages: Vec<MessageReport>,
}

/// The report on one message.
pub(super) struct MessageReport {
    /// The title of the message.
    pub(super) title: MessageTitle,
    /// The reason why the message is in a queue, if it comes from one.
    pub(super) queued: Option<QueueReason>,
    /// The content of the report.
    pub(super) content: ReportContent,
}

/// The content of a report on a message.
pub(super) enum ReportContent {
    /// The explanation of the message.
    Explanation(Box<Explanation>),
    /// The difference that other settings make.
    Difference(Box<Difference>),
    /// The evaluation alone, because the fields of the message cannot be changed one at a time.
    Evaluation {
        /// The evaluation of the message.
        evaluation: Evaluation,
        /// The problem that prevents an explanation, such as a number out of range (1e999).
        problem: String,
    },
}

impl FileReport {
    /// Reports on the messages of a delivery of a file.
    pub(super) fn new(
        name: &str,
        delivery: Delivery,
        options: &ReportOptions,
        secret: &SharedSecret,
    ) -> Result<Self, String> {
        let delivery = DeliveryMessages::new(delivery, secret)?;
        let mut messages = Vec::new();
        // A large order takes hundreds of experiments.
        let mut progress = ProgressDisplay::of_messages(delivery.messages.len());
        for message in delivery.messages {
            messages.push(MessageReport::new(message, options)?);
            progress.count(messages.len());
        }
        progress.clear();
        Ok(FileReport {
            name: name.to_owned(),
            rejection: delivery.rejection,
            messages,
        })
    }
}

impl MessageReport {
    fn new(message: DeliveryMessage, options: &ReportOptions) -> Result<Self, String> {
        Ok(MessageReport {
            title: MessageTitle::parse(message.raw.get()),
            queued: message.queued,
            content: ReportContent::new(&message.raw, options)?,
        })
    }
}

impl ReportContent {
    fn new(message: &RawValue, options: &ReportOptions) -> Result<Self, String> {
        let settings = &options.settings;
        let evaluation = evaluate(message, &settings.rules()?, options.now);
        let value: Value = match serde_json::from_str(message.get()) {
            Ok(value) => value,
            Err(error) => {
                return Ok(ReportContent::Evaluation {
                    evaluation,
                    problem: error.to_string(),
                });
            }
        };
        if let Some(other_settings) = &options.other_settings {
            let other_evaluation = evaluate(message, &other_settings.rules()?, options.now);
            let difference = Difference::between(&evaluation, &other_evaluation);
            return Ok(ReportContent::Difference(Box::new(difference)));
        }
        let explanation = Explanation::new(&value, evaluation, settings, options.now)?;
        Ok(ReportContent::Explanation(Box::new(explanation)))
    }
}
