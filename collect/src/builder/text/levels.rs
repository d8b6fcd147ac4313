//! Levels where they stand in the head of a line.

use lines::Level;

use super::cursor::Cursor;
use crate::builder::level;

/// How sure it is that a head goes on here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// A time stood before it, and so many numbers since.
    Time { numbers: usize },
    /// Something in brackets did.
    Brackets,
    /// The line begins here.
    Nothing,
}

/// Levels that are ordinary words, too: with nothing but a blank behind them they are none.
const ORDINARY: &[&str] = &[
    "log", "note", "fine", "http", "config", "success", "alert", "verb", "fail", "failure",
];

/// Levels that are written in lower case with nothing but a blank behind them, too.
const LOWER_CASE: &[&str] = &[
    "trace", "debug", "info", "warn", "warning", "error", "fatal", "critical", "notice",
];

/// The level that stands here as a word of the head, and how many bytes it has.
pub(super) fn word(cursor: &Cursor<'_>, after: After) -> Option<(Level, usize)> {
    let letters = cursor.letters();
    if letters == 1 {
        return letter(cursor, after).map(|level| (level, 1));
    }
    let name = cursor.next(letters);
    if after == After::Nothing && cursor.nth(letters) == Some(b' ') && !is_upper(name) {
        return None;
    }
    let level = Level::of_word(name)?;
    let length = letters + counted(&cursor.bytes()[letters..]);
    let is_level = match cursor.nth(length) {
        None => after != After::Nothing,
        Some(b':') => !matches!(cursor.nth(length + 1), Some(b'/' | b'\\' | b':')),
        Some(b']' | b')' | b'|' | b'>' | b';' | b'\t') => true,
        Some(b',') => after != After::Nothing,
        Some(b'/') => after != After::Nothing && is_upper(name) && !is_ordinary(name),
        Some(b'[') => is_upper(name),
        Some(0x1b) => level::colour(cursor.rest().get(length..)?).is_some(),
        Some(b' ') => stands_alone(cursor, length, name, after),
        Some(_) => false,
    };
    is_level.then_some((level, length))
}

/// Whether a word with a blank behind it is a level, and does not begin a sentence.
fn stands_alone(cursor: &Cursor<'_>, length: usize, name: &str, after: After) -> bool {
    let mut behind = *cursor;
    behind.advance(length);
    let blanks = behind.skip_blanks_and_colours();
    let delimited =
        matches!(behind.peek(), Some(b'[' | b'(' | b'|' | b'<')) || behind.rest().starts_with("- ");
    match after {
        After::Nothing => {
            let dated = || {
                behind.peek().is_some_and(|byte| byte.is_ascii_alphanumeric())
                    && crate::builder::time::begin(behind.rest()).is_some()
            };
            is_upper(name) && (delimited || dated())
        }
        After::Brackets => is_upper(name) && (delimited || blanks > 1 || !is_ordinary(name)),
        After::Time { .. } => {
            let usual = is_upper(name) && !is_ordinary(name) || LOWER_CASE.contains(&name);
            delimited || blanks > 1 || behind.peek().is_none() || usual
        }
    }
}

fn is_ordinary(name: &str) -> bool {
    ORDINARY.iter().any(|word| word.eq_ignore_ascii_case(name))
}

/// What stands behind a level and counts it: `+2`, `-4`, `5`.
fn counted(bytes: &[u8]) -> usize {
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    match bytes[sign..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count()
    {
        0 => 0,
        digits => sign + digits,
    }
}

/// A letter: Android's behind two numbers, MongoDB's before the name of a part in capitals, apt's before a colon.
fn letter(cursor: &Cursor<'_>, after: After) -> Option<Level> {
    let name = cursor.next(1);
    if !is_upper(name) {
        return None;
    }
    let mut behind = *cursor;
    behind.advance(1);
    let is_level = match (after, behind.peek()?) {
        (After::Nothing | After::Time { .. }, b':') => {
            matches!(name, "E" | "W") && behind.nth(1) == Some(b' ')
        }
        (After::Time { numbers: 2.. }, b' ') => true,
        (After::Time { .. }, b' ') => {
            behind.skip_blanks_and_colours();
            let part = behind
                .bytes()
                .iter()
                .take_while(|&&byte| byte.is_ascii_uppercase() || byte == b'_')
                .count();
            part > 1 && behind.nth(part) == Some(b' ')
        }
        _ => false,
    };
    is_level.then(|| level::letter(name))?
}

/// The level that stands in brackets: alone, with a module before it (`core:error`, `thread/INFO`), with a process behind
/// it (`ERROR/MainProcess`), or first of several words (`ERROR my_crate`).
pub(super) fn in_brackets(inside: &str) -> Option<Level> {
    let plain = level::uncoloured(inside);
    let inside = plain.trim();
    if inside.len() == 1 {
        return level::letter(inside).filter(|_| is_upper(inside));
    }
    if let Some(level) = level::word(inside) {
        return Some(level);
    }
    if let Some((first, _)) = inside.split_once(' ')
        && is_upper(first)
        && let Some(level) = Level::of_word(first)
    {
        return Some(level);
    }
    let (before, last) = inside.rsplit_once([':', '/'])?;
    let first = before.split([':', '/']).next().unwrap_or(before);
    Level::of_word(last).or_else(|| Level::of_word(first).filter(|_| is_upper(first)))
}

pub(super) fn is_upper(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_uppercase())
}
