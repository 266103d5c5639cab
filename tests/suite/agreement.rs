//! The settings, their documentation and the template agree.

use std::collections::{BTreeMap, BTreeSet};

use segment_klaviyo::settings::{Settings, SettingsError, VARIABLES};
use segment_klaviyo::telemetry::{Metric, NAMESPACE};

use crate::support::function::read;

/// Returns the name and the default of each row in the table of settings.
fn documented_settings() -> BTreeMap<String, Option<String>> {
    let page = read("docs/configuration.md");
    let (_, section) = page.split_once("\n## Settings").expect("a section");
    let section = section.split("\n## ").next().unwrap();
    let mut settings = BTreeMap::new();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").collect();
        let [name, default] = [cells[0], cells[1]].map(|cell| cell.trim().trim_matches('`'));
        let default = match default {
            "none" | "required" => None,
            default => Some(default.to_owned()),
        };
        settings.insert(name.to_owned(), default);
    }
    settings
}

fn template() -> String {
    read("template.yaml")
}

/// Returns the lines of the YAML block that begins after `head`, without its indentation.
fn block(text: &str, head: &str) -> Vec<String> {
    let (_, rest) = text
        .split_once(head)
        .unwrap_or_else(|| panic!("no {head:?} in the template"));
    let rest = rest.trim_start_matches('\n');
    let indent = " ".repeat(rest.len() - rest.trim_start_matches(' ').len());
    let mut lines = Vec::new();
    for line in rest.lines() {
        if let Some(line) = line.strip_prefix(&indent) {
            lines.push(line.to_owned());
        } else if !line.trim().is_empty() {
            break;
        }
    }
    lines
}

/// Returns the variables that the template gives to the function, and the parameter of each.
fn template_variables() -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for line in block(&template(), "Variables:\n") {
        // Comments, and variables that are AWS's or the allocator's.
        if ["#", "AWS_", "MALLOC_"]
            .iter()
            .any(|other| line.starts_with(other))
        {
            continue;
        }
        // NAME: !Ref Parameter, or an !If whose last choice is one.
        let (name, _) = line.split_once(": !").unwrap();
        let (_, parameter) = line.rsplit_once("!Ref ").unwrap();
        let parameter = parameter.trim_end_matches(']');
        variables.insert(name.to_owned(), parameter.to_owned());
    }
    variables
}

/// Returns the names of the metrics in the template's alarms and dashboard, without those of AWS.
fn template_metrics() -> BTreeSet<String> {
    let template = template();
    let mut metrics = BTreeSet::new();
    for alarm in template.split("Namespace: SegmentKlaviyo").skip(1) {
        let name = alarm.trim_start().strip_prefix("MetricName: ");
        metrics.insert(first_word(name.expect("the name comes next")));
    }
    for graph in template.split("[\"SegmentKlaviyo\", \"").skip(1) {
        metrics.insert(first_word(graph));
    }
    metrics
}

fn first_word(text: &str) -> String {
    text.chars().take_while(char::is_ascii_alphabetic).collect()
}

/// Returns the default of a parameter. An empty one means none.
fn parameter_default(parameter: &str) -> Option<String> {
    let lines = block(&template(), &format!("\n  {parameter}:\n"));
    let default = lines
        .iter()
        .find_map(|line| line.strip_prefix("Default: "))?;
    match default.trim_matches('"') {
        "" => None,
        default => Some(default.to_owned()),
    }
}

/// Returns the name of the parameter that sets a variable, in lower case.
fn parameter_name(variable: &str) -> String {
    match variable {
        "SECRET_ID" => "secretarn".to_owned(),
        _ => variable.replace('_', "").to_lowercase(),
    }
}

#[test]
fn the_documentation_lists_every_setting_with_its_default() {
    let expected = VARIABLES
        .iter()
        .map(|(name, default)| ((*name).to_owned(), default.map(str::to_owned)))
        .collect();
    assert_eq!(documented_settings(), expected);
}

#[test]
fn the_template_sets_every_setting_and_has_the_same_defaults() {
    let variables = template_variables();
    for (name, default) in VARIABLES {
        let parameter = variables
            .get(*name)
            .unwrap_or_else(|| panic!("{name} is not in the template"));
        if ["RetryQueue", "DeadLetterQueue"].contains(&parameter.as_str()) {
            assert!(name.ends_with("_QUEUE_URL"), "{name} is set by a resource");
            continue;
        }
        assert_eq!(parameter_default(parameter).as_deref(), *default, "{name}");
        assert_eq!(parameter.to_lowercase(), parameter_name(name));
    }
    assert_eq!(variables.len(), VARIABLES.len());
}

/// A parameter that admits anything else would stop the function at its start.
#[test]
fn the_template_admits_true_and_false_for_switches() {
    let variables = template_variables();
    for (name, default) in VARIABLES {
        // This switch also takes lists.
        if matches!(default, Some("true" | "false")) && *name != "AUDIENCE_LISTS" {
            let lines = block(&template(), &format!("\n  {}:\n", variables[*name]));
            let allowed = lines.iter().find(|line| line.starts_with("AllowedValues:"));
            let expected = r#"AllowedValues: ["true", "false"]"#;
            assert_eq!(allowed.map(String::as_str), Some(expected), "{name}");
        }
    }
}

#[test]
fn the_documentation_explains_every_reason() {
    let page = read("docs/responses.md");
    let mut count = 0;
    for line in read("src/outcome.rs").lines() {
        // The arms of the functions that name reasons: IgnoreReason::NoEmail => "no_email",
        let Some((_, name)) = line.split_once(" => \"") else {
            continue;
        };
        let reason = name.trim_end_matches("\",");
        assert!(
            page.contains(&format!("| `{reason}` |")),
            "{reason} is missing in docs/responses.md"
        );
        count += 1;
    }
    assert!(count > 25, "only {count} reasons were found");
}

