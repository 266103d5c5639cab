//! Entries of the retry queue that follow an import job: Klaviyo takes a job at once, and says only
//! later which profiles it did not accept.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::body;
use super::entry::{EntryError, QueueEntry};
use crate::delivery::InFlight;
use crate::json;

/// An import job to follow, with the messages whose profiles it imports.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImportEntry<'a> {
    /// Klaviyo's id of the job.
    pub import_job: String,
    /// How often the job was asked for.
    #[serde(default)]
    pub asked: u32,
    /// The messages, with the place of each one's profile in the job.
    #[serde(borrow)]
    pub members: Vec<ImportMember<'a>>,
}

/// A message whose profile an import job imports.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImportMember<'a> {
    /// The place of the profile in the job, from 0. Several messages of one person share it.
    pub slot: usize,
    /// The message, of which only the import is to be done.
    #[serde(borrow)]
    pub entry: QueueEntry<'a>,
}

/// The most bytes of an entry before it is compressed: SQS takes it even if it cannot be.
const MAX_BYTES: usize = 1_000_000;

/// The bytes that surround the members of an entry.
const ENVELOPE_BYTES: usize = 200;

impl<'a> ImportEntry<'a> {
    /// Whether the JSON of a record follows an import job.
    pub fn is_one(json: &str) -> bool {
        json.starts_with(r#"{"import_job":"#)
    }

    /// Parses the JSON of a record.
    pub fn parse(json: &'a str) -> Result<Self, EntryError> {
        serde_json::from_str(json).map_err(|error| EntryError::from(&error))
    }

    /// Writes the entry as the body of an SQS message.
    #[expect(
        clippy::expect_used,
        reason = "an empty body in a queue would be a message lost"
    )]
    pub fn write(&self) -> String {
        let body = serde_json::to_string(self).expect("text and valid JSON can be written");
        body::compress_if_long(json::escape_noncharacters(&body).into_owned())
    }

    /// Returns the time to wait before the job is asked for (again): from 15 seconds to 15 minutes,
    /// the longest delay of SQS.
    pub fn delay(&self) -> Duration {
        const FIRST: Duration = Duration::from_secs(15);
        const LONGEST: Duration = Duration::from_secs(900);
        FIRST
            .saturating_mul(2_u32.saturating_pow(self.asked))
            .min(LONGEST)
    }

    /// Returns the entries that follow the import jobs of a delivery, each with the messages that are
    /// in it. An entry holds as many members as SQS takes for certain.
    pub fn of_batch<'b>(batch: &[&'b InFlight<'a>]) -> Vec<(Self, Vec<&'b InFlight<'a>>)> {
        let mut entries: Vec<(Self, Vec<&InFlight>)> = Vec::new();
        let mut bytes = 0;
        for message in batch {
            for import in message.imports() {
                let member = ImportMember {
                    slot: import.slot,
                    entry: QueueEntry::for_operation(message, &import.operation),
                };
                let member_bytes = member.entry.bytes() + ENVELOPE_BYTES;
                bytes += member_bytes;
                match entries.last_mut() {
                    Some((entry, messages))
                        if *entry.import_job == *import.job_id && bytes <= MAX_BYTES =>
                    {
                        entry.members.push(member);
                        messages.push(message);
                    }
                    _ => {
                        bytes = member_bytes;
                        let entry = ImportEntry {
                            import_job: import.job_id.as_ref().to_owned(),
                            asked: 0,
                            members: vec![member],
                        };
                        entries.push((entry, vec![*message]));
                    }
                }
            }
        }
        entries
    }
}
