//! Moments: every form that merchants write, in the one form that Klaviyo gets.

use serde::{Serialize, Serializer};
use time::format_description::FormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

use crate::clock;
use crate::json::{self, Raw};

/// A moment between the years 0 and 9999, written as RFC 3339 in UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(OffsetDateTime);

const FORMAT: &[FormatItem] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// The length of every timestamp: `2026-11-20T10:00:00.000Z`.
const LENGTH: usize = 24;

impl Timestamp {
    /// Takes a moment, unless RFC 3339 has no way to write its year.
    pub fn new(moment: OffsetDateTime) -> Option<Self> {
        let moment = moment.checked_to_offset(UtcOffset::UTC)?;
        if (0..=9999).contains(&moment.year()) {
            Some(Timestamp(moment))
        } else {
            None
        }
    }

    /// The earliest moment that a rule falls back on.
    pub const EPOCH: Timestamp = Timestamp(OffsetDateTime::UNIX_EPOCH);

    /// Returns the present moment.
    #[expect(
        clippy::expect_used,
        reason = "the clock is within the years that RFC 3339 writes"
    )]
    pub fn now() -> Self {
        Timestamp::new(clock::now()).expect("a year before 10000")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut buffer = [0; LENGTH];
        let written = self.0.format_into(&mut buffer.as_mut_slice(), FORMAT);
        match (written, std::str::from_utf8(&buffer)) {
            (Ok(LENGTH), Ok(text)) => serializer.serialize_str(text),
            _ => Err(serde::ser::Error::custom("a timestamp of another length")),
        }
    }
}

/// Epoch numbers below this are seconds, others milliseconds: the year 5138 in seconds, and 1973
/// in milliseconds.
const MIN_MILLISECONDS: u128 = 100_000_000_000;

/// Parses RFC 3339 of any precision, epoch milliseconds or epoch seconds, as a number or as text.
/// Also what PHP, Python and Ruby write: a space for the `T`, `+0000` for `+00:00`, or no offset,
/// which is UTC.
pub fn parse_moment(raw: Raw<'_>) -> Option<OffsetDateTime> {
    let text = json::text(raw)?;
    match OffsetDateTime::parse(&text, &Rfc3339) {
        Ok(moment) => Some(moment),
        Err(_) => parse_epoch(&text).or_else(|| parse_loose(&text)),
    }
}

fn parse_loose(text: &str) -> Option<OffsetDateTime> {
    let (date, rest) = text.split_at_checked("2026-11-20".len())?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.');
    let (clock, offset) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
    let offset = match offset.trim_start() {
        "" | "Z" | "z" | "UTC" => "Z".to_owned(),
        offset => match offset.replace(':', "").split_at_checked("+00".len()) {
            Some((hours, "")) => format!("{hours}:00"),
            Some((hours, minutes)) => format!("{hours}:{minutes}"),
            None => return None,
        },
    };
    OffsetDateTime::parse(&format!("{date}T{clock}{offset}"), &Rfc3339).ok()
}

fn parse_epoch(text: &str) -> Option<OffsetDateTime> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let epoch: i128 = whole.parse().ok()?;
    let nanoseconds_per_unit: i128 = if epoch.unsigned_abs() < MIN_MILLISECONDS {
        1_000_000_000
    } else {
        1_000_000
    };
    let part = format!("0.{fraction}0").parse::<f64>().ok()? * nanoseconds_per_unit as f64;
    let nanoseconds = epoch
        .checked_mul(nanoseconds_per_unit)?
        .checked_add(part as i128)?;
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_written_as_utc_milliseconds() {
        for (json, expected) in [
            (
                r#""2026-11-20T10:00:00Z""#,
                Some(r#""2026-11-20T10:00:00.000Z""#),
            ),
            (
                r#""2026-11-20T10:00:00.123456789Z""#,
                Some(r#""2026-11-20T10:00:00.123Z""#),
            ),
            (
                r#""2026-11-20T12:00:00.5+02:00""#,
                Some(r#""2026-11-20T10:00:00.500Z""#),
            ),
            (r#""0000-01-01T00:30:00+01:00""#, None),
            ("1795255200000", Some(r#""2026-11-21T10:00:00.000Z""#)),
            ("1795255200", Some(r#""2026-11-21T10:00:00.000Z""#)),
            (r#""1795255200""#, Some(r#""2026-11-21T10:00:00.000Z""#)),
            ("1795255200.25", Some(r#""2026-11-21T10:00:00.250Z""#)),
            (
                r#""2026-11-20T12:00:00+0200""#,
                Some(r#""2026-11-20T10:00:00.000Z""#),
            ),
            (
                r#""2026-11-20 10:00:00.25+00:00""#,
                Some(r#""2026-11-20T10:00:00.250Z""#),
            ),
            (
                r#""2026-11-20 10:00:00 UTC""#,
                Some(r#""2026-11-20T10:00:00.000Z""#),
            ),
            (
                r#""2026-11-20T10:00:00""#,
                Some(r#""2026-11-20T10:00:00.000Z""#),
            ),
            (r#""2026-11-20""#, None),
            (r#""2026-11-20T10:00:00 CET""#, None),
            (r#""yesterday""#, None),
            (r#""2026-13-40T10:00:00Z""#, None),
            ("99999999999999999999999999999999999999999", None),
            (r#""1.x""#, None),
            ("null", None),
            ("{}", None),
        ] {
            let raw: Raw<'_> = serde_json::from_str(json).unwrap();
            let written = parse_moment(raw).and_then(Timestamp::new);
            let written = written.map(|timestamp| serde_json::to_string(&timestamp).unwrap());
            assert_eq!(written.as_deref(), expected, "{json}");
        }
    }
}
