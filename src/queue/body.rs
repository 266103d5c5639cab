//! Bodies of SQS messages: JSON, compressed where it pays.

use std::borrow::Cow;
use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::entry::EntryError;

/// A shorter body stays as it is, for people who read the queue. A longer one becomes about a fifth:
/// SQS bills and Lambda's event counts what it weighs.
const MIN_COMPRESSED_BYTES: usize = 8_000;

/// The most bytes of a body that is not compressed any more. Whatever the function has written is
/// smaller, since no event of Lambda's is larger than 6 MB.
const MAX_BYTES: u64 = 16_000_000;

/// The beginning of a compressed body, and of one that holds several entries.
const GZIP_START: &str = r#"{"gzip":"#;
const ENTRIES_START: &str = r#"{"entries":["#;

/// A body whose JSON is compressed by gzip, in Base64.
#[derive(Serialize, Deserialize)]
struct CompressedBody<'a> {
    #[serde(borrow)]
    gzip: Cow<'a, str>,
}

/// A body that holds several entries.
#[derive(Deserialize)]
struct BundleBody<'a> {
    #[serde(borrow)]
    entries: Vec<&'a RawValue>,
}

/// The body of a record, decompressed.
#[derive(Debug)]
pub struct RecordBody<'r>(Cow<'r, str>);

impl<'r> RecordBody<'r> {
    /// Reads the body of an SQS message.
    pub fn read(body: &'r str) -> Result<Self, EntryError> {
        if !body.starts_with(GZIP_START) {
            return Ok(RecordBody(body.into()));
        }
        let compressed: CompressedBody =
            serde_json::from_str(body).map_err(|error| EntryError::from(&error))?;
        match decompress(&compressed.gzip) {
            Some(json) => Ok(RecordBody(json.into())),
            None => Err(EntryError::Compression),
        }
    }

    /// Returns the whole JSON.
    pub fn json(&self) -> &str {
        &self.0
    }

    /// Returns the JSON of each entry: one, or those of a bundle.
    pub fn entries(&self) -> Result<Vec<&str>, EntryError> {
        if !self.0.starts_with(ENTRIES_START) {
            return Ok(vec![&self.0]);
        }
        let bundle: BundleBody =
            serde_json::from_str(&self.0).map_err(|error| EntryError::from(&error))?;
        Ok(bundle.entries.into_iter().map(RawValue::get).collect())
    }
}

/// Joins the JSON of several entries in one body.
pub(super) fn join(entries: &[String]) -> String {
    [ENTRIES_START, &entries.join(","), "]}"].concat()
}

/// Compresses a body if that makes it smaller, and it is long enough for that to matter.
pub(super) fn compress_if_long(json: String) -> String {
    if json.len() < MIN_COMPRESSED_BYTES {
        return json;
    }
    match compress(&json) {
        Some(compressed) if compressed.len() < json.len() => compressed,
        _ => json,
    }
}

fn compress(json: &str) -> Option<String> {
    // The fastest level: the others take three times as long for a tenth less.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(json.as_bytes()).ok()?;
    let gzip = STANDARD.encode(encoder.finish().ok()?).into();
    serde_json::to_string(&CompressedBody { gzip }).ok()
}

fn decompress(base64: &str) -> Option<String> {
    let bytes = STANDARD.decode(base64).ok()?;
    let mut json = String::new();
    let mut decoder = GzDecoder::new(bytes.as_slice()).take(MAX_BYTES + 1);
    let length = decoder.read_to_string(&mut json).ok()?;
    (length as u64 <= MAX_BYTES).then_some(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_body_comes_back_as_it_was_and_a_short_one_stays_readable() {
        let long = format!(r#"{{"text":"{}"}}"#, "sarah ".repeat(20_000));
        for (json, is_compressed) in [(r#"{"text":"sarah"}"#, false), (long.as_str(), true)] {
            let body = compress_if_long(json.to_owned());
            assert_eq!(body.starts_with(GZIP_START), is_compressed);
            assert!(body.len() <= json.len());
            assert_eq!(RecordBody::read(&body).unwrap().json(), json);
        }
    }

    #[test]
    fn a_body_that_does_not_get_smaller_stays_as_it_is() {
        let mut random = fastrand::Rng::with_seed(1);
        let noise: String = (0..9_000).map(|_| random.char(' '..'\u{10000}')).collect();
        assert_eq!(compress_if_long(noise.clone()), noise);
    }

    #[test]
    fn a_broken_body_is_an_error_and_takes_no_memory() {
        let bomb = compress(&" ".repeat(20_000_000)).unwrap();
        for body in [r#"{"gzip":"H4sI"}"#, r#"{"gzip":"!"}"#, &bomb] {
            let error = RecordBody::read(body).unwrap_err();
            assert_eq!(error, EntryError::Compression, "{}", &body[..15]);
        }
        let cut_off = RecordBody::read(r#"{"gzip":"H4sI"#).unwrap_err();
        assert!(matches!(cut_off, EntryError::Json { .. }));
    }

    #[test]
    fn each_entry_of_a_bundle_is_read_by_itself() {
        let entries = [r#"{"a": "]}"}"#, "5", r#"{"b":[1]}"#].map(str::to_owned);
        let body = join(&entries);
        assert_eq!(
            RecordBody::read(&body).unwrap().entries().unwrap(),
            entries.each_ref()
        );
        let single = RecordBody::read("{}").unwrap();
        assert_eq!(single.entries().unwrap(), ["{}"]);
    }
}
