//! Fuzzes the event that Lambda hands out. Any event is read or refused without a panic, and a
//! request is accepted only when its first element is signed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use segment_klaviyo::ingress::{EventPayload, Trigger};
use segment_klaviyo::secrets::Secret;
use segment_klaviyo::signature::{sign, verify};

const SECRET: &str =
    r#"{"klaviyo_api_key": "pk_fuzz", "segment_shared_secret": "fuzz", "webhook_token": "t"}"#;

fuzz_target!(|bytes: &[u8]| {
    let Ok(event) = serde_json::from_slice::<EventPayload>(bytes) else {
        return;
    };
    let Ok(Trigger::Webhook(request)) = event.trigger() else {
        return;
    };
    let secret = Secret::parse(SECRET).expect("the secret is well-formed");
    if verify(&request.body, request.credentials(), &secret).is_err() {
        return;
    }
    let expected = sign(&request.body, "fuzz");
    let signatures = request.credentials().signatures;
    assert!(
        signatures
            .into_iter()
            .flatten()
            .any(|text| Some(text.trim().to_lowercase()) == expected),
        "accepted without the signature of its first element"
    );
});
