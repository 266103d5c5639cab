//! `trigger`: sends a sample message by its name, signed as Segment signs it.

mod delivery;
mod patch;
mod samples;

use segment_klaviyo_stand_in::SHARED_SECRET;
use serde_json::Value;

use crate::aws::StackOutputs;
use crate::samconfig::Environment;
use crate::{harness, input, output, send};
use delivery::Delivery;
use samples::{SAMPLES, Sample};

/// Sends a sample message, signed, to the stand-in or to a deployed function.
///
/// It has a new messageId, order_id and time, so that it is no repeat of an earlier one. Exit code 0: every message is
/// delivered or ignored, 1: one is not, 2: error.
#[derive(clap::Args)]
#[command(
    after_help = "Examples: segment-klaviyo trigger order-completed --override properties.revenue=12\n          segment-klaviyo trigger identify --email me@klaviyo-demo.com --url https://…/segment"
)]
pub(crate) struct Arguments {
    /// The name of the sample; --list shows them.
    #[arg(required_unless_present = "list")]
    name: Option<String>,

    /// Lists the samples.
    #[arg(long, conflicts_with = "name")]
    list: bool,

    /// Sets a field of the message, such as properties.products.0.price=9.5, to JSON or text; without
    /// a value, removes it; may be repeated.
    #[arg(long = "override", value_name = "PATH=VALUE", value_parser = patch::parse)]
    overrides: Vec<patch::Override>,

    /// Uses this email address instead of the sample's.
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,

    /// Keeps the sample's messageId, order_id and times.
    #[arg(long)]
    keep_ids: bool,

    /// Prints the body of the request instead of sending it.
    #[arg(long)]
    print: bool,

    /// Sends it to this URL, such as the output WebhookUrl of a stack or that of `serve`, signed with
    /// SEGMENT_SHARED_SECRET and with the token in WEBHOOK_TOKEN.
    #[arg(long, value_name = "URL", conflicts_with_all = ["deployed", "stack"])]
    url: Option<String>,

    /// Sends it to the stack of --env.
    #[arg(long, requires = "env")]
    deployed: bool,

    /// Sends it to this stack.
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,

    #[command(flatten)]
    harness: harness::Options,
}

/// Sends the sample. Returns whether every message is delivered or ignored.
pub(crate) async fn run(arguments: Arguments) -> Result<bool, String> {
    let Some(name) = &arguments.name else {
        for sample in SAMPLES {
            output::line(&format!("{:26}{}", sample.name, sample.purpose));
        }
        return Ok(true);
    };
    let sample = Sample::find(name)?;
    let (body, signature) = arguments.request(sample)?;
    if arguments.print {
        output::line(&body);
        return Ok(true);
    }
    if let Some(url) = arguments.target()? {
        let delivery = Delivery { body, signature };
        return delivery.post(&url).await;
    }
    let event = input::event_of(&body, signature.as_deref())?;
    send::print_event(name, event, &arguments.harness).await
}

impl Arguments {
    /// Returns the body, and the signature that a request with it has.
    fn request(&self, sample: &Sample) -> Result<(String, Option<String>), String> {
        let mut body: Value = serde_json::from_str(&sample.body()?)
            .map_err(|error| format!("the sample {}: {error}", sample.name))?;
        if !self.keep_ids {
            patch::renew(&mut body);
        }
        if let Some(email) = &self.email {
            patch::replace_email(&mut body, email);
        }
        for change in &self.overrides {
            change.apply(&mut body)?;
        }
        let body = body.to_string();
        let secret =
            std::env::var("SEGMENT_SHARED_SECRET").unwrap_or_else(|_| SHARED_SECRET.to_owned());
        // The function on this machine has the samples' secret.
        let secret = match self.target_is_named() {
            true => secret.as_str(),
            false => SHARED_SECRET,
        };
        let signature = sample.signature(&body, secret);
        Ok((body, signature))
    }

    fn target_is_named(&self) -> bool {
        self.url.is_some() || self.stack.is_some() || self.deployed
    }

    /// The URL of the function, unless it is the one on this machine.
    fn target(&self) -> Result<Option<String>, String> {
        if let Some(url) = &self.url {
            return Ok(Some(url.clone()));
        }
        let mut stack = self.stack.clone();
        if self.deployed
            && let Some(name) = self.harness.environment()
        {
            stack = Environment::read(name)?.stack_name;
        }
        match stack {
            Some(stack) => {
                let outputs = StackOutputs::of(&stack)?;
                Ok(Some(outputs.value_of("WebhookUrl")?.to_owned()))
            }
            None if self.deployed => Err("this environment names no stack".to_owned()),
            None => Ok(None),
        }
    }
}
