//! `sign` and `verify`: the signature that Segment sends with a body.

use std::path::PathBuf;

use segment_klaviyo::secrets::Secret;
use segment_klaviyo::signature::{self, Credentials};
use segment_klaviyo_stand_in::{API_KEY, SHARED_SECRET};
use serde_json::json;
use serde_json::value::RawValue;

use crate::{input, output};

/// Prints the X-Signature that Segment would send with a file as the body.
///
/// It signs the raw bytes of the file, or those of the first element of an array.
#[derive(clap::Args)]
#[command(after_help = "Example: segment-klaviyo sign my-message.json")]
pub(crate) struct SignArguments {
    /// The body; `-` is stdin.
    file: PathBuf,

    #[command(flatten)]
    secret: SharedSecret,
}

/// Checks a signature against a file, and names the part of it that was signed. Exit code 1: it
/// does not fit.
#[derive(clap::Args)]
#[command(
    after_help = "Example: segment-klaviyo verify body.json 38b7245dcb5dbd7fd65d388a2d4317b0c9b121bd"
)]
pub(crate) struct VerifyArguments {
    /// The body; `-` is stdin.
    file: PathBuf,

    /// The value of the X-Signature header.
    signature: String,

    #[command(flatten)]
    secret: SharedSecret,
}

/// The secret that Segment signs with.
#[derive(clap::Args)]
pub(crate) struct SharedSecret {
    /// The shared secret. Prefer the variable: the shell's history keeps this option.
    #[arg(long, value_name = "TEXT", env = "SEGMENT_SHARED_SECRET", hide_env_values = true, default_value = SHARED_SECRET)]
    secret: String,
}

impl Default for SharedSecret {
    fn default() -> Self {
        SharedSecret {
            secret: SHARED_SECRET.to_owned(),
        }
    }
}

impl SharedSecret {
    /// The secret as the function has it.
    pub(crate) fn to_secret(&self) -> Result<Secret, String> {
        Secret::parse(
            &json!({"klaviyo_api_key": API_KEY, "segment_shared_secret": self.secret}).to_string(),
        )
        .map_err(|error| error.to_string())
    }
}

/// Prints the signature of the file.
pub(crate) fn sign(arguments: &SignArguments) -> Result<(), String> {
    // The function would refuse such a secret, so nothing is signed with it.
    arguments.secret.to_secret()?;
    let body = input::bytes(&arguments.file)?;
    note_pitfalls(&input::name(&arguments.file), &body);
    let signature = signature::sign(&body, &arguments.secret.secret)
        .ok_or("the secret cannot be used as a key")?;
    output::line(&signature);
    Ok(())
}

/// Prints whether the signature fits the file, and returns it.
pub(crate) fn verify(arguments: &VerifyArguments) -> Result<bool, String> {
    let body = input::bytes(&arguments.file)?;
    let credentials = Credentials::signed(&arguments.signature);
    if signature::verify(&body, credentials, &arguments.secret.to_secret()?).is_err() {
        note_pitfalls(&input::name(&arguments.file), &body);
        output::line(
            "does not fit: the body differs from the signed bytes, or the secret is another one",
        );
        return Ok(false);
    }
    let part = signed_part(&body, &arguments.signature, &arguments.secret.secret);
    output::line(&format!("fits: Segment signed {part}"));
    Ok(true)
}

/// The part of `body` that `signature`, which fits, was made of.
fn signed_part(body: &[u8], signature: &str, secret: &str) -> &'static str {
    if !is_array(body) {
        return "the single message";
    }
    match signature::sign(body, secret) {
        Some(of_first) if of_first.eq_ignore_ascii_case(signature.trim()) => {
            "the first message of the batch"
        }
        _ => "the whole batch",
    }
}

/// Prints what easily goes wrong with a body on its way from a log or an editor.
fn note_pitfalls(name: &str, body: &[u8]) {
    if body.ends_with(b"\n") && !is_array(body) {
        output::note(&format!(
            "{name} ends with a line break, which is signed too; Segment's bodies have none"
        ));
    }
    if serde_json::from_slice::<&RawValue>(body).is_ok_and(input::is_event) {
        output::note(&format!(
            "{name} is a Lambda event; Segment signs only its body"
        ));
    }
}

fn is_array(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"[")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_part_is_named() {
        let single = br#"{"type":"track"}"#.as_slice();
        let batch = br#" [{"type":"track"}, {"type":"page"}]"#.as_slice();
        let of_first = signature::sign(batch, "s").unwrap();
        // Only signatures that fit get here, so one that is not the first message's is the whole
        // batch's.
        let of_batch = "00".repeat(20);
        for (body, signature, expected) in [
            (single, &of_first, "the single message"),
            (
                batch,
                &of_first.to_uppercase(),
                "the first message of the batch",
            ),
            (batch, &of_batch, "the whole batch"),
        ] {
            assert_eq!(signed_part(body, signature, "s"), expected);
        }
    }
}
