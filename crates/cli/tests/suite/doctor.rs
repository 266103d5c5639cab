//! What `doctor` finds, with programs that take the place of AWS's.

use serde_json::Value;

use crate::support::{Programs, outputs_with};

/// The AWS CLI of an account in which everything is there, with one finding of the check.
const AWS: &str = r#"case "$*" in
--version) echo aws-cli/2.30.0 ;;
"sts get-caller-identity "*) echo 123456789012 ;;
*"describe-stacks --stack-name segment-klaviyo-prod "*)
  echo '[{"OutputKey": "FunctionName", "OutputValue": "f:live"}, {"OutputKey": "SecretArn", "OutputValue": "arn:secret"}]' ;;
"lambda invoke --function-name f:live "*)
  eval file=\${$#}; echo "$CHECK" > "$file" ;;
*) echo "no such thing" >&2; exit 254 ;;
esac"#;
const SAM: &str = "echo 'SAM CLI, version 1.170.0'";
const CHECK: &str = r#"{"check": "failed", "findings": [{"about": "list", "state": "STATE", "detail": "of the check"}]}"#;

fn doctor(programs: &Programs, check: &str, options: &[&str]) -> (i32, String) {
    let path = programs.path();
    let variables = [("PATH", path.as_str()), ("CHECK", check)];
    let (code, stdout, stderr) = outputs_with(&[&["doctor"], options].concat(), "", &variables);
    assert_eq!(stderr, "");
    (code, stdout)
}

#[test]
fn a_deployment_with_everything_is_healthy_and_its_check_is_passed_on() {
    let programs = Programs::new("doctor-healthy", &[("aws", AWS), ("sam", SAM)]);
    for (state, code) in [("ok", 0), ("warning", 0), ("failed", 1)] {
        let check = CHECK.replace("STATE", state);
        let (found, shown) = doctor(&programs, &check, &["--env", "prod", "--json"]);
        assert_eq!(found, code, "{shown}");
        let findings: Value = serde_json::from_str(&shown).unwrap();
        let about: Vec<_> = findings
            .as_array()
            .unwrap()
            .iter()
            .map(|it| &it["about"])
            .collect();
        let expected = [
            "aws",
            "sam",
            "samconfig.toml",
            "settings",
            "credentials",
            "stack",
            "list",
        ];
        assert_eq!(about, expected);
        assert_eq!(findings[6]["state"], state);
    }
}

#[test]
fn what_is_missing_is_named_with_what_mends_it() {
    let healthy = Programs::new("doctor-secret", &[("aws", AWS), ("sam", SAM)]);
    let none = Programs::new("doctor-none", &[("aws", "exit 1"), ("sam", "exit 1")]);
    let signed_out = AWS.replace(
        "echo 123456789012",
        "echo 'Token has expired' >&2; exit 255",
    );
    let signed_out = Programs::new("doctor-out", &[("aws", &signed_out), ("sam", SAM)]);
    for (programs, options, expected, mend) in [
        (&none, &[][..], "missing aws", "https://aws.amazon.com/cli/"),
        (&none, &[], "missing sam", "pip install aws-sam-cli"),
        (
            &signed_out,
            &["--env", "prod"],
            "Token has expired",
            "aws configure sso",
        ),
        (
            &healthy,
            &["--stack", "other"],
            "missing stack",
            "sam deploy",
        ),
        (
            &healthy,
            &["--env", "prod"],
            "no usable secret",
            "put-secret-value --secret-id arn:secret",
        ),
        (
            &healthy,
            &["--settings", "ENFORCE_EMAIL=yes"],
            "missing settings",
            "samconfig.toml",
        ),
        (
            &healthy,
            &["--env", "prd"],
            "has no environment prd",
            "--stack NAME",
        ),
    ] {
        let (code, shown) = doctor(programs, "not json", options);
        assert_eq!(code, 1, "{shown}");
        assert!(shown.contains(expected), "{expected}: {shown}");
        assert!(shown.contains(mend), "{mend}: {shown}");
    }
    let (code, shown) = doctor(&healthy, "", &[]);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("skipped account"), "{shown}");
}
