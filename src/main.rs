//! Binary `bootstrap`: what AWS Lambda runs.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use segment_klaviyo::handler::{Destination, InvocationContext, Response};
use segment_klaviyo::{ingress, telemetry::Log};

/// One invocation at a time is Lambda's rule, so one thread does.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let log = Log::stdout();
    log.install_panic_hook();
    let destination = match Destination::start(|name| std::env::var(name).ok(), log.clone()).await {
        Ok(destination) => destination,
        Err(error) => {
            log.error("the function cannot start", &error);
            return ExitCode::FAILURE;
        }
    };
    let destination = &destination;
    let handle = async |event: LambdaEvent<ingress::EventPayload>| {
        let deadline = SystemTime::UNIX_EPOCH + Duration::from_millis(event.context.deadline);
        let invocation = InvocationContext {
            request_id: Some(event.context.request_id),
            time_left: Some(
                deadline
                    .duration_since(SystemTime::now())
                    .unwrap_or_default(),
            ),
        };
        Ok::<Response, Error>(destination.handle(&event.payload, invocation).await?.into())
    };
    match run(service_fn(handle)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.error("the runtime stopped", error.as_ref());
            ExitCode::FAILURE
        }
    }
}
