//! Binary `call`: the floor and one request to Klaviyo for each event, for `cargo bench --bench process`. What the
//! function takes beyond this is its own.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::de::IgnoredAny;

/// About as much as an event is.
const BODY: &[u8] = &[b'x'; 1_000];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let http = segment_klaviyo::http::client()?;
    let url = format!("{}/api/events", std::env::var("KLAVIYO_BASE_URL")?);
    run(service_fn(async |_: LambdaEvent<IgnoredAny>| {
        http.post(&url).body(BODY).send().await?.bytes().await?;
        Ok::<_, Error>(())
    }))
    .await
}
