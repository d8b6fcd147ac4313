//! What a member says of how grave a line is: a word, or a number by whose it is.

use std::borrow::Cow;

use lines::Level;

use super::value::Value;
use super::writers::{Writer, Writers};

/// Whose numbers a member's are. Words are understood everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Nobody's: words alone.
    Words,
    /// MongoDB's letters.
    Letters,
    /// pino's and bunyan's from 10 to 60 with what users put between, and Monolog's from 100 to 600; syslog's in lines of GELF.
    Level,
    /// Google's from 100 to 800; syslog's from 0 to 7, or glog's from 0 to 3, beside members of these.
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
    /// Microsoft.Extensions.Logging's from 0 to 5, beside members of its own.
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

const MONOLOG: &[(u32, Level)] = &[
    (100, Level::Debug),
    (200, Level::Info),
    (250, Level::Info),
    (300, Level::Warn),
    (400, Level::Error),
    (500, Level::Fatal),
    (550, Level::Fatal),
    (600, Level::Fatal),
];

const GOOGLE: &[(u32, Level)] = &[
    (100, Level::Debug),
    (200, Level::Info),
    (300, Level::Info),
    (400, Level::Warn),
    (500, Level::Error),
    (600, Level::Fatal),
    (700, Level::Fatal),
    (800, Level::Fatal),
];

const GLOG: &[(u32, Level)] = &[
    (0, Level::Info),
    (1, Level::Warn),
    (2, Level::Error),
    (3, Level::Fatal),
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
    /// The level of a number, as it is written, in a line of these.
    fn level(self, number: &str, beside: Writers) -> Option<Level> {
        let whole = match number.split_once('.') {
            Some((whole, fraction)) => Some(whole).filter(|_| fraction.bytes().all(|digit| digit == b'0'))?,
            None => number,
        };
        let number: u32 = whole.parse().ok()?;
        match self {
            Self::Words | Self::Letters => None,
            Self::Level if beside.has(Writer::Gelf) => step(SYSLOG, number),
            Self::Level => step(PINO, number).or_else(|| exactly(MONOLOG, number)),
            Self::Severity if beside.has(Writer::Syslog) => step(SYSLOG, number),
            Self::Severity if beside.has(Writer::Osquery) => exactly(GLOG, number),
            Self::Severity => exactly(GOOGLE, number),
            Self::Syslog => step(SYSLOG, number),
            Self::Priority => (number < 192).then(|| step(SYSLOG, number % 8))?,
            Self::OpenTelemetry => step(OPEN_TELEMETRY, number),
            Self::Python => step(PYTHON, number),
            Self::Log4j => step(LOG4J, number),
            Self::Windows => step(WINDOWS, number),
            Self::Microsoft => (beside.has(Writer::Microsoft)).then(|| step(MICROSOFT, number))?,
            Self::Insights => step(INSIGHTS, number),
            Self::Nxlog => step(NXLOG, number),
        }
    }

    /// The level of syslog's priority in text.
    pub(super) fn of_priority(number: &str) -> Option<Level> {
        Self::Priority.level(number, Writers::NONE)
    }

    /// The level of syslog's severity in text.
    pub(super) fn of_severity(number: &str) -> Option<Level> {
        Self::Syslog.level(number, Writers::NONE)
    }

    /// Whether levels under such a name are letters, too.
    fn has_letters(self) -> bool {
        matches!(self, Self::Letters | Self::Level | Self::Severity)
    }
}

/// The step that is exactly this number.
fn exactly(steps: &[(u32, Level)], number: u32) -> Option<Level> {
    let is = |(step, _): &&(u32, Level)| *step == number;
    steps.iter().find(is).map(|&(_, level)| level)
}

/// The last step that is not beyond the number. The last of all is where the scale ends.
fn step(steps: Steps, number: u32) -> Option<Level> {
    let (&(end, _), steps) = steps.split_last()?;
    let reached = steps.iter().rev().find(|(from, _)| *from <= number)?;
    (number < end).then_some(reached.1)
}

/// What a member's value says.
pub(super) fn value(value: &Value<'_>, scale: Scale, beside: Writers) -> Option<Level> {
    match value.text() {
        Some(said) => text(&said, scale, beside),
        None => scale.level(&value.number()?, beside),
    }
}

/// The level that a text stands for: a word, a letter where there are some, or a number of this scale, whatever is around it.
fn text(text: &str, scale: Scale, beside: Writers) -> Option<Level> {
    if let Some(level) = Level::of_word(text) {
        return Some(level);
    }
    let plain = uncoloured(text);
    let bare = plain.trim_matches(|c: char| c.is_whitespace() || "[](){}<>:".contains(c));
    let letter = || scale.has_letters().then(|| of_letter(bare))?;
    word(bare).or_else(letter).or_else(|| scale.level(bare, beside))
}

/// The same of a pair of logfmt, where nobody writes letters, and nobody is known by what stands beside it.
pub(super) fn of_pair(text: &str, scale: Scale) -> Option<Level> {
    word(text).or_else(|| scale.level(text, Writers::NONE))
}

/// The level of a word with what loggers put behind it: `ERROR+2` (slog), `DEBUG5` (PostgreSQL), `INFO2` (OpenTelemetry).
fn word(word: &str) -> Option<Level> {
    let counted = word.trim_end_matches(|c: char| c.is_ascii_digit());
    if counted.len() == word.len() {
        return Level::of_word(word);
    }
    Level::of_word(counted.strip_suffix(['+', '-']).unwrap_or(counted))
}

/// The level of a letter, in capitals alone: Android's, glog's, MongoDB's (`D1` to `D5`, too), Jupyter's.
pub(super) fn of_letter(letter: &str) -> Option<Level> {
    Some(match letter.as_bytes() {
        b"T" | b"V" => Level::Trace,
        b"D" | [b'D', b'1'..=b'5'] => Level::Debug,
        b"I" => Level::Info,
        b"W" => Level::Warn,
        b"E" => Level::Error,
        b"F" => Level::Fatal,
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
mod tests;
