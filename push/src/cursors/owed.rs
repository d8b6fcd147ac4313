//! What a reader is owed, in no wire's words. A reader that heard all of it, in this order, can prove that nothing is
//! missing: whatever is said of a stream begins where the last thing ended.

use std::sync::Arc;

use lines::{Extent, Offset, Pattern, StreamName};

use crate::cursors::refusal::Refusal;
use crate::cursors::subscription::{Beginning, Terms};
use crate::feeds::groups::Piece;
use crate::feeds::view::Chunk;

/// One thing that a reader is owed.
pub(crate) enum Owed {
    /// Lines, in bytes that are shared with other readers.
    Lines(Chunk),
    /// Lines of many streams, in bytes that are shared with others who follow the same ones. Each stream goes on where the
    /// last thing of it ended.
    Joined(Piece),
    /// A filter has looked at the lines from `first` to `next`, and left none.
    Looked {
        stream: StreamName,
        first: Offset,
        next: Offset,
    },
    /// A subscription stands, or has met these streams.
    Begun {
        terms: Arc<Terms>,
        streams: Vec<Begun>,
        patterns: Vec<Pattern>,
    },
    /// The head is reached, for the first time since the stream began or was sought in.
    Live { stream: StreamName, head: Offset },
    /// Lines that do not come.
    Gap {
        stream: StreamName,
        /// The first one missing.
        from: Offset,
        /// The next one that comes.
        to: Offset,
        why: Missing,
    },
    /// So many lines wait while a subscription is paused.
    Behind {
        terms: Arc<Terms>,
        stream: StreamName,
        count: u64,
    },
    /// A token took these streams away.
    Dropped {
        terms: Arc<Terms>,
        streams: Vec<StreamName>,
    },
    /// A `seek` in one of its streams is done: what follows of that begins at the new place.
    Sought { terms: Arc<Terms> },
    /// Streams that a pattern met are left out, since the session has as many as it may have.
    LeftOut { refusal: Refusal },
}

/// Where a stream of a subscription stands.
pub(crate) struct Begun {
    pub(crate) stream: StreamName,
    /// What is kept of it, up to the head.
    pub(crate) extent: Extent,
    /// Where the subscription begins.
    pub(crate) cursor: Offset,
}

impl From<&Beginning> for Begun {
    fn from(beginning: &Beginning) -> Self {
        Self {
            stream: beginning.member.stream().clone(),
            extent: beginning.extent,
            cursor: beginning.cursor,
        }
    }
}

/// Why lines do not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// They are not kept any more.
    Retention,
    /// The reader wanted to stay near the head.
    Skipped,
    /// The store has them, and they are damaged.
    Damaged,
}
