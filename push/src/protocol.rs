//! The messages of `tailcast.v1`, as types. What a client may say is read here and nowhere else; docs/protocol.md says
//! the same in words.

use std::collections::BTreeMap;

use collect::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The subprotocol's name.
pub const SUBPROTOCOL: &str = "tailcast.v1";

/// The longest `id`, in characters.
pub const MAX_ID_CHARS: usize = 64;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Lines of streams and of what patterns match.
    Subscribe(Subscribe),
    /// No more of them.
    Unsubscribe {
        /// The subscription.
        id: String,
    },
}

/// The members of `subscribe`.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscribe {
    /// The client's name for the subscription.
    pub id: String,
    /// Names, patterns, `@me`; not looked at yet.
    pub streams: Vec<String>,
    /// Where to begin.
    pub from: From,
}

/// Where a subscription begins.
#[derive(Debug, Clone, PartialEq)]
pub enum From {
    /// At the head.
    Live,
    /// So many lines before the head.
    Last(u64),
    /// At the first line with this `ts` or a later one.
    Since(Timestamp),
    /// Where an earlier session left off.
    Cursors {
        /// By stream, as the client wrote it.
        cursors: BTreeMap<String, u64>,
        /// The database that the cursors belong to.
        epoch: String,
    },
}

/// A refusal, ready to be sent as `error`. The session goes on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Refusal {
    /// Stable, for programs.
    pub code: &'static str,
    /// For people: what to do.
    pub message: String,
    /// The request's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What else there is to say.
    #[serde(flatten)]
    pub details: Box<Details>,
}

/// What only some refusals say.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Details {
    /// The stream that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// The head, of `cursor_ahead`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// The right one, of `wrong_epoch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// When it makes sense to ask again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Refusal {
    /// With what every refusal has.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self::with(code, message, Details::default())
    }

    /// With details.
    pub fn with(code: &'static str, message: impl Into<String>, details: Details) -> Self {
        Self {
            code,
            message: message.into(),
            id: None,
            details: Box::new(details),
        }
    }

    /// Says which request it answers.
    #[must_use]
    pub fn to(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// Says which stream it is about.
    #[must_use]
    pub fn about(mut self, stream: &str) -> Self {
        self.details.stream = Some(stream.to_owned());
        self
    }

    fn bad_message(message: impl Into<String>) -> Self {
        Self::new("bad_message", message)
    }
}

