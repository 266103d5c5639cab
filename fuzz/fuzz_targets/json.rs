//! Fuzzes the scanner of JSON: a text is a value, and decodes, as it is and does for serde_json.
#![no_main]

use libfuzzer_sys::fuzz_target;
use segment_klaviyo::json::{Raw, unescape};
use serde_json::value::RawValue;

fuzz_target!(|text: &str| {
    // serde_json takes blanks before a value, the scanner none.
    let text = text.trim_start_matches([' ', '\n', '\r', '\t']);
    let expected = serde_json::from_str::<&RawValue>(text).ok();
    let found = Raw::parse(text);
    assert_eq!(found.map(Raw::get), expected.map(RawValue::get));
    if let Some(value) = found
        && value.get().starts_with('"')
    {
        let expected: Option<String> = serde_json::from_str(value.get()).ok();
        assert_eq!(unescape(value.get()), expected);
    }
});
