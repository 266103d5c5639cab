//! Only requests that Segment signed are accepted. The signatures here were computed with
//! `openssl dgst -sha1 -hmac`.

use segment_klaviyo::secrets::Secret;
use segment_klaviyo::signature::{Credentials, VerifyError, sign, verify};
use segment_klaviyo_stand_in::SHARED_SECRET;
use serde_json::json;

use crate::support::answers::counts;
use crate::support::http::{http_event, signature};
use crate::support::messages::track_with;
use crate::support::shop::Shop;

const SINGLE: &str = r#"{"type":"track","event":"Köp – 购买"}"#;
const BATCH: &str = r#"[{"type":"track","event":"A"}, {"type":"track","event":"B"}]"#;
const OF_SINGLE: &str = "814db75d7797ad6ca14130bff818e60ce84e313c";
const OF_FIRST: &str = "b4d2e1158b594d911a16507898e5982abf945fdf";
const OF_WHOLE: &str = "b0faa2f0be2070b29a0f4fe870f3443eb3425623";
const OF_SINGLE_OLD_SECRET: &str = "01140ba957971f35c0a0b20fcc3b999f80bbf3c1";

fn secret() -> Secret {
    Secret::parse(
        r#"{"klaviyo_api_key": "pk_1", "segment_shared_secret": ["new-secret", "old-secret"]}"#,
    )
    .unwrap()
}

fn check(body: &str, signature: &str) -> Result<(), VerifyError> {
    let credentials = Credentials::signed(signature);
    let verified = verify(body.as_bytes(), credentials, &secret())?;
    assert_eq!(verified.bytes(), body.as_bytes());
    Ok(())
}

#[test]
fn known_signatures_are_accepted() {
    let upper_case = OF_SINGLE.to_uppercase();
    let spaced = format!(" {OF_SINGLE} ");
    let spaced_first = format!(" [ {} ] ", &BATCH[1..29]);
    for (name, body, signature) in [
        ("one message, not only ASCII", SINGLE, OF_SINGLE),
        ("the first message of a batch", BATCH, OF_FIRST),
        ("the whole batch", BATCH, OF_WHOLE),
        ("the older of two secrets", SINGLE, OF_SINGLE_OLD_SECRET),
        ("upper-case hex", SINGLE, &upper_case),
        ("spaces around it", SINGLE, &spaced),
        ("spaces around the first message", &spaced_first, OF_FIRST),
    ] {
        assert_eq!(check(body, signature), Ok(()), "{name}");
    }
}

#[test]
fn every_other_signature_is_a_mismatch() {
    let reserialized = SINGLE.replace(",", ", ");
    let tampered = SINGLE.replace("track", "trick");
    let swapped = format!("[{},{}]", &BATCH[31..59], &BATCH[1..29]);
    let longer = format!("{OF_SINGLE}00");
    for (name, body, signature) in [
        ("another message's signature", SINGLE, OF_FIRST),
        ("a changed byte", &tampered, OF_SINGLE),
        ("the same JSON, written again", &reserialized, OF_SINGLE),
        ("a batch with another first message", &swapped, OF_FIRST),
        ("half a signature", SINGLE, &OF_SINGLE[..20]),
        ("a longer one", SINGLE, &longer),
        ("no hex", SINGLE, "sha1=not-hex"),
        ("an empty body", "", OF_SINGLE),
        ("a batch without messages", "[]", OF_FIRST),
        ("a batch that ends early", "[{\"a\":", OF_FIRST),
    ] {
        let expected = Err(VerifyError::SignatureMismatch);
        assert_eq!(check(body, signature), expected, "{name}");
    }
}

#[test]
fn a_request_without_a_signature_is_refused() {
    assert_eq!(check(SINGLE, " "), Err(VerifyError::MissingSignature));
    assert_eq!(
        verify(SINGLE.as_bytes(), Credentials::default(), &secret()).err(),
        Some(VerifyError::MissingSignature)
    );
}

