//! What a client may say.

use std::collections::BTreeMap;

use lines::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::MAX_ID_CHARS;
use crate::cursors::refusal::Refusal;
use crate::cursors::subscription::{From, Mode, Subscribe, To};

/// What a client asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Request {
    /// Lines of streams and of what patterns match.
    Subscribe(Subscribe),
    /// No more of them.
    Unsubscribe {
        /// The subscription.
        id: String,
    },
    /// None for now.
    Pause {
        /// The subscription.
        id: String,
    },
    /// Go on.
    Resume {
        /// The subscription.
        id: String,
    },
    /// Go on elsewhere.
    Seek(Seek),
    /// A new token of the same subscriber.
    Refresh {
        /// The client's name for the request, when it wants one in the answer.
        id: Option<String>,
        /// The token.
        token: String,
    },
    /// An answer, at once: a browser sees no WebSocket pings, and could not tell a quiet connection from a dead one.
    Ping {
        /// The client's name for the request, when it wants one in the answer.
        id: Option<String>,
    },
}

/// The members of `seek`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seek {
    /// The subscription.
    pub(crate) id: String,
    /// One of its streams.
    pub(crate) stream: String,
    /// Where to go on.
    pub(crate) to: To,
}

impl Request {
    /// Reads a message. A refusal is `bad_message`, or `bad_from` for a `subscribe` whose beginning is none.
    pub(crate) fn read(text: &str) -> Result<Self, Refusal> {
        let message: Value =
            serde_json::from_str(text).map_err(|error| bad_message(format!("this is no JSON: {error}")))?;
        let id = message.get("id").cloned();
        let Some(kind) = message.get("type").and_then(Value::as_str).map(str::to_owned) else {
            return Err(bad_message("a message is an object with a `type`"));
        };
        let read = match kind.as_str() {
            "subscribe" => read_subscribe(message),
            "unsubscribe" => members(message).map(|OnlyId { id }| Self::Unsubscribe { id }),
            "pause" => members(message).map(|OnlyId { id }| Self::Pause { id }),
            "resume" => members(message).map(|OnlyId { id }| Self::Resume { id }),
            "seek" => members(message).map(|RawSeek { id, stream, to }| {
                let to = to.into();
                Self::Seek(Seek { id, stream, to })
            }),
            "refresh" => members(message).map(|RawRefresh { id, token }| Self::Refresh { id, token }),
            "ping" => members(message).map(|RawPing { id }| Self::Ping { id }),
            other => Err(bad_message(format!(
                "this server knows no {other:?}; it knows subscribe, unsubscribe, pause, resume, seek, refresh and ping"
            ))),
        };
        let read = read.and_then(|request| request.with_good_id());
        // A client that waits for an answer to its `id` should find it.
        read.map_err(|refusal| match id {
            Some(Value::String(id)) if is_id(&id) => refusal.to(&id),
            _ => refusal,
        })
    }

    /// The client's name for what it is about.
    pub(crate) fn id(&self) -> Option<&str> {
        match self {
            Self::Subscribe(Subscribe { id, .. })
            | Self::Unsubscribe { id }
            | Self::Pause { id }
            | Self::Resume { id }
            | Self::Seek(Seek { id, .. }) => Some(id),
            Self::Refresh { id, .. } | Self::Ping { id } => id.as_deref(),
        }
    }

    fn with_good_id(self) -> Result<Self, Refusal> {
        if self.id().is_none_or(is_id) {
            Ok(self)
        } else {
            Err(bad_message(format!("an `id` has 1 to {MAX_ID_CHARS} characters")))
        }
    }
}

fn bad_message(message: impl Into<String>) -> Refusal {
    Refusal::new("bad_message", message)
}

fn is_id(id: &str) -> bool {
    (1..=MAX_ID_CHARS).contains(&id.chars().count())
}

#[derive(Deserialize)]
struct OnlyId {
    id: String,
}

#[derive(Deserialize)]
struct RawSubscribe {
    id: String,
    streams: Vec<String>,
    #[serde(default)]
    from: Option<Value>,
    #[serde(default)]
    filter: Option<String>,
    #[serde(default)]
    mode: RawMode,
}

