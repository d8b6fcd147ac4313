//! How lines, tables and troubles look in a terminal. Nothing that comes from elsewhere reaches it raw.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::anyhow;
use client::{GapReason, Reading, Received};
use jiff::tz::TimeZone;
use lines::{Level, Line, Offset, Timestamp};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Failure;

mod terminal;

use terminal::Sgr;

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";
const CYAN: &str = "\x1b[36m";

/// What the parts of a line look like.
#[derive(Debug, Clone)]
pub(crate) struct Style {
    /// With colours, those among the lines' own texts, too.
    pub(crate) colour: bool,
    /// With the stream's name.
    pub(crate) stream: bool,
    /// Times are shown in this zone.
    pub(crate) zone: TimeZone,
}

impl Style {
    /// A line for people, without a line feed.
    pub(crate) fn line(&self, stream: &str, received: &Received) -> String {
        let Ok(line) = received.line() else {
            return format!("{stream} {} {}", received.offset, plain(&received.json));
        };
        let mut text = String::new();
        self.paint(&mut text, DIM, &self.time(line.ts));
        text.push(' ');
        let level = line.level.map_or("", Level::as_str);
        self.paint(
            &mut text,
            line.level.map_or("", level_colour),
            &format!("{:5}", level.to_uppercase()),
        );
        if self.stream {
            text.push(' ');
            self.paint(&mut text, CYAN, stream);
        }
        if !line.message.is_empty() {
            text.push(' ');
            text.push_str(&terminal::shown(&line.message, self.sgr()));
        }
        self.fields(&mut text, "", &by_name(&line));
        if received.undecided {
            text.push(' ');
            self.paint(&mut text, DIM, "(perhaps not what the filter asks for)");
        }
        text
    }

    /// Numbers are shown as they were written.
    fn fields(&self, text: &mut String, prefix: &str, fields: &BTreeMap<String, Box<RawValue>>) {
        for (name, value) in fields {
            let path = match prefix {
                "" => name.clone(),
                _ => format!("{prefix}.{name}"),
            };
            let json = value.get();
            // As filters name it: `a.b`.
            if let Some(inner) = inner(json) {
                self.fields(text, &path, &inner);
                continue;
            }
            text.push(' ');
            self.paint(text, DIM, &format!("{}=", bare_or_quoted(&path)));
            text.push_str(&match serde_json::from_str::<String>(json) {
                Ok(value) if value.contains(['\x1b', '\r']) => terminal::shown(&value, self.sgr()),
                Ok(value) => bare_or_quoted(&value),
                Err(_) => plain(json),
            });
        }
    }

    fn sgr(&self) -> Sgr {
        if self.colour { Sgr::Through } else { Sgr::Off }
    }

    fn time(&self, ts: Timestamp) -> String {
        jiff::Timestamp::from_nanosecond(i128::from(ts.nanos())).map_or_else(
            |_| ts.to_string(),
            |time| {
                let zoned = time.to_zoned(self.zone.clone());
                zoned.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
            },
        )
    }

    fn paint(&self, text: &mut String, colour: &str, words: &str) {
        if self.colour && !colour.is_empty() {
            let _ = write!(text, "{colour}{words}{RESET}");
        } else {
            text.push_str(words)
        }
    }
}

/// The fields in the order of their names, so that lines of one program look alike.
fn by_name(line: &Line) -> BTreeMap<String, Box<RawValue>> {
    let fields = line.fields.iter();
    fields.map(|(name, json)| (name.clone(), json.clone())).collect()
}

/// The members of an object that has some.
fn inner(json: &str) -> Option<BTreeMap<String, Box<RawValue>>> {
    let is_object = json.starts_with('{');
    let inner: BTreeMap<_, _> = is_object.then(|| serde_json::from_str(json).ok())??;
    Some(inner).filter(|inner| !inner.is_empty())
}

const fn level_colour(level: Level) -> &'static str {
    match level {
        Level::Error => "\x1b[31m",
        Level::Fatal => "\x1b[1;31m",
        Level::Warn => "\x1b[33m",
        Level::Info => "\x1b[32m",
        Level::Debug => "\x1b[34m",
        Level::Trace => DIM,
    }
}

/// A line for programs: its object, with `stream` and `offset` first, and `undecided` where the filter gave up on it. With `terminal`, control characters that JSON
/// lets stand are escaped, which leaves its meaning.
pub(crate) fn json(stream: &str, line: &Received, terminal: bool) -> String {
    let name = Value::from(stream);
    let rest = line.json.strip_prefix('{').unwrap_or("}");
    let comma = if rest.starts_with('}') { "" } else { "," };
    let undecided = if line.undecided { ",\"undecided\":true" } else { "" };
    let text = format!(
        "{{\"stream\":{name},\"offset\":{}{undecided}{comma}{rest}",
        line.offset
    );
    if !terminal || !text.chars().any(is_harmful) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_harmful(c) {
            // All of them are in the first plane, so that four digits do.
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c)
        }
    }
    escaped
}