impl Request {
    /// Reads a message. A refusal is `bad_message`, or `bad_from` for a `subscribe` whose beginning is none.
    pub fn read(text: &str) -> Result<Self, Refusal> {
        let message: Value = serde_json::from_str(text)
            .map_err(|error| Refusal::bad_message(format!("this is no JSON: {error}")))?;
        let id = message.get("id").cloned();
        let Some(kind) = message.get("type").and_then(Value::as_str).map(str::to_owned) else {
            return Err(Refusal::bad_message("a message is an object with a `type`"));
        };
        let read = match kind.as_str() {
            "subscribe" => read_subscribe(message),
            "unsubscribe" => members::<OnlyId>(message).map(|OnlyId { id }| Self::Unsubscribe { id }),
            other => Err(Refusal::bad_message(format!(
                "this server knows no {other:?}; it knows subscribe and unsubscribe"
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
    pub fn id(&self) -> &str {
        let (Self::Subscribe(Subscribe { id, .. }) | Self::Unsubscribe { id }) = self;
        id
    }

    fn with_good_id(self) -> Result<Self, Refusal> {
        match is_id(self.id()) {
            true => Ok(self),
            false => Err(Refusal::bad_message(format!(
                "an `id` has 1 to {MAX_ID_CHARS} characters"
            ))),
        }
    }
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
    mode: Mode,
}

#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Complete,
    Recent,
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
    serde_json::from_value(message).map_err(|error| Refusal::bad_message(error.to_string()))
}

fn read_subscribe(message: Value) -> Result<Request, Refusal> {
    let raw: RawSubscribe = members(message)?;
    if raw.streams.is_empty() {
        return Err(Refusal::bad_message("`streams` names no stream"));
    }
    if raw.filter.is_some_and(|filter| !filter.trim().is_empty()) {
        return Err(Refusal::bad_message("this server has no filters yet"));
    }
    if raw.mode == Mode::Recent {
        return Err(Refusal::bad_message("this server has no mode \"recent\" yet"));
    }
    Ok(Request::Subscribe(Subscribe {
        from: read_from(raw.from)?,
        id: raw.id,
        streams: raw.streams,
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
        Ok(RawFrom::Since { since }) => match Timestamp::parse(&since) {
            Some(since) => Ok(From::Since(since)),
            None => Err(bad("the time is not RFC 3339")),
        },
        Ok(RawFrom::Cursors { cursors, epoch }) => Ok(From::Cursors { cursors, epoch }),
        Err(_) => Err(bad("this is no beginning")),
    }
}

/// What the server says, lines aside: those are framed once for all sessions.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Message<'a> {
    /// First of all.
    Welcome(Welcome<'a>),
    /// A subscription stands, or has met new streams.
    Subscribed {
        /// The subscription.
        id: &'a str,
        /// The database that its cursors belong to.
        epoch: &'a str,
        /// What it has now that it had not before.
        streams: BTreeMap<&'a str, Begins>,
        /// Its patterns.
        patterns: Vec<&'a str>,
    },
    /// A request was done.
    Done {
        /// The subscription.
        id: &'a str,
        /// The request's `type`.
        request: &'static str,
    },
    /// The head is reached.
    Live {
        /// Whose.
        stream: &'a str,
        /// The head.
        next: u64,
    },
    /// Lines that do not come.
    Gap {
        /// Whose.
        stream: &'a str,
        /// The first one missing.
        from: u64,
        /// The next one that comes.
        to: u64,
        /// Why.
        reason: &'static str,
    },
    /// A request was refused.
    Error(Refusal),
    /// The session ends.
    Closing {
        /// That of the close frame, which follows.
        code: u16,
        /// A word for it.
        reason: &'static str,
        /// When to come back, if at all.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
}

/// The members of `welcome`.
#[derive(Debug, Serialize)]
pub struct Welcome<'a> {
    /// This session.
    pub session: &'a str,
    /// The node that serves it.
    pub node: &'a str,
    /// The token's `sub`.
    pub subscriber: &'a str,
    /// The database that all cursors belong to.
    pub epoch: &'a str,
    /// When the token ends, RFC 3339.
    pub expires_at: &'a str,
    /// Between two pings, about.
    pub heartbeat_ms: u64,
    /// What the client may do.
    pub limits: WelcomeLimits,
}

/// What a client may do.
#[derive(Debug, Serialize)]
pub struct WelcomeLimits {
    /// Subscriptions of one session.
    pub subscriptions: usize,
    /// Streams of one session.
    pub streams: usize,
    /// The largest inbound message.
    pub message_bytes: usize,
    /// Inbound messages a second.
    pub messages_per_second: u32,
}

/// Where a stream of a subscription stands.
#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
pub struct Begins {
    /// The oldest offset still kept.
    pub first_available: u64,
    /// The head.
    pub next: u64,
    /// Where the subscription begins.
    pub cursor: u64,
}

impl Message<'_> {
    /// As a frame for one session.
    pub(crate) fn frame(&self) -> bytes::Bytes {
        // These types have nothing that JSON cannot say.
        crate::frame::text(&serde_json::to_vec(self).unwrap_or_default())
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
    fn the_type_comes_first_and_absent_members_are_left_out() {
        let text = |message: &Message<'_>| serde_json::to_string(message).unwrap();
        let error = Message::Error(Refusal::new("limit", "too many").to("a"));
        assert_eq!(
            text(&error),
            r#"{"type":"error","code":"limit","message":"too many","id":"a"}"#
        );
        let live = Message::Live { stream: "x", next: 3 };
        assert_eq!(text(&live), r#"{"type":"live","stream":"x","next":3}"#);
    }
}
