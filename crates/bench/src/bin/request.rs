//! Binary `request`: a function that sends Klaviyo one event for each of Lambda's, always the same
//! one. It is a baseline of `cargo bench --bench process`: the function's own work is the
//! difference.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use segment_klaviyo::klaviyo::revision::REVISION;
use serde::de::IgnoredAny;

/// An event of about 1 KB, as the function writes one of a product view.
const EVENT: &str = concat!(
    r#"{"data":{"type":"event","attributes":{"profile":{"data":{"type":"profile","attributes":{"email":"sarah.0@klaviyo-demo.com"}}},"#,
    r#""metric":{"data":{"type":"metric","attributes":{"name":"Product Viewed"}}},"unique_id":"ajs-next-1795169730412-00000000","#,
    r#""time":"2026-11-20T10:15:30.412Z","value_currency":"USD","properties":{"brand":"Fable & Oat","category":"Pantry","#,
    r#""currency":"USD","name":"Wild Berry Jam","price":9.95,"product_id":"prd_1077","sku":"BERRY-JAM-8","variant":"8 oz","#,
    r#""url":"https://klaviyo-demo.com/products/wild-berry-jam","image_url":"https://cdn.klaviyo-demo.com/img/wild-berry-jam.jpg","#,
    r#""ProductName":"Wild Berry Jam","ProductID":"prd_1077","SKU":"BERRY-JAM-8","Categories":["Pantry"],"#,
    r#""ImageURL":"https://cdn.klaviyo-demo.com/img/wild-berry-jam.jpg","URL":"https://klaviyo-demo.com/products/wild-berry-jam","#,
    r#""Brand":"Fable & Oat","Price":9.95}}}}"#,
);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let http = segment_klaviyo::http::client()?;
    let url = format!("{}/api/events", std::env::var("KLAVIYO_BASE_URL")?);
    run(service_fn(async |_: LambdaEvent<IgnoredAny>| {
        let request = http
            .post(&url)
            .header("authorization", "Klaviyo-API-Key pk_local_not_a_real_key");
        let request = request
            .header("revision", REVISION)
            .header("content-type", "application/vnd.api+json");
        request
            .body(EVENT)
            .send()
            .await?
            .error_for_status()?
            .bytes()
            .await?;
        Ok::<_, Error>(())
    }))
    .await
}
