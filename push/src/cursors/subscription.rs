//! A subscription: what is asked for, what it is held to, and what it begins with.

use std::collections::BTreeMap;
use std::sync::Arc;

use auth::Subscriber;
use lines::{Extent, Offset, StreamName, Timestamp};

use crate::feeds::Member;
use crate::feeds::groups::Group;
use crate::feeds::patterns::Hold;
use crate::feeds::view::View;

/// What a reader asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Subscribe {
    /// The reader's name for the subscription.
    pub(crate) id: String,
    /// Names, patterns, `@me`; not looked at yet.
    pub(crate) streams: Vec<String>,
    /// Where to begin.
    pub(crate) from: From,
    /// What lines must be like; not looked at yet.
    pub(crate) filter: Option<String>,
    /// What to do when the reader does not keep up.
    pub(crate) mode: Mode,
}

/// Where a subscription is to begin.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum From {
    /// At the head.
    Live,
    /// So many lines before the head.
    Last(u64),
    /// At the first line with this `ts` or a later one.
    Since(Timestamp),
    /// Where an earlier session left off.
    Cursors {
        /// By stream, as the reader wrote it.
        cursors: BTreeMap<String, u64>,
        /// The database that the cursors belong to.
        epoch: String,
    },
}

/// What happens when a reader does not keep up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It gets every line, later.
    #[default]
    Complete,
    /// It jumps ahead, and is told.
    Recent,
}

/// Where a `seek` leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    /// To the head.
    Live,
    /// To this offset.
    Offset(u64),
}

/// What a subscription is held to as long as it stands.
pub(crate) struct Terms {
    pub(crate) id: String,
    pub(crate) view: View,
    pub(crate) mode: Mode,
}

/// Where to begin, with names that were understood.
pub(crate) enum Place {
    Live,
    Last(u64),
    Since(Timestamp),
    Cursors(BTreeMap<StreamName, Offset>),
}

/// What a subscription begins with.
pub(crate) struct Started {
    pub(crate) terms: Terms,
    /// Others who ask for the same, if there is anything to share with them beside the lines of each stream.
    pub(crate) group: Option<Arc<Group>>,
    pub(crate) holds: Vec<Hold>,
    /// Where streams begin that were there, but not readable yet.
    pub(crate) from: Place,
    /// For whom the store was listed.
    pub(crate) listed_by: Subscriber,
    pub(crate) streams: Vec<Beginning>,
    /// Whether its patterns met more than there was room for.
    pub(crate) left_out: bool,
}

/// A stream with the place where it begins.
pub(crate) struct Beginning {
    pub(crate) member: Member,
    /// What is kept, up to the head.
    pub(crate) extent: Extent,
    /// Where the session begins.
    pub(crate) cursor: Offset,
    /// The reader wanted to begin here, and retention took it.
    pub(crate) wanted: Option<Offset>,
}
