//! Attribution: which inputs each attribute comes from, concluded from the experiments.

use std::collections::{BTreeMap, BTreeSet};

use super::attribute_origin::{AttributeOrigin, AttributeSource};
use super::effect::{AttributeRef, Effect};
use super::experiment::Experiment;
use super::fallbacks::find_fallbacks;
use super::field_probe::FieldProbe;
use super::json_api::custom_property;
use super::setting_changes::SettingChange;

/// Finds the origin of every attribute of every request.
pub(super) fn find_origins(
    experiment: &Experiment,
    probes: &[FieldProbe],
    setting_changes: &[SettingChange],
) -> BTreeMap<AttributeRef, AttributeOrigin> {
    let delay = experiment.effect_of_delay();
    let mut origins = BTreeMap::new();
    let mut examined = BTreeSet::new();
    for (request, preview) in experiment.baseline.requests.iter().enumerate() {
        for path in preview.leaves.keys() {
            let path = path.clone();
            let attribute = AttributeRef { request, path };
            let sources = find_sources(experiment, probes, setting_changes, &delay, &attribute);
            // Each fallback takes many experiments, so only the first of several requests of one
            // kind is examined, such as the first line of an order. Custom properties have none.
            let needs_fallbacks = custom_property(&attribute.path).is_none()
                && examined.insert((preview.name(), attribute.path.clone()));
            let fallbacks = if needs_fallbacks {
                find_fallbacks(experiment, probes, &attribute, &sources)
            } else {
                Vec::new()
            };
            origins.insert(attribute, AttributeOrigin { sources, fallbacks });
        }
    }
    origins
}

/// Finds the sources of one attribute. An input whose value is passed on counts more than one that
/// only decides whether the attribute is there.
fn find_sources(
    experiment: &Experiment,
    probes: &[FieldProbe],
    setting_changes: &[SettingChange],
    delay: &Effect,
    attribute: &AttributeRef,
) -> Vec<AttributeSource> {
    if experiment.is_hash(attribute) {
        return vec![AttributeSource::MessageHash];
    }

    let mut sources = fields_of(probes, |probe| probe.passes_value_to(attribute));
    if delay.changed.contains_key(attribute) {
        sources.push(AttributeSource::DeliveryTime);
    }
    if !sources.is_empty() {
        return sources;
    }

    let sources = fields_of(probes, |probe| probe.variant_removes(attribute));
    if !sources.is_empty() {
        return sources;
    }

    let sources = fields_of(probes, |probe| probe.is_needed_for(attribute));
    if !sources.is_empty() {
        return sources;
    }

    let mut settings = BTreeSet::new();
    for change in setting_changes {
        if change.affects(attribute) {
            settings.insert(change.name);
        }
    }
    settings.into_iter().map(AttributeSource::Setting).collect()
}

/// Returns the fields of the probes for which `is_source` holds.
fn fields_of(
    probes: &[FieldProbe],
    is_source: impl Fn(&FieldProbe) -> bool,
) -> Vec<AttributeSource> {
    let mut fields = Vec::new();
    for probe in probes {
        if is_source(probe) {
            fields.push(AttributeSource::Field(probe.field.path.clone()));
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use time::macros::datetime;

    use super::*;
    use crate::explain::json_path::JsonPath;
    use crate::overrides::SettingOverrides;

    /// Returns the origins of a message's attributes, as `request attribute < sources (fallbacks)`.
    fn origins_of(settings: &[(&str, &str)], message: &Value) -> Vec<String> {
        let mut overrides = SettingOverrides::default();
        for (name, value) in settings {
            overrides = overrides.with(name, value);
        }
        let now = datetime!(2026-11-20 12:00 UTC);
        let experiment = Experiment::new(message, &overrides, now).unwrap();
        let probes = FieldProbe::all(&experiment);
        let setting_changes = SettingChange::all(&experiment);
        let mut lines = Vec::new();
        for (attribute, origin) in find_origins(&experiment, &probes, &setting_changes) {
            let sources: Vec<String> = origin.sources.iter().map(source_name).collect();
            let mut line = format!(
                "{} {} < {}",
                attribute.request,
                attribute.path,
                sources.join(" + ")
            );
            if !origin.fallbacks.is_empty() {
                let names: Vec<_> = origin.fallbacks.iter().map(JsonPath::to_string).collect();
                line.push_str(&format!(" ({})", names.join(" + ")));
            }
            lines.push(line);
        }
        lines
    }

    fn source_name(source: &AttributeSource) -> String {
        match source {
            AttributeSource::Field(path) => path.to_string(),
            AttributeSource::Setting(name) => (*name).to_owned(),
            AttributeSource::MessageHash => "the message".to_owned(),
            AttributeSource::DeliveryTime => "the clock".to_owned(),
        }
    }

    #[test]
    fn the_first_of_equal_fields_is_the_source_and_the_others_are_fallbacks() {
        let message = json!({
            "type": "identify", "userId": "sarah@klaviyo-demo.com",
            "traits": {"email": "sarah@klaviyo-demo.com", "firstName": "Sarah", "first_name": "Sarah"},
            "context": {"traits": {"email": "sarah@klaviyo-demo.com"}},
        });
        assert_eq!(
            origins_of(&[], &message),
            [
                "0 email < traits.email (context.traits.email + userId)",
                "0 first_name < traits.firstName (traits.first_name)",
                "0 properties.firstName < traits.firstName",
                "0 properties.first_name < traits.first_name",
            ]
        );
    }

    #[test]
    fn a_field_that_decides_is_the_source_only_of_what_contains_its_value() {
        let message = json!({
            "type": "track", "event": "Order Cancelled", "messageId": "m-1",
            "properties": {"email": "sarah@klaviyo-demo.com", "order_id": "R1", "total": 5},
        });
        let settings = [
            ("METRIC_NAMES", "klaviyo"),
            ("KLAVIYO_PROPERTY_NAMES", "false"),
        ];
        assert_eq!(
            origins_of(&settings, &message),
            [
                "0 metric < event",
                "0 profile.email < properties.email",
                "0 properties.email < properties.email",
                "0 properties.order_id < properties.order_id",
                "0 properties.total < properties.total",
                "0 unique_id < messageId + properties.order_id",
                "0 value < properties.total",
            ]
        );
    }

    #[test]
    fn settings_the_clock_and_the_whole_message_can_be_sources() {
        let message = json!({"type": "identify", "traits": {"email": "sarah@klaviyo-demo.com"}});
        let settings = [("LIST_ID", "Y6nRLr"), ("CONFIRM_OPTIN", "false")];
        let consent = "1 profiles.subscriptions.email.marketing";
        assert_eq!(
            origins_of(&settings, &message)[1..],
            [
                "1 custom_source < ".to_owned(),
                "1 historical_import < CONFIRM_OPTIN".to_owned(),
                "1 list < LIST_ID".to_owned(),
                "1 profiles.email < traits.email".to_owned(),
                format!("{consent}.consent < "),
                format!("{consent}.consented_at < the clock"),
            ]
        );
        let message =
            json!({"type": "track", "event": "Signed Up", "userId": "sarah@klaviyo-demo.com"});
        assert_eq!(
            origins_of(&[], &message),
            [
                "0 metric < event",
                "0 profile.email < userId",
                "0 unique_id < the message"
            ]
        );
    }
}
