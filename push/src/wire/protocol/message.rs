//! What the server says.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use lines::filter::Reading;
use lines::{Pattern, StreamName};
use serde::Serialize;

use crate::cursors::owed::{Begun, Missing, Owed};
use crate::cursors::refusal::Refusal;
use crate::session::close::Close;

/// What the server says, lines aside: those are framed once for all sessions.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Message<'a> {
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
        /// How its filter was read.
        #[serde(skip_serializing_if = "Option::is_none")]
        filter: Option<Reading>,
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
    /// A filter left none of these lines. Those that are left are written by [`super::lines`].
    Lines {
        /// Whose.
        stream: &'a str,
        /// The first one.
        first: u64,
        /// The one after the last.
        next: u64,
        /// None.
        lines: [(); 0],
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
    Error(Error<'a>),
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
pub(crate) struct Welcome<'a> {
    /// This session.
    pub(crate) session: &'a str,
    /// The node that serves it.
    pub(crate) node: &'a str,
    /// The token's `sub`.
    pub(crate) subscriber: &'a str,
    /// The database that all cursors belong to.
    pub(crate) epoch: &'a str,
    /// When the token ends, RFC 3339.
    pub(crate) expires_at: &'a str,
    /// Between two pings, about.
    pub(crate) heartbeat_ms: u64,
    /// What the client may do.
    pub(crate) limits: WelcomeLimits,
    /// The requests that are known beyond those of the first version: a client need not try.
    pub(crate) requests: &'static [&'static str],
}

/// What a client may do.
#[derive(Debug, Serialize)]
pub(crate) struct WelcomeLimits {
    /// Subscriptions of one session.
    pub(crate) subscriptions: usize,
    /// Streams of one session.
    pub(crate) streams: usize,
    /// The largest inbound message.
    pub(crate) message_bytes: usize,
    /// Inbound messages a second.
    pub(crate) messages_per_second: u32,
}

/// Where a stream of a subscription stands.
#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
pub(crate) struct Begins {
    /// The oldest offset still kept.
    pub(crate) first_available: u64,
    /// The head.
    pub(crate) next: u64,
    /// Where the subscription begins.
    pub(crate) cursor: u64,
}

impl<'a> Message<'a> {
    /// Its `type`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Welcome(_) => "welcome",
            Self::Subscribed { .. } => "subscribed",
            Self::Done { .. } => "done",
            Self::Live { .. } => "live",
            Self::Lines { .. } => "lines",
            Self::Gap { .. } => "gap",
            Self::Behind { .. } => "behind",
            Self::Dropped { .. } => "dropped",
            Self::Expiring { .. } => "expiring",
            Self::Error(_) => "error",
            Self::Closing { .. } => "closing",
        }
    }

    /// As JSON.
    pub(crate) fn json(&self) -> Vec<u8> {
        // These types have nothing that JSON cannot say.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// As a frame for one session.
    pub(crate) fn frame(&self) -> bytes::Bytes {
        crate::wire::frame::text(&self.json())
    }

    /// The end of a session, to which its reader comes back so much later, if at all.
    pub(crate) fn closing(close: &Close, back_after: Option<Duration>) -> Self {
        let millis = |after: Duration| u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        Self::Closing {
            code: close.code,
            reason: close.reason,
            retry_after_ms: back_after.map(millis),
        }
    }
}

/// What a reader is owed, as it is told.
pub(crate) enum Told<'a> {
    /// These bytes, which others get, too.
    Lines(&'a Bytes),
    /// How far a filter has looked and left nothing: no more than lines would say.
    Looked(Message<'a>),
    /// A message of this session.
    Own(Message<'a>),
}

impl<'a> Told<'a> {
    /// In the words of `tailcast.v1`, for cursors of this database.
    pub(crate) fn of(owed: &'a Owed, epoch: &'a str) -> Self {
        Self::Own(match owed {
            Owed::Lines(chunk) => return Self::Lines(&chunk.bytes),
            Owed::Joined(piece) => return Self::Lines(&piece.bytes),
            Owed::Looked { stream, first, next } => {
                return Self::Looked(Message::Lines {
                    stream: stream.as_str(),
                    first: first.0,
                    next: next.0,
                    lines: [],
                });
            }
            Owed::Begun {
                terms,
                streams,
                patterns,
            } => Message::Subscribed {
                id: &terms.id,
                epoch,
                streams: streams
                    .iter()
                    .map(|begun| (begun.stream.as_str(), Begins::from(begun)))
                    .collect(),
                patterns: patterns.iter().map(Pattern::as_str).collect(),
                filter: terms.view.filter.as_ref().map(|filter| filter.reading()),
            },
            Owed::Live { stream, head } => Message::Live {
                stream: stream.as_str(),
                next: head.0,
            },
            Owed::Gap {
                stream,
                from,
                to,
                why,
            } => Message::Gap {
                stream: stream.as_str(),
                from: from.0,
                to: to.0,
                reason: match why {
                    Missing::Retention => "retention",
                    Missing::Skipped => "skipped",
                    Missing::Damaged => "damaged",
                },
            },
            Owed::Behind { terms, stream, count } => Message::Behind {
                id: &terms.id,
                stream: stream.as_str(),
                count: *count,
            },
            Owed::Dropped { terms, streams } => Message::Dropped {
                id: &terms.id,
                streams: streams.iter().map(StreamName::as_str).collect(),
                reason: "grant",
            },
            Owed::Sought { terms } => Message::Done {
                id: Some(&terms.id),
                request: "seek",
            },
            Owed::LeftOut { refusal } => Message::from(refusal),
        })
    }
}

impl From<&Begun> for Begins {
    fn from(begun: &Begun) -> Self {
        Self {
            first_available: begun.extent.first_available.0,
            next: begun.extent.next.0,
            cursor: begun.cursor.0,
        }
    }
}

/// The members of `error`.
#[derive(Debug, Serialize)]
pub(crate) struct Error<'a> {
    code: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

impl<'a> From<&'a Refusal> for Message<'a> {
    fn from(refusal: &'a Refusal) -> Self {
        let details = &refusal.details;
        Self::Error(Error {
            code: refusal.code,
            message: &refusal.message,
            id: refusal.id.as_deref(),
            stream: details.stream.as_deref(),
            next: details.next,
            epoch: details.epoch.as_deref(),
            position: details.position,
            retry_after_ms: details.retry_after_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_comes_first_and_absent_members_are_left_out() {
        let text = |message: &Message<'_>| serde_json::to_string(message).unwrap();
        let refusal = Refusal::new("limit", "too many").to("a");
        assert_eq!(
            text(&Message::from(&refusal)),
            r#"{"type":"error","code":"limit","message":"too many","id":"a"}"#
        );
        let live = Message::Live { stream: "x", next: 3 };
        assert_eq!(text(&live), r#"{"type":"live","stream":"x","next":3}"#);
    }
}
