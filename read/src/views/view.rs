//! What a view is made of, and how much of it there may be.

use std::fmt;

use lines::Target;
use serde::{Deserialize, Serialize};
use serde_json::Value;

const LONGEST_NAME: usize = 100;
const MOST_STREAMS: usize = 200;
const MOST_COLUMNS: usize = 50;
/// In bytes; a session takes no longer filter.
const LONGEST_FILTER: usize = 4_096;
const LONGEST_FIND: usize = 1_000;
const LONGEST_PATH: usize = 1_000;

/// What it may have. Anything else is a mistake of whoever sends it, and would be lost.
const MEMBERS: [&str; 8] = [
    "name", "shared", "streams", "filter", "columns", "hidden", "at", "find",
];
/// What an answer has as well; whoever sends it back means nothing by it.
const TOLD: [&str; 3] = ["id", "version", "own"];

/// An id: 128 random bits in base64url, as whoever makes the view chose them. Who has it may read a view that is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ViewId(String);

impl ViewId {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (text.len() == 22 && text.bytes().all(known)).then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ViewId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What its owner keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct View {
    /// What a person calls it.
    name: String,
    /// Whether whoever has its id may read it.
    #[serde(default)]
    pub(super) shared: bool,
    /// Names, patterns and `@me`, which is whoever reads.
    streams: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    filter: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    columns: Vec<Column>,
    /// Streams that are followed and not shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hidden: Vec<String>,
    /// A line or a time to begin at, instead of live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<At>,
    /// What is looked for in the lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    find: Option<String>,
}

/// A field in a column of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Column {
    path: String,
    /// In characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    width: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum At {
    Line { stream: String, offset: u64 },
    Time { time: String },
}

impl View {
    /// Reads what was sent. Refuses with a sentence.
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        let value: Value =
            serde_json::from_slice(body).map_err(|error| format!("a view is a JSON object: {error}"))?;
        if let Some(unknown) = value.as_object().and_then(|members| {
            let unknown = |name: &&String| !MEMBERS.contains(&&***name) && !TOLD.contains(&&***name);
            members.keys().find(unknown)
        }) {
            return Err(format!(
                "a view has no `{unknown}`: it has {}",
                MEMBERS.join(", ")
            ));
        }
        let view = Self::deserialize(value).map_err(|error| format!("a view cannot be read: {error}"))?;
        view.check()?;
        Ok(view)
    }

    /// Reads what was kept.
    pub(super) fn kept(value: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(value).map_err(|error| error.to_string())
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        // Writing texts and numbers into memory cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    fn check(&self) -> Result<(), String> {
        let name = self.name.chars().count();
        if name == 0 || name > LONGEST_NAME || self.name.trim() != self.name {
            return Err(format!(
                "`name` has 1 to {LONGEST_NAME} characters, and no blanks around it"
            ));
        }
        if self.name.chars().any(char::is_control) {
            return Err("`name` has no control characters".to_owned());
        }
        if self.streams.is_empty() || self.streams.len() > MOST_STREAMS {
            return Err(format!("`streams` are 1 to {MOST_STREAMS} names and patterns"));
        }
        for text in self.streams.iter().filter(|text| *text != "@me") {
            Target::parse(text).map_err(|error| format!("`streams`: {error}"))?;
        }
        let bounds = [
            ("filter", self.filter.len(), LONGEST_FILTER),
            ("find", self.find.as_ref().map_or(0, String::len), LONGEST_FIND),
        ];
        if let Some((name, _, most)) = bounds.iter().find(|(_, len, most)| len > most) {
            return Err(format!("`{name}` has at most {most} bytes"));
        }
        let long = |column: &Column| column.path.is_empty() || column.path.len() > LONGEST_PATH;
        if self.columns.len() > MOST_COLUMNS || self.columns.iter().any(long) {
            return Err(format!(
                "`columns` are at most {MOST_COLUMNS}, each with a `path` of 1 to {LONGEST_PATH} bytes"
            ));
        }
        if self.hidden.len() > MOST_STREAMS {
            return Err(format!("`hidden` are at most {MOST_STREAMS} names"));
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_view_is_refused_with_the_reason() {
        let least = r#"{"name": "errors", "streams": ["payments/**", "@me", "@ann"]}"#;
        assert!(View::read(least.as_bytes()).is_ok());
        let long = format!(r#"{{"name": "{}", "streams": ["s"]}}"#, "ä".repeat(100));
        assert!(View::read(long.as_bytes()).is_ok());
        let too_long = format!(r#"{{"name": "{}", "streams": ["s"]}}"#, "ä".repeat(101));
        for (body, reason) in [
            ("", "a JSON object"),
            ("[]", "cannot be read"),
            (r#"{"streams": ["s"]}"#, "`name`"),
            (r#"{"name": "", "streams": ["s"]}"#, "`name`"),
            (r#"{"name": " x", "streams": ["s"]}"#, "`name`"),
            (r#"{"name": "a\u0007", "streams": ["s"]}"#, "control"),
            (&too_long, "`name`"),
            (r#"{"name": "x", "streams": []}"#, "`streams`"),
            (r#"{"name": "x", "streams": ["a//b"]}"#, "`streams`"),
            (r#"{"name": "x", "streams": ["s"], "grant": "**"}"#, "no `grant`"),
            (
                r#"{"name": "x", "streams": ["s"], "at": {"offset": -1}}"#,
                "cannot be read",
            ),
            (
                r#"{"name": "x", "streams": ["s"], "columns": [{"path": ""}]}"#,
                "`columns`",
            ),
        ] {
            let refusal = View::read(body.as_bytes()).unwrap_err();
            assert!(refusal.contains(reason), "{body}: {refusal}");
        }
    }

    #[test]
    fn what_is_kept_is_read_back_whole() {
        let body = r#"{"name": "x", "shared": true, "streams": ["a/*"], "filter": "level>=warn",
            "columns": [{"path": "user.id", "width": 12}, {"path": "status"}], "hidden": ["a/b"],
            "at": {"stream": "a/b", "offset": 7}, "find": "boom"}"#;
        let view = View::read(body.as_bytes()).unwrap();
        assert_eq!(View::kept(&view.to_json()).unwrap(), view);
        let time = r#"{"name": "x", "streams": ["s"], "at": {"time": "2026-01-10T00:00:00Z"}}"#;
        let view = View::read(time.as_bytes()).unwrap();
        assert_eq!(View::kept(&view.to_json()).unwrap(), view);
    }

    #[test]
    fn an_id_has_128_bits() {
        assert!(ViewId::parse("AAAAAAAAAA-_aaaaaaaa09").is_some());
        for text in ["", "short", "AAAAAAAAAA-_aaaaaaaa0/", "AAAAAAAAAA-_aaaaaaaa091"] {
            assert!(ViewId::parse(text).is_none(), "{text}");
        }
    }
}
