//! The settings, their documentation and the template agree.

use std::collections::{BTreeMap, BTreeSet};

use segment_klaviyo::settings::{Settings, SettingsError, VARIABLES};
use segment_klaviyo::telemetry::{Metric, NAMESPACE};

use crate::support::root;

fn read(path: &str) -> String {
    std::fs::read_to_string(root(path)).unwrap()
}

fn names() -> BTreeSet<&'static str> {
    VARIABLES.iter().map(|(name, _)| *name).collect()
}

/// Returns the name and the default of each row in the table of settings.
fn documented_settings() -> BTreeMap<String, Option<String>> {
    let page = read("docs/configuration.md");
    let settings = page
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

/// The lines of a block of YAML that begins after `head`, with its own indentation taken off.
fn block<'t>(text: &'t str, head: &str) -> Vec<&'t str> {
    let block = text
        .split(head)
        .nth(1)
        .unwrap_or_else(|| panic!("no {head:?} in the template"));
    let indent = block.len() - block.trim_start_matches(['\n', ' ']).len();
    let indent = indent - usize::from(block.starts_with('\n'));
    let inside =
        |line: &&str| line.trim().is_empty() || line.len() - line.trim_start().len() >= indent;
    block
        .trim_start_matches('\n')
        .lines()
        .take_while(inside)
        .filter_map(|line| line.get(indent..))
        .collect()
}

/// The variables that the template gives to the function, and the parameter behind each.
fn template_variables() -> BTreeMap<String, String> {
    let lines = block(&template(), "Variables:\n").join("\n");
    let is_ours = |line: &&str| {
        !["#", "AWS_", "MALLOC_"]
            .iter()
            .any(|other| line.starts_with(other))
    };
    let settings = lines.lines().filter(is_ours);
    // NAME: !Ref Parameter, or an !If whose last choice is one.
    let pairs = settings.map(|line| {
        (
            line.split_once(": !").unwrap().0,
            line.rsplit_once("!Ref ").unwrap().1,
        )
    });
    pairs
        .map(|(name, parameter)| (name.to_owned(), parameter.trim_end_matches(']').to_owned()))
        .collect()
}

/// The names of this project's own metrics that the template speaks of.
fn template_metrics() -> BTreeSet<String> {
    let template = template();
    let in_alarms = template.split("Namespace: SegmentKlaviyo").skip(1);
    let in_alarms = in_alarms.map(|rest| {
        rest.trim_start()
            .strip_prefix("MetricName: ")
            .expect("a name next")
    });
    let in_dashboard = template.split("[\"SegmentKlaviyo\", \"").skip(1);
    let name = |rest: &str| rest.chars().take_while(char::is_ascii_alphabetic).collect();
    in_alarms.chain(in_dashboard).map(name).collect()
}

/// The default of a parameter.
fn parameter_default(parameter: &str) -> Option<String> {
    let template = template();
    let lines = block(&template, &format!("\n  {parameter}:\n")).join("\n");
    let default = lines
        .lines()
        .find_map(|line| line.strip_prefix("Default: "));
    default
        .map(|text| text.trim_matches('"').to_owned())
        .filter(|text| !text.is_empty())
}

fn template() -> String {
    read("template.yaml")
}

#[test]
fn the_documentation_lists_every_setting_with_its_default() {
    let table = documented_settings();
    let expected = VARIABLES
        .iter()
        .map(|(name, default)| ((*name).to_owned(), default.map(str::to_owned)))
        .collect();
    assert_eq!(table, expected);
}

#[test]
fn the_template_sets_every_setting_and_has_the_same_defaults() {
    let variables = template_variables();
    for (name, default) in VARIABLES {
        let parameter = variables
            .get(*name)
            .unwrap_or_else(|| panic!("{name} is not in the template"));
        if ["RetryQueue", "DeadLetterQueue"].contains(&parameter.as_str()) {
            assert!(
                name.ends_with("_QUEUE_URL"),
                "{name} is set by a resource of the stack"
            );
            continue;
        }
        assert_eq!(parameter_default(parameter).as_deref(), *default, "{name}");
        let same = |text: &str| text.replace('_', "").to_lowercase();
        let expected = if *name == "SECRET_ID" {
            "secretarn".to_owned()
        } else {
            same(name)
        };
        assert_eq!(
            same(parameter),
            expected,
            "{name} is set by the parameter of its name"
        );
    }
    assert_eq!(variables.len(), VARIABLES.len());
}

#[test]
fn alarms_and_dashboard_show_every_metric_that_there_is_and_no_other() {
    let all = Metric::ALL
        .iter()
        .map(|metric| format!("{metric:?}"))
        .collect();
    assert_eq!(template_metrics(), all);
    assert!(template().contains(&format!("Namespace: {NAMESPACE}\n")));
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
        match Settings::from_env(nonsense(name)) {
            // Any text is an id of a secret, or the name of an event.
            Ok(_) => assert!(
                ["SECRET_ID", "EVENTS_ALLOWED", "EVENTS_BLOCKED"].contains(&name),
                "{name}"
            ),
            Err(SettingsError::Invalid { name: named, .. }) => assert_eq!(named, name),
            Err(other) => panic!("{name}: {other}"),
        }
    }
    assert_eq!(
        Settings::from_env(|_| None),
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
    assert_eq!(
        Settings::from_env(with(None)),
        Settings::from_env(with(Some("")))
    );
}

#[test]
fn bounds_of_numbers_hold() {
    let with = |name: &'static str, value: &'static str| {
        Settings::from_env(move |asked| match asked {
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
        ("DEFAULT_COUNTRY", "us", true),
        ("DEFAULT_COUNTRY", "UK", false),
        ("METRIC_NAMES", "Klaviyo", true),
        ("BACKFILL_AFTER_HOURS", "0", false),
        ("BACKFILL_AFTER_HOURS", "24", true),
        ("EVENTS_BLOCKED", "Product Viewed, Cart Viewed", true),
        ("LIST_ID", "https://www.klaviyo.com/list/Y6nRLr", false),
        ("CONSENT_CHANNELS", "sms, Email", true),
        ("CONSENT_CHANNELS", "email;sms", false),
    ] {
        assert_eq!(with(name, value).is_ok(), good, "{name}={value}");
    }
}
