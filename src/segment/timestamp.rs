//! Moments as merchants write them, read into one form.

use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::FormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use super::json::text;

/// What Klaviyo gets: RFC 3339, UTC, milliseconds.
const MILLISECONDS: &[FormatItem] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Epoch numbers below this are seconds (it is the year 5138), others milliseconds (it is 1973).
const FIRST_MILLISECOND: u128 = 100_000_000_000;

/// RFC 3339 of any precision, epoch milliseconds or epoch seconds, as a number or as text.
pub fn read(raw: &RawValue) -> Option<OffsetDateTime> {
    let text = text(raw)?;
    if let Ok(moment) = OffsetDateTime::parse(&text, &Rfc3339) {
        return Some(moment);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let epoch: i128 = whole.parse().ok()?;
    let per_unit: i128 = if epoch.unsigned_abs() < FIRST_MILLISECOND {
        1_000_000_000
    } else {
        1_000_000
    };
    let part = format!("0.{fraction}0").parse::<f64>().ok()? * per_unit as f64;
    let nanoseconds = epoch.checked_mul(per_unit)?.checked_add(part as i128)?;
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok()
}

/// RFC 3339 in UTC with milliseconds; `None` only for years that RFC 3339 cannot write.
pub fn write(moment: OffsetDateTime) -> Option<String> {
    let mut text = Vec::with_capacity("2026-11-20T10:00:00.000Z".len());
    moment
        .to_offset(time::UtcOffset::UTC)
        .format_into(&mut text, MILLISECONDS)
        .ok()?;
    String::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_as_utc_milliseconds() {
        for (json, expected) in [
            (
                r#""2026-11-20T10:00:00Z""#,
                Some("2026-11-20T10:00:00.000Z"),
            ),
            (
                r#""2026-11-20T10:00:00.123456789Z""#,
                Some("2026-11-20T10:00:00.123Z"),
            ),
            (
                r#""2026-11-20T12:00:00.5+02:00""#,
                Some("2026-11-20T10:00:00.500Z"),
            ),
            ("1795255200000", Some("2026-11-21T10:00:00.000Z")),
            ("1795255200", Some("2026-11-21T10:00:00.000Z")),
            (r#""1795255200""#, Some("2026-11-21T10:00:00.000Z")),
            ("1795255200.25", Some("2026-11-21T10:00:00.250Z")),
            (r#""yesterday""#, None),
            (r#""2026-13-40T10:00:00Z""#, None),
            ("99999999999999999999999999999999999999999", None),
            (r#""1.x""#, None),
            ("null", None),
            ("{}", None),
        ] {
            let raw: &RawValue = serde_json::from_str(json).unwrap();
            assert_eq!(read(raw).and_then(write).as_deref(), expected, "{json}");
        }
    }
}
