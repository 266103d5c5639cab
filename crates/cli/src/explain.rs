//! `explain`: where each attribute of the requests to Klaviyo comes from. Nothing is sent.
//!
//! # Attribution by experiment
//!
//! The rules are pure functions of the message, the settings and the time. `explain` therefore needs
//! no knowledge of them: it changes one input, runs the rules again and compares the requests. The
//! attributes that change come from this input. An explanation cannot disagree with the rules,
//! because it only reports what the rules did.
//!
//! For example, the rules turn this message
//!
//! ```json
//! {
//!   "type": "track", "event": "Order Completed", "messageId": "m-1", "userId": "usr_1",
//!   "properties": {"email": "sarah@klaviyo-demo.com", "order_id": "R1", "total": 5}
//! }
//! ```
//!
//! into one request, `POST /api/events`, with the attributes `unique_id` (`R1`), `value` (`5`) and
//! others. These are some of the experiments. Each changes one input of the message as it came; a
//! row that begins with "and" keeps the change of the row above.
//!
//! | Input | Changed to | `unique_id` | `value` | Conclusion |
//! |---|---|---|---|---|
//! | none | | `R1` | 5 | |
//! | `properties.order_id` | `R2` | `R2` | 5 | `unique_id` comes from `properties.order_id` |
//! | `properties.order_id` | removed | `m-1` | 5 | `unique_id` has a fallback |
//! | and `messageId` | `m-2` | `m-2` | 5 | the fallback is `messageId` |
//! | `properties.total` | 6 | `R1` | 6 | `value` comes from `properties.total` |
//! | `properties.total` | removed | `R1` | none | `value` has no fallback |
//! | `type` | `tracl` | | | the message is not sent: `type` decides that |
//! | `userId` | `usr_2` | `R1` | 5 | nothing changes: `userId` is unused |
//! | `ENFORCE_EMAIL` | `false` | `R1` | 5 | `profile.external_id` appears: the setting decides that |
//! | and `userId` | `usr_2` | `R1` | 5 | `profile.external_id` changes: it would come from `userId` |
//! | the time | an hour later | `R1` | 5 | no attribute comes from the time of the delivery |
//! | an unknown key | added | `R1` | 5 | no attribute is a hash of the whole message |
//!
//! # The modules
//!
//! - [`messages`] reads the messages of a file, and [`report`] reports on each of them.
//! - [`explanation`] holds everything that is found out about one message: [`attribution`] finds the
//!   sources of each attribute, [`fallbacks`] the fields that would replace them, [`unused`] the
//!   other fields, and [`suggestions`] the changes after which a message would be sent.
//! - These are conclusions from experiments. [`field_probe`] changes and removes each field,
//!   [`setting_changes`] changes each setting, [`experiment`] runs the rules, and an [`effect`] is
//!   the difference to the message as it came.
//! - A changed message is made with [`field`], [`variant`] and [`json_path`]. Its [`evaluation`] is
//!   the decision of the rules with a [`request_preview`] for each request; [`json_api`] takes the
//!   attributes out of the body.
//! - A [`difference`] compares two evaluations for people. `compare` uses it too.
//! - [`rendering`] and [`json_output`] print the reports.

mod arguments;
pub(crate) mod messages;
pub(crate) mod message_title;
mod report;
mod explanation;
mod attribution;
mod attribute_origin;
mod fallbacks;
mod unused;
mod suggestions;
mod field_probe;
mod setting_changes;
mod experiment;
mod effect;
mod field;
mod variant;
mod json_path;
pub(crate) mod difference;
pub(crate) mod evaluation;
mod request_preview;
mod json_api;
mod rendering;
mod json_output;
mod text;

use time::OffsetDateTime;

pub(crate) use arguments::{Arguments, parse_time};
use report::{FileReport, ReportOptions};

use crate::overrides::SettingOverrides;
use crate::sign::SharedSecret;
use crate::{input, output};

/// Explains each file in turn.
pub(crate) fn run(arguments: Arguments) -> Result<(), String> {
    let settings = arguments.settings.overrides()?;
    // Invalid settings are reported before any file is read.
    settings.rules()?;
    let mut other_settings = None;
    if !arguments.diff.is_empty() {
        let changed = settings.with_all(arguments.diff);
        changed.rules()?;
        other_settings = Some(changed);
    }
    let options = ReportOptions {
        settings,
        other_settings,
        now: arguments.now.unwrap_or_else(OffsetDateTime::now_utc),
    };

    let mut reports = Vec::new();
    for file in input::read_files(&arguments.files)? {
        let name = &file.name;
        for delivery in input::deliveries(file.items) {
            let report = FileReport::new(name, delivery, &options, &arguments.secret)
                .map_err(|problem| format!("{name}: {problem}"))?;
            if arguments.json {
                reports.push(report);
            } else {
                rendering::print_file(&report);
            }
        }
    }
    if arguments.json {
        output::line(&output::json(&json_output::files(&reports)));
    }
    Ok(())
}

/// Explains messages that another command has found.
pub(crate) fn print_delivery(
    name: &str,
    delivery: input::Delivery,
    settings: SettingOverrides,
    now: OffsetDateTime,
    json: bool,
) -> Result<(), String> {
    let options = ReportOptions {
        settings,
        other_settings: None,
        now,
    };
    let report = FileReport::new(name, delivery, &options, &SharedSecret::default())?;
    if json {
        output::line(&output::json(&json_output::files(&[report])));
    } else {
        rendering::print_file(&report);
    }
    Ok(())
}
