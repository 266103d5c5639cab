//! Settings that a user chose, on the command line or in a file. The others have their defaults.

use std::path::Path;

use segment_klaviyo::settings::{RuleSettings, Settings, VARIABLES};

use crate::input;
use crate::samconfig::Environment;

/// The parameters of the template that are no settings of the function, or not with this meaning.
const OTHER_PARAMETERS: [&str; 15] = [
    "Architecture",
    "ReservedConcurrency",
    "DeploymentType",
    "SecretKeyArn",
    "ThrottleRate",
    "ThrottleBurst",
    "LogRetentionDays",
    "Tracing",
    "AlarmTopicArn",
    "AlarmAfterQuietHours",
    "SegmentExternalId",
    "EventBusName",
    "DomainName",
    "CertificateArn",
    "HostedZoneId",
];

/// Parses `KEY=VALUE` for a setting that the command line may choose.
pub(crate) fn parse(text: &str) -> Result<(String, String), String> {
    let (key, value) = parse_any(text)?;
    match key.as_str() {
        "KLAVIYO_BASE_URL" => Err("use --klaviyo-url, so that requests can be shown".to_owned()),
        "SECRET_ID" => Err("the stand-in provides the secret".to_owned()),
        _ => Ok((key, value)),
    }
}

/// Parses `KEY=VALUE` for any of the function's settings.
fn parse_any(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    match variable_of(key) {
        Some(name) => Ok((name.to_owned(), value.to_owned())),
        None => Err(unknown_setting(key)),
    }
}

/// Returns the variable that is named `LIST_ID`, or by the template's parameter `ListId`.
fn variable_of(key: &str) -> Option<&'static str> {
    let key = match key {
        "SecretArn" => "SECRET_ID",
        key => key,
    };
    let mut names = VARIABLES.iter().map(|(name, _)| *name);
    names.find(|name| *name == key || parameter_of(name) == key)
}

/// Returns the template's parameter of a variable: `ListId` for `LIST_ID`.
fn parameter_of(variable: &str) -> String {
    let mut parameter = String::new();
    for word in variable.split('_') {
        let (first, rest) = word.split_at(1);
        parameter.push_str(first);
        parameter.push_str(&rest.to_lowercase());
    }
    parameter
}

/// The problem with a name that is none of a setting, with the nearest one.
fn unknown_setting(key: &str) -> String {
    let mut best: Option<(f64, &str)> = None;
    for (name, _) in VARIABLES {
        let similarity = strsim::jaro(&key.to_uppercase(), name);
        if similarity > 0.8 && best.is_none_or(|(best, _)| similarity > best) {
            best = Some((similarity, name));
        }
    }
    match best {
        Some((_, name)) => format!("unknown setting {key}; did you mean {name}?"),
        None => {
            let names: Vec<_> = VARIABLES.iter().map(|(name, _)| *name).collect();
            format!(
                "unknown setting {key}; expected one of {}",
                names.join(", ")
            )
        }
    }
}

/// Chosen values of the function's settings. A later value replaces an earlier one of the same
/// setting.
#[derive(Debug, Clone, Default)]
pub(crate) struct SettingOverrides(Vec<(String, String)>);

