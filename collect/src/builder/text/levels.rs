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

/// What stands around a level, and says that it is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    Brackets,
    BeforeColon,
    /// Between blanks, tabs or bars.
    Alone,
}

/// Levels that are ordinary words, too: in text they are levels in capitals alone.
const ORDINARY: &[&str] = &[
    "log",
    "note",
    "fine",
    "finer",
    "finest",
    "config",
    "success",
    "alert",
    "verb",
    "fail",
    "failure",
    "severe",
    "emergency",
    "silly",
];

/// But for where known programs write them so: nginx and Apache, MySQL, .NET, rustc.
const WRITTEN: &[(&str, Where)] = &[
    ("alert", Where::Brackets),
    ("note", Where::Brackets),
    ("Note", Where::Brackets),
    ("fail", Where::BeforeColon),
    ("note", Where::BeforeColon),
];

/// Levels that are written in lower case with one blank behind them, too. What else begins a sentence so (`debug mode`,
/// `critical section`) does.
const LOWER_CASE: &[&str] = &["info", "warn", "warning", "error"];

/// The level of a word in text.
fn named(name: &str, place: Where) -> Option<Level> {
    let level = Level::of_word(name)?;
    let is = |word: &&str| word.eq_ignore_ascii_case(name);
    let is_level = if is(&"http") {
        // What speaks it calls itself so, in capitals too.
        false
    } else {
        is_upper(name) || !ORDINARY.iter().any(is) || WRITTEN.contains(&(name, place))
    };
    is_level.then_some(level)
}

/// The level that stands here as a word of the head, and how many bytes it has.
pub(super) fn word(cursor: &Cursor<'_>, after: After) -> Option<(Level, usize)> {
    let letters = cursor.letters();
    if letters == 1 {
        return letter(cursor, after);
    }
    let name = cursor.next(letters);
    if after == After::Nothing && cursor.nth(letters) == Some(b' ') && !is_upper(name) {
        return None;
    }
    let length = letters + counted(&cursor.bytes()[letters..]);
    let behind = cursor.nth(length);
    let place = if behind == Some(b':') {
        Where::BeforeColon
    } else {
        Where::Alone
    };
    let level = named(name, place)?;
    let is_level = match behind {
        None => after != After::Nothing,
        Some(b':') => !matches!(cursor.nth(length + 1), Some(b'/' | b'\\' | b':')),
        Some(b']' | b')' | b'|' | b'>' | b';' | b'\t') => true,
        Some(b',') => after != After::Nothing,
        Some(b'/') => {
            after != After::Nothing
                && (is_upper(name) && !is_ordinary(name) || before_facility(cursor, length))
        }
        Some(b'(') => after == After::Nothing && before_scope(cursor, length),
        Some(b'[') => is_upper(name),
        Some(0x1b) => level::colour(cursor.rest().get(length..)?).is_some(),
        Some(b' ') => stands_alone(cursor, length, name, after),
        Some(_) => false,
    };
    is_level.then_some((level, length))
}

/// `critical/ApiListener: ` (Icinga).
fn before_facility(cursor: &Cursor<'_>, length: usize) -> bool {
    let mut behind = *cursor;
    behind.advance(length + 1);
    let letters = behind.letters();
    letters > 0 && behind.nth(letters) == Some(b':') && behind.nth(letters + 1) == Some(b' ')
}

/// `error(net): ` (Zig).
fn before_scope(cursor: &Cursor<'_>, length: usize) -> bool {
    let mut behind = *cursor;
    behind.advance(length + 1);
    let scope = behind.count(|&byte| byte.is_ascii_alphanumeric() || byte == b'_');
    behind.advance(scope);
    // `error(s): `.
    scope > 1 && behind.next(3) == "): "
}

/// `error codes.vapor.application : ` (swift-log): a label with dots, and a colon.
fn before_label(mut behind: Cursor<'_>) -> bool {
    let label = behind.next(behind.token());
    behind.advance(label.len());
    label.contains('.') && (label.ends_with(':') || behind.next(3) == " : ")
}

