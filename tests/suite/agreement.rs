//! Settings, README and template speak of the same things.

use std::collections::{BTreeMap, BTreeSet};

use segment_klaviyo::settings::{Settings, SettingsError, VARIABLES};

use crate::support::root;

fn read(path: &str) -> String {
    std::fs::read_to_string(root(path)).unwrap()
}

fn names() -> BTreeSet<&'static str> {
    VARIABLES.iter().map(|(name, _)| *name).collect()
}

/// The cells of each row of the README's table of settings: name and default.
fn readme_table() -> BTreeMap<String, Option<String>> {
    let readme = read("README.md");
    let settings = readme
        .split("\n## Settings")
        .nth(1)
        .expect("a section")
        .split("\n## ")
        .next()
        .unwrap();
    settings
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let default = Some(cells[1].trim_matches('`').to_owned())
                .filter(|cell| cell != "none" && cell != "required");
            (cells[0].trim_matches('`').to_owned(), default)
        })
        .collect()
}

/// The variables that the template gives to the function.
fn template_variables() -> BTreeSet<String> {
    let template = read("template.yaml");
    let variables = template
        .split("Variables:\n")
        .nth(1)
        .expect("Environment.Variables");
    let indent = variables.len() - variables.trim_start().len();
    variables
        .lines()
        .take_while(|line| line.len() - line.trim_start().len() >= indent)
        .filter(|line| line.len() - line.trim_start().len() == indent)
        .filter_map(|line| Some(line.trim().split_once(':')?.0.to_owned()))
        .collect()
}

#[test]
fn the_readme_lists_every_setting_with_its_default() {
    let table = readme_table();
    let expected = VARIABLES
        .iter()
        .map(|(name, default)| ((*name).to_owned(), default.map(str::to_owned)))
        .collect();
    assert_eq!(table, expected);
}

#[test]
fn the_template_sets_every_setting() {
    let expected: BTreeSet<_> = names().into_iter().map(str::to_owned).collect();
    assert_eq!(template_variables(), expected);
}

#[test]
fn each_setting_is_read_and_named_when_it_cannot_be() {
    let nonsense = |wrong: &'static str| {
        move |name: &str| match name {
            name if name == wrong => Some("?!".to_owned()),
            "SECRET_ID" => Some("test".to_owned()),
            _ => None,
        }
    };
    for name in names() {
        match Settings::read(nonsense(name)) {
            Ok(_) => assert_eq!(name, "SECRET_ID", "any text is an id of a secret"),
            Err(SettingsError::Invalid { name: named, .. }) => assert_eq!(named, name),
            Err(other) => panic!("{name}: {other}"),
        }
    }
    assert_eq!(
        Settings::read(|_| None),
        Err(SettingsError::Missing("SECRET_ID"))
    );
}

#[test]
fn unset_and_empty_are_the_same() {
    let with = |value: Option<&'static str>| {
        move |name: &str| {
            if name == "SECRET_ID" {
                Some("test".to_owned())
            } else {
                value.map(str::to_owned)
            }
        }
    };
    assert_eq!(Settings::read(with(None)), Settings::read(with(Some(""))));
}

#[test]
fn bounds_of_numbers_hold() {
    let with = |name: &'static str, value: &'static str| {
        Settings::read(move |asked| match asked {
            "SECRET_ID" => Some("test".to_owned()),
            _ if asked == name => Some(value.to_owned()),
            _ => None,
        })
    };
    for (name, value, good) in [
        ("SECRET_TTL_SECONDS", "0", false),
        ("SECRET_TTL_SECONDS", "1", true),
        ("SECRET_TTL_SECONDS", "86401", false),
        ("DELIVERY_BUDGET_MS", "499", false),
        ("DELIVERY_BUDGET_MS", "4500", true),
        ("DELIVERY_BUDGET_MS", "-1", false),
        ("KLAVIYO_BASE_URL", "ftp://a.klaviyo.com", false),
        ("KLAVIYO_BASE_URL", "http://127.0.0.1:8025/", true),
        ("LIST_ID", "Y6nRLr", true),
        ("LIST_ID", "https://www.klaviyo.com/list/Y6nRLr", false),
        ("CONSENT_CHANNELS", "sms, Email", true),
        ("CONSENT_CHANNELS", "email;sms", false),
    ] {
        assert_eq!(with(name, value).is_ok(), good, "{name}={value}");
    }
}
