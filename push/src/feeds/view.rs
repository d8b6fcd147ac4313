//! Which lines a reader wants, and in which bytes. Readers who want the same get the same ones: they are made once.

use std::sync::Arc;

use bytes::Bytes;
use lines::{Filter, Offset, StreamName};

/// What a reader wants to see of a stream.
#[derive(Clone)]
pub(crate) struct View {
    /// Only lines that match, each shown with its offset; `None`: all of them.
    pub(crate) filter: Option<Arc<Filter>>,
    /// In which bytes.
    pub(crate) encoding: Encoding,
}

/// An encoding: there is one of each kind in a process.
pub(crate) type Encoding = &'static dyn Encode;

/// How lines become bytes. What comes of it goes to every reader who stands at the same place, so it holds nothing of
/// one of them.
pub(crate) trait Encode: Send + Sync {
    /// Tells encodings apart.
    fn name(&self) -> &'static str;

    /// Whether a wire writes chunks one behind the other, with nothing of a reader's own between them: then those of many
    /// streams are joined once for all who follow the same.
    fn joins(&self) -> bool;

    /// Makes the bytes. Called under the lock of a feed: a copy, and no more.
    fn encode(&self, run: &Run<'_>) -> Bytes;
}

/// Lines of one stream that follow one another, or those of them that a filter left.
pub(crate) struct Run<'a> {
    /// Whose they are.
    pub(crate) stream: &'a StreamName,
    /// The offset that they begin at, whether or not that line is among them.
    pub(crate) first: Offset,
    /// The cursor of who has them.
    pub(crate) next: Offset,
    /// JSON objects with a line feed after each, and nowhere else. With a filter each has its `offset` first.
    pub(crate) ndjson: &'a [&'a [u8]],
}

/// Encoded lines of one stream. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// The offset it begins at.
    pub(crate) first: Offset,
    /// The cursor of a session that has taken it.
    pub(crate) next: Offset,
    /// How many lines are in it. With a filter there may be none: then it need not be written at once.
    pub(crate) lines: u64,
    /// What its encoding made of them.
    pub(crate) bytes: Bytes,
}

impl View {
    /// Whether chunks of one serve the other. Filters are compiled once a node, so equal ones are the same one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let same = match (&self.filter, &other.filter) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        };
        same && self.encoding.name() == other.encoding.name()
    }
}

impl Chunk {
    /// Of all lines of a run.
    pub(crate) fn of_all(run: &Run<'_>, encoding: Encoding) -> Self {
        Self::of_some(run, run.next.since(run.first), encoding)
    }

    /// Of the `lines` that a filter left of a run.
    pub(crate) fn of_some(run: &Run<'_>, lines: u64, encoding: Encoding) -> Self {
        Self {
            first: run.first,
            next: run.next,
            lines,
            bytes: encoding.encode(run),
        }
    }
}
