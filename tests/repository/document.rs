//! The documents, and the tables in them.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the whole repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file of the repository.
pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The cells of all tables' rows of a document, headings and rulers left out.
pub(crate) fn rows(document: &str) -> Vec<Vec<&str>> {
    let lines: Vec<&str> = document.lines().collect();
    let is_row = |line: &str| line.starts_with("| ") && line.ends_with('|');
    let is_ruler = |line: &str| line.starts_with("|-");
    let below_heading = |at: usize| lines.get(at + 1).is_none_or(|next| !is_ruler(next));
    let rows = (0..lines.len()).filter(|at| is_row(lines[*at]) && below_heading(*at));
    rows.map(|at| cells(lines[at])).collect()
}

/// Of one row. `\|` is a character of a cell.
fn cells(row: &str) -> Vec<&str> {
    let mut cells = Vec::new();
    let (mut from, mut escaped) = (1, false);
    for (at, character) in row.char_indices().skip(1) {
        if character == '|' && !escaped {
            cells.push(row[from..at].trim());
            from = at + 1;
        }
        escaped = character == '\\';
    }
    cells
}

/// What stands between backticks.
pub(crate) fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}
