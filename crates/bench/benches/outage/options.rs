//! The scenarios, and the options that change them.

use std::time::Duration;

use super::template::Figures;

/// A scenario.
pub struct Scenario {
    /// The name on the command line.
    pub name: &'static str,
    /// What it is, for the list of scenarios.
    about: &'static str,
    /// The options that differ from the defaults.
    options: &'static [(&'static str, &'static str)],
}

/// Every scenario.
pub const SCENARIOS: [Scenario; 7] = [
    Scenario {
        name: "outage-1m",
        about: "Klaviyo is down for a minute, under 200 messages a second in batches of 100, half of them identifies with a list",
        options: &[("outage", "60")],
    },
    Scenario {
        name: "outage-10m",
        about: "the same for 10 minutes",
        options: &[("outage", "600")],
    },
    Scenario {
        name: "outage-60m",
        about: "the same for an hour",
        options: &[("outage", "3600")],
    },
    Scenario {
        name: "single-100",
        about: "one message in each webhook, 100 a second for 10 minutes, all of them tracks",
        options: &[
            ("rate", "100"),
            ("batch", "1"),
            ("identifies", "0"),
            ("seconds", "600"),
        ],
    },
    Scenario {
        name: "single-1000",
        about: "one message in each webhook, 1,000 a second for 2 minutes, without API Gateway's throttling",
        options: &[
            ("rate", "1000"),
            ("batch", "1"),
            ("identifies", "0"),
            ("seconds", "120"),
            ("throttle", "off"),
        ],
    },
    Scenario {
        name: "batch-1000",
        about: "batches of 100, 1,000 messages a second for 5 minutes, all of them tracks",
        options: &[("rate", "1000"), ("identifies", "0"), ("seconds", "300")],
    },
    Scenario {
        name: "put-aside",
        about: "one delivery of 4,000 messages while Klaviyo is down for a minute",
        options: &[
            ("rate", "4000"),
            ("batch", "4000"),
            ("seconds", "1"),
            ("warm-up", "0"),
            ("outage", "60"),
            ("look-ms", "1"),
        ],
    },
];

/// The options of a simulation.
#[derive(Debug, Clone)]
pub struct Options {
    /// The name of the scenario.
    pub name: &'static str,
    /// Messages a second.
    pub rate: f64,
    /// Messages in a delivery.
    pub batch: usize,
    /// The percentage of messages that are identifies with a list. The others are tracks.
    pub identifies: usize,
    /// The time for which messages come; `None` for until an outage is over for everybody.
    pub seconds: Option<f64>,
    /// The time before an outage.
    pub warm_up: Duration,
    /// The length of the outage.
    pub outage: Duration,
    /// How Klaviyo fails: a status, `drop` for a closed connection, `silent` for no answer.
    pub fault: String,
    /// The time that Klaviyo takes for a request.
    pub klaviyo_latency: Duration,
    /// The time that SQS and DynamoDB take for a request.
    pub aws_latency: Duration,
    /// How often the simulation looks at what Klaviyo has.
    pub look_interval: Duration,
    /// The most instances of the function.
    pub instances: usize,
    /// How many times slower an instance's processor is than this one; 0 for no time at all.
    pub slowdown: f64,
    /// The seed of all random numbers.
    pub seed: u64,
    /// Further settings of the function.
    pub settings: Vec<(String, String)>,
    /// What the template says, or an option instead.
    pub figures: Figures,
    /// The file for what CloudWatch would know, minute by minute.
    pub metrics_file: Option<String>,
    /// The seconds after the end by which everything must be delivered.
    pub drained_within: Option<f64>,
    /// Whether no rows are printed.
    pub quiet: bool,
}

