//! Settings that a user chose, on the command line or in a file. The others have their defaults.

use std::path::Path;

use segment_klaviyo::settings::{RuleSettings, Settings, VARIABLES};

use crate::input;

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
    let names: Vec<_> = VARIABLES.iter().map(|(name, _)| *name).collect();
    if names.contains(&key) {
        Ok((key.to_owned(), value.to_owned()))
    } else {
        let names = names.join(", ");
        Err(format!("unknown setting; expected one of {names}"))
    }
}

/// Chosen values of the function's settings. A later value replaces an earlier one of the same
/// setting.
#[derive(Debug, Clone, Default)]
pub(crate) struct SettingOverrides(Vec<(String, String)>);

impl SettingOverrides {
    /// The defaults, except for these values.
    pub(crate) fn new(overrides: Vec<(String, String)>) -> Self {
        SettingOverrides(overrides)
    }

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
        let overrides = SettingOverrides::new(vec![("LIST_ID".to_owned(), "Y6nRLr".to_owned())])
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
            ("LISTID=Y6nRLr", false, false),
            ("LIST_ID", false, false),
        ] {
            assert_eq!(parse_any(text).is_ok(), is_any, "{text}");
            assert_eq!(parse(text).is_ok(), is_allowed, "{text}");
        }
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
