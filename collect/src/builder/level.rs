//! What a member says of how grave a line is: a word, or a number by whose it is.

use std::borrow::Cow;

use lines::Level;

use super::value::Value;

/// Whose numbers a member's are. Words are understood everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Nobody's: words alone.
    Words,
    /// pino's and bunyan's from 10 to 60 with what users put between, and Monolog's from 100 to 600.
    Level,
    /// syslog's from 0 to 7, or Google's from 100 to 800.
    Severity,
    /// syslog's: 0 is the gravest, 7 the least.
    Syslog,
    /// syslog's priority: eight times the facility, and the severity.
    Priority,
    /// OpenTelemetry's from 1 to 24.
    OpenTelemetry,
    /// Python's and loguru's from 5 to 50.
    Python,
    /// log4j's and logback's from 5,000 to 50,000.
    Log4j,
    /// Windows': 1 is the gravest, 5 the least.
    Windows,
    /// Microsoft.Extensions.Logging's from 0 to 5.
    Microsoft,
    /// Application Insights' from 0 to 4.
    Insights,
    /// NXLog's from 1 to 5.
    Nxlog,
}

/// From which number on a level is meant, from the least to the gravest.
type Steps = &'static [(u32, Level)];

const PINO: Steps = &[
    (10, Level::Trace),
    (20, Level::Debug),
    (30, Level::Info),
    (40, Level::Warn),
    (50, Level::Error),
    (60, Level::Fatal),
    (70, Level::Fatal),
];

const MONOLOG: Steps = &[
    (100, Level::Debug),
    (200, Level::Info),
    (300, Level::Warn),
    (400, Level::Error),
    (500, Level::Fatal),
    (601, Level::Fatal),
];

const GOOGLE: Steps = &[
    (100, Level::Debug),
    (200, Level::Info),
    (400, Level::Warn),
    (500, Level::Error),
    (600, Level::Fatal),
    (801, Level::Fatal),
];

const SYSLOG: Steps = &[
    (0, Level::Fatal),
    (3, Level::Error),
    (4, Level::Warn),
    (5, Level::Info),
    (7, Level::Debug),
    (8, Level::Debug),
];

const OPEN_TELEMETRY: Steps = &[
    (1, Level::Trace),
    (5, Level::Debug),
    (9, Level::Info),
    (13, Level::Warn),
    (17, Level::Error),
    (21, Level::Fatal),
    (25, Level::Fatal),
];

const PYTHON: Steps = &[
    (1, Level::Trace),
    (10, Level::Debug),
    (20, Level::Info),
    (30, Level::Warn),
    (40, Level::Error),
    (50, Level::Fatal),
    (100, Level::Fatal),
];

const LOG4J: Steps = &[
    (5_000, Level::Trace),
    (10_000, Level::Debug),
    (20_000, Level::Info),
    (30_000, Level::Warn),
    (40_000, Level::Error),
    (50_000, Level::Fatal),
    (50_001, Level::Fatal),
];

const WINDOWS: Steps = &[
    (1, Level::Fatal),
    (2, Level::Error),
    (3, Level::Warn),
    (4, Level::Info),
    (5, Level::Debug),
    (6, Level::Debug),
];

const MICROSOFT: Steps = &[
    (0, Level::Trace),
    (1, Level::Debug),
    (2, Level::Info),
    (3, Level::Warn),
    (4, Level::Error),
    (5, Level::Fatal),
    (6, Level::Fatal),
];

const INSIGHTS: Steps = &[
    (0, Level::Trace),
    (1, Level::Info),
    (2, Level::Warn),
    (3, Level::Error),
    (4, Level::Fatal),
    (5, Level::Fatal),
];

const NXLOG: Steps = &[
    (1, Level::Debug),
    (2, Level::Info),
    (3, Level::Warn),
    (4, Level::Error),
    (5, Level::Fatal),
    (6, Level::Fatal),
];