const OPTIONS: &str = "\
  --rate N              messages a second (200)
  --batch N             messages in a delivery (100)
  --identifies PERCENT  identifies with a list; the others are tracks (50)
  --seconds N           time for which messages come (until the queue has drained)
  --warm-up N           seconds before an outage (30)
  --outage N            seconds of the outage (0)
  --fault KIND          503 or another status, drop, silent (503)
  --klaviyo-ms N        Klaviyo's time for a request (150)
  --aws-ms N            SQS's and DynamoDB's time for a request (10)
  --look-ms N           how often the simulation looks at Klaviyo (20)
  --instances N         most instances of the function (1000)
  --slowdown N          times that an instance is slower than this processor (0: it takes no time)
  --seed N              seed of random numbers (1)
  --set NAME=VALUE      a setting of the function
  --metrics FILE        writes what CloudWatch would know, for .ci/outage.py
  --drained-within N    fails unless all is delivered so many seconds after the end
  --quiet yes           prints no rows
These override template.yaml:
  --batch-size N  --window SECONDS  --concurrency N  --visibility SECONDS
  --max-receives N  --timeout SECONDS  --throttle off";

/// Prints the scenarios and options.
pub fn print_help() {
    println!("cargo bench --bench outage -- SCENARIO [--OPTION VALUE …]");
    for scenario in &SCENARIOS {
        println!("  {:<12} {}", scenario.name, scenario.about);
    }
    println!(
        "  {:<12} draws docs/outage.svg: the outages of a minute and of 10",
        "picture"
    );
    println!("{OPTIONS}");
}

impl Options {
    /// Returns the options of a scenario, changed by arguments.
    pub fn parse(scenario: &Scenario, arguments: &[String]) -> Result<Self, String> {
        let mut options = Options {
            name: scenario.name,
            rate: 200.0,
            batch: 100,
            identifies: 50,
            seconds: None,
            warm_up: Duration::from_secs(30),
            outage: Duration::ZERO,
            fault: "503".to_owned(),
            klaviyo_latency: Duration::from_millis(150),
            aws_latency: Duration::from_millis(10),
            look_interval: Duration::from_millis(20),
            instances: 1_000,
            slowdown: 0.0,
            seed: 1,
            settings: Vec::new(),
            figures: Figures::read(),
            metrics_file: None,
            drained_within: None,
            quiet: false,
        };
        for (name, value) in scenario.options {
            options.set(name, value)?;
        }
        for pair in arguments.chunks(2) {
            match pair {
                [name, value] if name.starts_with("--") => options.set(&name[2..], value)?,
                _ => return Err(format!("{} needs a value", pair[0])),
            }
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let number = value.parse::<f64>();
        let number = || {
            number
                .clone()
                .map_err(|_| format!("--{name} {value}: no number"))
        };
        let seconds = || number().map(Duration::from_secs_f64);
        let milliseconds = || number().map(|number| Duration::from_secs_f64(number / 1e3));
        match name {
            "rate" => self.rate = number()?,
            "batch" => self.batch = number()? as usize,
            "identifies" => self.identifies = number()? as usize,
            "seconds" => self.seconds = Some(number()?),
            "warm-up" => self.warm_up = seconds()?,
            "outage" => self.outage = seconds()?,
            "fault" => self.fault = value.to_owned(),
            "klaviyo-ms" => self.klaviyo_latency = milliseconds()?,
            "aws-ms" => self.aws_latency = milliseconds()?,
            "look-ms" => self.look_interval = milliseconds()?,
            "instances" => self.instances = number()? as usize,
            "slowdown" => self.slowdown = number()?,
            "seed" => self.seed = number()? as u64,
            "set" => match value.split_once('=') {
                Some((name, value)) => self.settings.push((name.to_owned(), value.to_owned())),
                None => return Err(format!("--set {value}: expected NAME=VALUE")),
            },
            "metrics" => self.metrics_file = Some(value.to_owned()),
            "drained-within" => self.drained_within = Some(number()?),
            "quiet" => self.quiet = value == "yes",
            "batch-size" => self.figures.batch_size = number()? as usize,
            "window" => self.figures.window = seconds()?,
            "concurrency" => self.figures.concurrency = number()? as usize,
            "visibility" => self.figures.visibility = seconds()?,
            "max-receives" => self.figures.max_receive_count = number()? as u32,
            "timeout" => self.figures.timeout = seconds()?,
            "throttle" if value == "off" => self.figures.throttle = None,
            _ => return Err(format!("--{name} {value} is unknown")),
        }
        Ok(())
    }
}
