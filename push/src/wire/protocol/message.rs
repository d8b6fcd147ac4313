//! What the server says.

use std::collections::BTreeMap;

use serde::Serialize;

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
        /// The request's.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
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
        reason: Missing,
    },
    /// Lines wait while a subscription is paused.
    Behind {
        /// The subscription.
        id: &'a str,
        /// Whose.
        stream: &'a str,
        /// How many.
        count: u64,
    },
    /// Streams that may not be read any more.
    Dropped {
        /// The subscription.
        id: &'a str,
        /// Which.
        streams: Vec<&'a str>,
        /// Why.
        reason: &'static str,
    },
    /// The token ends soon.
    Expiring {
        /// When, RFC 3339.
        expires_at: &'a str,
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

/// Why lines do not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// They are not kept any more.
    Retention,
    /// The client wanted to stay near the head.
    Skipped,
    /// The store has them, and they are damaged.
    Damaged,
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
    /// The requests that are known beyond those of the first version: a client need not try.
    pub requests: &'static [&'static str],
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
        crate::wire::frame::text(&serde_json::to_vec(self).unwrap_or_default())
    }
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
    /// The character that cannot be there, counted from 0, of `bad_filter`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
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

    pub(super) fn bad_message(message: impl Into<String>) -> Self {
        Self::new("bad_message", message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
