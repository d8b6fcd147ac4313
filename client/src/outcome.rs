//! What becomes of lines that are sent: reports on the way, a summary at the end, and why it ended early.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::post::Answer;
use crate::problem::Problem;
use crate::server::TokenError;

/// Bounds and deadlines of a [`Sender`](crate::Sender).
#[derive(Debug, Clone)]
pub struct SendLimits {
    /// The longest request before compression, in bytes; 1 MiB. As much waits while one is in flight. Of a line that is
    /// longer only the beginning is sent, and how long it is.
    pub request_bytes: usize,
    /// The most lines of a request; 10,000.
    pub request_lines: u64,
    /// Requests of at least so many bytes are compressed with zstd, where that makes them smaller; 1 KiB.
    pub compress_from: usize,
    /// How long an answer may take as a whole, from the connection on; 30 s. Then the request is repeated.
    pub answer: Duration,
    /// The bound of the wait after a first failure; 200 ms. It doubles with every further one.
    pub first_wait: Duration,
    /// The longest such bound; 30 s.
    pub longest_wait: Duration,
    /// How long one request is repeated before everything is given up. Without it: for ever.
    pub give_up: Option<Duration>,
}

impl Default for SendLimits {
    fn default() -> Self {
        Self {
            request_bytes: 1024 * 1024,
            request_lines: 10_000,
            compress_from: 1024,
            answer: Duration::from_secs(30),
            first_wait: Duration::from_millis(200),
            longest_wait: Duration::from_secs(30),
            give_up: None,
        }
    }
}

/// Why sending stopped. What was pushed and not acknowledged may or may not be stored.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// There is no token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The server refused the request as a whole, and will again.
    #[error("{0}")]
    Refused(Problem),
    /// A key that was made for one request was used for another: a fault in this client.
    #[error(
        "the server has another request under the same key ({0}): please report this fault of the client"
    )]
    KeyReused(Problem),
    /// No answer for as long as one was waited for.
    #[error("given up after {:.1}s: {why}", after.as_secs_f64())]
    GaveUp {
        /// How long it was tried.
        after: Duration,
        /// What the last attempt failed of.
        why: String,
    },
    /// The answer is not the one of the protocol: something else listens there.
    #[error("{url} does not answer like a Tailcast installation: {why}")]
    NotTailcast {
        /// The installation's address.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// The program's runtime ended first.
    #[error("stopped before everything was acknowledged")]
    Cancelled,
}

/// A line that the server will not keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Which one, counted from 1 over everything that was pushed.
    pub line: u64,
    /// The stable code: `line_too_long`, `bad_stream`, `forbidden`, …
    pub code: String,
    /// The sentence for people.
    pub error: String,
}

/// What happens on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// A line was rejected; the others go on.
    Rejected(Rejected),
    /// More lines of a request were rejected than the server tells one by one.
    RejectedMore {
        /// How many.
        lines: u64,
        /// Why: the stable code.
        code: String,
    },
    /// Lines were stored whose times the server did not understand.
    Undated {
        /// How many.
        lines: u64,
    },
    /// Lines were too long, and are stored cut.
    Cut {
        /// How many.
        lines: u64,
    },
    /// A request is repeated after a while.
    Retrying {
        /// How long from now.
        after: Duration,
        /// What the last attempt failed of.
        why: String,
    },
    /// A request that had to be repeated was answered.
    Recovered,
}

/// What became of everything that was pushed, blank lines too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines pushed.
    pub pushed: u64,
    /// Lines stored, as the server says.
    pub accepted: u64,
    /// Lines stored that told a time which the server did not understand: they have that of their arrival.
    pub undated: u64,
    /// Lines rejected.
    pub rejected: u64,
    /// Lines of a request that was sent and not answered: they may be stored.
    pub unknown: u64,
    /// Lines that are certainly not stored, for they never reached a server that could do it.
    pub unsent: u64,
}

/// Sending ended before everything was acknowledged.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Unfinished {
    /// Why.
    pub error: SendError,
    /// How far it came.
    pub summary: Summary,
}

/// Nothing more is taken; [`Sender::finish`](crate::Sender::finish) says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sending has stopped")]
pub struct Stopped;

/// How much became of everything that was pushed, so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: Mutex<Counts>,
    /// How many lines the answers say are stored, by their stream.
    streams: Mutex<BTreeMap<String, u64>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    /// Lines of all requests that were answered.
    answered: u64,
    accepted: u64,
    undated: u64,
    rejected: u64,
    /// Lines of the request that is under way.
    under_way: u64,
    /// Whether that request may have reached a server.
    perhaps_stored: bool,
}

impl Tally {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begin(&self, lines: u64) {
        let mut counts = self.lock();
        counts.under_way = lines;
        counts.perhaps_stored = false;
    }

    /// Whether the request that is under way may be stored, from now on; answers whether it might before.
    pub(crate) fn perhaps_stored(&self, perhaps: bool) -> bool {
        std::mem::replace(&mut self.lock().perhaps_stored, perhaps)
    }

    pub(crate) fn end(&self, answer: &Answer, rejected: u64) {
        let mut counts = self.lock();
        counts.answered += counts.under_way;
        counts.accepted += answer.accepted;
        counts.undated += answer.undated;
        counts.rejected += rejected;
        counts.under_way = 0;
        drop(counts);
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        for (stream, lines) in answer.stored() {
            match streams.get_mut(stream) {
                Some(stored) => *stored += lines,
                None => drop(streams.insert(stream.to_owned(), lines)),
            }
        }
    }

    pub(crate) fn streams(&self) -> BTreeMap<String, u64> {
        let streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.clone()
    }

    pub(crate) fn summary(&self, waiting: u64) -> Summary {
        let counts = *self.lock();
        let (unknown, unsent) = if counts.perhaps_stored {
            (counts.under_way, 0)
        } else {
            (0, counts.under_way)
        };
        Summary {
            pushed: counts.answered + counts.under_way + waiting,
            accepted: counts.accepted,
            undated: counts.undated,
            rejected: counts.rejected,
            unknown,
            unsent: unsent + waiting,
        }
    }
}
