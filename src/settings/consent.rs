//! The settings that decide who is subscribed.

/// Whose consent counts, and when somebody who left is subscribed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentSettings {
    /// `RESUBSCRIBE`, `on_request` by default: whether somebody who left is subscribed again.
    pub resubscribe: Resubscribe,
    /// `CONSENT_TRAIT`, none by default: the trait that says whether to subscribe. True or a time
    /// subscribes, false unsubscribes, and without it nothing happens.
    pub consent_trait: Option<String>,
    /// `CONSENT_REQUIRED`, none by default: categories, separated by commas, that must be true in
    /// `context.consent.categoryPreferences`.
    pub required_categories: Vec<String>,
    /// `CONSENT_MISSING`, `allow` by default: whether a message without a consent object is sent
    /// when categories are required.
    pub allows_missing_consent: bool,
    /// `AGE_GATE_TRAIT`, none by default: the trait with the date of birth, which accounts with an
    /// age gate need for SMS.
    pub age_gate_trait: Option<String>,
    /// `CONFIRM_OPTIN_OVERRIDE`, `server` by default: whose messages may switch the confirmation
    /// off.
    pub confirm_optin_override: ConfirmOptinOverride,
}

/// Whether somebody who left is subscribed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resubscribe {
    /// Never.
    Never,
    /// If the message itself names the list, or its consent trait is a time after the person left.
    OnRequest,
    /// With every message that subscribes, as Klaviyo Classic did.
    Always,
}

/// Whose messages may switch the confirmation off with `confirmOptin: false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfirmOptinOverride {
    /// Anybody's.
    Any,
    /// A server's: the write key of a browser or an app is public.
    Server,
    /// Nobody's.
    Never,
}
