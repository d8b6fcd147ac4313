//! Up to where sessions are shown a stream, and what waits to be shown. Pure.
//!
//! All sessions are shown the same ends, so they stand at the same cursors and share their chunks.

use lines::Offset;

/// What was shown of one stream, and what came since.
#[derive(Default)]
pub(super) struct Shown {
    /// The head at the last instant.
    upto: Offset,
    /// Bytes of lines that came since.
    bytes: usize,
    /// Batches that came since.
    batches: u32,
    /// Whether the feed is on the grid's list of those that wait for the next instant, and on that of the urgent ones.
    waits: bool,
    urgent: bool,
}

/// How soon lines are to be shown. Names a list of the grid, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Haste {
    /// At the grid's next instant.
    Instant,
    /// Before it: too much waits.
    Urgent,
}

impl Shown {
    /// Lines before it are shown.
    pub(super) fn upto(&self) -> Offset {
        self.upto
    }

    /// A batch of so many bytes came; more than `most` wait for no instant. Answers the list of the grid that the feed
    /// has to be put on, unless it is there.
    pub(super) fn came(&mut self, bytes: usize, most: usize) -> Option<Haste> {
        self.bytes += bytes;
        self.batches += 1;
        if self.bytes >= most {
            return (!std::mem::replace(&mut self.urgent, true)).then_some(Haste::Urgent);
        }
        (!std::mem::replace(&mut self.waits, true)).then_some(Haste::Instant)
    }

    /// The feed was taken from this list: shows everything before `head`. Answers how many batches that was; `None` when
    /// everything is shown already.
    pub(super) fn show(&mut self, head: Offset, from_list: Haste) -> Option<u32> {
        match from_list {
            Haste::Instant => self.waits = false,
            Haste::Urgent => self.urgent = false,
        }
        self.bytes = 0;
        let batches = std::mem::take(&mut self.batches);
        (std::mem::replace(&mut self.upto, head) < head).then_some(batches)
    }

    /// Shows everything before `head` to those who come: nobody watches yet.
    pub(super) fn open(&mut self, head: Offset) {
        self.upto = head;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_put_on_a_list_once_until_it_is_taken_from_it() {
        let mut shown = Shown::default();
        assert_eq!(shown.came(1, 100), Some(Haste::Instant));
        assert_eq!(shown.came(1, 100), None);
        assert_eq!(shown.show(Offset(2), Haste::Instant), Some(2));
        assert_eq!(shown.upto(), Offset(2));
        assert_eq!(shown.came(1, 100), Some(Haste::Instant));
    }

    #[test]
    fn much_at_once_is_urgent_and_shown_once() {
        let mut shown = Shown::default();
        assert_eq!(shown.came(99, 100), Some(Haste::Instant));
        assert_eq!(shown.came(1, 100), Some(Haste::Urgent));
        assert_eq!(shown.came(1, 100), None, "it is on both lists");
        assert_eq!(shown.show(Offset(3), Haste::Urgent), Some(3));
        assert_eq!(shown.came(1, 100), None, "it waits for the instant already");
        assert_eq!(shown.show(Offset(4), Haste::Instant), Some(1));
        assert_eq!(shown.show(Offset(4), Haste::Instant), None);
    }
}
