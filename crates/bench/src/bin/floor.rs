//! Binary `floor`: the least that a function in Rust can be, for `cargo bench --bench process`.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::de::IgnoredAny;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(async |_: LambdaEvent<IgnoredAny>| {
        Ok::<_, Error>(())
    }))
    .await
}
