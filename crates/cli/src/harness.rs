//! The function between a stand-in and a command: started with chosen settings, invoked without
//! AWS.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use segment_klaviyo::delivery::MessageResult;
use segment_klaviyo::handler::{Destination, InvocationContext, InvocationError, Reply};
use segment_klaviyo::ingress::EventPayload;
use segment_klaviyo::queue::QueueEntry;
use segment_klaviyo::settings::{RuleSettings, Settings};
use segment_klaviyo::telemetry::{DeliverySummary, Log, error_chain};
use segment_klaviyo_stand_in::{
    API_KEY, NO_ANSWER_IN_TIME, RecordedRequest, SHARED_SECRET, StandIn, secret_of,
};
use serde::{Serialize, Serializer};
use tokio::time::Instant;

use crate::output;
use crate::overrides::SettingOverrides;
use crate::progress::{self, ProgressDisplay};
use crate::setting_arguments::SettingArguments;

/// The options of every command that runs the function.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Sends requests to this Klaviyo instead of the stand-in, with the private key in
    /// KLAVIYO_API_KEY.
    #[arg(long, value_name = "URL", value_parser = parse_url)]
    klaviyo_url: Option<String>,

    #[command(flatten)]
    settings: SettingArguments,
}

impl Options {
    /// The options for these settings and the stand-in.
    pub(crate) fn on_stand_in(settings: SettingArguments) -> Self {
        let klaviyo_url = None;
        Options {
            klaviyo_url,
            settings,
        }
    }

    /// The chosen settings.
    pub(crate) fn overrides(&self) -> Result<SettingOverrides, String> {
        self.settings.overrides()
    }

    /// The environment of samconfig.toml, if one is named.
    pub(crate) fn environment(&self) -> Option<&str> {
        self.settings.environment()
    }

    /// The URL of a Klaviyo that takes the place of the stand-in.
    pub(crate) fn klaviyo_url(&self) -> Option<&str> {
        self.klaviyo_url.as_deref()
    }

    /// The Klaviyo that requests go to.
    pub(crate) fn klaviyo(&self) -> KlaviyoName {
        match &self.klaviyo_url {
            Some(url) => KlaviyoName::Url(url.clone()),
            None => KlaviyoName::StandIn,
        }
    }
}

/// Parses the URL of a Klaviyo. A slash at its end is no part of it.
fn parse_url(text: &str) -> Result<String, String> {
    match reqwest::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("expected an https URL, such as https://a.klaviyo.com".to_owned()),
    }
}

/// The Klaviyo that requests go to, by the name that people know it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KlaviyoName {
    /// The stand-in.
    StandIn,
    /// The one at this URL.
    Url(String),
}

impl fmt::Display for KlaviyoName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            KlaviyoName::StandIn => "a stand-in on this machine",
            KlaviyoName::Url(url) => url,
        })
    }
}

impl Serialize for KlaviyoName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            KlaviyoName::StandIn => "stand-in",
            KlaviyoName::Url(url) => url,
        })
    }
}

/// The variables that the tool sets itself.
const OWN_VARIABLES: [&str; 3] = ["SECRET_ID", "KLAVIYO_BASE_URL", "KLAVIYO_URL_IS_TEST"];

/// The time between two looks at the recorded requests.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The ways in which a command's function differs from that of other commands.
#[derive(Default)]
pub(crate) struct StartOptions<'a> {
    /// Defaults of the function's settings.
    pub(crate) defaults: &'a [(&'a str, &'a str)],
    /// The rules, where they differ from those of the settings.
    pub(crate) rules: Option<RuleSettings>,
    /// The shared secret, where it is not that of the samples.
    pub(crate) shared_secret: Option<String>,
    /// Whether requests go directly to a real Klaviyo. If so, the tool cannot display them.
    pub(crate) direct: bool,
    /// The function's log, if somebody reads it.
    pub(crate) log: Option<Log>,
    /// Whether nobody expects that anything is sent, so that there is no note on where it goes.
    pub(crate) is_trial: bool,
}

/// An invocation of the function.
pub(crate) struct Invocation {
    /// The reply, or the reason why Lambda counts the invocation as failed.
    pub(crate) reply: Result<Reply, InvocationError>,
    /// The requests to Klaviyo, in the order of their answers.
    pub(crate) requests: Vec<RecordedRequest>,
}

/// The function and the stand-in that it talks to.
pub(crate) struct Harness {
    stand_in: StandIn,
    destination: Destination,
    delivery_budget: Duration,
    klaviyo: KlaviyoName,
}

impl Harness {
    /// Starts the function as Lambda would. Requests to a real Klaviyo go through the stand-in, so
    /// that they can be shown.
    pub(crate) async fn start(options: &Options) -> Result<Self, String> {
        Harness::start_with(options, StartOptions::default()).await
    }

