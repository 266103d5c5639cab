//! Settings that many tests share.

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
pub(crate) fn rule_settings<'s>(
    variables: impl IntoIterator<Item = Setting<'s>>,
) -> segment_klaviyo::settings::RuleSettings {
    let mut values = std::collections::BTreeMap::from([("SECRET_ID", "test")]);
    values.extend(variables);
    let get = |name: &str| values.get(name).map(|value| (*value).to_owned());
    segment_klaviyo::settings::Settings::from_env(get)
        .unwrap()
        .rules
}
