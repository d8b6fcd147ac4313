//! What retention does and says: removing in two steps, and taking the first one back.
//!
//! First a stream's floor is raised: from then on no reader sees what lies below it. Later, when that was long enough
//! ago, it is deleted. In between the floor can be lowered again.
//!
//! A stream that is deleted has its floor raised to its head, in the same way, and never lowered again.

use std::time::Duration;

use crate::{StreamName, Target};

use crate::{Offset, Timestamp};

/// What is to be kept. `None` means without limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Lines that arrived longer ago than this go.
    pub age: Option<Duration>,
    /// When the whole store holds more bytes than this, as stored, the oldest batches go.
    pub bytes: Option<u64>,
}

/// What a call of `trim` made invisible, or one of `delete_hidden` deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trimmed {
    /// Batches.
    pub batches: u64,
    /// Lines in them.
    pub lines: u64,
    /// Whether the call ended before everything was done: another one goes on.
    pub more: bool,
}

/// What may be deleted of what is invisible and due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletable {
    /// All of it.
    All,
    /// What had to go for the store's size, and what lies before it: that depends on no clock.
    TooMuch,
}

/// Whose lines are to be brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hidden {
    /// All that can be.
    All,
    /// Those of these streams.
    Of(Vec<Target>),
}

impl Hidden {
    /// Whether a stream is meant.
    pub fn means(&self, stream: &StreamName) -> bool {
        match self {
            Self::All => true,
            Self::Of(targets) => targets.iter().any(|target| match target {
                Target::Stream(name) => name == stream,
                Target::Pattern(pattern) => pattern.matches(stream),
            }),
        }
    }
}

/// Lines of one stream that are invisible and can be brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HiddenLines {
    /// Whose.
    pub stream: StreamName,
    /// The first of them.
    pub from: Offset,
    /// The first visible line.
    pub to: Offset,
    /// What they take, as stored.
    pub bytes: u64,
    /// When the first of them may be deleted.
    pub deleted_after: Timestamp,
}

/// Lines of one stream that were brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Whose.
    pub stream: StreamName,
    /// The first of them: the stream's floor now.
    pub from: Offset,
    /// Where the floor was.
    pub to: Offset,
}

/// Lines of one stream that were deleted with it, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deleted {
    /// The first of them.
    pub from: Offset,
    /// Where the stream ended, and what is appended to it later begins.
    pub next: Offset,
}

/// What came of deleting a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// It is deleted.
    Done(Deleted),
    /// There is no such stream.
    Absent,
    /// It ends elsewhere than whoever asked had seen. Nothing was deleted.
    Grown {
        /// Where it ends.
        next: Offset,
    },
}

impl Deletion {
    /// What was deleted, if anything was.
    pub fn deleted(self) -> Option<Deleted> {
        match self {
            Self::Done(deleted) => Some(deleted),
            Self::Absent | Self::Grown { .. } => None,
        }
    }
}

/// What a store keeps, and what of it is on its way out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holdings {
    /// On the disk, as stored, what is invisible included.
    pub bytes: u64,
    /// Invisible, not deleted yet.
    pub hidden_bytes: u64,
    /// Streams with invisible lines that can be brought back.
    pub hidden_streams: u64,
    /// Streams of which age takes nothing, since lines of them were brought back.
    pub held_streams: u64,
    /// When the oldest batch arrived that no trim has looked at yet.
    pub oldest: Option<Timestamp>,
    /// When the newest batch arrived, of those that can have arrived.
    pub newest: Option<Timestamp>,
    /// When the next deletion is due.
    pub deletion: Option<Timestamp>,
    /// Up to which arrival somebody said that everything may go.
    pub allowed: Option<Timestamp>,
}
