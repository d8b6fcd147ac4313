//! How lines, tables and troubles look in a terminal. Nothing that comes from elsewhere reaches it raw.

use std::fmt::Write as _;

mod line;
mod said;
mod table;
mod terminal;

pub(crate) use line::{Style, json};
pub(crate) use said::{Noise, again_in, ago, as_text, grouped, missing, no_match};
pub(crate) use table::{objects, print, table};

/// Whether standard output has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless the variable NO_COLOR is set.
    #[default]
    Auto,
    /// Also where it is no terminal.
    Always,
    /// Never.
    Never,
}

impl Colour {
    /// Whether it does, being a terminal or not. See <https://no-color.org>.
    pub(crate) fn is_wanted(self, terminal: bool) -> bool {
        let is_refused = || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        match self {
            Self::Auto => terminal && !is_refused(),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// The text on one line, with nothing in it that a terminal obeys.
pub(crate) fn plain(text: &str) -> String {
    if !text.chars().any(is_harmful) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\t' => shown.push_str("    "),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            c if c.is_ascii_control() => {
                let _ = write!(shown, "\\x{:02x}", u32::from(c));
            }
            c if is_harmful(c) => {
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    shown
}

/// Control characters, and those that make text run backwards or break its line.
fn is_harmful(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
