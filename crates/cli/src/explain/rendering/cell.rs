//! The cells of a table.

use anstyle::{AnsiColor, Style};

/// The style of values.
pub(super) const VALUE: Style = AnsiColor::Green.on_default();

/// The width of the longest value that is printed whole.
const MAX_VALUE_WIDTH: usize = 36;

/// Cuts a long value, so that the column after it stays readable.
pub(super) fn cut(value: &str) -> String {
    if value.chars().count() <= MAX_VALUE_WIDTH {
        return value.to_owned();
    }
    let mut cut: String = value.chars().take(MAX_VALUE_WIDTH - 1).collect();
    cut.push('…');
    cut
}

/// Returns the width of a column that fits these cells.
pub(super) fn column_width<'c>(cells: impl Iterator<Item = &'c String>) -> usize {
    cells
        .map(|cell| cell.chars().count())
        .max()
        .unwrap_or_default()
}