/// The level between what separates the parts of a head, where that stands right behind its time: `|ERROR|App|…` (NLog),
/// `:WARN :oejh.HttpParser:…` (Jetty), `:10.0.0.1(5000):ann@shop:[42]:ERROR:  …` (PostgreSQL on RDS).
pub(super) fn between(cursor: &Cursor<'_>) -> Option<Level> {
    let separator = cursor.peek().filter(|byte| b"|:,;".contains(byte))?;
    if !cursor
        .nth(1)
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'[' | b':'))
    {
        return None;
    }
    let parts = cursor.rest()[1..].split(char::from(separator));
    let (before_last, _) = cursor.rest().rsplit_once(char::from(separator))?;
    let delimited = before_last.len();
    let mut at = 1;
    parts
        .take(MOST_BETWEEN)
        .take_while(|part| {
            let is_delimited = at + part.len() <= delimited;
            at += part.len() + 1;
            is_delimited && !part.trim_end().contains(' ')
        })
        .find_map(|part| named(part.trim_end(), Where::Alone))
}

/// So many parts are looked at.
const MOST_BETWEEN: usize = 8;

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
            let is_usual = || is_upper(name) && !is_ordinary(name) || LOWER_CASE.contains(&name);
            delimited || blanks > 1 || behind.peek().is_none() || is_usual() || before_label(behind)
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

/// A letter, and how many bytes it has: Android's behind two numbers, MongoDB's before a part and its context, apt's before a
/// colon.
fn letter(cursor: &Cursor<'_>, after: After) -> Option<(Level, usize)> {
    let name = cursor.next(1);
    if !is_upper(name) {
        return None;
    }
    let length = 1 + counted(&cursor.bytes()[1..]);
    let mut behind = *cursor;
    behind.advance(length);
    let level = level::of_letter(cursor.next(length))?;
    let is_level = match (after, behind.peek()?) {
        (After::Nothing | After::Time { .. }, b':') => {
            matches!(cursor.next(length), "E" | "W") && behind.nth(1) == Some(b' ')
        }
        (After::Time { numbers: 2.. }, b' ') if length == 1 => before_tag(behind),
        // etcd before 3.4.
        (After::Time { .. }, b' ') => before_part(behind) || behind.next(3) == " | ",
        _ => false,
    };
    is_level.then_some((level, length))
}

/// Android's tag follows, which a colon ends: `WindowManager: `, `chatty  : `.
fn before_tag(mut behind: Cursor<'_>) -> bool {
    behind.skip_blanks_and_colours();
    behind.advance(behind.count(|&byte| byte > b' ' && byte != b':'));
    behind.skip_blanks_and_colours();
    behind.pass(b':') && matches!(behind.peek(), None | Some(b' '))
}

/// The part and the context of MongoDB's lines before 4.4 follow: `NETWORK  [conn1] `.
fn before_part(mut behind: Cursor<'_>) -> bool {
    behind.skip_blanks_and_colours();
    let part = behind.count(|&byte| byte.is_ascii_uppercase() || byte == b'_' || byte == b'-');
    behind.advance(part);
    part > 0 && behind.skip_blanks_and_colours() > 0 && behind.peek() == Some(b'[')
}

/// The level that stands in brackets: alone, with a module before it (`core:error`, `thread/INFO`), with a process behind
/// it (`ERROR/MainProcess`), or first of several words (`ERROR my_crate`).
pub(super) fn in_brackets(inside: &str) -> Option<Level> {
    let plain = level::uncoloured(inside);
    let inside = plain.trim();
    if let Some(level) = level::of_letter(inside) {
        return Some(level);
    }
    let letters = inside.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, rest) = inside.split_at(letters);
    let place = if rest.starts_with(':') {
        Where::BeforeColon
    } else {
        Where::Brackets
    };
    if counted(rest.as_bytes()) == rest.len() {
        return named(word, place);
    }
    if rest.starts_with(' ') && is_upper(word) {
        return named(word, place);
    }
    // `42:42:1130/050000.123456:ERROR:gpu_init.cc(523)` (Chromium).
    if let Some(level) = inside
        .split(':')
        .filter(|part| is_upper(part))
        .find_map(|part| named(part, place))
    {
        return Some(level);
    }
    let (before, last) = inside.rsplit_once([':', '/'])?;
    let is_path = inside[before.len()..].starts_with('/');
    named(last, Where::Brackets)
        .filter(|_| !is_path || is_upper(last))
        .or_else(|| named(word, place).filter(|_| is_upper(word) && rest.starts_with([':', '/'])))
}

pub(super) fn is_upper(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_uppercase())
}
