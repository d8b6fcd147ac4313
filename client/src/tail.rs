//! Streams, followed: every line once, in order, whatever happens to the connection.
//!
//! [`Tail`] is pulled: it reads from the socket when it is polled, so that its memory is one message, and whoever is
//! slow slows nothing but itself. (A reader that does not poll for long loses the connection, and no line.)
//!
//! What it promises does not rest on the server: offsets are checked here, and a line that is missing or comes twice
//! is told as an [`Event::Fault`].

mod follower;
mod places;
mod session;
mod subscribe;
mod wire;

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use lines::filter::Reading;
use lines::{Epoch, Line, Offset, StreamName};
use serde::Deserialize;

use crate::problem::Problem;
use crate::server::{Server, TokenError};
use follower::Follower;
pub(crate) use wire::split_offset;

/// What is to be followed, and from where.
#[derive(Debug, Clone)]
pub struct Follow {
    /// Names, patterns, `@me`.
    pub streams: Vec<String>,
    /// Where each begins.
    pub from: From,
    /// Only lines that match, in the filter language of the protocol.
    pub filter: Option<String>,
    /// Bounds and deadlines.
    pub limits: TailLimits,
}

impl Follow {
    /// Follows `streams` from `from`, without a filter.
    pub fn new(streams: impl IntoIterator<Item = impl Into<String>>, from: From) -> Self {
        Self {
            streams: streams.into_iter().map(Into::into).collect(),
            from,
            filter: None,
            limits: TailLimits::default(),
        }
    }
}

/// Where a stream begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// At the head: only lines to come.
    Live,
    /// So many lines before the head.
    Last(u64),
    /// At the first line with that time or a later one; RFC 3339.
    Since(String),
    /// At an offset. A stream without one begins at its first line that is kept.
    Cursors {
        /// The offset of the next line that is wanted, by stream.
        cursors: BTreeMap<StreamName, Offset>,
        /// The epoch that the offsets are of ([`Event::Subscribed`]); the installation's own where there is none.
        epoch: Option<Epoch>,
    },
}

impl From {
    /// At the first line that is kept.
    pub fn beginning() -> Self {
        Self::Cursors {
            cursors: BTreeMap::new(),
            epoch: None,
        }
    }
}

/// Bounds and deadlines of a [`Tail`].
#[derive(Debug, Clone)]
pub struct TailLimits {
    /// The longest message that is read, in bytes; 16 MiB. It bounds the memory.
    pub message_bytes: usize,
    /// How long a connection may take, from the address to `welcome`; 10 s. As long may a token take, and a write.
    pub answer: Duration,
    /// How long the answer to `subscribe` may take; 20 s, twice what the server gives its store.
    pub subscribe: Duration,
    /// The bound of the wait after a first failure; 200 ms. It doubles with every further one.
    pub first_wait: Duration,
    /// The longest such bound; 30 s.
    pub longest_wait: Duration,
    /// A connection that lived so long without a line was good: the next failure is a first one again; 10 s.
    pub good_after: Duration,
}

impl Default for TailLimits {
    fn default() -> Self {
        Self {
            message_bytes: 16 * 1024 * 1024,
            answer: Duration::from_secs(10),
            subscribe: Duration::from_secs(20),
            first_wait: Duration::from_millis(200),
            longest_wait: Duration::from_secs(30),
            good_after: Duration::from_secs(10),
        }
    }
}

/// What a [`Tail`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Lines came.
    Lines(Run),
    /// Lines are missing because the server says so.
    Gap {
        /// Of this stream.
        stream: StreamName,
        /// The first one that is missing.
        from: Offset,
        /// The next one that comes.
        to: Offset,
        /// Why.
        reason: GapReason,
    },
    /// The connection changed.
    State(State),
    /// Streams are followed from now on: those asked for, and later those new ones that a pattern covers. Told again
    /// after every reconnection.
    Subscribed {
        /// The epoch of all offsets; a cursor is worth nothing without it.
        epoch: Epoch,
        /// Where each stream begins and ends.
        streams: BTreeMap<StreamName, Start>,
        /// How the filter was read, where there is one and the server says it.
        filter: Option<Reading>,
    },
    /// The installation has another database than before: offsets started over, and the cursors mean nothing there.
    /// Every stream goes on from its first line that is kept.
    EpochChanged {
        /// The epoch of everything told so far.
        old: Epoch,
        /// The epoch of everything that follows.
        new: Epoch,
    },
    /// The token no longer allows to read these.
    Dropped {
        /// No more lines come of them.
        streams: Vec<StreamName>,
        /// As the server names it: `grant`.
        reason: String,
    },
    /// Something was refused on the way, and following goes on.
    Warning {
        /// The stable code.
        code: String,
        /// The sentence for people.
        message: String,
    },
    /// The server broke its promise. Lines that came twice are not told twice, and following goes on.
    Fault(Fault),
}

/// A run of lines of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The stream.
    pub stream: StreamName,
    /// Where the run begins.
    pub first: Offset,
    /// Where the next one begins: the cursor to go on from, once these lines are done with.
    pub next: Offset,
    /// In offset order. Without a filter all from `first` to `next`; with one those that match, so maybe none.
    pub lines: Vec<Received>,
}

