//! Which message ids may be repeated in logs and answers.

/// The words in front of the ids that Segment's libraries and services make, such as
/// `ajs-next-1765432100000-` and `api-`.
const PREFIXES: [&str; 12] = [
    "ajs",
    "analytics",
    "android",
    "api",
    "engage",
    "ios",
    "message",
    "next",
    "node",
    "personas",
    "segment",
    "test",
];

/// The most bytes of a short id. The shortest email addresses are longer once they are encoded.
const MAX_SHORT_BYTES: usize = 12;

/// The most digits of a short id. Phone numbers have more.
const MAX_SHORT_DIGITS: usize = 6;

/// The digits of a time in milliseconds, until the year 2286.
const EPOCH_MILLISECONDS_DIGITS: usize = 13;

/// The letters and digits of a KSUID: <https://github.com/segmentio/ksuid>
const KSUID_BYTES: usize = 27;

/// Returns a message id that may be logged.
///
/// Merchants make ids from anything, an email address, its base64 or a phone number among them. So
/// only those pass whose form leaves no room for that: the UUIDs, KSUIDs and MD5 sums of Segment's
/// own libraries, with their prefixes, and ids that are too short for an address or a number.
pub fn loggable_id(message_id: &str) -> Option<String> {
    let core = without_prefixes(message_id);
    let has_prefix = core.len() < message_id.len();
    let is_loggable =
        is_short(core) || is_uuid(core) || is_ksuid(core) || (has_prefix && is_md5(core));
    is_loggable.then(|| message_id.to_owned())
}

/// Removes the words of [`PREFIXES`], and the time that follows them.
fn without_prefixes(id: &str) -> &str {
    let mut rest = id;
    while let Some((word, after)) = rest.split_once(['-', '_']) {
        let is_time = rest.len() < id.len()
            && word.len() == EPOCH_MILLISECONDS_DIGITS
            && word.starts_with('1')
            && word.bytes().all(|byte| byte.is_ascii_digit());
        // The older library for Node puts a sum of the message before its UUID.
        let is_sum = rest.len() < id.len() && is_md5(word);
        if !is_time && !is_sum && !PREFIXES.contains(&word) {
            break;
        }
        rest = after;
    }
    rest
}

fn is_short(id: &str) -> bool {
    let digits = id.bytes().filter(u8::is_ascii_digit).count();
    let is_plain = id
        .bytes()
        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
    is_plain && !id.is_empty() && id.len() <= MAX_SHORT_BYTES && digits <= MAX_SHORT_DIGITS
}

/// Whether the id is a UUID of a known version and variant, which a number in its place is not.
fn is_uuid(id: &str) -> bool {
    let groups: Vec<_> = id.split('-').collect();
    let lengths: Vec<_> = groups.iter().map(|group| group.len()).collect();
    if lengths != [8, 4, 4, 4, 12] {
        return false;
    }
    let hex = groups.concat();
    let version = hex.as_bytes().get(12);
    let variant = hex.as_bytes().get(16).map(u8::to_ascii_lowercase);
    is_random_hex(hex.as_bytes())
        && matches!(version, Some(b'1'..=b'8'))
        && matches!(variant, Some(b'8' | b'9' | b'a' | b'b'))
}

fn is_md5(id: &str) -> bool {
    id.len() == 32 && is_random_hex(id.as_bytes())
}

/// Whether the digits are hexadecimal, not only decimal, and do not spell ASCII text.
fn is_random_hex(hex: &[u8]) -> bool {
    let Ok(bytes) = hex::decode(hex) else {
        return false;
    };
    let has_letter = hex.iter().any(u8::is_ascii_alphabetic);
    let is_text = bytes.iter().all(|byte| matches!(byte, b' '..=b'~'));
    has_letter && !is_text
}

/// Whether the id is a KSUID. Those of this decade begin with 1 to 4, which the base64 of ASCII text
/// never does.
fn is_ksuid(id: &str) -> bool {
    let bytes = id.as_bytes();
    bytes.len() == KSUID_BYTES
        && matches!(bytes.first(), Some(b'1'..=b'4'))
        && bytes.iter().all(u8::is_ascii_alphanumeric)
        && bytes.iter().any(u8::is_ascii_uppercase)
        && bytes.iter().any(u8::is_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_segments_libraries_are_logged() {
        for id in [
            "6e1a3b04-0c5d-4c1e-9d3f-52b0a7c4f1aa",
            "6E1A3B04-0C5D-4C1E-9D3F-52B0A7C4F1AA",
            "0190f3a1-7c2b-7d10-8a4e-1b2c3d4e5f60",
            "ajs-next-1765432100000-6e1a3b04-0c5d-4c1e-9d3f-52b0a7c4f1aa",
            "node-next-1765432100000-6e1a3b04-0c5d-4c1e-9d3f-52b0a7c4f1aa",
            "ajs-9b3f0e1cd57a4e8890aa17c6b2d4f501",
            "node-9b3f0e1cd57a4e8890aa17c6b2d4f501-6e1a3b04-0c5d-4c1e-9d3f-52b0a7c4f1aa",
            "api-2bJpW2gKLcQm0TzVYh4eXx9R1aB",
            "personas_2bJpW2gKLcQm0TzVYh4eXx9R1aB",
            "ajs-next-1795169730412-0003c0de",
            "m1",
            "order-100123",
        ] {
            assert_eq!(loggable_id(id).as_deref(), Some(id));
        }
    }

    #[test]
    fn what_may_be_a_person_is_not_logged() {
        for id in [
            "sarah@klaviyo-demo.com",
            "sarah%40klaviyo-demo.com",
            "sarah＠klaviyo-demo.com",
            "sarah.klaviyo-demo.com",
            "sarah-at-klaviyo-demo-com",
            "c2FyYWhAa2xhdml5by1kZW1vLmNvbQ==",
            "c2FyYWhAa2xhdml5by1kZW1vLmNvbQ",
            "c2FyYUBrbGF2aXlvLWRlbW8uY29",
            "73617261684061636d652d31322e636f",
            "73617261-6840-4163-6d65-2d31322e636f",
            "ajs-73617261684061636d652d31322e636f",
            "d41d8cd98f00b204e9800998ecf8427e",
            "+14155550123",
            "14155550123",
            "4155550123",
            "m-5550123",
            "00000000-0000-4000-8000-014155550123",
            "ajs-next-1415555012399-",
            "api-14155550123",
            "order-14155550123",
            "ajs-next-1765432100000-c2FyYWhAa2xhdml5by1kZW1vLmNvbQ",
            "Sarah",
        ] {
            assert_eq!(loggable_id(id), None, "{id}");
        }
    }
}
