//! Only what Segment signed gets in. Vectors were computed with `openssl dgst -sha1 -hmac`.

use segment_klaviyo::secrets::Secret;
use segment_klaviyo::signature::{Credentials, VerifyError, sign, verify};
use serde_json::json;

use crate::support::{Shop, http_event};

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
    let claimed = Credentials {
        signature: Some(signature),
        authorization: None,
    };
    verify(body.as_bytes(), claimed, &secret())
        .map(|verified| assert_eq!(verified.bytes(), body.as_bytes()))
}

#[test]
fn known_signatures_are_accepted() {
    for (what, body, signature) in [
        ("one message, not only ASCII", SINGLE, OF_SINGLE),
        ("the first message of a batch", BATCH, OF_FIRST),
        ("the whole batch", BATCH, OF_WHOLE),
        ("the older of two secrets", SINGLE, OF_SINGLE_OLD_SECRET),
        ("upper-case hex", SINGLE, &OF_SINGLE.to_uppercase()),
        ("spaces around it", SINGLE, &format!(" {OF_SINGLE} ")),
        (
            "spaces around the first message",
            &format!(" [ {} ] ", &BATCH[1..29]),
            OF_FIRST,
        ),
    ] {
        assert_eq!(check(body, signature), Ok(()), "{what}");
    }
}

#[test]
fn everything_else_is_a_mismatch() {
    let reserialised = SINGLE.replace(",", ", ");
    let tampered = SINGLE.replace("track", "trick");
    let swapped = format!("[{},{}]", &BATCH[31..59], &BATCH[1..29]);
    for (what, body, signature) in [
        ("another message's signature", SINGLE, OF_FIRST),
        ("a changed byte", &tampered, OF_SINGLE),
        ("the same JSON written anew", &reserialised, OF_SINGLE),
        ("a batch whose first message is another", &swapped, OF_FIRST),
        ("half a signature", SINGLE, &OF_SINGLE[..20]),
        ("a longer one", SINGLE, &format!("{OF_SINGLE}00")),
        ("no hex", SINGLE, "sha1=not-hex"),
        ("an empty body", "", OF_SINGLE),
        ("a batch without messages", "[]", OF_FIRST),
        ("a batch that ends early", "[{\"a\":", OF_FIRST),
    ] {
        assert_eq!(
            check(body, signature),
            Err(VerifyError::SignatureMismatch),
            "{what}"
        );
    }
    assert_eq!(check(SINGLE, " "), Err(VerifyError::MissingSignature));
    assert_eq!(
        verify(SINGLE.as_bytes(), Credentials::default(), &secret()).err(),
        Some(VerifyError::MissingSignature)
    );
}

#[test]
fn what_is_signed_here_is_what_segment_sends() {
    assert_eq!(
        sign(SINGLE.as_bytes(), "new-secret").as_deref(),
        Some(OF_SINGLE)
    );
    assert_eq!(
        sign(BATCH.as_bytes(), "new-secret").as_deref(),
        Some(OF_FIRST)
    );
}

#[test]
fn a_webhook_token_is_asked_for_besides() {
    let json = r#"{"klaviyo_api_key": "pk_1", "segment_shared_secret": "new-secret", "webhook_token": "t0ken"}"#;
    let secret = Secret::parse(json).unwrap();
    for (authorization, expected) in [
        (Some("Bearer t0ken"), Ok(())),
        (Some("bearer  t0ken "), Ok(())),
        (Some("Bearer other"), Err(VerifyError::InvalidToken)),
        (Some("Bearer t0ken2"), Err(VerifyError::InvalidToken)),
        (Some("Bearer "), Err(VerifyError::InvalidToken)),
        (Some("t0ken"), Err(VerifyError::InvalidToken)),
        (Some("Basic t0ken"), Err(VerifyError::InvalidToken)),
        (None, Err(VerifyError::InvalidToken)),
    ] {
        let claimed = Credentials {
            signature: Some(OF_SINGLE),
            authorization,
        };
        assert_eq!(
            verify(SINGLE.as_bytes(), claimed, &secret).map(drop),
            expected,
            "{authorization:?}"
        );
    }
    let unsigned = Credentials {
        signature: None,
        authorization: Some("Bearer t0ken"),
    };
    assert_eq!(
        verify(SINGLE.as_bytes(), unsigned, &secret).err(),
        Some(VerifyError::MissingSignature)
    );
}

#[tokio::test]
async fn what_is_not_verified_is_answered_401_and_never_leaves() {
    let shop = Shop::open(&[]).await;
    let good = crate::support::track("m1", &json!({"price": 5})).to_string();
    let signature = sign(good.as_bytes(), "local-shared-secret").unwrap();
    let forged = sign(good.as_bytes(), "another-secret").unwrap();
    let tampered = good.replace("\"price\":5", "\"price\":50");
    let written_anew = good.replace(':', ": ");
    for (what, body, headers) in [
        ("unsigned", &good, json!({})),
        ("forged", &good, json!({"x-signature": forged})),
        ("tampered", &tampered, json!({"x-signature": signature})),
        (
            "re-serialised",
            &written_anew,
            json!({"x-signature": signature}),
        ),
        ("no JSON and unsigned", &"}{".to_owned(), json!({})),
    ] {
        let answer = shop.handle(&http_event(body, &headers)).await;
        assert_eq!((answer.status, answer.body.received), (401, 0), "{what}");
    }
    assert_eq!(shop.paths(), [""; 0]);
    assert_eq!(
        shop.handle(&http_event(&good, &json!({"X-Signature": signature})))
            .await
            .status,
        200
    );
}
