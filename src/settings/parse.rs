//! The reader of variables: one method for each form that a value can have.

use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use reqwest::Url;
use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};
use thiserror::Error;

use crate::domain::ListId;

use super::audiences::AudienceLists;
use super::intake::Intake;
use super::rules::Channel;
use super::variables::default_of;

/// A setting that is missing or invalid. The function does not start.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SettingsError {
    /// The variable has no default and is not set.
    #[error("{0} is required but not set")]
    Missing(&'static str),
    /// The value of the variable is not one that it accepts.
    #[error("{name} is invalid: expected {expected}")]
    Invalid {
        /// The name of the variable.
        name: &'static str,
        /// The accepted values.
        expected: Cow<'static, str>,
    },
}

impl SettingsError {
    fn invalid(name: &'static str, expected: impl Into<Cow<'static, str>>) -> Self {
        SettingsError::Invalid {
            name,
            expected: expected.into(),
        }
    }
}

/// A reader of variables through a getter, so that tests and the command-line tool need not change
/// the environment of their process.
pub(super) struct Reader<G> {
    get: G,
}

impl<G: Fn(&str) -> Option<String>> Reader<G> {
    /// Returns a reader that looks variables up with `get`.
    pub(super) fn new(get: G) -> Self {
        Reader { get }
    }

    /// Returns the trimmed value of the variable, or its default, or `None` if it has neither.
    pub(super) fn text(&self, name: &'static str) -> Option<String> {
        if let Some(value) = (self.get)(name) {
            let value = value.trim();
            if !value.is_empty() {
                return Some(value.to_owned());
            }
        }
        default_of(name).map(str::to_owned)
    }

    /// Returns the text of a variable that must be set or have a default.
    pub(super) fn required(&self, name: &'static str) -> Result<String, SettingsError> {
        self.text(name).ok_or(SettingsError::Missing(name))
    }

    /// Parses the name of a deployment.
    pub(super) fn environment(&self, name: &'static str) -> Result<String, SettingsError> {
        let text = self.required(name)?;
        let is_valid = text.len() <= 20
            && text
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if !is_valid {
            return Err(SettingsError::invalid(
                name,
                "1 to 20 lower-case letters, digits and hyphens, such as staging",
            ));
        }
        Ok(text)
    }

