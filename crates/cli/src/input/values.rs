//! The JSON values of a text: one, several on lines of their own, or several that are
//! pretty-printed.

use serde_json::value::RawValue;

use super::ACCEPTED;

/// Returns the values of a text, each with the number of its first line. An error names its place,
/// never the text there.
pub(super) fn values(text: &str) -> Result<Vec<(usize, &RawValue)>, String> {
    let mut found = Vec::new();
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let mut line = 1;
    let mut counted = 0;
    loop {
        let start = stream.byte_offset();
        match stream.next() {
            None => return Ok(found),
            Some(Ok(value)) => {
                // Lines are counted up to the value itself, past the space before it.
                let skipped = leading_space(text.get(start..).unwrap_or_default());
                let between = text.get(counted..start + skipped).unwrap_or_default();
                line += between.matches('\n').count();
                counted = start + skipped;
                found.push((line, value));
            }
            Some(Err(_)) if is_ndjson(text) => return Err(broken_line(text)),
            Some(Err(error)) => return Err(not_json(&error, error.line())),
        }
    }
}

fn leading_space(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// Whether a text that is not JSON holds one object on each line: one of the first two lines is
/// one. The other may be the line with the error.
fn is_ndjson(text: &str) -> bool {
    text.trim_start().starts_with('{')
        && numbered_lines(text).take(2).any(|(_, line)| {
            serde_json::from_str::<&RawValue>(line).is_ok_and(|value| value.get().starts_with('{'))
        })
}

/// The lines that are not blank, with their numbers from 1.
fn numbered_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim().is_empty())
}

/// The problem with the first line that is not JSON.
fn broken_line(text: &str) -> String {
    for (number, line) in numbered_lines(text) {
        if let Err(error) = serde_json::from_str::<&RawValue>(line) {
            return not_json(&error, number);
        }
    }
    format!("not JSON; {ACCEPTED}")
}

fn not_json(error: &serde_json::Error, line: usize) -> String {
    let text = error.to_string();
    // serde_json counts lines from the beginning of its input, which may be one line of the
    // file.
    let problem = match text.rsplit_once(" at line ") {
        Some((problem, _)) => problem,
        None => &text,
    };
    let column = error.column();
    format!("line {line}, column {column}: not JSON: {problem}; {ACCEPTED}")
}