/// One line, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its place in the stream.
    pub offset: Offset,
    /// The filter gave up on this line: it may match, or not.
    pub undecided: bool,
    /// The JSON object, byte for byte as it is stored.
    pub json: Box<str>,
}

impl Received {
    /// Takes the line apart.
    pub fn line(&self) -> Result<Line, serde_json::Error> {
        serde_json::from_str(&self.json)
    }
}

/// Where a stream begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Start {
    /// The oldest line that is kept.
    pub first_available: Offset,
    /// The head.
    pub next: Offset,
    /// The first line to come.
    pub cursor: Offset,
}

/// Why lines are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GapReason {
    /// They were too old to be kept.
    Retention,
    /// They were left out to keep up.
    Skipped,
    /// What the store has of them cannot be read.
    Damaged,
    /// A reason that this client does not know.
    Other(String),
}

impl std::convert::From<String> for GapReason {
    fn from(reason: String) -> Self {
        match reason.as_str() {
            "retention" => Self::Retention,
            "skipped" => Self::Skipped,
            "damaged" => Self::Damaged,
            _ => Self::Other(reason),
        }
    }
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Retention => "not kept any more",
            Self::Skipped => "left out to keep up",
            Self::Damaged => "damaged in the store",
            Self::Other(reason) => reason,
        })
    }
}

/// How the connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Being made.
    Connecting,
    /// There; lines from before come.
    Replaying,
    /// There; all streams reached their heads.
    Live,
    /// There, as far as one knows: a sign of life is overdue. Told again every few seconds, until the server answers
    /// (then what it was before) or is given up.
    Overdue {
        /// How long nothing was heard.
        silent: Duration,
    },
    /// Gone, and made again after a while.
    Offline {
        /// How long from now.
        retry_in: Duration,
        /// What happened.
        why: String,
    },
}

/// A promise that the server broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Lines are missing, and nothing was said about them.
    #[error("{stream}: lines {expected} to {found} are missing without a word")]
    Hole {
        /// Of this stream.
        stream: StreamName,
        /// The one that should have come.
        expected: Offset,
        /// The one that came.
        found: Offset,
    },
    /// Lines came again.
    #[error("{stream}: lines from {found} came again, {expected} was due")]
    Repeat {
        /// Of this stream.
        stream: StreamName,
        /// The one that should have come.
        expected: Offset,
        /// The one that came.
        found: Offset,
    },
    /// Lines of a stream that was never announced.
    #[error("{stream}: lines came without the stream being announced")]
    Unannounced {
        /// The stream.
        stream: StreamName,
    },
    /// A message whose parts contradict each other or the protocol.
    #[error("a message makes no sense: {why}")]
    BadMessage {
        /// What is wrong.
        why: String,
    },
}

/// Why following ended. There is no use in trying again without a change.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// There is no token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The connection was refused.
    #[error("{0}")]
    Refused(Problem),
    /// The subscription was refused.
    #[error("{}{message} ({code})", stream.as_ref().map(|stream| format!("{stream}: ")).unwrap_or_default())]
    Subscription {
        /// The stream it is about, where it is about one.
        stream: Option<String>,
        /// The stable code: `stream_not_found`, `bad_filter`, `cursor_ahead`, …
        code: String,
        /// The sentence for people.
        message: String,
    },
    /// The server closed the connection for good.
    #[error("the server closed the connection for good: {reason} (close code {code})")]
    Closed {
        /// RFC 6455's or Tailcast's.
        code: u16,
        /// The server's words.
        reason: String,
    },
    /// Whatever answers there does not speak the protocol.
    #[error("{url} does not answer like a Tailcast installation: {why}")]
    NotTailcast {
        /// The installation's address.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// The token ended, and there is no other.
    #[error("the token has ended, and there is no other: get a new one")]
    TokenEnded,
    /// The token no longer allows to read any of the streams.
    #[error("none of the streams may be read any more")]
    NothingLeft,
}

/// Follows streams; a [`Stream`] of [`Event`]s that ends after its first error. Dropped, it disconnects.
pub struct Tail {
    events: Pin<Box<dyn Stream<Item = Result<Event, TailError>> + Send>>,
}

impl Tail {
    /// Begins at the first poll.
    pub fn follow(server: Server, follow: Follow) -> Self {
        let follower = Box::new(Follower::new(server, follow));
        let events = futures_util::stream::unfold(follower, |mut follower| async {
            let event = follower.next().await?;
            Some((event, follower))
        });
        Self {
            events: Box::pin(events),
        }
    }

    /// The next event, for those who need nothing else of a [`Stream`]. Cancelled, it loses nothing.
    pub async fn next(&mut self) -> Option<Result<Event, TailError>> {
        std::future::poll_fn(|cx| self.events.as_mut().poll_next(cx)).await
    }
}

impl Stream for Tail {
    type Item = Result<Event, TailError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail").finish_non_exhaustive()
    }
}
