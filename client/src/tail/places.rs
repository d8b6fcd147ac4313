//! Where each stream goes on, and whether what comes continues it. One rule for all: every message of a stream begins
//! where the last one ended, also under a filter.

use std::collections::{BTreeMap, VecDeque};

use super::{Fault, Lines};

/// So many streams that were taken away are remembered with their cursors; as many as a session may have.
const TAKEN_AWAY_KEPT: usize = 1_000;

/// The cursors of everything that is followed. Grows with the streams of a session, which the server bounds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    /// The database that the cursors are of. Without one there are no cursors.
    pub(crate) epoch: Option<String>,
    /// The offset of the next line, by stream.
    pub(crate) cursors: BTreeMap<String, u64>,
    /// Streams that may not be read any more, the last one last. They have cursors: a wider token may bring them back.
    taken_away: VecDeque<String>,
}

impl Places {
    /// A stream is announced. One that is known goes on where it was: what the server left out in between it has to say.
    pub(crate) fn announced(&mut self, stream: &str, cursor: u64) {
        self.taken_away.retain(|taken| taken != stream);
        if !self.cursors.contains_key(stream) {
            self.cursors.insert(stream.to_owned(), cursor);
        }
    }

    /// A stream may not be read any more, and would go on where it is.
    pub(crate) fn take_away(&mut self, stream: &str) {
        if !self.cursors.contains_key(stream) || self.is_taken_away(stream) {
            return;
        }
        if self.taken_away.len() == TAKEN_AWAY_KEPT
            && let Some(oldest) = self.taken_away.pop_front()
        {
            self.cursors.remove(&oldest);
        }
        self.taken_away.push_back(stream.to_owned());
    }

    /// Whether a stream that has a cursor may not be read any more.
    pub(crate) fn is_taken_away(&self, stream: &str) -> bool {
        self.taken_away.iter().any(|taken| taken == stream)
    }

    /// A stream is followed no longer, and will not be.
    pub(crate) fn forget(&mut self, stream: &str) {
        self.taken_away.retain(|taken| taken != stream);
        self.cursors.remove(stream);
    }

    /// Lines came: takes those away that came before, moves the cursor, and says what is wrong.
    pub(crate) fn advance(&mut self, lines: &mut Lines) -> Option<Fault> {
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
    pub(crate) fn skip(&mut self, stream: &str, from: u64, to: u64) -> Option<Fault> {
        let Some(cursor) = self.cursors.get_mut(stream) else {
            self.cursors.insert(stream.to_owned(), to);
            return Some(Fault::Unannounced {
                stream: stream.to_owned(),
            });
        };
        let fault = fault(stream, *cursor, from);
        *cursor = to.max(*cursor);
        fault
    }

    /// The head is reached: nothing may be outstanding.
    pub(crate) fn live(&mut self, stream: &str, next: u64) -> Option<Fault> {
        let cursor = self.cursors.get_mut(stream)?;
        let fault = fault(stream, *cursor, next.max(*cursor));
        *cursor = next.max(*cursor);
        fault
    }

    /// The cursors mean nothing in another database.
    pub(crate) fn start_over(&mut self, epoch: Option<String>) {
        self.epoch = epoch;
        self.cursors.clear();
        self.taken_away.clear();
    }
}

fn fault(stream: &str, expected: u64, found: u64) -> Option<Fault> {
    let stream = stream.to_owned();
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
    use crate::tail::Line;

    fn run(first: u64, next: u64) -> Lines {
        Lines {
            stream: "a".into(),
            first,
            next,
            lines: (first..next)
                .map(|offset| Line {
                    offset,
                    undecided: false,
                    json: "{}".into(),
                })
                .collect(),
        }
    }

    fn at(cursor: u64) -> Places {
        let mut places = Places::default();
        places.announced("a", cursor);
        places
    }

    #[test]
    fn what_continues_the_stream_is_taken_as_it_is() {
        let mut places = at(5);
        let mut lines = run(5, 8);
        assert_eq!(places.advance(&mut lines), None);
        assert_eq!((lines, places.cursors["a"]), (run(5, 8), 8));
    }

    #[test]
    fn a_hole_is_named_and_the_lines_after_it_are_kept() {
        let mut places = at(5);
        let mut lines = run(7, 8);
        let hole = Fault::Hole {
            stream: "a".into(),
            expected: 5,
            found: 7,
        };
        assert_eq!(places.advance(&mut lines), Some(hole));
        assert_eq!((lines, places.cursors["a"]), (run(7, 8), 8));
    }

    #[test]
    fn what_came_before_is_named_and_not_told_twice() {
        let repeat = |found| Fault::Repeat {
            stream: "a".into(),
            expected: 5,
            found,
        };
        let mut places = at(5);
        let mut half_known = run(3, 8);
        assert_eq!(places.advance(&mut half_known), Some(repeat(3)));
        assert_eq!((half_known, places.cursors["a"]), (run(5, 8), 8));

        let mut places = at(5);
        let mut all_known = run(1, 4);
        assert_eq!(places.advance(&mut all_known), Some(repeat(1)));
        assert_eq!((all_known, places.cursors["a"]), (run(5, 5), 5));
    }

    #[test]
    fn a_gap_moves_on_from_where_the_stream_was() {
        let mut places = at(5);
        assert_eq!(places.skip("a", 5, 9), None);
        assert_eq!(places.advance(&mut run(9, 10)), None);
        assert!(matches!(places.skip("a", 12, 14), Some(Fault::Hole { .. })));
        assert!(matches!(places.skip("b", 0, 1), Some(Fault::Unannounced { .. })));
    }

    #[test]
    fn being_live_with_lines_outstanding_is_a_hole() {
        let mut places = at(5);
        assert_eq!(places.live("a", 5), None);
        let hole = Fault::Hole {
            stream: "a".into(),
            expected: 5,
            found: 7,
        };
        assert_eq!(places.live("a", 7), Some(hole));
        assert_eq!(places.cursors["a"], 7);
    }

    #[test]
    fn what_was_taken_away_keeps_its_place_and_no_more_of_it_than_a_session_may_have() {
        let mut places = at(5);
        places.take_away("a");
        assert!(places.is_taken_away("a"));
        places.announced("a", 0);
        assert_eq!((places.is_taken_away("a"), places.cursors["a"]), (false, 5));
        for n in 0..=TAKEN_AWAY_KEPT {
            let stream = format!("s/{n}");
            places.announced(&stream, 1);
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
        places.announced("a", 9);
        assert_eq!(places.cursors["a"], 5);
    }
}
