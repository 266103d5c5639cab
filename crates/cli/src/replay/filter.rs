//! Which of the recorded messages are meant.

use clap::ValueEnum;
use segment_klaviyo::segment::{Message, MessageType};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime};

/// A type of message that may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Type {
    Identify,
    Track,
    Page,
    Screen,
    Group,
    Delete,
}

/// Which messages are replayed; without any of these, all.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Filter {
    /// From this moment on, by the message's timestamp: 2026-11-20 or 2026-11-20T08:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<OffsetDateTime>,

    /// Before this moment; a date counts to its end (UTC).
    #[arg(long, value_name = "TIME", value_parser = until)]
    until: Option<OffsetDateTime>,

    /// Only track messages of this event; may be repeated.
    #[arg(long = "event", value_name = "NAME")]
    events: Vec<String>,

    /// Only messages of this type; may be repeated.
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<Type>,
}

impl Filter {
    /// Whether the message is meant. One without a readable timestamp is in no span of time.
    pub(super) fn lets_through(&self, message: &Message) -> bool {
        let since = self
            .since
            .is_none_or(|since| message.timestamp.is_some_and(|moment| moment >= since));
        let until = self
            .until
            .is_none_or(|until| message.timestamp.is_some_and(|moment| moment < until));
        let is_named = |name: &str| {
            message.message_type == MessageType::Track
                && self.events.iter().any(|event| event == name)
        };
        let event = self.events.is_empty() || message.event.as_deref().is_some_and(is_named);
        let kind =
            self.types.is_empty() || self.types.iter().any(|kind| kind.is(message.message_type));
        since && until && event && kind
    }

    /// Each option that is given, as it was meant.
    pub(super) fn given(&self) -> impl Iterator<Item = (String, String)> {
        let moment = |moment: &OffsetDateTime| moment.unix_timestamp_nanos().to_string();
        let types: Vec<_> = self.types.iter().map(|kind| format!("{kind:?}")).collect();
        let given = [
            ("--since", self.since.as_ref().map(moment)),
            ("--until", self.until.as_ref().map(moment)),
            (
                "--event",
                (!self.events.is_empty()).then(|| format!("{:?}", self.events)),
            ),
            ("--type", (!types.is_empty()).then(|| types.join(","))),
        ];
        given
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    }
}

impl Type {
    fn is(self, kind: MessageType) -> bool {
        kind == match self {
            Type::Identify => MessageType::Identify,
            Type::Track => MessageType::Track,
            Type::Page => MessageType::Page,
            Type::Screen => MessageType::Screen,
            Type::Group => MessageType::Group,
            Type::Delete => MessageType::Delete,
        }
    }
}

fn since(text: &str) -> Result<OffsetDateTime, String> {
    moment(text, Duration::ZERO)
}

fn until(text: &str) -> Result<OffsetDateTime, String> {
    moment(text, Duration::DAY)
}

/// A moment as it is; of a date its beginning and so much more.
fn moment(text: &str, more: Duration) -> Result<OffsetDateTime, String> {
    let moment = match Date::parse(text, format_description!("[year]-[month]-[day]")) {
        // After the last day that there is, nothing is left to leave out.
        Ok(date) => Some(date.midnight().assume_utc().saturating_add(more)),
        Err(_) => OffsetDateTime::parse(text, &Rfc3339).ok(),
    };
    moment.ok_or_else(|| {
        "expected a date or RFC 3339, such as 2026-11-20 or 2026-11-20T08:00:00Z".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::value::RawValue;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        filter: Filter,
    }

    #[test]
    fn each_option_narrows() {
        let message = r#"{"type": "track", "event": "Seen", "timestamp": "2026-11-20T10:00:00Z"}"#;
        let timeless = r#"{"type": "track", "event": "Seen", "timestamp": "yesterday"}"#;
        let page = r#"{"type": "page", "event": "Seen", "timestamp": "2026-11-20T10:00:00Z"}"#;
        for (options, json, expected) in [
            ("", message, true),
            ("", timeless, true),
            ("--since 2026-11-20", message, true),
            ("--since 2026-11-20T10:00:00Z", message, true),
            ("--since 2026-11-20T12:00:01+02:00", message, false),
            ("--since 2026-11-21", message, false),
            ("--since 2026-11-20", timeless, false),
            ("--until 2026-11-20", message, true),
            ("--until 2026-11-19", message, false),
            ("--until 9999-12-31", message, true),
            ("--until 2026-11-20T10:00:00Z", message, false),
            ("--until 2026-11-20", timeless, false),
            ("--event Seen", message, true),
            ("--event Bought --event Seen", message, true),
            ("--event Bought", message, false),
            ("--event Seen", page, false),
            ("--type track", message, true),
            ("--type identify --type track", message, true),
            ("--type track", page, false),
            (
                "--type track --event Seen --since 2026-11-20 --until 2026-11-20",
                message,
                true,
            ),
        ] {
            let filter =
                Line::parse_from(std::iter::once("x").chain(options.split_whitespace())).filter;
            let raw: &RawValue = serde_json::from_str(json).unwrap();
            assert_eq!(
                filter.lets_through(&Message::parse(raw).unwrap()),
                expected,
                "{options} {json}"
            );
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in ["yesterday", "2026-13-01", "1795255200", "2026-11-20 10:00"] {
            assert!(since(text).is_err(), "{text}");
        }
    }
}
