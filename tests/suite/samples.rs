//! Each sample in `events/` does what its name says.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use segment_klaviyo::signature::sign;
use segment_klaviyo_stand_in::SHARED_SECRET;
use serde_json::Value;

use crate::support::answers::counts;
use crate::support::function::{root, sample};
use crate::support::paths::{EVENTS, IMPORT, SUBSCRIBE};
use crate::support::settings::LIST;
use crate::support::shop::Shop;

struct Sample {
    name: &'static str,
    status: u16,
    /// The messages delivered, ignored and rejected.
    counts: [usize; 3],
    /// The number of requests to each path.
    requests: &'static [(&'static str, usize)],
}

const fn sample_of(
    name: &'static str,
    status: u16,
    counts: [usize; 3],
    requests: &'static [(&'static str, usize)],
) -> Sample {
    Sample {
        name,
        status,
        counts,
        requests,
    }
}

const SUBSCRIPTION: &[(&str, usize)] = &[(IMPORT, 1), (SUBSCRIBE, 1)];

const SAMPLES: &[Sample] = &[
    sample_of("aws-lambda-destination", 200, [1, 0, 0], &[(EVENTS, 1)]),
    sample_of("batch", 200, [3, 2, 1], &[(EVENTS, 3), (IMPORT, 1)]),
    sample_of("checkout-started", 200, [1, 0, 0], &[(EVENTS, 1)]),
    sample_of(
        "eventbridge-order-completed",
        200,
        [1, 0, 0],
        &[(EVENTS, 3)],
    ),
    sample_of("identify", 200, [1, 0, 0], &[(IMPORT, 1)]),
    sample_of("identify-add-to-list", 200, [1, 0, 0], SUBSCRIPTION),
    sample_of("identify-confirmed-optin", 200, [1, 0, 0], SUBSCRIPTION),
    sample_of("invalid-signature", 401, [0, 0, 0], &[]),
    sample_of("malformed", 400, [0, 0, 0], &[]),
    sample_of("order-completed", 200, [1, 0, 0], &[(EVENTS, 3)]),
    sample_of("product-added", 200, [1, 0, 0], &[(EVENTS, 1)]),
    sample_of("rest-api-order-completed", 200, [1, 0, 0], &[(EVENTS, 3)]),
    sample_of("track-without-email", 200, [0, 1, 0], &[]),
    sample_of("unsigned", 401, [0, 0, 0], &[]),
];

#[tokio::test]
async fn each_sample_gets_the_answer_its_name_promises() {
    for expected in SAMPLES {
        let name = expected.name;
        let shop = Shop::open(&[]).await;
        let answer = shop.handle(&sample(name)).await;
        assert_eq!(answer.status, expected.status, "{name}");
        assert_eq!(counts(&answer), expected.counts, "{name}");
        let paths = shop.klaviyo().paths();
        let mut requests = BTreeMap::<&str, usize>::new();
        for path in &paths {
            *requests.entry(path).or_default() += 1;
        }
        assert!(
            requests.into_iter().eq(expected.requests.iter().copied()),
            "{name}: {paths:?}"
        );
    }
}

#[test]
fn every_sample_is_tested() {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(root("events")).unwrap() {
        let path = entry.unwrap().path();
        files.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
    }
    files.sort_unstable();
    let tested: Vec<_> = SAMPLES.iter().map(|sample| sample.name).collect();
    assert_eq!(files, tested);
}

/// Returns the time of consent that a sample tells Klaviyo.
async fn consented_at(name: &str) -> Option<String> {
    let shop = Shop::open(&[]).await;
    shop.klaviyo().create_list(LIST, "double_opt_in");
    shop.handle(&sample(name)).await;
    let mut consents = shop.klaviyo().consents();
    assert_eq!(consents.len(), 1, "{name}");
    assert_eq!(consents[0].list_id, LIST, "{name}");
    consents.remove(0).consented_at
}

#[tokio::test]
async fn only_the_confirmed_optin_has_a_time_of_consent() {
    assert_eq!(consented_at("identify-add-to-list").await, None);
    assert_eq!(
        consented_at("identify-confirmed-optin").await.as_deref(),
        Some("2026-11-20T10:15:30.412Z")
    );
}

#[tokio::test]
async fn the_order_is_an_event_for_itself_and_each_product() {
    let shop = Shop::open(&[]).await;
    shop.handle(&sample("track-without-email")).await;
    shop.handle(&sample("order-completed")).await;
    assert_eq!(
        shop.klaviyo().event_ids(),
        ["R100045", "R100045_prd_1042", "R100045_prd_1077"]
    );
}

/// After a change of a sample, put in the signature that this test prints.
#[test]
fn signatures_are_current() {
    for Sample { name, .. } in SAMPLES {
        let event = sample(name);
        let Some(text) = event["body"].as_str() else {
            // Past API Gateway, IAM takes the place of the signature.
            assert!(event.get("headers").is_none(), "{name}");
            continue;
        };
        let headers = &event["headers"];
        let given = headers.get("x-signature").or(headers.get("X-Signature"));
        let given = given.and_then(Value::as_str);
        let body = if event["isBase64Encoded"] == true {
            STANDARD.decode(text).unwrap()
        } else {
            text.as_bytes().to_vec()
        };
        let genuine = sign(&body, SHARED_SECRET);
        match *name {
            "unsigned" => assert_eq!(given, None, "{name}"),
            "invalid-signature" => {
                assert!(given.is_some() && given != genuine.as_deref(), "{name}");
            }
            _ => assert_eq!(given, genuine.as_deref(), "{name}"),
        }
    }
}

#[test]
fn samples_use_addresses_that_klaviyo_keeps() {
    for Sample { name, .. } in SAMPLES {
        let text = sample(name).to_string();
        for domain in ["@example.com", "@test.com"] {
            assert!(!text.contains(domain), "{name}");
        }
    }
}
