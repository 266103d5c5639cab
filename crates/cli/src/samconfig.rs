//! The environments of `samconfig.toml`: which stack each deploys, and with which parameters.
//! <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html>

use std::fs;
use std::path::Path;

use toml::{Table, Value};

/// The file, in the directory in which the tool runs.
pub(crate) const FILE: &str = "samconfig.toml";

/// The sections of an environment that hold a deployment's parameters, the one that wins first.
const SECTIONS: [&str; 2] = ["deploy", "global"];

/// An environment.
#[derive(Debug, PartialEq)]
pub(crate) struct Environment {
    /// The name of its stack.
    pub(crate) stack_name: Option<String>,
    /// The parameters of the template that it sets, with their values.
    pub(crate) parameters: Vec<(String, String)>,
}

impl Environment {
    /// Reads the environment of this name.
    pub(crate) fn read(name: &str) -> Result<Self, String> {
        let text = fs::read_to_string(Path::new(FILE)).map_err(|error| {
            format!("{name} is no file of settings, and {FILE} cannot be read: {error}")
        })?;
        Environment::parse(&text, name)
    }

    fn parse(text: &str, name: &str) -> Result<Self, String> {
        let config: Table =
            toml::from_str(text).map_err(|error| format!("{FILE}: {}", error.message()))?;
        let Some(Value::Table(environment)) = config.get(name) else {
            let mut names = Vec::new();
            for (key, value) in &config {
                if value.is_table() {
                    names.push(key.as_str());
                }
            }
            return Err(format!(
                "{FILE} has no environment {name}; it has {}",
                names.join(", ")
            ));
        };
        let value_of = |key: &str| {
            SECTIONS.iter().find_map(|section| {
                let parameters = environment.get(*section)?.get("parameters")?;
                parameters.get(key)
            })
        };
        let mut parameters = Vec::new();
        match value_of("parameter_overrides") {
            None => {}
            Some(Value::String(text)) => {
                for word in words(text) {
                    parameters.push(parse_parameter(&word)?);
                }
            }
            Some(Value::Array(elements)) => {
                for element in elements {
                    let text = element.as_str().unwrap_or_default();
                    parameters.push(parse_parameter(text)?);
                }
            }
            Some(_) => {
                return Err(format!(
                    "{FILE}: parameter_overrides must be a list of texts"
                ));
            }
        }
        let stack_name = value_of("stack_name").and_then(Value::as_str);
        Ok(Environment {
            stack_name: stack_name.map(str::to_owned),
            parameters,
        })
    }
}

fn parse_parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| {
        format!("{FILE}: expected Name=value in parameter_overrides, not {text:?}")
    })?;
    Ok((name.trim().to_owned(), value.trim_matches('"').to_owned()))
}

/// Splits a text at spaces that are not in quotes.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for c in text.chars() {
        match (c, words.last_mut()) {
            ('"', _) => is_quoted = !is_quoted,
            (c, _) if c.is_whitespace() && !is_quoted => words.push(String::new()),
            (c, Some(word)) => word.push(c),
            (_, None) => {}
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
        version = 0.1
        [prod.global.parameters]
        stack_name = "shop"
        [prod.deploy.parameters]
        parameter_overrides = ["ListId=Y6nRLr", "ValueFrom=a=b"]
        [dev.deploy.parameters]
        stack_name = "shop-dev"
        parameter_overrides = "Environment=dev OrderEvents=\"Order Made, Sold\""
    "#;

    fn parameters(name: &str) -> Vec<(String, String)> {
        Environment::parse(CONFIG, name).unwrap().parameters
    }

    #[test]
    fn parameters_are_a_list_or_a_text() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            parameters("prod"),
            [pair("ListId", "Y6nRLr"), pair("ValueFrom", "a=b")]
        );
        assert_eq!(
            parameters("dev"),
            [
                pair("Environment", "dev"),
                pair("OrderEvents", "Order Made, Sold")
            ]
        );
    }

    #[test]
    fn the_stack_is_named_in_either_section_and_unknown_environments_are_an_error() {
        for (name, stack) in [("prod", "shop"), ("dev", "shop-dev")] {
            let environment = Environment::parse(CONFIG, name).unwrap();
            assert_eq!(environment.stack_name.as_deref(), Some(stack));
        }
        assert_eq!(
            Environment::parse(CONFIG, "prd").unwrap_err(),
            "samconfig.toml has no environment prd; it has dev, prod"
        );
    }
}