/// What the server says is missing, `to` exclusive.
pub(crate) fn missing(stream: &str, from: Offset, to: Offset, reason: &GapReason) -> String {
    let reason = plain(&reason.to_string());
    match to.since(from) {
        0 | 1 => format!("{stream}: line {from} is missing ({reason})"),
        count => format!(
            "{stream}: lines {from} to {} are missing ({reason})",
            from.plus(count - 1)
        ),
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

fn bare_or_quoted(text: &str) -> String {
    let bare = |c: char| !c.is_whitespace() && !matches!(c, '"' | '=');
    if !text.is_empty() && text.chars().all(bare) {
        plain(text)
    } else {
        plain(&Value::from(text).to_string())
    }
}

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

/// Whole numbers as people write them: `1,204`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// That of so many lines none matches, and how the filter was read that asked for them.
pub(crate) fn no_match(looked_through: u64, reading: Option<&Reading>) -> String {
    let lines = match looked_through {
        0 => return "there is no line yet to look through".to_owned(),
        1 => "the only line does not match".to_owned(),
        many => format!("no line of {} matches", grouped(many)),
    };
    let read = match reading {
        Some(Reading {
            words,
            literal: Some(literal),
        }) => format!(
            " (read as: {words}; for the text itself: {})",
            for_a_shell(literal)
        ),
        Some(Reading { words, .. }) => format!(" (read as: {words})"),
        None => String::new(),
    };
    lines + &read
}

/// A word as a shell takes it, in quotes.
fn for_a_shell(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// How long ago, roughly.
pub(crate) fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.since(then).as_secs().max(0);
    match seconds {
        0 => "now".to_owned(),
        1..120 => format!("{seconds}s ago"),
        120..7_200 => format!("{}m ago", seconds / 60),
        7_200..172_800 => format!("{}h ago", seconds / 3_600),
        _ => format!("{}d ago", seconds / 86_400),
    }
}

/// What follows trouble, as a person says it.
pub(crate) fn again_in(wait: Duration) -> String {
    match wait.as_secs() {
        0 => "trying again".to_owned(),
        seconds => format!("trying again in {seconds}s"),
    }
}

/// Standard error, without saying the same again and again.
#[derive(Debug, Default)]
pub(crate) struct Noise {
    trouble: Mutex<Option<String>>,
}

impl Noise {
    /// Says something.
    pub(crate) fn say(&self, words: &str) {
        eprintln!("tailcast: {}", plain(words));
    }

    /// Something went wrong: says what and what follows, once for the same trouble.
    pub(crate) fn trouble(&self, why: &str, then: &str) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.as_deref() != Some(why) {
            self.say(&format!("{why}; {then}"));
            *trouble = Some(why.to_owned());
        }
    }

    /// Things go well again: says so when there was trouble.
    pub(crate) fn over(&self, words: &str) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.take().is_some() {
            self.say(words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(json: &str) -> Received {
        Received {
            offset: Offset(17),
            undecided: false,
            json: json.into(),
        }
    }

    fn style() -> Style {
        Style {
            colour: false,
            stream: true,
            zone: TimeZone::UTC,
        }
    }

    #[test]
    fn a_line_shows_time_level_stream_message_and_fields() {
        let text = r#"{"ts":"2026-01-02T03:04:05.678901234Z","level":"warn","message":"slow answer","fields":{"ms":1200,"path":"/a b","user":{"id":"u1","ok":true},"tags":["x"],"none":null}}"#;
        assert_eq!(
            style().line("payments/api", &line(text)),
            "2026-01-02 03:04:05.678 WARN  payments/api slow answer ms=1200 none=null path=\"/a b\" tags=[\"x\"] user.id=u1 user.ok=true"
        );
    }

    #[test]
    fn numbers_are_shown_as_they_were_written() {
        let text = r#"{"ts":"2026-01-02T03:04:05Z","message":"m","fields":{"big":18446744073709551616,"deep":{"l":[1e400, -0],"n":1e-400},"e":1E5,"f":1.50,"out":1e400,"z":-0}}"#;
        assert_eq!(
            style().line("a", &line(text)),
            "2026-01-02 03:04:05.000       a m big=18446744073709551616 deep.l=[1e400, -0] deep.n=1e-400 e=1E5 f=1.50 out=1e400 z=-0"
        );
    }

    #[test]
    fn a_line_that_the_filter_gave_up_on_says_so() {
        let undecided = Received {
            undecided: true,
            ..line(r#"{"ts":"2026-01-02T03:04:05Z","message":"long"}"#)
        };
        let shown = style().line("a", &undecided);
        assert!(
            shown.ends_with("long (perhaps not what the filter asks for)"),
            "{shown}"
        );
        assert_eq!(
            json("a", &undecided, false),
            r#"{"stream":"a","offset":17,"undecided":true,"ts":"2026-01-02T03:04:05Z","message":"long"}"#
        );
    }

    #[test]
    fn a_line_has_colours_where_they_are_wanted() {
        let style = Style {
            colour: true,
            stream: false,
            ..style()
        };
        let text = r#"{"ts":"2026-01-02T03:04:05Z","level":"error","message":"no"}"#;
        assert_eq!(
            style.line("a", &line(text)),
            "\x1b[2m2026-01-02 03:04:05.000\x1b[0m \x1b[31mERROR\x1b[0m no"
        );
    }

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        let evil = "\u{1b}]0;owned\u{7}\r\n\u{9b}31m\u{202e}\u{7f}";
        let json_text = serde_json::json!({
            "ts": "2026-01-02T03:04:05Z", "message": evil, "fields": {evil: evil, "deep": {"x": [evil]}}
        });
        let evil_line = line(&json_text.to_string());
        let shown = style().line("a", &evil_line);
        assert!(!shown.chars().any(is_harmful), "{shown:?}");
        let undated = json_text
            .to_string()
            .replace("2026-01-02T03:04:05Z", "\\u001b[31m");
        for broken in ["\u{1b}[31m", &undated] {
            let broken = style().line("a", &line(broken));
            assert!(!broken.chars().any(is_harmful), "{broken:?}");
        }

        let shown = json("a", &evil_line, true);
        assert!(!shown.chars().any(is_harmful), "{shown:?}");
        let read: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(read["message"], evil);
    }

    #[test]
    fn colours_of_a_line_are_shown_where_colours_are() {
        let text = r#"{"ts":"2026-01-02T03:04:05Z","message":"\u001b[31mERROR\u001b[0m plain","fields":{"a":"\u001b[1mx"}}"#;
        let shown = |colour| {
            let style = Style {
                colour,
                stream: false,
                ..style()
            };
            style.line("a", &line(text))
        };
        assert_eq!(shown(false), "2026-01-02 03:04:05.000       ERROR plain a=x");
        assert_eq!(
            shown(true),
            "\x1b[2m2026-01-02 03:04:05.000\x1b[0m       \x1b[31mERROR\x1b[0m plain\x1b[0m \x1b[2ma=\x1b[0m\x1b[1mx\x1b[0m"
        );
    }

    #[test]
    fn a_filter_that_finds_nothing_is_told_with_its_reading() {
        let reading = |words: &str, literal: Option<&str>| Reading {
            words: words.to_owned(),
            literal: literal.map(str::to_owned),
        };
        let said = no_match(1_204, Some(&reading("the field a is \"b\"", Some("\"a:b 'c'\""))));
        assert_eq!(
            said,
            r#"no line of 1,204 matches (read as: the field a is "b"; for the text itself: '"a:b '\''c'\''"')"#
        );
        assert_eq!(
            no_match(1, Some(&reading("the text \"x\"", None))),
            "the only line does not match (read as: the text \"x\")"
        );
        assert_eq!(no_match(12, None), "no line of 12 matches");
        assert_eq!(
            (grouped(999), grouped(1_000_000)),
            ("999".into(), "1,000,000".into())
        );
    }

    #[test]
    fn a_line_for_programs_is_its_object_with_its_place() {
        let text = r#"{"ts":"2026-01-02T03:04:05Z","message":"a"}"#;
        assert_eq!(
            json("a/b", &line(text), false),
            r#"{"stream":"a/b","offset":17,"ts":"2026-01-02T03:04:05Z","message":"a"}"#
        );
        assert_eq!(json("a", &line("{}"), true), r#"{"stream":"a","offset":17}"#);
    }

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

    #[test]
    fn times_are_told_by_their_distance() {
        let time = |text| Timestamp::parse(text).unwrap();
        let now = time("2026-01-10T00:00:00Z");
        let cases = [
            ("2026-01-10T00:00:00Z", "now"),
            ("2026-01-10T00:00:05Z", "now"),
            ("2026-01-09T23:59:01Z", "59s ago"),
            ("2026-01-09T23:50:00Z", "10m ago"),
            ("2026-01-09T12:00:00Z", "12h ago"),
            ("2026-01-01T00:00:00Z", "9d ago"),
        ];
        for (then, expected) in cases {
            assert_eq!(ago(time(then), now), expected);
        }
    }
}
