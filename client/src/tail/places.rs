//! Where each stream goes on, and whether what comes continues it. One rule for all: every message of a stream begins
//! where the last one ended, also under a filter.

use std::collections::{BTreeMap, VecDeque};

use lines::{Epoch, Offset, StreamName};

use super::{Fault, Run};

/// So many streams that were taken away are remembered with their cursors; as many as a session may have.
const TAKEN_AWAY_KEPT: usize = 1_000;

/// The cursors of everything that is followed. Grows with the streams of a session, which the server bounds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    /// The database that the cursors are of. Without one there are no cursors.
    pub(crate) epoch: Option<Epoch>,
    /// The offset of the next line, by stream.
    pub(crate) cursors: BTreeMap<StreamName, Offset>,
    /// Streams that may not be read any more, the last one last. They have cursors: a wider token may bring them back.
    taken_away: VecDeque<StreamName>,
}

impl Places {
    /// A stream is announced. One that is known goes on where it was: what the server left out in between it has to say.
    pub(crate) fn announced(&mut self, stream: &StreamName, cursor: Offset) {
        self.taken_away.retain(|taken| taken != stream);
        if !self.cursors.contains_key(stream) {
            self.cursors.insert(stream.clone(), cursor);
        }
    }

    /// A stream may not be read any more, and would go on where it is.
    pub(crate) fn take_away(&mut self, stream: &StreamName) {
        if !self.cursors.contains_key(stream) || self.is_taken_away(stream) {
            return;
        }
        if self.taken_away.len() == TAKEN_AWAY_KEPT
            && let Some(oldest) = self.taken_away.pop_front()
        {
            self.cursors.remove(&oldest);
        }
        self.taken_away.push_back(stream.clone());
    }

    /// Whether a stream that has a cursor may not be read any more.
    pub(crate) fn is_taken_away(&self, stream: &StreamName) -> bool {
        self.taken_away.iter().any(|taken| taken == stream)
    }

    /// A stream is followed no longer, and will not be.
    pub(crate) fn forget(&mut self, stream: &StreamName) {
        self.taken_away.retain(|taken| taken != stream);
        self.cursors.remove(stream);
    }

    /// Lines came: takes those away that came before, moves the cursor, and says what is wrong.
    pub(crate) fn advance(&mut self, lines: &mut Run) -> Option<Fault> {
        let Some(cursor) = self.cursors.get_mut(&lines.stream) else {
            self.cursors.insert(lines.stream.clone(), lines.next);
            return Some(Fault::Unannounced {
                stream: lines.stream.clone(),
            });
        };
        let expected = *cursor;
        let fault = fault(&lines.stream, expected, lines.first);
        if lines.first < expected {
            lines.lines.retain(|line| line.offset >= expected);
            lines.first = expected;
            lines.next = lines.next.max(expected);
        }
        *cursor = lines.next;
        fault
    }

    /// The server says what is missing.
    pub(crate) fn skip(&mut self, stream: &StreamName, from: Offset, to: Offset) -> Option<Fault> {
        let Some(cursor) = self.cursors.get_mut(stream) else {
            self.cursors.insert(stream.clone(), to);
            return Some(Fault::Unannounced {
                stream: stream.clone(),
            });
        };
        let fault = fault(stream, *cursor, from);
        *cursor = to.max(*cursor);
        fault
    }

    /// The head is reached: nothing may be outstanding.
    pub(crate) fn live(&mut self, stream: &StreamName, next: Offset) -> Option<Fault> {
        let cursor = self.cursors.get_mut(stream)?;
        let fault = fault(stream, *cursor, next.max(*cursor));
        *cursor = next.max(*cursor);
        fault
    }

    /// The cursors mean nothing in another database.
    pub(crate) fn start_over(&mut self, epoch: Option<Epoch>) {
        self.epoch = epoch;
        self.cursors.clear();
        self.taken_away.clear();
    }
}