    /// Parses the name of a table, if there is one:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>
    pub(super) fn table_name(&self, name: &'static str) -> Result<Option<String>, SettingsError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if !(3..=255).contains(&text.len()) || !text.bytes().all(is_plain) {
            return Err(SettingsError::invalid(
                name,
                "the name of a DynamoDB table: 3 to 255 letters, digits, `_`, `-` and `.`",
            ));
        }
        Ok(Some(text))
    }

    /// Parses `true` or `false`, in any case.
    pub(super) fn boolean(&self, name: &'static str) -> Result<bool, SettingsError> {
        match self.required(name)?.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(SettingsError::invalid(name, "true or false")),
        }
    }

    /// Parses a whole number within `range`.
    pub(super) fn number(
        &self,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<u64, SettingsError> {
        match self.required(name)?.parse() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => Err(SettingsError::invalid(
                name,
                format!("a whole number from {} to {}", range.start(), range.end()),
            )),
        }
    }

    /// Parses a switch, and the days that it is about. The days must be valid though the switch is off.
    pub(super) fn days_if(
        &self,
        switch: &'static str,
        (name, range): (&'static str, RangeInclusive<u64>),
    ) -> Result<Option<Duration>, SettingsError> {
        let is_on = self.boolean(switch)?;
        let days = self.number(name, range)?;
        Ok(is_on.then(|| Duration::from_secs(days * 24 * 3600)))
    }

    /// Parses an optional number of hours within `range`.
    pub(super) fn hours(
        &self,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<Duration>, SettingsError> {
        if self.text(name).is_none() {
            return Ok(None);
        }
        let hours = self.number(name, range)?;
        Ok(Some(Duration::from_secs(hours * 3600)))
    }

    /// Parses an http or https URL.
    pub(super) fn url(&self, name: &'static str) -> Result<Url, SettingsError> {
        match Url::parse(&self.required(name)?) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
            _ => Err(SettingsError::invalid(name, "an http or https URL")),
        }
    }

    /// Parses the https URL of Klaviyo, or an http URL of this machine, or any http URL if the switch
    /// `is_test` is on.
    pub(super) fn klaviyo_url(
        &self,
        name: &'static str,
        is_test: &'static str,
    ) -> Result<Url, SettingsError> {
        let is_test = self.boolean(is_test)?;
        let url = self.url(name)?;
        // An IPv6 address stands in brackets.
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let is_loopback = |address: IpAddr| address.is_loopback();
        let is_local = host == "localhost" || host.parse().is_ok_and(is_loopback);
        if url.scheme() == "https" || is_local || is_test {
            return Ok(url);
        }
        Err(SettingsError::invalid(
            name,
            "an https URL (http only to this machine, or with KLAVIYO_URL_IS_TEST=true)",
        ))
    }

    /// Validates an optional URL and returns it as it was written: the SDK sends the URL of a queue
    /// as text, and a parsed URL may print differently.
    pub(super) fn optional_url(&self, name: &'static str) -> Result<Option<String>, SettingsError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        self.url(name)?;
        Ok(Some(text))
    }

    /// Parses an optional list id.
    pub(super) fn list_id(&self, name: &'static str) -> Result<Option<ListId>, SettingsError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        match ListId::parse(&text) {
            Some(list_id) => Ok(Some(list_id)),
            None => Err(SettingsError::invalid(
                name,
                "a Klaviyo list id: letters and digits, such as Y6nRLr",
            )),
        }
    }

    /// Parses channels that are separated by commas.
    pub(super) fn channels(&self, name: &'static str) -> Result<Vec<Channel>, SettingsError> {
        let text = self.required(name)?.to_ascii_lowercase();
        let mut channels = Vec::new();
        for word in text.split(',') {
            let channel = match word.trim() {
                "email" => Channel::Email,
                "sms" => Channel::Sms,
                _ => return Err(SettingsError::invalid(name, "email, sms or email,sms")),
            };
            if !channels.contains(&channel) {
                channels.push(channel);
            }
        }
        Ok(channels)
    }

    /// Parses an optional country code.
    ///
    /// `Region` accepts any two letters, and only the phone number metadata knows which of them are
    /// a country. Loading it takes about 4 ms. A deployment that sets a country needs it anyway and
    /// pays for it here, during init; the others never load it.
    pub(super) fn country(&self, name: &'static str) -> Result<Option<Region>, SettingsError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        match text.to_ascii_uppercase().parse::<Region>() {
            Ok(country)
                if PHONE_NUMBER_UTIL
                    .get_country_code_for_region(country)
                    .is_some() =>
            {
                Ok(Some(country))
            }
            _ => Err(SettingsError::invalid(
                name,
                "an ISO 3166-1 alpha-2 country code, such as US or GB",
            )),
        }
    }

    /// Parses one of these words, in any case.
    pub(super) fn choice<T: Copy>(
        &self,
        name: &'static str,
        choices: &[(&str, T)],
    ) -> Result<T, SettingsError> {
        let word = self.required(name)?;
        for (choice, value) in choices {
            if choice.eq_ignore_ascii_case(&word) {
                return Ok(*value);
            }
        }
        let words: Vec<_> = choices.iter().map(|(choice, _)| *choice).collect();
        Err(SettingsError::invalid(name, words.join(" or ")))
    }

    /// Parses the way of deliveries, of which one needs the queue at `queue_url`.
    pub(super) fn intake(
        &self,
        name: &'static str,
        queue_url: &'static str,
    ) -> Result<Intake, SettingsError> {
        let intake = self.choice(
            name,
            &[("Direct", Intake::Direct), ("Queued", Intake::Queued)],
        )?;
        if intake == Intake::Queued && self.text(queue_url).is_none() {
            return Err(SettingsError::invalid(
                name,
                "Direct, or Queued with RETRY_QUEUE_URL",
            ));
        }
        Ok(intake)
    }

    /// Parses names that are separated by commas. Any text is a name, so there is no error.
    pub(super) fn names(&self, name: &'static str) -> Vec<String> {
        let mut names = Vec::new();
        if let Some(text) = self.text(name) {
            for part in text.split(',') {
                let part = part.trim();
                if !part.is_empty() {
                    names.push(part.to_owned());
                }
            }
        }
        names
    }

    /// Parses dotted places in a message that are separated by commas.
    pub(super) fn places(&self, name: &'static str) -> Result<Vec<Vec<String>>, SettingsError> {
        const ROOTS: [&str; 3] = ["traits", "properties", "context"];
        let mut places = Vec::new();
        for text in self.names(name) {
            let place: Vec<_> = text.split('.').map(str::to_owned).collect();
            let is_rooted = place
                .first()
                .is_some_and(|root| ROOTS.contains(&root.as_str()));
            if !is_rooted || place.len() < 2 || place.iter().any(|key| key.trim().is_empty()) {
                return Err(SettingsError::invalid(
                    name,
                    "places in traits, properties or context, such as properties.customer.email",
                ));
            }
            places.push(place);
        }
        Ok(places)
    }

    /// Parses `true`, `false`, or the lists of audiences by their keys.
    pub(super) fn audience_lists(
        &self,
        name: &'static str,
    ) -> Result<AudienceLists, SettingsError> {
        match self.required(name)?.to_ascii_lowercase().as_str() {
            "true" => return Ok(AudienceLists::Connected),
            "false" => return Ok(AudienceLists::Off),
            _ => {}
        }
        let mut pairs = Vec::new();
        for text in self.names(name) {
            let pair = text.split_once('=').and_then(|(key, list_id)| {
                let key = key.trim();
                let list_id = ListId::parse(list_id.trim())?;
                if key.is_empty() {
                    None
                } else {
                    Some((key.to_owned(), list_id))
                }
            });
            let Some(pair) = pair else {
                return Err(SettingsError::invalid(
                    name,
                    "true, false, or keys of audiences with a Klaviyo list id, such as vip=Y6nRLr",
                ));
            };
            pairs.push(pair);
        }
        if pairs.is_empty() {
            return Err(SettingsError::invalid(
                name,
                "true, false or pairs such as vip=Y6nRLr",
            ));
        }
        Ok(AudienceLists::Pairs(pairs))
    }
}
