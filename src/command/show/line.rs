//! How a line looks: for people, with or without colours, and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use client::Received;
use jiff::tz::TimeZone;
use lines::{Level, Line, Timestamp};
use serde_json::Value;
use serde_json::value::RawValue;

use super::terminal::{self, Sgr};
use super::{is_harmful, plain};

pub(super) const RESET: &str = "\x1b[0m";
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

fn bare_or_quoted(text: &str) -> String {
    let bare = |c: char| !c.is_whitespace() && !matches!(c, '"' | '=');
    if !text.is_empty() && text.chars().all(bare) {
        plain(text)
    } else {
        plain(&Value::from(text).to_string())
    }
}

#[cfg(test)]
mod tests {
    use lines::Offset;

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
    fn a_line_for_programs_is_its_object_with_its_place() {
        let text = r#"{"ts":"2026-01-02T03:04:05Z","message":"a"}"#;
        assert_eq!(
            json("a/b", &line(text), false),
            r#"{"stream":"a/b","offset":17,"ts":"2026-01-02T03:04:05Z","message":"a"}"#
        );
        assert_eq!(json("a", &line("{}"), true), r#"{"stream":"a","offset":17}"#);
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
}