fn fault(stream: &StreamName, expected: Offset, found: Offset) -> Option<Fault> {
    let stream = stream.clone();
    match found.cmp(&expected) {
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Less => Some(Fault::Repeat {
            stream,
            expected,
            found,
        }),
        std::cmp::Ordering::Greater => Some(Fault::Hole {
            stream,
            expected,
            found,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tail::Received;

    fn name(text: &str) -> StreamName {
        StreamName::parse(text).expect("a name")
    }

    fn run(first: u64, next: u64) -> Run {
        Run {
            stream: name("a"),
            first: Offset(first),
            next: Offset(next),
            lines: (first..next)
                .map(|offset| Received {
                    offset: Offset(offset),
                    undecided: false,
                    json: "{}".into(),
                })
                .collect(),
        }
    }

    fn at(cursor: u64) -> Places {
        let mut places = Places::default();
        places.announced(&name("a"), Offset(cursor));
        places
    }

    #[test]
    fn what_continues_the_stream_is_taken_as_it_is() {
        let mut places = at(5);
        let mut lines = run(5, 8);
        assert_eq!(places.advance(&mut lines), None);
        assert_eq!((lines, places.cursors["a"]), (run(5, 8), Offset(8)));
    }

    #[test]
    fn a_hole_is_named_and_the_lines_after_it_are_kept() {
        let mut places = at(5);
        let mut lines = run(7, 8);
        let hole = Fault::Hole {
            stream: name("a"),
            expected: Offset(5),
            found: Offset(7),
        };
        assert_eq!(places.advance(&mut lines), Some(hole));
        assert_eq!((lines, places.cursors["a"]), (run(7, 8), Offset(8)));
    }

    #[test]
    fn what_came_before_is_named_and_not_told_twice() {
        let repeat = |found| Fault::Repeat {
            stream: name("a"),
            expected: Offset(5),
            found: Offset(found),
        };
        let mut places = at(5);
        let mut half_known = run(3, 8);
        assert_eq!(places.advance(&mut half_known), Some(repeat(3)));
        assert_eq!((half_known, places.cursors["a"]), (run(5, 8), Offset(8)));

        let mut places = at(5);
        let mut all_known = run(1, 4);
        assert_eq!(places.advance(&mut all_known), Some(repeat(1)));
        assert_eq!((all_known, places.cursors["a"]), (run(5, 5), Offset(5)));
    }

    #[test]
    fn a_gap_moves_on_from_where_the_stream_was() {
        let mut places = at(5);
        assert_eq!(places.skip(&name("a"), Offset(5), Offset(9)), None);
        assert_eq!(places.advance(&mut run(9, 10)), None);
        assert!(matches!(
            places.skip(&name("a"), Offset(12), Offset(14)),
            Some(Fault::Hole { .. })
        ));
        assert!(matches!(
            places.skip(&name("b"), Offset(0), Offset(1)),
            Some(Fault::Unannounced { .. })
        ));
    }

    #[test]
    fn being_live_with_lines_outstanding_is_a_hole() {
        let mut places = at(5);
        assert_eq!(places.live(&name("a"), Offset(5)), None);
        let hole = Fault::Hole {
            stream: name("a"),
            expected: Offset(5),
            found: Offset(7),
        };
        assert_eq!(places.live(&name("a"), Offset(7)), Some(hole));
        assert_eq!(places.cursors["a"], Offset(7));
    }

    #[test]
    fn what_was_taken_away_keeps_its_place_and_no_more_of_it_than_a_session_may_have() {
        let mut places = at(5);
        places.take_away(&name("a"));
        assert!(places.is_taken_away(&name("a")));
        places.announced(&name("a"), Offset(0));
        assert_eq!(
            (places.is_taken_away(&name("a")), places.cursors["a"]),
            (false, Offset(5))
        );
        for n in 0..=TAKEN_AWAY_KEPT {
            let stream = name(&format!("s/{n}"));
            places.announced(&stream, Offset(1));
            places.take_away(&stream);
        }
        assert_eq!(
            places.cursors.len(),
            TAKEN_AWAY_KEPT + 1,
            "the oldest is forgotten"
        );
        assert!(places.cursors.contains_key("a") && !places.cursors.contains_key("s/0"));
    }

    #[test]
    fn announced_again_a_stream_goes_on_where_it_was() {
        let mut places = at(5);
        places.announced(&name("a"), Offset(9));
        assert_eq!(places.cursors["a"], Offset(5));
    }
}
