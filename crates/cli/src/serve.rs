//! `serve`: the function behind an HTTP endpoint on this machine, and a page that shows the
//! deliveries.

mod access;
mod explain;
mod history;
mod marked_requests;
mod original;
mod routes;

use std::fs::File;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Instant;

use segment_klaviyo::handler::Reply;
use segment_klaviyo::response::WebhookResponse;
use segment_klaviyo::settings::RuleSettings;
use segment_klaviyo::telemetry::Log;
use segment_klaviyo_stand_in::SHARED_SECRET;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::harness::{self, Harness, Invocation, StartOptions};
use crate::output;
use access::Token;
use original::Original;
use routes::{About, MAX_IN_FLIGHT, Service, WebhookJob};

/// Receives Segment's deliveries on this machine, as the Lambda function would, and shows their
/// results on a page.
///
/// POST deliveries to /segment, with curl or from Segment through a tunnel; they must be signed
/// with the shared secret. The page shows the last 200 deliveries, on this machine only. Its
/// address is printed, and contains a new token with each start. Deliveries are handled one at a
/// time.
#[derive(clap::Args)]
#[command(
    after_help = "Example: SEGMENT_SHARED_SECRET=… segment-klaviyo serve --settings LIST_ID=Y6nRLr\n\
    then:    connect a tunnel to it, and give Segment the tunnel's address followed by /segment"
)]
pub(crate) struct Arguments {
    /// The address to listen on.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// The secret that Segment signs with; by default SEGMENT_SHARED_SECRET in the environment,
    /// otherwise the samples' secret. Everybody knows that one, so it is refused with --klaviyo-url
    /// and where others can connect.
    #[arg(long, value_name = "SECRET")]
    shared_secret: Option<String>,

    /// Writes the function's log to this file, which `tail` reads.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,

    #[command(flatten)]
    harness: harness::Options,
}

impl Arguments {
    /// The option that needs a secret of the user's own, if there is one: others could sign
    /// messages that reach a real account, or reach this machine.
    fn option_that_needs_secret(&self) -> Option<&'static str> {
        if self.harness.klaviyo_url().is_some() {
            Some("--klaviyo-url")
        } else if !self.listen.ip().to_canonical().is_loopback() {
            Some("--listen with an address that others can reach")
        } else {
            None
        }
    }
}

/// Serves until the tool is stopped.
pub(crate) async fn run(arguments: Arguments) -> Result<(), String> {
    let shared_secret = match &arguments.shared_secret {
        Some(secret) => Some(secret.clone()),
        None => std::env::var("SEGMENT_SHARED_SECRET").ok(),
    };
    let is_public_secret = match &shared_secret {
        Some(secret) => secret == SHARED_SECRET,
        None => true,
    };
    if is_public_secret && let Some(option) = arguments.option_that_needs_secret() {
        return Err(format!(
            "{option} needs a shared secret of your own in SEGMENT_SHARED_SECRET; everybody knows the samples' secret"
        ));
    }
    let overrides = arguments.harness.overrides()?;
    let rules = overrides.rules()?;
    let secret = shared_secret.as_deref().unwrap_or(SHARED_SECRET).to_owned();
    let start = StartOptions {
        shared_secret,
        log: arguments.log.as_deref().map(log_to).transpose()?,
        ..StartOptions::default()
    };
    let harness = Harness::start_with(&arguments.harness, start).await?;

    let listen = arguments.listen;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| cannot_listen(listen, &error))?;
    let address = listener
        .local_addr()
        .map_err(|error| cannot_listen(listen, &error))?;
    let token = Token::new()?;
    let page = page_url(address, &token);
    let klaviyo = arguments.harness.klaviyo();
    let (sender, jobs) = mpsc::channel(MAX_IN_FLIGHT);
    let about = About::new(address, &klaviyo.to_string(), &overrides, &secret);
    let service = Service::new(sender, about);
    let router = service
        .clone()
        .router(token)
        .into_make_service_with_connect_info::<SocketAddr>();
    output::line(&format!(
        "http://{address}/segment receives deliveries for {klaviyo}, {page} shows them; press Ctrl-C to stop"
    ));
    tokio::select! {
        result = axum::serve(listener, router) => result.map_err(|error| cannot_listen(listen, &error)),
        result = handle_jobs(&harness, jobs, &service, &rules) => result,
    }
}

