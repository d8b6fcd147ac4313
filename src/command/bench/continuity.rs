//! Whether a session gets every line of a stream once and in order: the numbers of its frames, compared with what must
//! come next.

use std::ops::Range;

/// Holes that are remembered, to tell a line that comes late from one that comes twice.
const MAX_HOLES: usize = 32;

/// One session's place in one stream, and what went wrong on the way. There are as many as sessions times streams.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Continuity {
    /// The offset it began with.
    pub(super) begin: u64,
    /// The offset that comes next.
    pub(super) cursor: u64,
    /// Hardly ever there.
    wrong: Option<Box<Wrong>>,
}

/// What went wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wrong {
    /// What was passed over and may still come.
    holes: Vec<Range<u64>>,
    /// Lines that never came, so far.
    pub(super) lost: u64,
    /// Lines that came again.
    pub(super) repeated: u64,
    /// Lines that came after later ones.
    pub(super) out_of_order: u64,
}

impl Continuity {
    /// Begins at `cursor`.
    pub(super) fn at(cursor: u64) -> Self {
        Self {
            begin: cursor,
            cursor,
            wrong: None,
        }
    }

    /// Takes the lines from `first` to `next`.
    pub(super) fn take(&mut self, first: u64, next: u64) {
        if first > self.cursor {
            let missing = self.cursor..first;
            self.wrong_mut().pass_over(missing);
        }
        let old = next.min(self.cursor);
        if first < old {
            self.wrong_mut().take_again(first..old);
        }
        self.cursor = self.cursor.max(next);
    }

    /// What went wrong so far.
    pub(super) fn wrong(&self) -> Option<&Wrong> {
        self.wrong.as_deref()
    }

    fn wrong_mut(&mut self) -> &mut Wrong {
        self.wrong.get_or_insert_default()
    }
}

impl Wrong {
    fn pass_over(&mut self, lines: Range<u64>) {
        self.lost += lines.end - lines.start;
        if self.holes.len() == MAX_HOLES {
            self.holes.remove(0);
        }
        self.holes.push(lines);
    }

    /// Lines before the cursor came: late when they were missing, else once more.
    fn take_again(&mut self, lines: Range<u64>) {
        let late = self.fill(lines.clone());
        self.lost -= late;
        self.out_of_order += late;
        self.repeated += lines.end - lines.start - late;
    }

    /// How many of these were missing; they are so no more.
    fn fill(&mut self, lines: Range<u64>) -> u64 {
        let mut filled = 0;
        let mut left = Vec::with_capacity(self.holes.len() + 1);
        for hole in self.holes.drain(..) {
            let (from, to) = (hole.start.max(lines.start), hole.end.min(lines.end));
            if from >= to {
                left.push(hole);
                continue;
            }
            filled += to - from;
            let rests = [hole.start..from, to..hole.end];
            left.extend(rests.into_iter().filter(|rest| !rest.is_empty()));
        }
        left.truncate(MAX_HOLES);
        self.holes = left;
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cursor, lost, repeated, out of order.
    fn after(frames: &[(u64, u64)]) -> (u64, u64, u64, u64) {
        let mut seen = Continuity::at(10);
        for &(first, next) in frames {
            seen.take(first, next);
        }
        let wrong = seen.wrong().cloned().unwrap_or_default();
        (seen.cursor, wrong.lost, wrong.repeated, wrong.out_of_order)
    }

    #[test]
    fn the_numbers_tell_what_went_wrong() {
        let table: [(&[(u64, u64)], _); 8] = [
            (&[(10, 11), (11, 20), (20, 21)], (21, 0, 0, 0)),
            (&[(12, 15)], (15, 2, 0, 0)),
            (&[(10, 15), (10, 15)], (15, 0, 5, 0)),
            (&[(10, 15), (13, 18)], (18, 0, 2, 0)),
            (&[(12, 15), (10, 12), (15, 16)], (16, 0, 0, 2)),
            (&[(20, 30), (12, 14), (12, 14)], (30, 8, 2, 2)),
            (&[(12, 14), (20, 22), (10, 21)], (22, 0, 3, 8)),
            (&[(10, 10)], (10, 0, 0, 0)),
        ];
        for (frames, want) in table {
            assert_eq!(after(frames), want, "{frames:?}");
        }
    }

    #[test]
    fn streams_that_are_whole_take_little_memory() {
        assert!(size_of::<Option<Continuity>>() <= 32);
        let mut seen = Continuity::at(10);
        seen.take(10, 20);
        assert_eq!((seen.begin, seen.cursor, seen.wrong()), (10, 20, None));
    }

    #[test]
    fn many_holes_take_no_more_memory_and_stay_lost() {
        let frames: Vec<_> = (0..1_000).map(|n| (11 + 2 * n, 12 + 2 * n)).collect();
        assert_eq!(after(&frames), (2_010, 1_000, 0, 0));
    }
}