#[test]
fn alarms_and_dashboard_show_every_metric_and_no_other() {
    let all = Metric::ALL
        .iter()
        .map(|metric| format!("{metric:?}"))
        .collect();
    assert_eq!(template_metrics(), all);
    assert!(template().contains(&format!("Namespace: {NAMESPACE}\n")));
}

/// Reads the settings with one variable set, beside the required one.
fn settings_with(name: &str, value: &str) -> Result<Settings, SettingsError> {
    Settings::from_env(|asked| {
        if asked == name {
            Some(value.to_owned())
        } else if asked == "SECRET_ID" {
            Some("test".to_owned())
        } else {
            None
        }
    })
}

/// Any text is an id of a secret, or the name of an event, trait or category.
const ANY_TEXT: [&str; 9] = [
    "SECRET_ID",
    "ORDER_EVENTS",
    "ONCE_PER_ORDER",
    "VALUE_FROM",
    "EVENTS_ALLOWED",
    "EVENTS_BLOCKED",
    "CONSENT_TRAIT",
    "CONSENT_REQUIRED",
    "AGE_GATE_TRAIT",
];

#[test]
fn an_unreadable_setting_is_named() {
    for (name, _) in VARIABLES {
        match settings_with(name, "?!") {
            Ok(_) => assert!(ANY_TEXT.contains(name), "{name}"),
            Err(SettingsError::Invalid { name: named, .. }) => assert_eq!(&named, name),
            Err(other) => panic!("{name}: {other}"),
        }
    }
}

#[test]
fn a_missing_required_setting_is_named() {
    assert_eq!(
        Settings::from_env(|_| None),
        Err(SettingsError::Missing("SECRET_ID"))
    );
}

#[test]
fn an_empty_setting_is_not_set() {
    let empty = Settings::from_env(|name| {
        let value = if name == "SECRET_ID" { "test" } else { "" };
        Some(value.to_owned())
    });
    assert!(empty.is_ok());
    assert_eq!(empty, settings_with("SECRET_ID", "test"));
}

#[test]
fn http_to_another_machine_needs_a_setting_that_says_test() {
    let settings = |is_test: &'static str| {
        Settings::from_env(|name| match name {
            "SECRET_ID" => Some("test".to_owned()),
            "KLAVIYO_BASE_URL" => Some("http://172.17.0.1:8025".to_owned()),
            "KLAVIYO_URL_IS_TEST" => Some(is_test.to_owned()),
            _ => None,
        })
    };
    assert!(settings("true").is_ok());
    let error = settings("false").unwrap_err().to_string();
    assert!(error.starts_with("KLAVIYO_BASE_URL is invalid"), "{error}");
}

#[test]
fn values_out_of_bounds_are_refused() {
    for (name, value, is_accepted) in [
        ("SECRET_TTL_SECONDS", "0", false),
        ("SECRET_TTL_SECONDS", "1", true),
        ("SECRET_TTL_SECONDS", "86401", false),
        ("DELIVERY_BUDGET_MS", "499", false),
        ("DELIVERY_BUDGET_MS", "4500", true),
        ("DELIVERY_BUDGET_MS", "-1", false),
        ("KLAVIYO_BASE_URL", "ftp://a.klaviyo.com", false),
        ("KLAVIYO_BASE_URL", "http://127.0.0.1:8025/", true),
        ("KLAVIYO_BASE_URL", "http://[::1]:8025/", true),
        ("KLAVIYO_BASE_URL", "http://localhost:8025/", true),
        ("KLAVIYO_BASE_URL", "http://a.klaviyo.com", false),
        (
            "KLAVIYO_BASE_URL",
            "http://127.0.0.1.klaviyo-demo.com",
            false,
        ),
        ("KLAVIYO_BASE_URL", "http://172.17.0.1:8025", false),
        ("KLAVIYO_BASE_URL", "https://klaviyo-demo.com", true),
        ("LIST_ID", "Y6nRLr", true),
        ("DEFAULT_COUNTRY", "us", true),
        ("DEFAULT_COUNTRY", "UK", false),
        ("METRIC_NAMES", "Klaviyo", true),
        ("BACKFILL_AFTER_HOURS", "0", false),
        ("BACKFILL_AFTER_HOURS", "24", true),
        ("EVENTS_BLOCKED", "Product Viewed, Cart Viewed", true),
        ("LIST_ID", "https://www.klaviyo.com/list/Y6nRLr", false),
        ("AUDIENCE_LISTS", "True", true),
        ("AUDIENCE_LISTS", "vip=Y6nRLr, new_here = T4bKwX", true),
        ("AUDIENCE_LISTS", "vip", false),
        ("AUDIENCE_LISTS", "vip=no list", false),
        ("AUDIENCE_LISTS", "=Y6nRLr", false),
        ("AUDIENCE_LISTS", "vip=Y6nRLr,", true),
        (
            "EMAIL_FROM",
            "properties.customer.email, context.user.0.email",
            true,
        ),
        ("EMAIL_FROM", "properties", false),
        ("EMAIL_FROM", "customer.email", false),
        ("EMAIL_FROM", "properties..email", false),
        ("INTAKE", "direct", true),
        ("INTAKE", "Queued", false),
        ("CONSENT_CHANNELS", "sms, Email", true),
        ("CONSENT_CHANNELS", "email;sms", false),
    ] {
        let settings = settings_with(name, value);
        assert_eq!(settings.is_ok(), is_accepted, "{name}={value}");
    }
}
