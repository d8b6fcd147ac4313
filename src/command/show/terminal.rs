//! What a terminal would make of a text that is written for one: colours, and lines that are written over.
//!
//! Of all that a terminal obeys only SGR gets through (colours, bold, underlined), and that only where colours are wanted;
//! of SGR nothing that conceals or blinks, nor other fonts. Elsewhere SGR is taken off. Everything else is shown as what it
//! is, by [`super::plain`].

use std::borrow::Cow;

use super::line::RESET;
use super::plain;

/// How many bytes of SGR in force are remembered; of more, the last one counts.
const MOST_IN_FORCE: usize = 128;

/// Whether sequences for colours get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sgr {
    /// As they are; at the end of the text they end.
    Through,
    /// They are taken off.
    Off,
}

/// The text on one line, as a terminal would show it in the end.
pub(crate) fn shown(text: &str, sgr: Sgr) -> String {
    let text = written_over(text);
    if !text.contains('\x1b') {
        return plain(&text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut is_coloured = false;
    let mut rest = &*text;
    while !rest.is_empty() {
        let (words, sequence, after) = up_to_sgr(rest);
        shown.push_str(&plain(words));
        if sgr == Sgr::Through {
            let seen = visible(sequence);
            is_coloured |= !seen.is_empty();
            shown.push_str(&seen);
        }
        rest = after;
    }
    if is_coloured {
        shown.push_str(RESET);
    }
    shown
}

/// What stands before the first SGR sequence, that, and what comes behind it.
fn up_to_sgr(text: &str) -> (&str, &str, &str) {
    for (at, _) in text.match_indices("\x1b[") {
        let parameters = &text[at + 2..];
        let length = parameters
            .bytes()
            .take_while(|byte| matches!(byte, b'0'..=b'9' | b';' | b':'))
            .count();
        if parameters[length..].starts_with('m') {
            let end = at + 2 + length + 1;
            return (&text[..at], &text[at..end], &text[end..]);
        }
    }
    (text, "", "")
}

/// Of an SGR sequence what leaves its text to be read. A terminal shows nothing of what is concealed, so that a line could
/// hide what it says, and goes on hiding what comes later.
fn visible(sequence: &str) -> Cow<'_, str> {
    let Some(parameters) = sequence
        .strip_prefix("\x1b[")
        .and_then(|rest| rest.strip_suffix('m'))
    else {
        return Cow::Borrowed(sequence);
    };
    let all: Vec<&str> = parameters.split(';').collect();
    let mut kept = Vec::with_capacity(all.len());
    let mut rest = &all[..];
    while let [first, ..] = rest {
        // A colour that is told in parameters of its own: `38;5;8` is no 8.
        let length = match (*first, rest.get(1)) {
            ("38" | "48" | "58", Some(&"5")) => 3,
            ("38" | "48" | "58", Some(&"2")) => 5,
            _ => 1,
        };
        let (one, after) = rest.split_at(length.min(rest.len()));
        if is_readable(first) {
            kept.extend_from_slice(one);
        }
        rest = after;
    }
    match kept.len() {
        0 => Cow::Borrowed(""),
        length if length == all.len() => Cow::Borrowed(sequence),
        _ => Cow::Owned(format!("\x1b[{}m", kept.join(";"))),
    }
}

/// Whether this is the end of everything, bold, faint, italic, underlined, reverse, crossed out, overlined, a colour, or the
/// end of such a one; with what it says after a colon.
fn is_readable(parameter: &str) -> bool {
    let number = parameter.split_once(':').map_or(parameter, |(number, _)| number);
    // An empty one is 0.
    let number = if number.is_empty() {
        Ok(0)
    } else {
        number.parse::<u32>()
    };
    matches!(
        number,
        Ok(0..=4 | 7 | 9 | 21..=24 | 27 | 29..=49 | 53 | 55 | 58 | 59 | 90..=97 | 100..=107)
    )
}

/// What is left of a text whose carriage returns had it written over: progress as it stood at last.
fn written_over(text: &str) -> Cow<'_, str> {
    let text = text.strip_suffix('\r').unwrap_or(text);
    if !text.contains('\r') {
        return Cow::Borrowed(text);
    }
    let lines: Vec<String> = text.split('\n').map(line_written_over).collect();
    Cow::Owned(lines.join("\n"))
}

/// A character, and the SGR sequences that it is shown with.
struct Cell<'a> {
    character: char,
    colours: Cow<'a, str>,
}

