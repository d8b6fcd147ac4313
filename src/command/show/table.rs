//! Standard output for things that are no lines: tables, texts, and objects for programs.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use anyhow::anyhow;
use serde::Serialize;

use crate::command::Failure;

/// A table with headings, the columns as wide as they must be. `right` columns hold numbers.
pub(crate) fn table(headings: &[&str], right: &[usize], rows: &[Vec<String>]) -> String {
    let heading_row: Vec<String> = headings.iter().map(|&heading| heading.to_owned()).collect();
    let widths: Vec<usize> = (0..headings.len())
        .map(|column| {
            let cells = std::iter::once(&heading_row).chain(rows);
            cells
                .filter_map(|row| Some(row.get(column)?.chars().count()))
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in std::iter::once(&heading_row).chain(rows) {
        let mut shown = String::new();
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let _ = if right.contains(&column) {
                write!(shown, "{cell:>width$}  ")
            } else {
                write!(shown, "{cell:<width$}  ")
            };
        }
        text.push_str(shown.trim_end());
        text.push('\n');
    }
    text
}

/// Prints a text. Nobody being there to read it is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Failed(anyhow!(
            "standard output cannot be written: {error}"
        ))),
        _ => Ok(()),
    }
}

/// Prints things for programs, one JSON object per line.
pub(crate) fn objects(things: &[impl Serialize]) -> Result<(), Failure> {
    let lines = things.iter().map(serde_json::to_string);
    let lines: Vec<String> = lines.collect::<Result<_, _>>().map_err(anyhow::Error::from)?;
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    print(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_as_wide_as_its_cells() {
        let rows = [
            vec!["a".to_owned(), "1000".to_owned()],
            vec!["long/name".to_owned(), "1".to_owned()],
        ];
        assert_eq!(
            table(&["STREAM", "LINES"], &[1], &rows),
            "STREAM     LINES\na           1000\nlong/name      1\n"
        );
    }
}
