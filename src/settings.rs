//! The settings: environment variables, read once during init into types that cannot be wrong.

mod audiences;
mod consent;
mod intake;
mod parse;
mod rules;
mod variables;

use std::time::Duration;

use reqwest::Url;

pub use audiences::AudienceLists;
pub use consent::{ConfirmOptinOverride, ConsentSettings, Resubscribe};
pub use intake::Intake;
pub use parse::SettingsError;
pub use rules::{Channel, EventFilter, MetricNames, RuleSettings};
pub use variables::VARIABLES;

use parse::Reader;

/// The function's settings. [`VARIABLES`] lists each variable with its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `ENVIRONMENT`, `dev` by default: the name of this deployment and the dimension of its
    /// metrics, 1 to 20 lower-case letters, digits and hyphens.
    pub environment: String,
    /// `SECRET_ID`, required: the name or ARN of the secret in Secrets Manager.
    pub secret_id: String,
    /// `SECRET_TTL_SECONDS`, 300 by default: how long a fetched secret counts as fresh, from 1
    /// second to a day.
    pub secret_ttl: Duration,
    /// `RETRY_QUEUE_URL`, none by default: the SQS queue for messages that Klaviyo cannot accept
    /// now.
    pub retry_queue_url: Option<String>,
    /// `DEAD_LETTER_QUEUE_URL`, none by default: the SQS queue for messages that can never succeed.
    pub dead_letter_queue_url: Option<String>,
    /// `INTAKE`, direct by default: whether a delivery is sent to Klaviyo at once or put into the retry
    /// queue, which has to be there.
    pub intake: Intake,
    /// `MEMORY_TABLE`, none by default: the DynamoDB table of the ledger of consents, and of the identity
    /// memory.
    pub memory_table: Option<String>,
    /// `REMEMBER_IDENTITIES`, false by default: whose ids a message has is remembered from messages with
    /// an email. `IDENTITY_TTL_DAYS`, 365 by default, from 1 to 3,650, is for how long.
    pub remember_identities: Option<Duration>,
    /// `HOLD_ANONYMOUS_HOURS`, 0 by default, up to 168: for how long events of somebody unknown wait for
    /// an email. 0 is not at all.
    pub hold_anonymous: Duration,
    /// `DELIVERY_BUDGET_MS`, 4,500 ms by default: the time for one delivery, from 500 ms to 60 s.
    /// Segment gives up after 5 s.
    pub delivery_budget: Duration,
    /// `KLAVIYO_BASE_URL`, `https://a.klaviyo.com` by default: the https URL of Klaviyo's API. An
    /// http URL would send the key and people's data in the clear, so it is accepted only for this
    /// machine, or if `KLAVIYO_URL_IS_TEST`, false by default, is true.
    pub klaviyo_base_url: Url,
    /// The settings of the rules.
    pub rules: RuleSettings,
}

impl Settings {
    /// Reads every variable through `get`, which returns the value of an environment variable.
    ///
    /// A variable that is empty or blank counts as not set: an optional parameter of the template
    /// arrives that way. The first variable that is missing or invalid is the error.
    pub fn from_env(get: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let env = Reader::new(get);
        Ok(Settings {
            environment: env.environment("ENVIRONMENT")?,
            secret_id: env.required("SECRET_ID")?,
            secret_ttl: Duration::from_secs(env.number("SECRET_TTL_SECONDS", 1..=86_400)?),
            retry_queue_url: env.optional_url("RETRY_QUEUE_URL")?,
            intake: env.intake("INTAKE", "RETRY_QUEUE_URL")?,
            dead_letter_queue_url: env.optional_url("DEAD_LETTER_QUEUE_URL")?,
            memory_table: env.table_name("MEMORY_TABLE")?,
            remember_identities: env
                .days_if("REMEMBER_IDENTITIES", ("IDENTITY_TTL_DAYS", 1..=3_650))?,
            hold_anonymous: Duration::from_secs(
                env.number("HOLD_ANONYMOUS_HOURS", 0..=168)? * 3600,
            ),
            delivery_budget: Duration::from_millis(env.number("DELIVERY_BUDGET_MS", 500..=60_000)?),
            klaviyo_base_url: env.klaviyo_url("KLAVIYO_BASE_URL", "KLAVIYO_URL_IS_TEST")?,
            rules: RuleSettings {
                confirm_optin: env.boolean("CONFIRM_OPTIN")?,
                enforce_email: env.boolean("ENFORCE_EMAIL")?,
                fallback_on_anonymous_id: env.boolean("FALLBACK_ON_ANONYMOUS_ID")?,
                accept_kx: env.boolean("ACCEPT_KX")?,
                send_placed_order_as_order_completed: env
                    .boolean("SEND_PLACED_ORDER_AS_ORDER_COMPLETED")?,
                list_id: env.list_id("LIST_ID")?,
                consent_channels: env.channels("CONSENT_CHANNELS")?,
                consent: ConsentSettings {
                    resubscribe: env.choice(
                        "RESUBSCRIBE",
                        &[
                            ("never", Resubscribe::Never),
                            ("on_request", Resubscribe::OnRequest),
                            ("always", Resubscribe::Always),
                        ],
                    )?,
                    consent_trait: env.text("CONSENT_TRAIT"),
                    required_categories: env.names("CONSENT_REQUIRED"),
                    allows_missing_consent: env
                        .choice("CONSENT_MISSING", &[("allow", true), ("deny", false)])?,
                    age_gate_trait: env.text("AGE_GATE_TRAIT"),
                    confirm_optin_override: env.choice(
                        "CONFIRM_OPTIN_OVERRIDE",
                        &[
                            ("any", ConfirmOptinOverride::Any),
                            ("server", ConfirmOptinOverride::Server),
                            ("never", ConfirmOptinOverride::Never),
                        ],
                    )?,
                },
                default_country: env.country("DEFAULT_COUNTRY")?,
                klaviyo_property_names: env.boolean("KLAVIYO_PROPERTY_NAMES")?,
                classic_property_names: env.boolean("CLASSIC_PROPERTY_NAMES")?,
                metric_names: env.choice(
                    "METRIC_NAMES",
                    &[
                        ("segment", MetricNames::Segment),
                        ("klaviyo", MetricNames::Klaviyo),
                    ],
                )?,
                order_events: env.names("ORDER_EVENTS"),
                once_per_order: env.names("ONCE_PER_ORDER"),
                email_from: env.places("EMAIL_FROM")?,
                value_from: env.names("VALUE_FROM"),
                events: EventFilter {
                    allowed: env.names("EVENTS_ALLOWED"),
                    blocked: env.names("EVENTS_BLOCKED"),
                },
                send_pages: env.boolean("SEND_PAGES")?,
                send_screens: env.boolean("SEND_SCREENS")?,
                group_lists: env.boolean("GROUP_LISTS")?,
                audience_lists: env.audience_lists("AUDIENCE_LISTS")?,
                honor_deletions: env.boolean("HONOR_DELETIONS")?,
                backfill_after: env.hours("BACKFILL_AFTER_HOURS", 1..=87_600)?,
            },
        })
    }
}
