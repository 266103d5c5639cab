//! One function for each form that a variable can have.

use std::ops::RangeInclusive;
use std::time::Duration;

use reqwest::Url;
use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};

use crate::klaviyo::ListId;

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

    pub(super) fn environment(&self, name: &'static str) -> Result<String, SettingsError> {
        let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = |text: &String| (1..=20).contains(&text.len()) && text.bytes().all(is_part);
        let expected = "1 to 20 lower-case letters, digits and hyphens, such as staging".into();
        Some(self.required(name)?)
            .filter(fits)
            .ok_or(SettingsError::Invalid { name, expected })
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

    pub(super) fn optional_url(&self, name: &'static str) -> Result<Option<String>, SettingsError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        self.url(name).map(|_| Some(text))
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

    pub(super) fn list_id(&self, name: &'static str) -> Result<Option<ListId>, SettingsError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let expected = "a Klaviyo list id: letters and digits, such as Y6nRLr".into();
        ListId::parse(&text)
            .map(Some)
            .ok_or(SettingsError::Invalid { name, expected })
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

    pub(super) fn country(&self, name: &'static str) -> Result<Option<Region>, SettingsError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let expected = "an ISO 3166-1 alpha-2 country code, such as US or GB".into();
        // The type takes any two letters; only the metadata knows which are a country. Who sets a country
        // pays for loading it (about 4 ms) here, in init, and nobody else does.
        let has_numbers = |country: &Region| {
            PHONE_NUMBER_UTIL
                .get_country_code_for_region(*country)
                .is_some()
        };
        let country = text.to_ascii_uppercase().parse().ok().filter(has_numbers);
        country
            .map(Some)
            .ok_or(SettingsError::Invalid { name, expected })
    }

    /// Whether metrics have Klaviyo's names.
    pub(super) fn metric_names(&self, name: &'static str) -> Result<bool, SettingsError> {
        match self.required(name)?.to_ascii_lowercase().as_str() {
            "segment" => Ok(false),
            "klaviyo" => Ok(true),
            _ => Err(SettingsError::Invalid {
                name,
                expected: "segment or klaviyo".into(),
            }),
        }
    }

    /// Names between commas; none when the variable is not set.
    pub(super) fn names(&self, name: &'static str) -> Vec<String> {
        let text = self.text(name).unwrap_or_default();
        text.split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    }

    pub(super) fn hours(
        &self,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<Duration>, SettingsError> {
        if self.text(name).is_none() {
            return Ok(None);
        }
        self.number(name, range)
            .map(|hours| Some(Duration::from_secs(hours * 3600)))
    }
}