impl Scale {
    /// The level of a number, as it is written.
    pub(super) fn level(self, number: &str) -> Option<Level> {
        let whole = match number.split_once('.') {
            Some((whole, fraction)) => Some(whole).filter(|_| fraction.bytes().all(|digit| digit == b'0'))?,
            None => number,
        };
        let number: u32 = whole.parse().ok()?;
        match self {
            Self::Words => None,
            Self::Level => step(PINO, number).or_else(|| step(MONOLOG, number)),
            Self::Severity => step(SYSLOG, number).or_else(|| step(GOOGLE, number)),
            Self::Syslog => step(SYSLOG, number),
            Self::Priority => (number < 192).then(|| step(SYSLOG, number % 8))?,
            Self::OpenTelemetry => step(OPEN_TELEMETRY, number),
            Self::Python => step(PYTHON, number),
            Self::Log4j => step(LOG4J, number),
            Self::Windows => step(WINDOWS, number),
            Self::Microsoft => step(MICROSOFT, number),
            Self::Insights => step(INSIGHTS, number),
            Self::Nxlog => step(NXLOG, number),
        }
    }
}

/// The last step that is not beyond the number. The last of all is where the scale ends.
fn step(steps: Steps, number: u32) -> Option<Level> {
    let (&(end, _), steps) = steps.split_last()?;
    let reached = steps.iter().rev().find(|(from, _)| *from <= number)?;
    (number < end).then_some(reached.1)
}

/// What a member's value says.
pub(super) fn value(value: &Value<'_>, scale: Scale) -> Option<Level> {
    match value.text() {
        Some(said) => text(&said, scale),
        None => scale.level(&value.number()?),
    }
}

/// The level that a text stands for: a word, a letter, or a number of this scale, whatever is around it.
pub(super) fn text(text: &str, scale: Scale) -> Option<Level> {
    if let Some(level) = Level::of_word(text) {
        return Some(level);
    }
    let plain = uncoloured(text);
    let bare = plain.trim_matches(|c: char| c.is_whitespace() || "[](){}<>:".contains(c));
    word(bare).or_else(|| letter(bare)).or_else(|| scale.level(bare))
}

/// The level of a word with what loggers put behind it: `ERROR+2` (slog), `DEBUG5` (PostgreSQL), `INFO2` (OpenTelemetry).
pub(super) fn word(word: &str) -> Option<Level> {
    let counted = word.trim_end_matches(|c: char| c.is_ascii_digit());
    if counted.len() == word.len() {
        return Level::of_word(word);
    }
    let (letters, sign) = match counted.strip_suffix(['+', '-']) {
        Some(letters) => (letters, true),
        None => (counted, false),
    };
    match Level::of_word(letters) {
        None if !sign && letters.len() == 1 => letter(letters).filter(|_| word.len() == 2),
        level => level,
    }
}

/// The level of a letter: Android's, glog's, MongoDB's, Jupyter's.
pub(super) fn letter(letter: &str) -> Option<Level> {
    Some(match letter.as_bytes() {
        [b'T' | b't' | b'V' | b'v'] => Level::Trace,
        [b'D' | b'd'] => Level::Debug,
        [b'I' | b'i' | b'N' | b'n'] => Level::Info,
        [b'W' | b'w'] => Level::Warn,
        [b'E' | b'e'] => Level::Error,
        [b'F' | b'f' | b'C' | b'c' | b'A' | b'a'] => Level::Fatal,
        _ => return None,
    })
}

/// A text without its colours: select graphic rendition, `ESC [ … m`.
pub(super) fn uncoloured(text: &str) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(0x1b, text.as_bytes()) else {
        return Cow::Borrowed(text);
    };
    let mut plain = text[..first].to_owned();
    let mut rest = &text[first..];
    while !rest.is_empty() {
        match colour(rest) {
            Some(length) => rest = &rest[length..],
            None => {
                let next = rest.char_indices().nth(1).map_or(rest.len(), |(at, _)| at);
                plain.push_str(&rest[..next]);
                rest = &rest[next..];
            }
        }
    }
    Cow::Owned(plain)
}

