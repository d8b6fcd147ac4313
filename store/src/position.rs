//! Where trims have come to, so that the next one need not begin anew.

use std::time::Duration;

use lines::Timestamp;

/// Where trims have come to, in the order of arrival.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// Everything that arrived up to then was looked at.
    pub(super) after: Option<Timestamp>,
    /// When the last trim began with the oldest batch of all.
    pub(super) whole: Option<Timestamp>,
}

/// How often a trim begins with the oldest batch of all: what was young when it was passed over has grown old.
const WHOLE_EVERY: Duration = Duration::from_secs(3_600);

impl Position {
    /// Where the next trim begins.
    pub(super) fn begin(self, now: Timestamp) -> Self {
        let recent = |whole: Timestamp| now.since(whole).unsigned_abs() < WHOLE_EVERY;
        if self.whole.is_some_and(recent) {
            self
        } else {
            Self {
                after: None,
                whole: Some(now),
            }
        }
    }
}