#[derive(Deserialize)]
struct RawSeek {
    id: String,
    stream: String,
    to: RawTo,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum RawMode {
    #[default]
    Complete,
    Recent,
}

#[derive(Deserialize)]
struct RawRefresh {
    #[serde(default)]
    id: Option<String>,
    token: String,
}

#[derive(Deserialize)]
struct RawPing {
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawTo {
    Word(LiveWord),
    Offset(u64),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum LiveWord {
    Live,
}

impl std::convert::From<RawTo> for To {
    fn from(raw: RawTo) -> Self {
        match raw {
            RawTo::Word(LiveWord::Live) => Self::Live,
            RawTo::Offset(offset) => Self::Offset(offset),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum RawFrom {
    Word(String),
    Last {
        last: u64,
    },
    Since {
        since: String,
    },
    Cursors {
        cursors: BTreeMap<String, u64>,
        epoch: String,
    },
}

fn members<T: serde::de::DeserializeOwned>(message: Value) -> Result<T, Refusal> {
    serde_json::from_value(message).map_err(|error| bad_message(error.to_string()))
}

fn read_subscribe(message: Value) -> Result<Request, Refusal> {
    let raw: RawSubscribe = members(message)?;
    if raw.streams.is_empty() {
        return Err(bad_message("`streams` names no stream"));
    }
    Ok(Request::Subscribe(Subscribe {
        from: read_from(raw.from)?,
        id: raw.id,
        streams: raw.streams,
        filter: raw.filter.filter(|filter| !filter.trim().is_empty()),
        mode: match raw.mode {
            RawMode::Complete => Mode::Complete,
            RawMode::Recent => Mode::Recent,
        },
    }))
}

fn read_from(from: Option<Value>) -> Result<From, Refusal> {
    let Some(from) = from else {
        return Ok(From::Live);
    };
    let bad = |what: &str| {
        let forms =
            r#""live", {"last": 200}, {"since": "2026-01-31T12:00:00Z"} or {"cursors": {…}, "epoch": "…"}"#;
        Refusal::new("bad_from", format!("{what}: `from` is {forms}"))
    };
    match serde_json::from_value(from) {
        Ok(RawFrom::Word(word)) if word == "live" => Ok(From::Live),
        Ok(RawFrom::Word(_)) => Err(bad("the word is not known")),
        Ok(RawFrom::Last { last }) => Ok(From::Last(last)),
        Ok(RawFrom::Since { since }) => match Timestamp::asked(&since) {
            Some(since) => Ok(From::Since(since)),
            None => Err(bad("the time is not RFC 3339")),
        },
        Ok(RawFrom::Cursors { cursors, epoch }) => Ok(From::Cursors { cursors, epoch }),
        Err(_) => Err(bad("this is no beginning")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn subscribe(from: From) -> Result<Request, Refusal> {
        Ok(Request::Subscribe(Subscribe {
            id: "a".into(),
            streams: vec!["x".into()],
            from,
            filter: None,
            mode: Mode::Complete,
        }))
    }

    #[test]
    fn every_form_of_a_beginning_is_read() {
        let since = Timestamp::parse("2026-01-31T12:00:00Z").unwrap();
        let cursors = From::Cursors {
            cursors: [("x".to_owned(), 17)].into(),
            epoch: "e".into(),
        };
        let forms = [
            (json!(null), From::Live),
            (json!("live"), From::Live),
            (json!({"last": 200}), From::Last(200)),
            (json!({"since": "2026-01-31T12:00:00Z"}), From::Since(since)),
            (json!({"cursors": {"x": 17}, "epoch": "e"}), cursors),
        ];
        for (form, want) in forms {
            let text = json!({"type": "subscribe", "id": "a", "streams": ["x"], "from": form}).to_string();
            assert_eq!(Request::read(&text), subscribe(want), "{text}");
        }
    }

    #[test]
    fn what_is_no_message_is_refused_with_its_id() {
        let cases = [
            ("{", "bad_message", None),
            ("[]", "bad_message", None),
            (r#"{"id":"a"}"#, "bad_message", None),
            (r#"{"type":"dance","id":"a"}"#, "bad_message", Some("a")),
            (r#"{"type":"subscribe","id":"a"}"#, "bad_message", Some("a")),
            (
                r#"{"type":"subscribe","id":"a","streams":[]}"#,
                "bad_message",
                Some("a"),
            ),
            (
                r#"{"type":"subscribe","id":"","streams":["x"]}"#,
                "bad_message",
                None,
            ),
            (
                r#"{"type":"subscribe","id":7,"streams":["x"]}"#,
                "bad_message",
                None,
            ),
            (r#"{"type":"unsubscribe"}"#, "bad_message", None),
            (r#"{"type":"refresh","id":"a"}"#, "bad_message", Some("a")),
            (
                r#"{"type":"seek","id":"a","stream":"x","to":"end"}"#,
                "bad_message",
                Some("a"),
            ),
            (
                r#"{"type":"subscribe","id":"a","streams":["x"],"mode":"fast"}"#,
                "bad_message",
                Some("a"),
            ),
            (
                r#"{"type":"subscribe","id":"a","streams":["x"],"from":"now"}"#,
                "bad_from",
                Some("a"),
            ),
            (
                r#"{"type":"subscribe","id":"a","streams":["x"],"from":{"last":-1}}"#,
                "bad_from",
                Some("a"),
            ),
            (
                r#"{"type":"subscribe","id":"a","streams":["x"],"from":{"since":"noon"}}"#,
                "bad_from",
                Some("a"),
            ),
            (
                r#"{"type":"subscribe","id":"a","streams":["x"],"from":{"cursors":{}}}"#,
                "bad_from",
                Some("a"),
            ),
        ];
        for (text, code, id) in cases {
            let refusal = Request::read(text).unwrap_err();
            assert_eq!((refusal.code, refusal.id.as_deref()), (code, id), "{text}");
        }
        let long = "ä".repeat(MAX_ID_CHARS + 1);
        assert!(Request::read(&json!({"type": "unsubscribe", "id": long}).to_string()).is_err());
        let just = "ä".repeat(MAX_ID_CHARS);
        assert!(Request::read(&json!({"type": "unsubscribe", "id": just}).to_string()).is_ok());
    }

    #[test]
    fn every_request_is_read() {
        let id = || "a".to_owned();
        let seek = |to| {
            Request::Seek(Seek {
                id: id(),
                stream: "x".into(),
                to,
            })
        };
        let refresh = |id| Request::Refresh {
            id,
            token: "t".into(),
        };
        let cases = [
            (
                r#"{"type":"unsubscribe","id":"a"}"#,
                Request::Unsubscribe { id: id() },
            ),
            (r#"{"type":"pause","id":"a"}"#, Request::Pause { id: id() }),
            (r#"{"type":"resume","id":"a"}"#, Request::Resume { id: id() }),
            (r#"{"type":"ping","id":"a"}"#, Request::Ping { id: Some(id()) }),
            (r#"{"type":"ping"}"#, Request::Ping { id: None }),
            (
                r#"{"type":"seek","id":"a","stream":"x","to":"live"}"#,
                seek(To::Live),
            ),
            (
                r#"{"type":"seek","id":"a","stream":"x","to":5}"#,
                seek(To::Offset(5)),
            ),
            (r#"{"type":"refresh","token":"t"}"#, refresh(None)),
            (
                r#"{"type":"refresh","token":"t","id":"a","more":1}"#,
                refresh(Some(id())),
            ),
        ];
        for (text, want) in cases {
            assert_eq!(Request::read(text), Ok(want), "{text}");
        }
        let text = r#"{"type":"subscribe","id":"a","streams":["x"],"filter":"level>=warn","mode":"recent"}"#;
        let Ok(Request::Subscribe(subscribe)) = Request::read(text) else {
            panic!("{text}")
        };
        assert_eq!(
            (subscribe.filter.as_deref(), subscribe.mode),
            (Some("level>=warn"), Mode::Recent)
        );
    }
}