/// How long the colour is that a text begins with.
pub(super) fn colour(text: &str) -> Option<usize> {
    let inside = text.as_bytes().strip_prefix(b"\x1b[")?;
    let end = inside
        .iter()
        .position(|byte| !(byte.is_ascii_digit() || matches!(byte, b';' | b':')))?;
    (inside[end] == b'm').then_some(end + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_by_whose_it_is() {
        use Level::{Debug, Error, Fatal, Info, Trace, Warn};
        for (scale, expected) in [
            (Scale::Words, &[("1", None), ("30", None)][..]),
            (
                Scale::Level,
                &[
                    ("10", Some(Trace)),
                    ("20", Some(Debug)),
                    ("30", Some(Info)),
                    ("35", Some(Info)),
                    ("40", Some(Warn)),
                    ("50.0", Some(Error)),
                    ("60", Some(Fatal)),
                    ("70", None),
                    ("3", None),
                    ("-10", None),
                    ("30.5", None),
                    ("100", Some(Debug)),
                    ("250", Some(Info)),
                    ("300", Some(Warn)),
                    ("400", Some(Error)),
                    ("550", Some(Fatal)),
                    ("600", Some(Fatal)),
                    ("601", None),
                    ("1e999", None),
                ],
            ),
            (
                Scale::Severity,
                &[
                    ("3", Some(Error)),
                    ("6", Some(Info)),
                    ("400", Some(Warn)),
                    ("800", Some(Fatal)),
                    ("17", None),
                ],
            ),
            (
                Scale::Syslog,
                &[
                    ("0", Some(Fatal)),
                    ("2", Some(Fatal)),
                    ("3", Some(Error)),
                    ("4", Some(Warn)),
                    ("5", Some(Info)),
                    ("6", Some(Info)),
                    ("7", Some(Debug)),
                    ("8", None),
                ],
            ),
            (
                Scale::Priority,
                &[
                    ("11", Some(Error)),
                    ("165", Some(Info)),
                    ("191", Some(Debug)),
                    ("192", None),
                ],
            ),
            (
                Scale::OpenTelemetry,
                &[
                    ("0", None),
                    ("1", Some(Trace)),
                    ("8", Some(Debug)),
                    ("9", Some(Info)),
                    ("13", Some(Warn)),
                    ("17", Some(Error)),
                    ("24", Some(Fatal)),
                    ("25", None),
                ],
            ),
            (
                Scale::Python,
                &[
                    ("5", Some(Trace)),
                    ("10", Some(Debug)),
                    ("25", Some(Info)),
                    ("30", Some(Warn)),
                    ("50", Some(Fatal)),
                ],
            ),
            (
                Scale::Log4j,
                &[
                    ("5000", Some(Trace)),
                    ("20000", Some(Info)),
                    ("40000", Some(Error)),
                    ("50000", Some(Fatal)),
                ],
            ),
            (
                Scale::Windows,
                &[
                    ("0", None),
                    ("1", Some(Fatal)),
                    ("2", Some(Error)),
                    ("4", Some(Info)),
                    ("5", Some(Debug)),
                ],
            ),
            (
                Scale::Microsoft,
                &[
                    ("0", Some(Trace)),
                    ("2", Some(Info)),
                    ("5", Some(Fatal)),
                    ("6", None),
                ],
            ),
            (
                Scale::Insights,
                &[
                    ("0", Some(Trace)),
                    ("1", Some(Info)),
                    ("3", Some(Error)),
                    ("5", None),
                ],
            ),
            (
                Scale::Nxlog,
                &[
                    ("1", Some(Debug)),
                    ("2", Some(Info)),
                    ("4", Some(Error)),
                    ("5", Some(Fatal)),
                ],
            ),
        ] {
            for (number, level) in expected {
                assert_eq!(scale.level(number), *level, "{scale:?} {number}");
            }
        }
    }

    #[test]
    fn a_word_is_a_level_whatever_loggers_put_around_it() {
        for (word, level) in [
            ("info", Some(Level::Info)),
            ("WARNING", Some(Level::Warn)),
            ("Critical", Some(Level::Fatal)),
            (" debug \t", Some(Level::Debug)),
            ("\u{1b}[31merror\u{1b}[39m", Some(Level::Error)),
            ("\u{1b}[1;38;5;208mWARN\u{1b}[0m", Some(Level::Warn)),
            ("[ERROR]", Some(Level::Error)),
            ("<warn>", Some(Level::Warn)),
            ("error:", Some(Level::Error)),
            ("ERROR+2", Some(Level::Error)),
            ("DEBUG-4", Some(Level::Debug)),
            ("DEBUG5", Some(Level::Debug)),
            ("INFO3", Some(Level::Info)),
            ("E", Some(Level::Error)),
            ("w", Some(Level::Warn)),
            ("D2", Some(Level::Debug)),
            ("30", Some(Level::Info)),
            ("3", None),
            ("E12", None),
            ("E+1", None),
            ("+2", None),
            ("loud", None),
            ("", None),
            ("\u{1b}[31", None),
            ("\u{1b}\u{e9}", None),
            ("errors", None),
        ] {
            assert_eq!(text(word, Scale::Level), level, "{word:?}");
        }
    }
}
