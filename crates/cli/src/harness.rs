//! The function on a harness: started with these settings, between a stand-in and whoever asks.

use segment_klaviyo::handler::{Destination, InvocationContext, Reply};
use segment_klaviyo::ingress::EventPayload;
use segment_klaviyo::settings::{RuleSettings, VARIABLES};
use segment_klaviyo::telemetry::{Log, error_chain};
use segment_klaviyo_stand_in::{RecordedRequest, StandIn};

use crate::overrides::SettingOverrides;

/// What every command that runs the function takes.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Calls this Klaviyo instead of the stand-in, with the private key in KLAVIYO_API_KEY.
    #[arg(long, value_name = "URL")]
    klaviyo_url: Option<String>,

    /// Sets one of the function's settings; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
}

impl Options {
    /// What was chosen for one of the function's settings.
    pub(crate) fn chosen(&self, name: &str) -> Option<String> {
        self.settings
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
    }

    /// Another Klaviyo than the stand-in.
    pub(crate) fn klaviyo_url(&self) -> Option<&str> {
        self.klaviyo_url.as_deref()
    }

    /// The rules that the settings make, for a command that starts no function.
    pub(crate) fn rules(&self) -> Result<RuleSettings, String> {
        SettingOverrides::new(self.settings.clone()).rules()
    }
}

/// What a command wants otherwise than the others.
#[derive(Default)]
pub(crate) struct StartOptions<'w> {
    /// Defaults of the function's settings.
    pub(crate) defaults: &'w [(&'w str, &'w str)],
    /// The shared secret, if not the samples' one.
    pub(crate) shared_secret: Option<String>,
    /// Whether calls go straight to a real Klaviyo: there are more than anybody wants to see.
    pub(crate) unseen: bool,
}

/// The function and what it talks to.
pub(crate) struct Harness {
    stand_in: StandIn,
    destination: Destination,
}

impl Harness {
    /// Starts the function as Lambda would. Calls to a real Klaviyo go through the stand-in, so that they can
    /// be shown.
    pub(crate) async fn start(options: Options) -> Result<Self, String> {
        Harness::start_with(&options, StartOptions::default()).await
    }

    /// Starts the function in this way.
    pub(crate) async fn start_with(
        options: &Options,
        way: StartOptions<'_>,
    ) -> Result<Self, String> {
        let stand_in = StandIn::start()
            .await
            .map_err(|error| format!("cannot listen on 127.0.0.1: {error}"))?;
        let mut key = segment_klaviyo_stand_in::API_KEY.to_owned();
        let mut base = None;
        if let Some(url) = options.klaviyo_url() {
            key = std::env::var("KLAVIYO_API_KEY")
                .map_err(|_| "--klaviyo-url needs KLAVIYO_API_KEY in the environment")?;
            if way.unseen {
                base = Some(("KLAVIYO_BASE_URL", url.to_owned()));
            } else {
                stand_in.state().forward_to = Some(url.to_owned());
            }
        }
        let shared_secret = way
            .shared_secret
            .as_deref()
            .unwrap_or(segment_klaviyo_stand_in::SHARED_SECRET);
        stand_in.state().secret = Some(segment_klaviyo_stand_in::secret_of(&key, shared_secret));
        let environment = stand_in.environment();
        let defaults = way
            .defaults
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let environment: Vec<_> = base
            .into_iter()
            .chain(defaults)
            .chain(environment)
            .collect();
        let get = |name: &str| {
            let value = || {
                environment
                    .iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| value.clone())
            };
            options.chosen(name).or_else(value)
        };
        let destination = Destination::start(get, Log::new(|_| {}))
            .await
            .map_err(|error| error_chain(&error))?;
        Ok(Harness {
            stand_in,
            destination,
        })
    }

    /// The function itself.
    pub(crate) fn destination(&self) -> &Destination {
        &self.destination
    }

    /// The function's rules, for a command that means one otherwise than a setting can say.
    pub(crate) fn rules_mut(&mut self) -> &mut RuleSettings {
        self.destination.rules_mut()
    }

    /// What stands in for AWS, and for Klaviyo if there is no real one.
    pub(crate) fn stand_in(&self) -> &StandIn {
        &self.stand_in
    }

    /// The function's answer to one event, and the calls to Klaviyo that it made for it.
    pub(crate) async fn invoke(
        &self,
        event: &EventPayload,
    ) -> Result<(Reply, Vec<RecordedRequest>), String> {
        self.stand_in.state().requests.clear();
        let reply = self
            .destination
            .handle(event, InvocationContext::default())
            .await
            .map_err(|error| error.to_string())?;
        Ok((reply, std::mem::take(&mut self.stand_in.state().requests)))
    }
}

/// A `KEY=VALUE` for one of the function's settings that can be chosen here.
pub(crate) fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = known(text)?;
    match key.as_str() {
        "KLAVIYO_BASE_URL" => Err("use --klaviyo-url, so that the calls can be shown".to_owned()),
        "SECRET_ID" => Err("the secret is played by the stand-in".to_owned()),
        _ => Ok((key, value)),
    }
}

/// A `KEY=VALUE` for any of the function's settings.
pub(crate) fn known(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    if VARIABLES.iter().any(|(name, _)| *name == key) {
        Ok((key.to_owned(), value.to_owned()))
    } else {
        let known: Vec<_> = VARIABLES.iter().map(|(name, _)| *name).collect();
        Err(format!("no such setting; there are {}", known.join(", ")))
    }
}
