//! One function for each form that a variable can have.

use std::ops::RangeInclusive;

use reqwest::Url;

use super::{Channel, SettingsError, VARIABLES};

/// Reads variables through a getter, so that a test needs no process environment.
pub(super) struct Reader<G>(G);

impl<G: Fn(&str) -> Option<String>> Reader<G> {
    pub(super) fn new(get: G) -> Self {
        Reader(get)
    }

    /// The variable, else its default, else `None`.
    fn text(&self, name: &'static str) -> Option<String> {
        let default = || {
            VARIABLES
                .iter()
                .find(|(known, _)| *known == name)?
                .1
                .map(str::to_owned)
        };
        (self.0)(name)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
            .or_else(default)
    }

    pub(super) fn required(&self, name: &'static str) -> Result<String, SettingsError> {
        self.text(name).ok_or(SettingsError::Missing(name))
    }

    pub(super) fn boolean(&self, name: &'static str) -> Result<bool, SettingsError> {
        match self.required(name)?.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(SettingsError::Invalid {
                name,
                expected: "true or false".into(),
            }),
        }
    }

    pub(super) fn number(
        &self,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<u64, SettingsError> {
        let number = self
            .required(name)?
            .parse()
            .ok()
            .filter(|number| range.contains(number));
        number.ok_or_else(|| SettingsError::Invalid {
            name,
            expected: format!("a whole number from {} to {}", range.start(), range.end()).into(),
        })
    }

    pub(super) fn url(&self, name: &'static str) -> Result<Url, SettingsError> {
        let url = Url::parse(&self.required(name)?)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        url.ok_or(SettingsError::Invalid {
            name,
            expected: "an http or https URL".into(),
        })
    }

    /// A Klaviyo list id. Klaviyo's are six letters and digits; a longer one is left to Klaviyo to judge.
    pub(super) fn list_id(&self, name: &'static str) -> Result<Option<String>, SettingsError> {
        match self.text(name) {
            Some(id) if !id.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                Err(SettingsError::Invalid {
                    name,
                    expected: "a Klaviyo list id: letters and digits, such as Y6nRLr".into(),
                })
            }
            id => Ok(id),
        }
    }

    pub(super) fn channels(&self, name: &'static str) -> Result<Vec<Channel>, SettingsError> {
        let mut channels = Vec::new();
        for word in self
            .required(name)?
            .split(',')
            .map(|word| word.trim().to_ascii_lowercase())
        {
            let channel = match word.as_str() {
                "email" => Channel::Email,
                "sms" => Channel::Sms,
                _ => {
                    return Err(SettingsError::Invalid {
                        name,
                        expected: "email, sms or email,sms".into(),
                    });
                }
            };
            if !channels.contains(&channel) {
                channels.push(channel);
            }
        }
        Ok(channels)
    }
}
