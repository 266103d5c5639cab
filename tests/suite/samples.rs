//! Each sample in `events/` does what its name says.

use std::collections::BTreeMap;

use segment_klaviyo::signature::sign;
use segment_klaviyo_stand_in::SHARED_SECRET;
use serde_json::Value;

use crate::support::{Shop, root};

/// Name, status, delivered, ignored, rejected, and how often each path is called.
type Expected = (
    &'static str,
    u16,
    [usize; 3],
    &'static [(&'static str, usize)],
);

const EVENTS: &str = "/api/events";
const IMPORT: &str = "/api/profile-import";
const SUBSCRIBE: &str = "/api/profile-subscription-bulk-create-jobs";

const SAMPLES: &[Expected] = &[
    ("batch", 200, [3, 2, 1], &[(EVENTS, 3), (IMPORT, 1)]),
    ("checkout-started", 200, [1, 0, 0], &[(EVENTS, 1)]),
    ("identify", 200, [1, 0, 0], &[(IMPORT, 1)]),
    (
        "identify-add-to-list",
        200,
        [1, 0, 0],
        &[(IMPORT, 1), (SUBSCRIBE, 1)],
    ),
    (
        "identify-confirmed-optin",
        200,
        [1, 0, 0],
        &[(IMPORT, 1), (SUBSCRIBE, 1)],
    ),
    ("invalid-signature", 401, [0, 0, 0], &[]),
    ("malformed", 400, [0, 0, 0], &[]),
    ("order-completed", 200, [1, 0, 0], &[(EVENTS, 3)]),
    ("product-added", 200, [1, 0, 0], &[(EVENTS, 1)]),
    ("rest-api-order-completed", 200, [1, 0, 0], &[(EVENTS, 3)]),
    ("track-without-email", 200, [0, 1, 0], &[]),
    ("unsigned", 401, [0, 0, 0], &[]),
];

fn sample(name: &str) -> Value {
    let text = std::fs::read_to_string(root(&format!("events/{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn each_sample_gets_the_answer_its_name_promises() {
    for (name, status, counts, paths) in SAMPLES {
        let shop = Shop::open(&[]).await;
        let answer = shop.handle(&sample(name)).await;
        let report = &answer.body;
        assert_eq!(
            (
                answer.status,
                [report.delivered, report.ignored, report.rejected]
            ),
            (*status, *counts),
            "{name}"
        );
        let mut called = BTreeMap::<String, usize>::new();
        for path in shop.paths() {
            *called.entry(path).or_default() += 1;
        }
        let expected = paths
            .iter()
            .map(|(path, count)| ((*path).to_owned(), *count))
            .collect();
        assert_eq!(called, expected, "{name}");
    }
}

#[test]
fn every_sample_is_tested() {
    let mut files: Vec<_> = std::fs::read_dir(root("events"))
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    files.sort_unstable();
    let tested: Vec<_> = SAMPLES.iter().map(|(name, ..)| *name).collect();
    assert_eq!(files, tested);
}

#[tokio::test]
async fn samples_do_what_only_their_bodies_show() {
    let consent = async |name: &str| {
        let shop = Shop::open(&[]).await;
        shop.handle(&sample(name)).await;
        let consents = shop.stand_in.state().account.consents.clone();
        assert_eq!(
            (consents.len(), consents[0].list_id.as_str()),
            (1, "Y6nRLr"),
            "{name}"
        );
        consents[0].consented_at.clone()
    };
    assert_eq!(consent("identify-add-to-list").await, None);
    assert_eq!(
        consent("identify-confirmed-optin").await.as_deref(),
        Some("2026-11-20T10:15:30.412Z")
    );

    let shop = Shop::open(&[]).await;
    shop.handle(&sample("track-without-email")).await;
    shop.handle(&sample("order-completed")).await;
    let held = shop.stand_in.state();
    let mut ids: Vec<_> = held
        .account
        .events
        .iter()
        .map(|event| event.unique_id.as_str())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, ["R100045", "R100045_prd_1042", "R100045_prd_1077"]);
}

/// To sign a sample anew, put in the signature that this test prints.
#[test]
fn signatures_are_current() {
    for (name, status, ..) in SAMPLES {
        let event = sample(name);
        let headers = &event["headers"];
        let given = headers
            .get("x-signature")
            .or_else(|| headers.get("X-Signature"))
            .and_then(Value::as_str);
        let mut body = event["body"].as_str().unwrap().as_bytes().to_vec();
        if event["isBase64Encoded"] == true {
            use base64::Engine;
            body = base64::engine::general_purpose::STANDARD
                .decode(body)
                .unwrap();
        }
        let genuine = sign(&body, SHARED_SECRET);
        match *name {
            "unsigned" => assert_eq!(given, None, "{name}"),
            "invalid-signature" => {
                assert!(given.is_some() && given != genuine.as_deref(), "{name}")
            }
            _ => assert_eq!(given, genuine.as_deref(), "{name} ({status})"),
        }
    }
}

#[test]
fn samples_use_addresses_that_klaviyo_keeps() {
    for (name, ..) in SAMPLES {
        let text = sample(name).to_string();
        assert!(
            !text.contains("@example.com") && !text.contains("@test.com"),
            "{name}"
        );
    }
}
