//! A request as text: its attributes, their values and where these come from.

use anstream::println;

use super::attribute_rows::{AttributeRow, RequestTable};
use super::cell::{VALUE, column_width, cut};
use crate::explain::explanation::Explanation;
use crate::explain::request_preview::RequestPreview;
use crate::output::{BOLD, DIM, wrapped};

/// Prints a request.
pub(super) fn print_request(explanation: &Explanation, index: usize, request: &RequestPreview) {
    print_title(index, request, "");
    let RequestTable { rows, unchanged } = RequestTable::new(explanation, index, request);
    print_rows(&rows);
    let indent = if rows.iter().any(|row| row.is_property) {
        7
    } else {
        5
    };
    for (object, names) in unchanged {
        let text = format!(
            "{} unchanged from {object}: {}",
            names.len(),
            names.join(", ")
        );
        println!("{DIM}{}{DIM:#}", wrapped(&text, indent));
    }
}

/// Prints a request that is similar to an earlier one, which is given with its index: only the
/// attributes that differ, without custom properties.
pub(super) fn print_similar_request(
    explanation: &Explanation,
    index: usize,
    request: &RequestPreview,
    (earlier_index, earlier): (usize, &RequestPreview),
) {
    let similarity = format!("  like request {}", earlier_index + 1);
    print_title(index, request, &similarity);
    let mut rows = RequestTable::new(explanation, index, request).rows;
    rows.retain(|row| {
        let has_changed = earlier.attributes.get(&row.path) != request.attributes.get(&row.path);
        has_changed && !row.is_property
    });
    print_rows(&rows);
}

fn print_title(index: usize, request: &RequestPreview, similarity: &str) {
    let title = match request.title() {
        Some(title) => format!("  {title}"),
        None => String::new(),
    };
    println!(
        "\n  {}. {BOLD}{}{BOLD:#}{title}{DIM}{similarity}{DIM:#}",
        index + 1,
        request.endpoint
    );
}

fn print_rows(rows: &[AttributeRow]) {
    let names: Vec<String> = rows.iter().map(indented_name).collect();
    let values: Vec<String> = rows.iter().map(|row| cut(&row.value)).collect();
    let name_width = column_width(names.iter());
    let value_width = column_width(values.iter());
    let mut has_heading = false;
    for ((row, name), value) in rows.iter().zip(&names).zip(&values) {
        if row.is_property && !has_heading {
            println!("     properties");
            has_heading = true;
        }
        let fallback = match &row.fallback {
            Some(fallback) => format!(" ({fallback})"),
            None => String::new(),
        };
        println!(
            "     {name:name_width$}  {VALUE}{value:value_width$}{VALUE:#}  ← {}{DIM}{fallback}{DIM:#}",
            row.source
        );
    }
}

fn indented_name(row: &AttributeRow) -> String {
    if row.is_property {
        format!("  {}", row.name)
    } else {
        row.name.clone()
    }
}