/// Returns a log that appends to a file.
fn log_to(path: &Path) -> Result<Log, String> {
    let file = File::options().append(true).create(true).open(path);
    let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Log::new(move |line| {
        // As in Lambda, a log that cannot be written costs no message.
        let _ = (&file).write_all(format!("{line}\n").as_bytes());
    }))
}

fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> String {
    format!("cannot listen on {address}: {error}")
}

/// The page's address. It is on this machine also if the server listens on all addresses.
fn page_url(address: SocketAddr, token: &Token) -> String {
    let ip = if address.ip().is_unspecified() {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    } else {
        address.ip()
    };
    let host = SocketAddr::new(ip, address.port());
    format!("http://{host}/{}/", token.as_str())
}

/// Runs the function for one request after another. So the requests to Klaviyo in between belong to
/// that one.
async fn handle_jobs(
    harness: &Harness,
    mut jobs: mpsc::Receiver<WebhookJob>,
    service: &Service,
    rules: &RuleSettings,
) -> Result<(), String> {
    while let Some(job) = jobs.recv().await {
        // A client that has disconnected resends the request.
        if job.response_sender.is_closed() {
            continue;
        }
        let Ok(event) = job.event() else { continue };
        let (received_at, started) = (OffsetDateTime::now_utc(), Instant::now());
        let Invocation { reply, requests } = harness.invoke(&event).await;
        // A job is an HTTP request, whatever its body holds.
        let response = match reply {
            Ok(Reply::Webhook(response)) => response,
            Ok(_) | Err(_) => WebhookResponse::internal_error(),
        };
        service.history().add(
            received_at,
            started.elapsed(),
            Original::new(&job.headers, job.body.clone()),
            &response,
            &requests,
            rules,
        );
        output::delivery_line(received_at, &response, requests.len());
        // An error means that the client has disconnected by now.
        let _ = job.response_sender.send(response.to_gateway_response());
        drop(job.permit);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Bytes;
    use axum::http::HeaderMap;
    use clap::Parser;
    use tokio::sync::{Semaphore, oneshot};

    use super::*;
    use crate::overrides::SettingOverrides;

    #[derive(Parser)]
    struct HarnessArguments {
        #[command(flatten)]
        harness: harness::Options,
    }

    #[tokio::test]
    async fn requests_of_disconnected_clients_are_skipped_and_release_their_permit() {
        let arguments = HarnessArguments::parse_from(["segment-klaviyo"]);
        let harness = Harness::start(&arguments.harness).await.unwrap();
        let (sender, jobs) = mpsc::channel(MAX_IN_FLIGHT);
        let about = About {
            klaviyo: String::new(),
            endpoint: String::new(),
            settings: Vec::new(),
            example: String::new(),
        };
        let service = Service::new(sender.clone(), about);
        let rules = SettingOverrides::default().rules().unwrap();
        let in_flight = Arc::new(Semaphore::new(3));
        let mut receivers = Vec::new();
        for is_connected in [true, false, true] {
            let (response_sender, response_receiver) = oneshot::channel();
            let job = WebhookJob {
                headers: HeaderMap::new(),
                body: Bytes::from_static(b"{}"),
                peer: ([127, 0, 0, 1], 1).into(),
                response_sender,
                permit: in_flight.clone().try_acquire_owned().unwrap(),
            };
            assert!(sender.send(job).await.is_ok());
            if is_connected {
                receivers.push(response_receiver);
            }
        }
        let responses = async {
            for receiver in receivers {
                assert_eq!(receiver.await.unwrap().status_code, 401);
            }
        };
        tokio::select! {
            result = handle_jobs(&harness, jobs, &service, &rules) => panic!("{result:?}"),
            () = responses => {}
        }
        assert_eq!(service.history().after(0).len(), 2);
        assert_eq!(in_flight.available_permits(), 3);
    }
}
