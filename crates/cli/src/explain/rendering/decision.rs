//! The decision about a message and its warnings, as text.

use anstream::println;
use anstyle::Style;

use crate::explain::evaluation::{Evaluation, RuleDecision};
use crate::output::{ERROR, OK, WARN, escape_control};

/// Prints the decision and the warnings.
pub(super) fn print_evaluation(evaluation: &Evaluation) {
    let decision = &evaluation.decision;
    let style = decision_style(decision);
    let detail = match decision.reason() {
        Some(reason) => escape_control(&reason.detail),
        None if evaluation.requests.len() == 1 => "1 request".to_owned(),
        None => format!("{} requests", evaluation.requests.len()),
    };
    println!("  {style}{decision}{style:#}: {detail}");
    for warning in &evaluation.warnings {
        println!(
            "  {WARN}{}{WARN:#}: {}",
            warning.reason(),
            escape_control(&warning.to_string())
        );
    }
}

/// Returns the style of a decision.
pub(super) fn decision_style(decision: &RuleDecision) -> Style {
    match decision {
        RuleDecision::Sent => OK,
        RuleDecision::Ignored(_) => WARN,
        RuleDecision::Rejected(_) => ERROR,
    }
}
