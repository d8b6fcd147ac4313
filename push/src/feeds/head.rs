//! What a feed knows of its stream: the head, and the lines just before it. Pure: no clock, no store, no sessions.
//!
//! Whatever a hint says is stored already and offsets have no holes, so a batch ahead of the head proves that
//! everything before it is in the store. The head therefore never waits for what is missing: it moves its head, keeps
//! what it has without a hole, and sessions that stand before that read the store, together (invariant 6). Hints may
//! come in any order, twice, or not at all.

use std::sync::Arc;

use lines::{Batch, Offset, StreamName};

use crate::feeds::window::Window;

/// The end of one stream.
pub(crate) struct Head {
    /// Every line before it is known to be stored. Only grows.
    head: Offset,
    /// Lines before it are gone, as far as is known. Only grows.
    floor: Offset,
    /// Ends at the head, unless it is empty.
    window: Window,
}

/// What a piece of news was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// Known already.
    Old,
    /// The lines that follow.
    Next,
    /// Lines from further ahead: so many before them were never hinted at, or not yet, and are read from the store.
    Jump(u64),
}

impl Head {
    /// Of a stream of which nothing is known yet.
    pub(crate) fn new(stream: StreamName) -> Self {
        Self {
            head: Offset::ZERO,
            floor: Offset::ZERO,
            window: Window::new(stream),
        }
    }

    /// The offset after the last line that is known of.
    pub(crate) fn head(&self) -> Offset {
        self.head
    }

    /// The lines before the head that are at hand.
    pub(crate) fn window(&mut self) -> &mut Window {
        &mut self.window
    }

    /// Takes a batch that somebody stored.
    pub(crate) fn take(&mut self, batch: Arc<Batch>) -> News {
        let (first, next) = (batch.first, batch.next());
        let start = self.window.range().map_or(self.head, |(start, _)| start);
        if next <= self.head {
            // One that was overtaken, or whose lines a look at the head told of first: it saves a read. Not of lines that
            // are gone since.
            if next == start && first >= self.floor {
                self.window.prepend(batch);
            }
            return News::Old;
        }
        let missing = first.since(self.head);
        if first != self.head {
            self.window.clear();
        }
        // Batches never overlap. If one should, the store decides what is right.
        if first >= self.head {
            self.window.append(batch);
        }
        self.head = next;
        match missing {
            0 => News::Next,
            missing => News::Jump(missing),
        }
    }

    /// Lets go of lines that the store does not have any more.
    pub(crate) fn forget_before(&mut self, floor: Offset) {
        self.floor = self.floor.max(floor);
        self.window.forget_before(floor);
    }

    /// Takes the store's word that the head is at `next`, or was a moment ago.
    pub(crate) fn heard(&mut self, next: Offset) -> News {
        let missing = next.since(self.head);
        if missing == 0 {
            return News::Old;
        }
        self.window.clear();
        self.head = next;
        News::Jump(missing)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{ALL, batch, messages};

    /// What happens to a stream and to the node that watches it.
    #[derive(Debug, Clone)]
    enum Step {
        /// So many lines are stored, as one batch.
        Stored(u32),
        /// The hint of one of the batches stored so far arrives: the nth, wherever it stands. Others are lost.
        Hinted(prop::sample::Index),
        /// The head is read.
        Looked,
        /// The session takes what there is.
        Pulled,
        /// The feed lets go of its oldest batches.
        Shed,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (1..5u32).prop_map(Step::Stored),
            6 => any::<prop::sample::Index>().prop_map(Step::Hinted),
            1 => Just(Step::Looked),
            4 => Just(Step::Pulled),
            1 => Just(Step::Shed),
        ]
    }

    /// A store that always tells the truth, a head, and one session's cursor.
    struct World {
        stored: Vec<Arc<Batch>>,
        head: Head,
        cursor: Offset,
        seen: Vec<String>,
    }

    impl World {
        fn head(&self) -> Offset {
            self.stored.last().map_or(Offset::ZERO, |batch| batch.next())
        }

        fn apply(&mut self, step: &Step) {
            match step {
                Step::Stored(count) => self.stored.push(batch("s", self.head().0, *count)),
                Step::Hinted(_) if self.stored.is_empty() => {}
                Step::Hinted(which) => {
                    self.head.take(Arc::clone(which.get(&self.stored)));
                }
                Step::Looked => {
                    self.head.heard(self.head());
                }
                Step::Pulled => self.pull(),
                Step::Shed => self.head.window().shed(1),
            }
            assert!(
                self.head.head() <= self.head(),
                "the head knows of lines that nobody stored"
            );
        }

        /// What a session does: from the head, and from the store where the head does not reach.
        fn pull(&mut self) {
            let head = self.head.head();
            while self.cursor < head {
                let chunk = match self.head.window().cut(self.cursor, head, 60, &ALL) {
                    Some(chunk) => chunk,
                    None => {
                        let mut page = Window::new(self.head.window().stream().clone());
                        for batch in self.stored.iter().filter(|batch| batch.next() > self.cursor) {
                            page.append(Arc::clone(batch));
                        }
                        page.cut(self.cursor, head, 60, &ALL).unwrap()
                    }
                };
                self.seen.extend(messages(&chunk.bytes));
                self.cursor = chunk.next;
            }
        }
    }

    proptest! {
        /// Invariants 3 and 6.
        #[test]
        fn every_line_comes_once_and_in_order_whatever_happens_to_the_hints(
            steps in prop::collection::vec(step(), 0..200),
        ) {
            let mut world = World {
                stored: Vec::new(),
                head: Head::new(StreamName::parse("s").unwrap()),
                cursor: Offset::ZERO,
                seen: Vec::new(),
            };
            for step in &steps {
                world.apply(step);
            }
            world.apply(&Step::Looked);
            world.apply(&Step::Pulled);
            let want: Vec<_> = (0..world.head().0).map(|offset| format!("line {offset}")).collect();
            prop_assert_eq!(world.seen, want);
        }
    }

    #[test]
    fn news_says_what_was_missing() {
        let mut head = Head::new(StreamName::parse("s").unwrap());
        assert_eq!(head.heard(Offset(10)), News::Jump(10));
        assert_eq!(head.take(batch("s", 10, 5)), News::Next);
        assert_eq!(head.take(batch("s", 10, 5)), News::Old);
        assert_eq!(head.take(batch("s", 20, 5)), News::Jump(5));
        assert_eq!(head.window().range(), Some((Offset(20), Offset(25))));
        assert_eq!(head.take(batch("s", 15, 5)), News::Old);
        assert_eq!(
            head.window().range(),
            Some((Offset(15), Offset(25))),
            "what was overtaken is at hand"
        );
        assert_eq!(head.heard(Offset(24)), News::Old, "a head is never taken back");
    }
}