impl SettingOverrides {
    /// Reads a file of `KEY=VALUE` lines. Empty lines and those that begin with `#` are skipped,
    /// and so are the variables of AWS's SDK, `AWS_…`: such a file may hold them, and the rules do
    /// not use them.
    pub(crate) fn from_file(path: &Path) -> Result<Self, String> {
        let name = input::name(path);
        let text = String::from_utf8(input::bytes(path)?)
            .map_err(|_| format!("{name}: not UTF-8 text"))?;
        let mut overrides = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') || line.starts_with("AWS_") {
                continue;
            }
            let (key, value) = parse_any(line)
                .map_err(|problem| format!("{name}, line {}: {problem}", index + 1))?;
            overrides.push((key, unquote(&value).to_owned()));
        }
        Ok(SettingOverrides(overrides))
    }

    /// Reads the settings of a file, or of the environment of this name in samconfig.toml.
    pub(crate) fn from_environment(name: &str) -> Result<Self, String> {
        let path = Path::new(name);
        if input::is_stdin(path) || path.is_file() {
            return SettingOverrides::from_file(path);
        }
        let mut overrides = Vec::new();
        for (key, value) in Environment::read(name)?.parameters {
            match variable_of(&key) {
                Some(variable) => overrides.push((variable.to_owned(), value)),
                None if OTHER_PARAMETERS.contains(&key.as_str()) => {}
                None => return Err(format!("samconfig.toml: {}", unknown_setting(&key))),
            }
        }
        Ok(SettingOverrides(overrides))
    }

    /// All chosen values, the ones that win last.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns a copy with one more value. An empty value means that the setting is not set.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        self.with_all(vec![(name.to_owned(), value.to_owned())])
    }

    /// Returns a copy with all of these values too.
    pub(crate) fn with_all(&self, overrides: Vec<(String, String)>) -> Self {
        let mut copy = self.clone();
        copy.0.extend(overrides);
        copy
    }

    /// The chosen value of a setting.
    pub(crate) fn value_of(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().rev().find(|(key, _)| key == name)?;
        Some(value)
    }

    /// The value that the function would see: the chosen one, otherwise the default. It is empty
    /// for a setting that is not set.
    pub(crate) fn value_or_default(&self, name: &str) -> &str {
        let chosen = self.value_of(name).unwrap_or_default().trim();
        if !chosen.is_empty() {
            return chosen;
        }
        match VARIABLES.iter().find(|(key, _)| *key == name) {
            Some((_, Some(default))) => default,
            _ => "",
        }
    }

    /// The rules that follow from these settings.
    pub(crate) fn rules(&self) -> Result<RuleSettings, String> {
        let settings = Settings::from_env(|name| match name {
            // It has no default, and no rule depends on it.
            "SECRET_ID" => Some("local".to_owned()),
            _ => Some(self.value_or_default(name).to_owned()),
        });
        match settings {
            Ok(settings) => Ok(settings.rules),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Returns a value without the quotes that `.env` files may have around it.
fn unquote(value: &str) -> &str {
    let value = value.trim();
    for quote in ['"', '\''] {
        let rest = value.strip_prefix(quote);
        if let Some(inside) = rest.and_then(|rest| rest.strip_suffix(quote)) {
            return inside;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_are_not_chosen_have_their_defaults() {
        let overrides = SettingOverrides::default()
            .with("LIST_ID", "Y6nRLr")
            .with("ENFORCE_EMAIL", "false");
        for (name, expected) in [
            ("LIST_ID", "Y6nRLr"),
            ("ENFORCE_EMAIL", "false"),
            ("CONFIRM_OPTIN", "true"),
            ("DEFAULT_COUNTRY", ""),
        ] {
            assert_eq!(overrides.value_or_default(name), expected, "{name}");
        }
        let rules = overrides.rules().unwrap();
        assert!(!rules.enforce_email && rules.list_id.is_some());
    }

    #[test]
    fn the_last_value_of_a_setting_wins() {
        let overrides = SettingOverrides::default()
            .with("LIST_ID", "Y6nRLr")
            .with("LIST_ID", "");
        assert_eq!(overrides.value_of("LIST_ID"), Some(""));
        assert_eq!(overrides.value_or_default("LIST_ID"), "");
    }

    #[test]
    fn an_invalid_setting_is_named() {
        let problem = SettingOverrides::default()
            .with("SEND_PAGES", "yes")
            .rules()
            .unwrap_err();
        assert_eq!(problem, "SEND_PAGES is invalid: expected true or false");
    }

    #[test]
    fn only_known_settings_are_accepted_and_the_command_line_sets_fewer() {
        for (text, is_any, is_allowed) in [
            ("LIST_ID=Y6nRLr", true, true),
            ("SECRET_ID=my-secret", true, false),
            ("KLAVIYO_BASE_URL=http://127.0.0.1:9", true, false),
            ("ListId=Y6nRLr", true, true),
            ("SecretArn=my-secret", true, false),
            ("LISTID=Y6nRLr", false, false),
            ("LIST_ID", false, false),
        ] {
            assert_eq!(parse_any(text).is_ok(), is_any, "{text}");
            assert_eq!(parse(text).is_ok(), is_allowed, "{text}");
        }
    }

    #[test]
    fn a_misspelled_setting_is_recognized() {
        for (key, expected) in [
            ("LISTID=a", "unknown setting LISTID; did you mean LIST_ID?"),
            (
                "ConfirmOptIn=a",
                "unknown setting ConfirmOptIn; did you mean CONFIRM_OPTIN?",
            ),
        ] {
            assert_eq!(parse(key).unwrap_err(), expected);
        }
        assert!(
            parse("X=a")
                .unwrap_err()
                .contains("expected one of ENVIRONMENT, ")
        );
    }

    #[test]
    fn every_parameter_of_the_template_is_a_setting_or_known_as_another() {
        let template = include_str!("../../../template.yaml");
        let (_, rest) = template.split_once("\nParameters:\n").unwrap();
        let (parameters, _) = rest.split_once("\nRules:\n").unwrap();
        let mut others = Vec::new();
        for line in parameters.lines() {
            let name = line
                .strip_prefix("  ")
                .and_then(|line| line.strip_suffix(':'));
            if let Some(name) = name
                && !name.starts_with(' ')
                && variable_of(name).is_none()
            {
                others.push(name);
            }
        }
        assert_eq!(others, OTHER_PARAMETERS);
    }

    #[test]
    fn quotes_around_a_value_are_removed() {
        let cases = [
            ("\"a b\"", "a b"),
            ("'x'", "x"),
            (" y ", "y"),
            ("\"z", "\"z"),
            ("\"", "\""),
        ];
        for (text, expected) in cases {
            assert_eq!(unquote(text), expected);
        }
    }
}
