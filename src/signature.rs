//! Proof that a body comes from Segment: raw bytes in, [`VerifiedBody`] bytes out.
//!
//! Segment signs with the hex HMAC-SHA1 of the body under the shared secret, in `X-Signature`. Of an
//! array it signs the first element only, so a `webhook_token` can be asked for besides:
//! <https://segment.com/docs/connections/destinations/catalog/actions-webhook/>

use hmac::{Hmac, KeyInit, Mac};
use serde_json::value::RawValue;
use sha1::Sha1;
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::secrets::Secret;

/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "x-signature";
/// The header that carries the webhook token, as `Bearer <token>`.
pub const TOKEN_HEADER: &str = "authorization";

/// A body that Segment signed. [`verify`] alone makes one, and the parser takes nothing else.
#[derive(Debug)]
pub struct VerifiedBody<'a>(&'a [u8]);

impl<'a> VerifiedBody<'a> {
    /// The bytes exactly as they were signed.
    pub fn bytes(&self) -> &'a [u8] {
        self.0
    }
}

/// Why a request is not let in; the answer is 401 and nothing of it is parsed.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum VerifyError {
    /// No `X-Signature`.
    #[error(
        "the request has no X-Signature header: set a shared secret in Segment's webhook settings"
    )]
    MissingSignature,
    /// `X-Signature` is there and fits none of the shared secrets.
    #[error(
        "X-Signature does not match: the shared secret in Segment differs from segment_shared_secret"
    )]
    SignatureMismatch,
    /// The secret asks for a token and the request does not carry it.
    #[error(
        "the Authorization header does not carry the webhook token: send `Bearer <webhook_token>`"
    )]
    InvalidToken,
}

/// What a request says for itself.
#[derive(Debug, Default, Clone, Copy)]
pub struct Credentials<'a> {
    /// The value of `X-Signature`.
    pub signature: Option<&'a str>,
    /// The value of `Authorization`.
    pub authorization: Option<&'a str>,
}

/// Lets `body` in when its signature was made with one of the secret's shared secrets (and the token
/// is right, when there is one): over the whole body, or over the first element of an array.
pub fn verify<'a>(
    body: &'a [u8],
    claimed: Credentials,
    secret: &Secret,
) -> Result<VerifiedBody<'a>, VerifyError> {
    if let Some(token) = secret.webhook_token() {
        let given = claimed
            .authorization
            .and_then(bearer)
            .ok_or(VerifyError::InvalidToken)?;
        if !bool::from(given.as_bytes().ct_eq(token.as_bytes())) {
            return Err(VerifyError::InvalidToken);
        }
    }
    let signature = claimed
        .signature
        .map(str::trim)
        .filter(|s| !s.is_empty())
        .ok_or(VerifyError::MissingSignature)?;
    let signature = hex::decode(signature).map_err(|_| VerifyError::SignatureMismatch)?;
    let first = first_element(body);
    let signed = |text: &[u8], key: &[u8]| {
        mac(key, text).is_some_and(|mac| mac.verify_slice(&signature).is_ok())
    };
    let genuine = secret
        .shared_secrets()
        .any(|key| first.is_some_and(|first| signed(first, key)) || signed(body, key));
    if genuine {
        Ok(VerifiedBody(body))
    } else {
        Err(VerifyError::SignatureMismatch)
    }
}

/// The signature Segment would send for `body`, as lower-case hex.
pub fn sign(body: &[u8], shared_secret: &str) -> Option<String> {
    let text = first_element(body).unwrap_or(body);
    let digest = mac(shared_secret.as_bytes(), text)?.finalize().into_bytes();
    Some(hex::encode(digest))
}

fn mac(key: &[u8], text: &[u8]) -> Option<Hmac<Sha1>> {
    Hmac::<Sha1>::new_from_slice(key)
        .ok()
        .map(|mac| mac.chain_update(text))
}

/// The bytes of an array's first element. They are only cut out here, never read.
fn first_element(body: &[u8]) -> Option<&[u8]> {
    let inside = body.trim_ascii_start().strip_prefix(b"[")?;
    let mut elements = serde_json::Deserializer::from_slice(inside).into_iter::<&RawValue>();
    elements
        .next()?
        .ok()
        .map(|element| element.get().as_bytes())
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
