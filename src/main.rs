//! Binary `bootstrap`: the program that AWS Lambda runs.

use std::cell::Cell;
use std::process::ExitCode;
use std::task;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use lambda_runtime::tower::Layer;
use lambda_runtime::tower::layer::layer_fn;
use lambda_runtime::{Error, LambdaEvent, LambdaInvocation, Runtime, Service, service_fn};
use segment_klaviyo::handler::{Destination, InvocationContext, InvocationError, Reply};
use segment_klaviyo::ingress::EventPayload;
use segment_klaviyo::telemetry::Log;
use serde::de::IgnoredAny;

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
    let (destination, event) = (&destination, &Cell::new(Bytes::new()));
    let handle = async |invocation: LambdaEvent<IgnoredAny>| {
        let payload = EventPayload::parse(&event.take()).map_err(InvocationError::from)?;
        let context = invocation_context(invocation.context);
        let reply: Reply = destination.handle(&payload, context).await?;
        Ok::<_, Error>(reply)
    };
    let runtime = Runtime::new(service_fn(handle));
    match runtime.layer(SetAside::layer(event)).run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.error("the runtime stopped", error.as_ref());
            ExitCode::FAILURE
        }
    }
}

/// A service that takes the bytes of an event aside, before the runtime reads them into a value: it
/// would keep the path to each field, for an error that no sender ever sees.
struct SetAside<'e, S> {
    event: &'e Cell<Bytes>,
    inner: S,
}

impl<'e, S> SetAside<'e, S> {
    fn layer(event: &'e Cell<Bytes>) -> impl Layer<S, Service = Self> {
        layer_fn(move |inner| SetAside { event, inner })
    }
}

impl<S: Service<LambdaInvocation>> Service<LambdaInvocation> for SetAside<'_, S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut task::Context<'_>) -> task::Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut invocation: LambdaInvocation) -> S::Future {
        let nothing = Bytes::from_static(b"null");
        self.event
            .set(std::mem::replace(&mut invocation.body, nothing));
        self.inner.call(invocation)
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
