//! The choice of messages that are replayed.

use std::collections::BTreeMap;

use clap::ValueEnum;
use segment_klaviyo::segment::{Message, MessageType};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime};

/// A type of message, as `--type` takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TypeFilter {
    Identify,
    Track,
    Page,
    Screen,
    Group,
    Delete,
}

impl TypeFilter {
    fn message_type(self) -> MessageType {
        match self {
            TypeFilter::Identify => MessageType::Identify,
            TypeFilter::Track => MessageType::Track,
            TypeFilter::Page => MessageType::Page,
            TypeFilter::Screen => MessageType::Screen,
            TypeFilter::Group => MessageType::Group,
            TypeFilter::Delete => MessageType::Delete,
        }
    }
}

/// The options that choose messages. Without any of them, all messages match.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Filter {
    /// Only messages with this timestamp or a later one: 2026-11-20 or 2026-11-20T08:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = parse_since)]
    since: Option<OffsetDateTime>,

    /// Only messages with an earlier timestamp than this; a date includes that whole day (UTC).
    #[arg(long, value_name = "TIME", value_parser = parse_until)]
    until: Option<OffsetDateTime>,

    /// Only track messages of this event; may be repeated.
    #[arg(long = "event", value_name = "NAME")]
    events: Vec<String>,

    /// Only messages of this type; may be repeated.
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<TypeFilter>,
}

impl Filter {
    /// Whether a message matches. One without a readable timestamp matches neither `--since` nor
    /// `--until`.
    pub(super) fn matches(&self, message: &Message) -> bool {
        if let Some(since) = self.since
            && message.timestamp.is_none_or(|timestamp| timestamp < since)
        {
            return false;
        }
        if let Some(until) = self.until
            && message.timestamp.is_none_or(|timestamp| timestamp >= until)
        {
            return false;
        }
        (self.events.is_empty() || self.matches_event(message))
            && (self.types.is_empty()
                || self
                    .types
                    .iter()
                    .any(|wanted| wanted.message_type() == message.message_type))
    }

    fn matches_event(&self, message: &Message) -> bool {
        match message.event.as_deref() {
            Some(name) => {
                message.message_type == MessageType::Track
                    && self.events.iter().any(|event| event == name)
            }
            None => false,
        }
    }

    /// The given options by their names. Checkpoints keep them and compare them, so their form must
    /// not change.
    pub(super) fn options(&self) -> BTreeMap<String, String> {
        let mut options = BTreeMap::new();
        for (name, time) in [("--since", self.since), ("--until", self.until)] {
            if let Some(time) = time {
                options.insert(name.to_owned(), time.unix_timestamp_nanos().to_string());
            }
        }
        if !self.events.is_empty() {
            options.insert("--event".to_owned(), format!("{:?}", self.events));
        }
        if !self.types.is_empty() {
            let types: Vec<_> = self
                .types
                .iter()
                .map(|wanted| format!("{wanted:?}"))
                .collect();
            options.insert("--type".to_owned(), types.join(","));
        }
        options
    }
}

fn parse_since(text: &str) -> Result<OffsetDateTime, String> {
    parse_time(text, Duration::ZERO)
}

fn parse_until(text: &str) -> Result<OffsetDateTime, String> {
    parse_time(text, Duration::DAY)
}

/// Parses a time, or a date, which becomes its midnight plus `after_midnight`.
fn parse_time(text: &str, after_midnight: Duration) -> Result<OffsetDateTime, String> {
    if let Ok(date) = Date::parse(text, format_description!("[year]-[month]-[day]")) {
        // No message is later than the last representable day.
        return Ok(date.midnight().assume_utc().saturating_add(after_midnight));
    }
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| {
        "expected a date or RFC 3339, such as 2026-11-20 or 2026-11-20T08:00:00Z".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::value::RawValue;

    use super::*;

    #[derive(Parser)]
    struct FilterArguments {
        #[command(flatten)]
        filter: Filter,
    }

    fn parse(options: &str) -> Filter {
        let arguments = std::iter::once("segment-klaviyo").chain(options.split_whitespace());
        FilterArguments::parse_from(arguments).filter
    }

    #[test]
    fn messages_match_all_options() {
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
            let raw: &RawValue = serde_json::from_str(json).unwrap();
            assert_eq!(
                parse(options).matches(&Message::parse(raw).unwrap()),
                expected,
                "{options} {json}"
            );
        }
    }

    #[test]
    fn times_that_are_neither_dates_nor_rfc_3339_are_refused() {
        for text in ["yesterday", "2026-13-01", "1795255200", "2026-11-20 10:00"] {
            assert!(parse_since(text).is_err(), "{text}");
        }
    }

    #[test]
    fn options_keep_the_form_that_checkpoints_compare() {
        let filter = parse("--since 2026-11-20 --event Seen --type identify --type track");
        let expected = [
            ("--event", r#"["Seen"]"#),
            ("--since", "1795132800000000000"),
            ("--type", "Identify,Track"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(filter.options(), BTreeMap::from(expected));
    }
}
