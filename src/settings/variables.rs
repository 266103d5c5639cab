//! The list of variables, which docs/configuration.md, template and code share (`tests/suite/agreement.rs`).

/// Every variable with its default (`None` if it has none), in the order of `docs/configuration.md`.
pub const VARIABLES: &[(&str, Option<&str>)] = &[
    ("ENVIRONMENT", Some("dev")),
    ("SECRET_ID", None),
    ("SECRET_TTL_SECONDS", Some("300")),
    ("CONFIRM_OPTIN", Some("true")),
    ("ENFORCE_EMAIL", Some("true")),
    ("FALLBACK_ON_ANONYMOUS_ID", Some("false")),
    ("ACCEPT_KX", Some("false")),
    ("SEND_PLACED_ORDER_AS_ORDER_COMPLETED", Some("true")),
    ("LIST_ID", None),
    ("CONSENT_CHANNELS", Some("email")),
    ("CONFIRM_OPTIN_OVERRIDE", Some("server")),
    ("RESUBSCRIBE", Some("on_request")),
    ("CONSENT_TRAIT", None),
    ("CONSENT_REQUIRED", None),
    ("CONSENT_MISSING", Some("allow")),
    ("AGE_GATE_TRAIT", None),
    ("DEFAULT_COUNTRY", None),
    ("KLAVIYO_PROPERTY_NAMES", Some("true")),
    ("CLASSIC_PROPERTY_NAMES", Some("true")),
    ("METRIC_NAMES", Some("segment")),
    ("ORDER_EVENTS", None),
    ("ONCE_PER_ORDER", Some("Checkout Started")),
    ("EMAIL_FROM", None),
    ("VALUE_FROM", Some("revenue,value,total")),
    ("EVENTS_ALLOWED", None),
    ("EVENTS_BLOCKED", None),
    ("SEND_PAGES", Some("false")),
    ("SEND_SCREENS", Some("false")),
    ("GROUP_LISTS", Some("false")),
    ("AUDIENCE_LISTS", Some("false")),
    ("HONOR_DELETIONS", Some("false")),
    ("BACKFILL_AFTER_HOURS", None),
    ("RETRY_QUEUE_URL", None),
    ("DEAD_LETTER_QUEUE_URL", None),
    ("INTAKE", Some("Direct")),
    ("MEMORY_TABLE", None),
    ("REMEMBER_IDENTITIES", Some("false")),
    ("IDENTITY_TTL_DAYS", Some("365")),
    ("HOLD_ANONYMOUS_HOURS", Some("0")),
    ("DELIVERY_BUDGET_MS", Some("4500")),
    ("KLAVIYO_BASE_URL", Some("https://a.klaviyo.com")),
    ("KLAVIYO_URL_IS_TEST", Some("false")),
];

/// Returns the default of a variable, if it has one.
pub(super) fn default_of(name: &str) -> Option<&'static str> {
    for (variable, default) in VARIABLES {
        if *variable == name {
            return *default;
        }
    }
    None
}
