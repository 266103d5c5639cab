//! Settings that many tests share.

use std::collections::BTreeMap;

use segment_klaviyo::settings::{RuleSettings, Settings, VARIABLES};

/// The name and the value of a variable.
pub(crate) type Setting<'s> = (&'s str, &'s str);

/// The list that the samples name.
pub(crate) const LIST: &str = "Y6nRLr";

/// Subscribes everybody whom an identify is about.
pub(crate) const SUBSCRIBE_ALL: Setting = ("LIST_ID", LIST);

/// Little time, for faults that outlast the delivery.
pub(crate) const BRIEF: Setting = ("DELIVERY_BUDGET_MS", "1500");
/// Time enough for a debug build on a slow machine.
pub(crate) const PATIENT: Setting = ("DELIVERY_BUDGET_MS", "60000");

/// Reads the rules' settings from these variables and the defaults.
pub(crate) fn rule_settings<'s>(variables: impl IntoIterator<Item = Setting<'s>>) -> RuleSettings {
    let mut values = BTreeMap::from([("SECRET_ID", "test")]);
    values.extend(variables);
    for name in values.keys() {
        // A misspelt one would have no effect, and the test would show the default.
        let is_known = VARIABLES.iter().any(|(known, _)| known == name);
        assert!(is_known, "{name} is no setting");
    }
    let get = |name: &str| values.get(name).map(|value| (*value).to_owned());
    Settings::from_env(get).unwrap().rules
}
