//! Settings on a harness: those that somebody chose, the defaults for the others, and the rules they make.

use std::path::Path;

use segment_klaviyo::settings::{RuleSettings, Settings, VARIABLES};

use crate::{harness, input};

/// Chosen values of the function's settings. A later one wins.
#[derive(Debug, Clone, Default)]
pub(crate) struct SettingOverrides(Vec<(String, String)>);

impl SettingOverrides {
    /// The defaults, but for these.
    pub(crate) fn new(chosen: Vec<(String, String)>) -> Self {
        SettingOverrides(chosen)
    }

    /// What a file says in `KEY=VALUE` lines; empty lines and those that begin with `#` say nothing. The SDK's
    /// own variables, `AWS_…`, may be there and mean nothing to the rules.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let name = input::name(path);
        let text = String::from_utf8(input::bytes(path)?)
            .map_err(|_| format!("{name}: not UTF-8 text"))?;
        let mut chosen = Vec::new();
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if line.is_empty() || line.starts_with('#') || line.starts_with("AWS_") {
                continue;
            }
            let (key, value) = harness::known(line)
                .map_err(|problem| format!("{name}, line {number}: {problem}"))?;
            chosen.push((key, unquoted(&value).to_owned()));
        }
        Ok(SettingOverrides(chosen))
    }

    /// The same with one more setting. Nothing stands for not set.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut chosen = self.0.clone();
        chosen.push((name.to_owned(), value.to_owned()));
        SettingOverrides(chosen)
    }

    /// The same with all of these too.
    pub(crate) fn with_all(&self, others: Vec<(String, String)>) -> Self {
        SettingOverrides(self.0.iter().cloned().chain(others).collect())
    }

    /// The value that a setting has, chosen or by default; nothing for one that is not set.
    pub(crate) fn value(&self, name: &str) -> &str {
        let chosen = self
            .0
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.trim());
        let default = || {
            VARIABLES
                .iter()
                .find(|(key, _)| *key == name)
                .and_then(|(_, default)| *default)
        };
        chosen
            .filter(|value| !value.is_empty())
            .or_else(default)
            .unwrap_or_default()
    }

    /// The rules that the function would go by.
    pub(crate) fn rules(&self) -> Result<RuleSettings, String> {
        let get = |name: &str| {
            Some(
                if name == "SECRET_ID" {
                    "local"
                } else {
                    self.value(name)
                }
                .to_owned(),
            )
        };
        Settings::from_env(get)
            .map(|settings| settings.rules)
            .map_err(|error| error.to_string())
    }
}

/// A value without the quotes that such files may have around it.
fn unquoted(value: &str) -> &str {
    let value = value.trim();
    let inside = |quote| {
        value
            .strip_prefix(quote)
            .and_then(|value| value.strip_suffix(quote))
    };
    inside('"').or_else(|| inside('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_chosen_has_its_default() {
        let setup = SettingOverrides::new(vec![("LIST_ID".to_owned(), "Y6nRLr".to_owned())])
            .with("ENFORCE_EMAIL", "false");
        assert_eq!(
            (setup.value("LIST_ID"), setup.value("ENFORCE_EMAIL")),
            ("Y6nRLr", "false")
        );
        assert_eq!(
            (setup.value("CONFIRM_OPTIN"), setup.value("DEFAULT_COUNTRY")),
            ("true", "")
        );
        assert_eq!(setup.with("LIST_ID", "").value("LIST_ID"), "");
        let rules = setup.rules().unwrap();
        assert!(!rules.enforce_email && rules.list_id.is_some());
    }

    #[test]
    fn a_setting_that_cannot_be_read_is_named() {
        let problem = SettingOverrides::default()
            .with("SEND_PAGES", "yes")
            .rules()
            .unwrap_err();
        assert_eq!(problem, "SEND_PAGES is invalid: expected true or false");
    }

    #[test]
    fn quotes_around_a_value_are_not_part_of_it() {
        let cases = [
            ("\"a b\"", "a b"),
            ("'x'", "x"),
            (" y ", "y"),
            ("\"z", "\"z"),
            ("\"", "\""),
        ];
        for (text, expected) in cases {
            assert_eq!(unquoted(text), expected);
        }
    }
}