#[test]
fn one_of_the_two_headers_has_to_fit() {
    for (signatures, expected) in [
        ([None, Some(OF_SINGLE)], Ok(())),
        ([Some(""), Some(OF_SINGLE)], Ok(())),
        ([Some(OF_FIRST), Some(OF_SINGLE)], Ok(())),
        ([Some(OF_SINGLE), Some("no hex")], Ok(())),
        (
            [Some(""), Some(OF_FIRST)],
            Err(VerifyError::SignatureMismatch),
        ),
        ([Some(" "), Some("")], Err(VerifyError::MissingSignature)),
    ] {
        let credentials = Credentials {
            signatures,
            authorization: None,
        };
        let verified = verify(SINGLE.as_bytes(), credentials, &secret());
        assert_eq!(verified.map(drop), expected, "{signatures:?}");
    }
}

#[test]
fn sign_makes_the_signatures_that_segment_sends() {
    for (body, expected) in [(SINGLE, OF_SINGLE), (BATCH, OF_FIRST)] {
        let signature = sign(body.as_bytes(), "new-secret");
        assert_eq!(signature.as_deref(), Some(expected));
    }
}

#[test]
fn a_webhook_token_is_required_besides_the_signature() {
    let secret = json!({
        "klaviyo_api_key": "pk_1",
        "segment_shared_secret": "new-secret",
        "webhook_token": ["t0ken", "old-t0ken"],
    });
    let secret = Secret::parse(&secret.to_string()).unwrap();
    for (authorization, expected) in [
        (Some("Bearer t0ken"), Ok(())),
        (Some("bearer  t0ken "), Ok(())),
        (Some("Bearer old-t0ken"), Ok(())),
        (Some("Bearer other"), Err(VerifyError::InvalidToken)),
        (Some("Bearer t0ken2"), Err(VerifyError::InvalidToken)),
        (Some("Bearer "), Err(VerifyError::InvalidToken)),
        (Some("t0ken"), Err(VerifyError::InvalidToken)),
        (Some("Basic t0ken"), Err(VerifyError::InvalidToken)),
        (None, Err(VerifyError::InvalidToken)),
    ] {
        let credentials = Credentials {
            authorization,
            ..Credentials::signed(OF_SINGLE)
        };
        let verified = verify(SINGLE.as_bytes(), credentials, &secret);
        assert_eq!(verified.map(drop), expected, "{authorization:?}");
    }
    let unsigned = Credentials {
        authorization: Some("Bearer t0ken"),
        ..Credentials::default()
    };
    assert_eq!(
        verify(SINGLE.as_bytes(), unsigned, &secret).err(),
        Some(VerifyError::MissingSignature)
    );
}

#[tokio::test]
async fn an_unverified_request_is_401_and_nothing_of_it_leaves() {
    let good = track_with("m1", json!({"price": 5})).to_string();
    let genuine = signature(&good, SHARED_SECRET);
    let forged = signature(&good, "another-secret");
    let tampered = good.replace("\"price\":5", "\"price\":50");
    let reserialized = good.replace(':', ": ");
    for (name, body, headers) in [
        ("unsigned", good.as_str(), json!({})),
        ("forged", &good, json!({"x-signature": forged})),
        ("tampered", &tampered, json!({"x-signature": genuine})),
        (
            "re-serialized",
            &reserialized,
            json!({"x-signature": genuine}),
        ),
        ("no JSON and unsigned", "}{", json!({})),
    ] {
        // Each finds the secret as it is now, so that none is asked to come again.
        let shop = Shop::open(&[]).await;
        let answer = shop.handle(&http_event(body, &headers)).await;
        assert_eq!((answer.status, counts(&answer)), (401, [0; 3]), "{name}");
        assert_eq!(shop.klaviyo().paths(), [""; 0], "{name}");
        assert_eq!(answer.body.received, 0, "{name}");
    }
    let shop = Shop::open(&[]).await;
    for header in ["X-Signature", "X-Segment-Signature"] {
        let headers = json!({header: genuine});
        let answer = shop.handle(&http_event(&good, &headers)).await;
        assert_eq!(answer.status, 200, "{header}");
    }
}
