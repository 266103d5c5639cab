//! `serve`: the function behind an HTTP endpoint on this machine, and a page of what comes in.

mod door;
mod history;
mod routes;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use segment_klaviyo::handler::Reply;
use segment_klaviyo::response::WebhookResponse;
use segment_klaviyo_stand_in::SHARED_SECRET;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::harness::{self, Harness, StartOptions};
use crate::output;
use routes::{Job, Service};

/// Where the page is if all addresses are listened on.
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Takes Segment's deliveries on this machine, as the Lambda function would, and shows what becomes of them.
///
/// POST /segment takes them, from a tunnel or from curl; requests must be signed with the shared secret. A
/// page shows the last 200, for this machine only: its address is printed, with a new token in it each time. One
/// delivery is worked on at a time.
#[derive(clap::Args)]
#[command(
    after_help = "Example: SEGMENT_SHARED_SECRET=… segment-klaviyo serve --settings LIST_ID=Y6nRLr\n\
    then:    let a tunnel lead to it, and give Segment the tunnel's address with /segment at its end"
)]
pub(crate) struct Arguments {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// What Segment signs with; else SEGMENT_SHARED_SECRET in the environment, else the samples' secret, which
    /// everybody knows: not with --klaviyo-url or where others can reach it.
    #[arg(long, value_name = "SECRET")]
    shared_secret: Option<String>,

    #[command(flatten)]
    harness: harness::Options,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), String> {
    let Arguments {
        listen,
        shared_secret,
        harness: options,
    } = arguments;
    let shared_secret = shared_secret.or_else(|| std::env::var("SEGMENT_SHARED_SECRET").ok());
    let open = [
        options.klaviyo_url().map(|_| "--klaviyo-url"),
        (!listen.ip().to_canonical().is_loopback())
            .then_some("--listen with an address that others can reach"),
    ];
    if let Some(option) = open.into_iter().flatten().next()
        && shared_secret
            .as_deref()
            .is_none_or(|secret| secret == SHARED_SECRET)
    {
        return Err(format!(
            "{option} needs a secret of your own in SEGMENT_SHARED_SECRET: with the samples' secret anybody can sign"
        ));
    }
    let harness = Harness::start_with(
        &options,
        StartOptions {
            shared_secret,
            ..StartOptions::default()
        },
    )
    .await?;
    let failed = |error: std::io::Error| format!("cannot listen on {listen}: {error}");
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let token = door::Token::new()?;
    let (port, page) = (
        address.port(),
        if address.ip().is_unspecified() {
            LOOPBACK
        } else {
            address.ip()
        },
    );
    let page = format!("http://{}/{}/", SocketAddr::new(page, port), token.as_str());
    let klaviyo = options
        .klaviyo_url()
        .unwrap_or("a stand-in on this machine");
    let (sender, jobs) = mpsc::channel(routes::PLACES);
    let service = Service::new(sender, klaviyo);
    let router = service
        .clone()
        .router(token)
        .into_make_service_with_connect_info::<SocketAddr>();
    output::line(&format!(
        "http://{address}/segment takes deliveries, {page} shows them; Ctrl-C ends it"
    ));
    tokio::select! {
        ended = axum::serve(listener, router) => ended.map_err(failed),
        ended = work(&harness, jobs, &service) => ended,
    }
}

/// Runs the function for one request after another: what it calls meanwhile is that one's.
async fn work(
    harness: &Harness,
    mut jobs: mpsc::Receiver<Job>,
    service: &Service,
) -> Result<(), String> {
    while let Some(job) = jobs.recv().await {
        // Who does not wait any more sends it again.
        if job.answer.is_closed() {
            continue;
        }
        let Ok(event) = job.event() else { continue };
        let Job {
            body,
            answer,
            place: _place,
            ..
        } = job;
        let (at, began) = (OffsetDateTime::now_utc(), Instant::now());
        let (reply, calls) = harness.invoke(&event).await?;
        let answered = match reply {
            Reply::Http(answered) => answered,
            Reply::Check(_) | Reply::Records(_) => WebhookResponse::internal_error(),
        };
        service
            .history()
            .add(at, began.elapsed(), &body, &answered, &calls);
        output::served(at, &answered, calls.len());
        let _ = answer.send(answered.into_response());
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

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        harness: harness::Options,
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_worked_on_and_gives_its_place_back() {
        let harness = Harness::start(Command::parse_from(["local"]).harness)
            .await
            .unwrap();
        let (sender, jobs) = mpsc::channel(routes::PLACES);
        let service = Service::new(sender.clone(), "");
        let places = Arc::new(Semaphore::new(3));
        let mut waiting = Vec::new();
        for waits in [true, false, true] {
            let (answer, answered) = oneshot::channel();
            let (headers, body, peer) = (
                HeaderMap::new(),
                Bytes::from_static(b"{}"),
                ([127, 0, 0, 1], 1).into(),
            );
            let place = places.clone().try_acquire_owned().unwrap();
            assert!(
                sender
                    .send(Job {
                        headers,
                        body,
                        peer,
                        answer,
                        place
                    })
                    .await
                    .is_ok()
            );
            waiting.extend(waits.then_some(answered));
        }
        let work = work(&harness, jobs, &service);
        let answers = async {
            for answered in waiting {
                assert_eq!(answered.await.unwrap().status_code, 401);
            }
        };
        tokio::select! {
            ended = work => panic!("{ended:?}"),
            () = answers => {}
        }
        assert_eq!(service.history().after(0).len(), 2);
        assert_eq!(places.available_permits(), 3);
    }
}
