//! Proof that a body comes from Segment.
//!
//! Segment sends the hex HMAC-SHA1 of the body, under the shared secret, in `X-Signature`:
//! <https://segment.com/docs/connections/destinations/catalog/actions-webhook/>
//! A branch of Segment's destination sends it in `X-Segment-Signature`, which is accepted as well.
//!
//! For a batch, Segment signs only the raw bytes of the first element of the array. So the
//! signature of a batch proves nothing about its other elements, and somebody who has seen one
//! signed message could put others behind it. A `webhook_token` in the secret closes that gap: it
//! authenticates the sender of the whole request. The signature of the whole array is accepted as
//! well, since it proves more.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::value::RawValue;
use sha1::Sha1;
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::ingress::InvokedMessage;
use crate::secrets::Secret;

/// The header of the signature, in lower case.
pub const SIGNATURE_HEADER: &str = "x-signature";
/// The headers that may hold the signature, in lower case.
pub const SIGNATURE_HEADERS: [&str; 2] = [SIGNATURE_HEADER, "x-segment-signature"];
/// The header of the webhook token (`Bearer <token>`), in lower case.
pub const TOKEN_HEADER: &str = "authorization";

/// A body that Segment sent. Only [`verify`] and [`vouched_by_iam`] make one, and the parser of
/// messages accepts nothing else.
#[derive(Debug)]
pub struct VerifiedBody<'a>(&'a [u8]);

impl<'a> VerifiedBody<'a> {
    /// Returns the bytes exactly as they were received.
    pub fn bytes(&self) -> &'a [u8] {
        self.0
    }
}

/// The reason why a request is not accepted. The body is not parsed.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum VerifyError {
    /// The request has neither of [`SIGNATURE_HEADERS`], or blank ones.
    #[error(
        "the request has no X-Signature header: set a shared secret in Segment's webhook settings"
    )]
    MissingSignature,
    /// `X-Signature` matches none of the shared secrets.
    #[error(
        "X-Signature does not match: the shared secret in Segment differs from segment_shared_secret"
    )]
    SignatureMismatch,
    /// The secret holds a webhook token, and the request does not carry it.
    #[error(
        "the Authorization header does not carry the webhook token: send `Bearer <webhook_token>`"
    )]
    InvalidToken,
    /// The signature or the token does not fit, and the secret cannot be fetched now to see whether
    /// it has been rotated. Segment would drop the messages after a 401, and resends after a 503.
    #[error(
        "the signature or the token does not match, and the secret may have been rotated: send the request again in {0} s"
    )]
    SecretMayBeStale(u64),
}

/// The credentials that a request carries.
#[derive(Debug, Default, Clone, Copy)]
pub struct Credentials<'a> {
    /// The values of [`SIGNATURE_HEADERS`]. It is enough if one of them fits.
    pub signatures: [Option<&'a str>; 2],
    /// The value of `Authorization`.
    pub authorization: Option<&'a str>,
}

impl<'a> Credentials<'a> {
    /// Returns the credentials of a request that carries this `X-Signature` and no token.
    pub fn signed(signature: &'a str) -> Self {
        Credentials {
            signatures: [Some(signature), None],
            authorization: None,
        }
    }
}

/// Verifies the token, if the secret holds any, and then the signature: it must be that of the
/// whole body or of the first element of an array, under any of the shared secrets.
pub fn verify<'a>(
    body: &'a [u8],
    credentials: Credentials,
    secret: &Secret,
) -> Result<VerifiedBody<'a>, VerifyError> {
    if secret.has_webhook_token() {
        verify_token(secret, credentials.authorization)?;
    }
    let first_element = first_element(body);
    let mut is_missing = true;
    for signature in credentials.signatures.into_iter().flatten() {
        let signature = signature.trim();
        is_missing &= signature.is_empty();
        let Ok(signature) = hex::decode(signature) else {
            continue;
        };
        for shared_secret in secret.shared_secrets() {
            if let Some(first_element) = first_element
                && is_signed(first_element, &signature, shared_secret)
            {
                return Ok(VerifiedBody(body));
            }
            if is_signed(body, &signature, shared_secret) {
                return Ok(VerifiedBody(body));
            }
        }
    }
    Err(if is_missing {
        VerifyError::MissingSignature
    } else {
        VerifyError::SignatureMismatch
    })
}

/// Returns the body of a message that the function was invoked with. Only [`crate::ingress`] makes
/// those, and IAM decides who may invoke the function.
pub fn vouched_by_iam(message: &InvokedMessage) -> VerifiedBody<'_> {
    VerifiedBody(message.body())
}

/// Returns the signature that Segment would send for `body`, as lower-case hex. `None` only if HMAC
/// refuses the key, which it does for no length.
pub fn sign(body: &[u8], shared_secret: &str) -> Option<String> {
    let signed_bytes = first_element(body).unwrap_or(body);
    let hmac = hmac_sha1(shared_secret.as_bytes(), signed_bytes)?;
    Some(hex::encode(hmac.finalize().into_bytes()))
}

fn verify_token(secret: &Secret, authorization: Option<&str>) -> Result<(), VerifyError> {
    let Some(received) = authorization.and_then(bearer_token) else {
        return Err(VerifyError::InvalidToken);
    };
    for token in secret.webhook_tokens() {
        // In constant time: a comparison that stops at the first different byte tells a patient
        // attacker how many bytes are right.
        if bool::from(received.as_bytes().ct_eq(token)) {
            return Ok(());
        }
    }
    Err(VerifyError::InvalidToken)
}

/// Whether `signature` is the HMAC of `bytes`. `verify_slice` compares in constant time.
fn is_signed(bytes: &[u8], signature: &[u8], shared_secret: &[u8]) -> bool {
    match hmac_sha1(shared_secret, bytes) {
        Some(hmac) => hmac.verify_slice(signature).is_ok(),
        None => false,
    }
}

fn hmac_sha1(key: &[u8], bytes: &[u8]) -> Option<Hmac<Sha1>> {
    let hmac = Hmac::<Sha1>::new_from_slice(key).ok()?;
    Some(hmac.chain_update(bytes))
}

/// Returns the bytes of the first element of an array. They are only cut out here: nothing in the
/// body is interpreted before the signature has been verified.
fn first_element(body: &[u8]) -> Option<&[u8]> {
    let inside = body.trim_ascii_start().strip_prefix(b"[")?;
    let mut elements = serde_json::Deserializer::from_slice(inside).into_iter::<&RawValue>();
    let first = elements.next()?.ok()?;
    Some(first.get().as_bytes())
}

/// Returns the token of a `Bearer <token>` header.
fn bearer_token(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Some(token.trim())
    } else {
        None
    }
}
