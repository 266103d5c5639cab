//! Rules for texts.

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// The bytes from which on an email address is too long:
/// <https://developers.klaviyo.com/en/reference/events_api_overview#limitations>
const EMAIL_CHARACTERS: usize = 100;
/// The most characters of an id.
const MAX_ID_CHARACTERS: usize = 255;
/// The most characters of a metric's name: "Must be less than 128 characters."
const MAX_METRIC_CHARACTERS: usize = 127;
/// The first year of which Klaviyo keeps events: "The time must be after the year 1990".
const FIRST_YEAR: i32 = 1990;

type RuleResult = Result<(), &'static str>;

fn expect(is_so: bool, problem: &'static str) -> RuleResult {
    if is_so { Ok(()) } else { Err(problem) }
}

/// Accepts every text.
pub(crate) fn any(_: &str) -> RuleResult {
    Ok(())
}

/// Accepts an email address.
pub(crate) fn email(text: &str) -> RuleResult {
    let is_clean = !text
        .chars()
        .any(|c| c.is_whitespace() || c.is_control() || is_invisible(c));
    let has_parts = match text.split_once('@') {
        Some((name, domain)) => {
            let top_level = domain.rsplit_once('.');
            !name.is_empty()
                && !domain.contains('@')
                && top_level.is_some_and(|(rest, last)| !rest.is_empty() && !last.is_empty())
        }
        None => false,
    };
    let is_short = text.chars().count() < EMAIL_CHARACTERS;
    expect(is_clean && has_parts && is_short, "Invalid email address")
}

/// Whether a character formats a text and is not seen, such as a zero-width space.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
    )
}

/// Accepts a phone number in E.164 format.
pub(crate) fn phone_number(text: &str) -> RuleResult {
    let is_valid = match text.strip_prefix('+') {
        Some(digits) => {
            (7..=15).contains(&digits.len())
                && !digits.starts_with('0')
                && digits.bytes().all(|byte| byte.is_ascii_digit())
        }
        None => false,
    };
    expect(
        is_valid,
        "Invalid phone number format (Example of a valid format: +12345678901)",
    )
}

/// Accepts an id that the sender chose.
pub(crate) fn id(text: &str) -> RuleResult {
    let count = text.chars().count();
    expect(
        (1..=MAX_ID_CHARACTERS).contains(&count),
        "expected 1 to 255 characters",
    )
}

/// Accepts the name of a metric.
pub(crate) fn metric_name(text: &str) -> RuleResult {
    let count = text.chars().count();
    expect(
        (1..=MAX_METRIC_CHARACTERS).contains(&count),
        "expected 1 to 127 characters",
    )
}

/// Parses a time.
pub(crate) fn parse_time(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

/// Accepts the time of an event.
pub(crate) fn event_time(text: &str) -> RuleResult {
    let Some(time) = parse_time(text) else {
        return Err("expected a time as in RFC 3339");
    };
    let latest = OffsetDateTime::now_utc() + Duration::days(366);
    expect(
        time.year() >= FIRST_YEAR && time <= latest,
        "expected a time after 1990 and at most one year ahead",
    )
}

/// Accepts a time in the past.
pub(crate) fn past_time(text: &str) -> RuleResult {
    let Some(time) = parse_time(text) else {
        return Err("expected a time as in RFC 3339");
    };
    expect(
        time <= OffsetDateTime::now_utc(),
        "expected a time in the past",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks a rule with texts that it accepts and texts that it refuses.
    fn check(rule: fn(&str) -> RuleResult, accepted: &[&str], refused: &[&str]) {
        for text in accepted {
            assert_eq!(rule(text), Ok(()), "{text}");
        }
        for text in refused {
            assert!(rule(text).is_err(), "{text}");
        }
    }

    #[test]
    fn emails_phone_numbers_and_ids() {
        let long = format!("{}@klaviyo-demo.com", "x".repeat(90));
        check(
            email,
            &[
                "sarah@klaviyo-demo.com",
                "a+b@c.d.e",
                "sárah@klaviyo-demo.com",
            ],
            &[
                "",
                "s\u{200b}@b.c",
                "sarah",
                "@b.c",
                "a@b",
                "a@.c",
                "a@b.",
                "a b@c.d",
                "a@b@c.d",
                &long,
            ],
        );
        check(
            phone_number,
            &["+15005550006", "+4915112345678"],
            &[
                "",
                "15005550006",
                "+0155555555",
                "+1 500 555 0006",
                "+1500",
                "+1234567890123456",
            ],
        );
        check(id, &["1", &"é".repeat(255)], &["", &"x".repeat(256)]);
        check(
            metric_name,
            &["Order Completed", &"é".repeat(127)],
            &["", &"x".repeat(128)],
        );
    }

    #[test]
    fn times() {
        let malformed = [
            "",
            "2020-11-20",
            "2020-11-20T10:00:00",
            "20 Nov 2020",
            "1605866400",
        ];
        check(
            event_time,
            &["2020-11-20T10:00:00Z", "2020-11-20T10:00:00.412+02:00"],
            &malformed,
        );
        check(past_time, &["2020-11-20T10:00:00Z"], &malformed);
        let ahead = |days| {
            let time = OffsetDateTime::now_utc() + Duration::days(days);
            time.format(&Rfc3339).unwrap()
        };
        check(
            event_time,
            &["1990-01-01T00:00:00Z", &ahead(365)],
            &["1989-12-31T23:59:59Z", &ahead(367)],
        );
        check(past_time, &[&ahead(-1)], &[&ahead(1)]);
    }
}
