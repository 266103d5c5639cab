//! `sign` and `verify`: the signature that Segment sends with a body.

use std::path::PathBuf;

use segment_klaviyo::secrets::Secret;
use segment_klaviyo::segment::json::Fields;
use segment_klaviyo::signature::{self, Credentials};
use segment_klaviyo_stand_in::{API_KEY, SHARED_SECRET};
use serde_json::json;
use serde_json::value::RawValue;

use crate::{input, output};

/// Prints the X-Signature that Segment would send with a file as the body.
///
/// The file's raw bytes are signed; of an array, those of its first element.
#[derive(clap::Args)]
#[command(after_help = "Example: segment-klaviyo sign my-message.json")]
pub(crate) struct SignArguments {
    /// The body; `-` is stdin.
    file: PathBuf,

    #[command(flatten)]
    secret: SharedSecret,
}

/// Says whether a signature fits a file, and what of it was signed. Exit code 1: it does not fit.
#[derive(clap::Args)]
#[command(
    after_help = "Example: segment-klaviyo verify body.json 38b7245dcb5dbd7fd65d388a2d4317b0c9b121bd"
)]
pub(crate) struct VerifyArguments {
    /// The body; `-` is stdin.
    file: PathBuf,

    /// What came as X-Signature.
    signature: String,

    #[command(flatten)]
    secret: SharedSecret,
}

/// What Segment signs with.
#[derive(clap::Args)]
pub(crate) struct SharedSecret {
    /// The shared secret. Better set the variable: what is typed here stays in the shell's history.
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
    /// The secret as the function holds it.
    pub(crate) fn state(&self) -> Result<Secret, String> {
        Secret::parse(
            &json!({"klaviyo_api_key": API_KEY, "segment_shared_secret": self.secret}).to_string(),
        )
        .map_err(|error| error.to_string())
    }
}

/// Prints the signature.
pub(crate) fn sign(arguments: &SignArguments) -> Result<(), String> {
    let SignArguments { file, secret } = arguments;
    secret.state()?;
    let body = input::bytes(file)?;
    note(&input::name(file), &body);
    let signature =
        signature::sign(&body, &secret.secret).ok_or("the secret cannot be used as a key")?;
    output::line(&signature);
    Ok(())
}

/// Whether the signature fits.
pub(crate) fn verify(arguments: &VerifyArguments) -> Result<bool, String> {
    let VerifyArguments {
        file,
        signature,
        secret,
    } = arguments;
    let body = input::bytes(file)?;
    let claimed = Credentials {
        signature: Some(signature),
        authorization: None,
    };
    match signature::verify(&body, claimed, &secret.state()?) {
        Ok(_) => {
            output::line(&format!(
                "fits: Segment signed {}",
                signed_part(&body, signature, &secret.secret)
            ));
            Ok(true)
        }
        Err(_) => {
            note(&input::name(file), &body);
            output::line(
                "does not fit: the body is not what was signed, byte for byte, or the secret is another",
            );
            Ok(false)
        }
    }
}

/// What of `body` a signature that fits was made of.
fn signed_part(body: &[u8], signature: &str, secret: &str) -> &'static str {
    if !body.trim_ascii_start().starts_with(b"[") {
        return "the single message";
    }
    let of_first = signature::sign(body, secret);
    if of_first.is_some_and(|of_first| of_first.eq_ignore_ascii_case(signature.trim())) {
        "the first message of the batch"
    } else {
        "the whole batch"
    }
}

/// What easily goes wrong with a file on its way from a log or an editor.
fn note(name: &str, body: &[u8]) {
    let is_array = body.trim_ascii_start().starts_with(b"[");
    if body.ends_with(b"\n") && !is_array {
        output::note(&format!(
            "{name} ends with a line break, which is signed too; Segment's bodies have none"
        ));
    }
    let whole = serde_json::from_slice::<&RawValue>(body).ok();
    if whole
        .and_then(Fields::parse)
        .is_some_and(|object| input::is_event(&object))
    {
        output::note(&format!(
            "{name} is a Lambda event: what Segment signs is its body"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_are_told_apart() {
        let batch = br#" [{"type":"track"}, {"type":"page"}]"#;
        let (single, of_first) = (br#"{"type":"track"}"#, signature::sign(batch, "s").unwrap());
        // The function is asked only about signatures that fit, so whatever is not the first's is the whole's.
        for (body, signature, expected) in [
            (single.as_slice(), of_first.clone(), "the single message"),
            (
                batch.as_slice(),
                of_first.to_uppercase(),
                "the first message of the batch",
            ),
            (batch.as_slice(), "00".repeat(20), "the whole batch"),
        ] {
            assert_eq!(signed_part(body, &signature, "s"), expected);
        }
    }
}
