//! The function on a desk: started with these settings, between a stand-in and whoever asks.

use segment_klaviyo::handler::{Destination, Invocation, Reply};
use segment_klaviyo::ingress::LambdaEvent;
use segment_klaviyo::settings::VARIABLES;
use segment_klaviyo::standin::{self, Recorded, StandIn};
use segment_klaviyo::telemetry::{Log, chain};

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

/// The function and what it talks to.
pub(crate) struct Desk {
    standin: StandIn,
    destination: Destination,
}

impl Desk {
    /// Starts the function as Lambda would. Calls to a real Klaviyo go through the stand-in, so that they can
    /// be shown.
    pub(crate) async fn open(options: Options) -> Result<Self, String> {
        let standin = StandIn::start().await.map_err(|error| format!("cannot listen on 127.0.0.1: {error}"))?;
        if let Some(url) = options.klaviyo_url {
            let key = std::env::var("KLAVIYO_API_KEY")
                .map_err(|_| "--klaviyo-url needs KLAVIYO_API_KEY in the environment")?;
            let mut held = standin.held();
            held.secret = Some(standin::secret(&key));
            held.forward_to = Some(url);
        }
        let environment = standin.environment();
        let get = |name: &str| {
            let chosen = options.settings.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone());
            chosen.or_else(|| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone()))
        };
        let destination = Destination::start(get, Log::new(|_| {})).await.map_err(|error| chain(&error))?;
        Ok(Desk { standin, destination })
    }

    /// The function's answer to one event, and the calls to Klaviyo that it made for it.
    pub(crate) async fn invoke(&self, event: &LambdaEvent) -> Result<(Reply, Vec<Recorded>), String> {
        self.standin.held().calls.clear();
        let reply = self.destination.handle(event, Invocation::default()).await.map_err(|error| error.to_string())?;
        Ok((reply, std::mem::take(&mut self.standin.held().calls)))
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