    /// Starts the function as Lambda would, in the way of one command.
    pub(crate) async fn start_with(
        options: &Options,
        start: StartOptions<'_>,
    ) -> Result<Self, String> {
        let stand_in = StandIn::start()
            .await
            .map_err(|error| format!("cannot listen on 127.0.0.1: {error}"))?;
        let mut environment = BTreeMap::from_iter(stand_in.environment());
        let mut api_key = API_KEY.to_owned();
        if let Some(url) = &options.klaviyo_url {
            api_key = std::env::var("KLAVIYO_API_KEY")
                .map_err(|_| "--klaviyo-url needs KLAVIYO_API_KEY in the environment")?;
            if start.direct {
                environment.insert("KLAVIYO_BASE_URL", url.clone());
                environment.insert("KLAVIYO_URL_IS_TEST", "true".to_owned());
            } else {
                stand_in.state().forward_to = Some(url.clone());
            }
        } else if std::env::var_os("KLAVIYO_API_KEY").is_some() && !start.is_trial {
            output::note(
                "KLAVIYO_API_KEY is not used: requests go to a stand-in on this machine unless --klaviyo-url names another Klaviyo",
            );
        }
        for (name, value) in start.defaults {
            environment.insert(name, (*value).to_owned());
        }
        let overrides = options.overrides()?;
        for (name, value) in overrides.values() {
            // The tool decides where requests go, whatever an environment says.
            if !OWN_VARIABLES.contains(&name) {
                environment.insert(name, value.to_owned());
            }
        }
        let shared_secret = start.shared_secret.as_deref().unwrap_or(SHARED_SECRET);
        stand_in.state().secret = Some(secret_of(&api_key, shared_secret));

        let mut settings = Settings::from_env(|name| environment.get(name).cloned())
            .map_err(|error| error_chain(&error))?;
        if let Some(rules) = start.rules {
            settings.rules = rules;
        }
        let delivery_budget = settings.delivery_budget;
        let destination = Destination::start_with(
            settings,
            |name| environment.get(name).cloned(),
            start.log.unwrap_or_else(|| Log::new(|_| {})),
        )
        .await
        .map_err(|error| error_chain(&error))?;
        Ok(Harness {
            stand_in,
            destination,
            delivery_budget,
            klaviyo: options.klaviyo(),
        })
    }

    /// The Klaviyo that requests go to.
    pub(crate) fn klaviyo(&self) -> &KlaviyoName {
        &self.klaviyo
    }

    /// The function itself.
    pub(crate) fn destination(&self) -> &Destination {
        &self.destination
    }

    /// The time that the function has for one delivery.
    pub(crate) fn delivery_budget(&self) -> Duration {
        self.delivery_budget
    }

    /// The stand-in: AWS, and Klaviyo unless there is a real one.
    pub(crate) fn stand_in(&self) -> &StandIn {
        &self.stand_in
    }

    /// Invokes the function with one event, and shows on stderr when that takes long. Fails if nobody
    /// answers where Klaviyo should be, as soon as that is certain.
    pub(crate) async fn invoke_reachable(
        &self,
        event: &EventPayload,
    ) -> Result<Invocation, String> {
        let reply = self
            .reachable(self.destination.handle(event, InvocationContext::default()))
            .await?;
        let requests = self.take_requests().await?;
        Ok(Invocation { reply, requests })
    }

    /// Delivers entries of a queue, in the same way. Returns the results in their order.
    pub(crate) async fn deliver_reachable(
        &self,
        entries: Vec<QueueEntry<'_>>,
    ) -> Result<(Vec<MessageResult>, Vec<RecordedRequest>), String> {
        let messages = entries.into_iter().map(QueueEntry::into_inbound).collect();
        let mut summary = DeliverySummary::default();
        let deadline = Instant::now() + self.delivery_budget;
        let results = self
            .reachable(self.destination.deliver(messages, deadline, &mut summary))
            .await?;
        let requests = self.take_requests().await?;
        Ok((results, requests))
    }

    async fn reachable<T>(&self, work: impl Future<Output = T>) -> Result<T, String> {
        self.stand_in.state().requests.clear();
        let mut progress = ProgressDisplay::of_wait();
        let work = progress::watch(work, |elapsed| {
            let seconds = elapsed.as_secs();
            progress.wait(&format!("waiting for {}, {seconds} s so far", self.klaviyo));
        });
        let result = tokio::select! {
            result = work => Ok(result),
            reason = self.refused_connection() => Err(self.cannot_be_reached(&reason)),
        };
        progress.clear();
        result
    }

    /// Takes the requests of a delivery. Fails if nobody answered them.
    async fn take_requests(&self) -> Result<Vec<RecordedRequest>, String> {
        let requests = self.recorded_requests().await;
        match unreachable_reason(&requests) {
            Some(reason) => Err(self.cannot_be_reached(reason)),
            None => Ok(requests),
        }
    }

    fn cannot_be_reached(&self, reason: &str) -> String {
        format!("{} cannot be reached: {reason}", self.klaviyo)
    }

    /// Waits until a request could not be passed on and no other was answered: the function would
    /// only try again until its time is over.
    async fn refused_connection(&self) -> String {
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            // Whoever is only slow may answer the next attempt.
            match unreachable_reason(&self.stand_in.state().requests) {
                None | Some(NO_ANSWER_IN_TIME) => {}
                Some(reason) => return reason.to_owned(),
            }
        }
    }

    /// Invokes the function with one event.
    pub(crate) async fn invoke(&self, event: &EventPayload) -> Invocation {
        self.stand_in.state().requests.clear();
        let reply = self
            .destination
            .handle(event, InvocationContext::default())
            .await;
        let requests = self.recorded_requests().await;
        Invocation { reply, requests }
    }

    async fn recorded_requests(&self) -> Vec<RecordedRequest> {
        if self.klaviyo != KlaviyoName::StandIn {
            // The record of a request that the function does not wait for any more comes after that.
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        std::mem::take(&mut self.stand_in.state().requests)
    }
}

/// The reason why nobody answered, if nobody did.
fn unreachable_reason(requests: &[RecordedRequest]) -> Option<&str> {
    if requests.iter().any(|request| request.status != 0) {
        return None;
    }
    let mut reasons = requests.iter().filter_map(RecordedRequest::no_answer);
    reasons.next()
}
