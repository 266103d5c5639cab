//! Binary `bootstrap`: the program that AWS Lambda runs.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use segment_klaviyo::handler::{Destination, InvocationContext, Reply};
use segment_klaviyo::ingress::EventPayload;
use segment_klaviyo::telemetry::Log;

/// Runs on one thread: Lambda hands out one invocation at a time, and threads would only cost init
/// time and memory.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let log = Log::stdout();
    log.install_panic_hook();
    let environment = |name: &str| std::env::var(name).ok();
    let destination = match Destination::start(environment, log.clone()).await {
        Ok(destination) => destination,
        Err(error) => {
            log.error("the function cannot start", &error);
            return ExitCode::FAILURE;
        }
    };
    let destination = &destination;
    let handle = async |event: LambdaEvent<EventPayload>| {
        let context = invocation_context(event.context);
        let reply: Reply = destination.handle(&event.payload, context).await?;
        Ok::<_, Error>(reply)
    };
    match run(service_fn(handle)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.error("the runtime stopped", error.as_ref());
            ExitCode::FAILURE
        }
    }
}

fn invocation_context(context: lambda_runtime::Context) -> InvocationContext {
    let deadline = SystemTime::UNIX_EPOCH + Duration::from_millis(context.deadline);
    // A deadline in the past leaves no time.
    let time_left = deadline
        .duration_since(SystemTime::now())
        .unwrap_or_default();
    InvocationContext {
        request_id: Some(context.request_id),
        time_left: Some(time_left),
    }
}