fn line_written_over(line: &str) -> String {
    let mut cells: Vec<Cell<'_>> = Vec::new();
    let mut colours = String::new();
    let mut at = 0;
    let mut rest = line;
    while !rest.is_empty() {
        let (words, sequence, after) = up_to_sgr(rest);
        for character in words.chars() {
            if character == '\r' {
                at = 0;
                continue;
            }
            let cell = Cell {
                character,
                colours: Cow::Owned(colours.clone()),
            };
            match cells.get_mut(at) {
                Some(before) => *before = cell,
                None => cells.push(cell),
            }
            at += 1;
        }
        if matches!(sequence, "\x1b[0m" | "\x1b[m") || colours.len() + sequence.len() > MOST_IN_FORCE {
            colours.clear();
        }
        colours.push_str(sequence);
        rest = after;
    }
    let mut shown = String::with_capacity(line.len());
    let mut before = Cow::Borrowed("");
    for Cell { character, colours } in cells {
        if colours != before {
            if !before.is_empty() {
                shown.push_str(RESET);
            }
            shown.push_str(&colours);
            before = colours;
        }
        shown.push(character);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_get_through_where_they_are_wanted_and_nothing_else_does() {
        let table = [
            ("plain", "plain", "plain"),
            (
                "\x1b[31mERROR\x1b[0m plain",
                "\x1b[31mERROR\x1b[0m plain\x1b[0m",
                "ERROR plain",
            ),
            ("\x1b[1;38:5:9mx", "\x1b[1;38:5:9mx\x1b[0m", "x"),
            ("\x1b[mx", "\x1b[mx\x1b[0m", "x"),
            // What moves, clears, names windows and the like.
            ("a\x1b[2Jb", "a\\x1b[2Jb", "a\\x1b[2Jb"),
            ("\x1b]0;t\x07", "\\x1b]0;t\\x07", "\\x1b]0;t\\x07"),
            ("\x1b[31", "\\x1b[31", "\\x1b[31"),
            ("\x1b[31\x1b[1mx", "\\x1b[31\x1b[1mx\x1b[0m", "\\x1b[31x"),
            ("\x1b[?25m", "\\x1b[?25m", "\\x1b[?25m"),
            ("\x1b[>4;2m", "\\x1b[>4;2m", "\\x1b[>4;2m"),
            ("\u{9b}31mx", "\\u{9b}31mx", "\\u{9b}31mx"),
            ("\x1bcx\x08", "\\x1bcx\\x08", "\\x1bcx\\x08"),
        ];
        for (text, through, off) in table {
            assert_eq!(shown(text, Sgr::Through), through, "{text:?}");
            assert_eq!(shown(text, Sgr::Off), off, "{text:?}");
        }
    }

    #[test]
    fn nothing_is_concealed_or_blinks() {
        let table = [
            ("\x1b[8msecret", "secret"),
            ("\x1b[31;8;1mx", "\x1b[31;1mx\x1b[0m"),
            ("\x1b[08mx", "x"),
            ("\x1b[8:1mx", "x"),
            ("\x1b[5;6;25;28;11;20mx", "x"),
            // Colours that are told by a number of their own.
            ("\x1b[38;5;8mx", "\x1b[38;5;8mx\x1b[0m"),
            ("\x1b[48;2;8;5;6;8mx", "\x1b[48;2;8;5;6mx\x1b[0m"),
            ("\x1b[38;5mx", "\x1b[38;5mx\x1b[0m"),
            ("\x1b[;1mx", "\x1b[;1mx\x1b[0m"),
            // Also where it was written over.
            ("ab\r\x1b[8mc", "c\x1b[0mb\x1b[0m"),
        ];
        for (text, through) in table {
            assert_eq!(shown(text, Sgr::Through), through, "{text:?}");
        }
    }

    #[test]
    fn progress_is_shown_as_it_stood_at_last() {
        let table = [
            (" 1%\r 2%\r 79%", " 79%"),
            ("downloading\rdone", "doneloading"),
            ("line\r", "line"),
            ("a\r\nb\r\n", "a\\nb\\n"),
            ("10%\r20%\nnext\rN", "20%\\nNext"),
            ("\r\rx", "x"),
        ];
        for (text, off) in table {
            assert_eq!(shown(text, Sgr::Off), off, "{text:?}");
        }
        assert_eq!(
            shown("\x1b[31mred\x1b[0m\r\x1b[32mg", Sgr::Through),
            "\x1b[0m\x1b[32mg\x1b[0m\x1b[31med\x1b[0m"
        );
        assert_eq!(shown("\x1b[31mred\x1b[0m\r\x1b[32mg", Sgr::Off), "ged");
    }
}
