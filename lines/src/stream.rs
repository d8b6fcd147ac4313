//! Streams as the store sees them: offsets, what is kept, and the epoch that cursors carry.

use std::fmt;

use crate::{StreamName, Timestamp};

/// A line's place in its stream: 0, 1, 2, … without holes, never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Offset(pub u64);

impl Offset {
    /// Where every stream begins.
    pub const ZERO: Self = Self(0);

    /// The offset `count` lines further on.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }

    /// How many lines lie from `earlier` up to here; 0 when `earlier` is not earlier.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the store keeps of a stream: the lines from `first_available` (inclusive) to `next` (exclusive, the head).
/// A stream that never had a line is `0..0`; one that retention emptied is `n..n`, and so is one that was deleted, which
/// has `n` in `deleted`, too, until it is written again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Extent {
    /// The oldest offset still kept.
    pub first_available: Offset,
    /// The next offset to be given.
    pub next: Offset,
    /// Where the stream ended when it was last deleted; 0 when it never was.
    pub deleted: Offset,
}

impl Extent {
    /// Whether the stream ever had a line, or had one since it was deleted. One that had none does not exist, as far as
    /// readers can tell.
    pub fn exists(&self) -> bool {
        self.next > self.deleted
    }
}

/// One stream of a listing.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamInfo {
    /// Its name.
    pub name: StreamName,
    /// What is kept of it.
    pub extent: Extent,
    /// When its newest kept batch arrived; `None` when retention emptied it.
    pub last_arrival: Option<Timestamp>,
    /// Lines that arrived in the last minute, a second.
    pub lines_per_second: f64,
}

impl StreamInfo {
    /// Leaves out of the rate what was deleted with the stream: no more can have arrived than did since then.
    #[must_use]
    pub fn since_deleted(self) -> Self {
        let most = self.extent.next.since(self.extent.deleted) as f64 / 60.0;
        Self {
            lines_per_second: self.lines_per_second.min(most),
            ..self
        }
    }
}

/// Which database a cursor belongs to: made once with the database, part of every cursor (invariant 10).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Epoch(std::sync::Arc<str>);

impl Epoch {
    /// A new one, for a new database.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().simple().to_string().into())
    }

    /// One that a store kept or a client sent.
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// As it is written in cursors.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
