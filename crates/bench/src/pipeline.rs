//! What the function does with a delivery before it calls anybody: timed in `rules.rs`, its allocations counted in
//! `tests/allocations.rs`.

use std::sync::LazyLock;

use segment_klaviyo::batch::{self, Parcel};
use segment_klaviyo::ingress::{Event, LambdaEvent};
use segment_klaviyo::klaviyo::pack;
use segment_klaviyo::secrets::Secret;
use segment_klaviyo::segment::elements;
use segment_klaviyo::settings::{Rules, Settings};
use segment_klaviyo::signature::verify;
use time::OffsetDateTime;
use time::macros::datetime;

pub const NOW: OffsetDateTime = datetime!(2026-11-20 10:16 UTC);

pub static SECRET: LazyLock<Secret> =
    LazyLock::new(|| Secret::parse(&segment_klaviyo_stand_in::secret("pk_1")).unwrap());

pub fn rules() -> Rules {
    let get = |name: &str| (name == "SECRET_ID").then(|| "s".to_owned());
    Settings::read(get).unwrap().rules
}

/// From the JSON that Lambda hands out to the calls, and how many they are.
pub fn from_event_to_calls(event: &str, rules: &Rules) -> usize {
    let event: LambdaEvent = serde_json::from_str(event).unwrap();
    let Ok(Event::Http(request)) = event.read() else {
        return 0;
    };
    let body = verify(&request.body, request.credentials(), &SECRET).unwrap();
    let parcels: Vec<_> = elements(&body)
        .unwrap()
        .into_iter()
        .map(|raw| Parcel::new(raw, NOW))
        .collect();
    let work = batch::decide(&parcels, rules).work;
    let operations: Vec<_> = work.iter().map(|work| &work.operation).collect();
    pack(&operations).len()
}
