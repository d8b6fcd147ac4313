//! Which small neighbours become one batch: a plan, made of what is known of them without reading them.
//!
//! Knows no database: both implementations keep batches that came one by one, and join them later. Whoever carries a
//! plan out keeps offsets, lines, keys and their order as they are, and gives the joined batch the latest arrival of its
//! parts: so no line is removed before its time, and each at most [`Join::span`] later.

use std::ops::Range;
use std::time::Duration;

use lines::{Offset, Timestamp};

/// A batch as a plan sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) first: Offset,
    pub(super) next: Offset,
    /// Its NDJSON, or what stands for that: all parts of a plan and [`Join::full`] are measured alike.
    pub(super) bytes: usize,
    pub(super) arrived: Timestamp,
}

/// What may become one batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Join {
    /// A joined batch has no more bytes than this. One that alone has half of it is full, and is left as it is.
    pub(super) full: usize,
    /// What is joined arrived within one stretch of this length, counted from 1970: so the arrivals of what a batch was
    /// joined from are never farther apart, however often it was joined with more.
    pub(super) span: Duration,
}

impl Join {
    fn is_full(&self, part: &Part) -> bool {
        part.bytes >= self.full.div_ceil(2)
    }

    /// Which stretch of time an arrival lies in.
    fn stretch(&self, arrived: Timestamp) -> i64 {
        let span = i64::try_from(self.span.as_nanos()).unwrap_or(i64::MAX);
        arrived.nanos().div_euclid(span.max(1))
    }
}

/// A batch that is being joined.
struct Run {
    bytes: usize,
    arrived: Timestamp,
}

impl Run {
    fn of(part: &Part) -> Self {
        Self {
            bytes: part.bytes,
            arrived: part.arrived,
        }
    }

    /// Takes a neighbour that is small enough and arrived in the same stretch of time.
    fn takes(&mut self, part: &Part, join: &Join) -> bool {
        let bytes = self.bytes.saturating_add(part.bytes);
        let takes = !join.is_full(part)
            && bytes <= join.full
            && join.stretch(self.arrived) == join.stretch(part.arrived);
        if takes {
            self.bytes = bytes;
        }
        takes
    }
}

/// Neighbours of one stream, in their order, as the batches that they are to become: every part is in one of the ranges,
/// and what is alone in its range stays as it is.
pub(super) fn runs(parts: &[Part], join: &Join) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut i = 0;
    while let Some(begin) = parts.get(i) {
        let (from, mut next, mut run) = (i, begin.next, Run::of(begin));
        i += 1;
        while let Some(part) = parts.get(i)
            && !join.is_full(begin)
            && part.first == next
            && run.takes(part, join)
        {
            next = part.next;
            i += 1;
        }
        runs.push(from..i);
    }
    runs
}

/// How many of the batches before a new one are to be written again, together with it. `before` is in the order of
/// offsets.
///
/// Only such as are not larger than all that follows them: what is written again has then doubled, so no line is
/// written more often than the logarithm of a full batch, however slowly its stream moves.
pub(super) fn absorbed(before: &[Part], new: &Part, join: &Join) -> usize {
    let (mut run, mut begins) = (Run::of(new), new.first);
    let mut absorbed = 0;
    for part in before.iter().rev() {
        if join.is_full(new) || part.next != begins || part.bytes > run.bytes || !run.takes(part, join) {
            break;
        }
        begins = part.first;
        absorbed += 1;
    }
    absorbed
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOIN: Join = Join {
        full: 100,
        span: Duration::from_secs(60),
    };

    /// Neighbours of so many bytes that arrived then, in seconds.
    fn parts(parts: &[(usize, i64)]) -> Vec<Part> {
        let part = |(i, &(bytes, seconds)): (usize, &(usize, i64))| Part {
            first: Offset(i as u64),
            next: Offset(i as u64 + 1),
            bytes,
            arrived: Timestamp::from_nanos(seconds * 1_000_000_000),
        };
        parts.iter().enumerate().map(part).collect()
    }

    fn joined(of: &[(usize, i64)]) -> Vec<usize> {
        runs(&parts(of), &JOIN).into_iter().map(|run| run.len()).collect()
    }

    #[test]
    fn small_neighbours_become_batches_that_are_full_and_no_more() {
        assert_eq!(joined(&[]), [0; 0]);
        assert_eq!(joined(&[(1, 0)]), [1]);
        assert_eq!(joined(&[(30, 0); 7]), [3, 3, 1]);
        assert_eq!(
            joined(&[(30, 0), (60, 0), (30, 0), (30, 0)]),
            [1, 1, 2],
            "the full one stays"
        );
        assert_eq!(joined(&[(500, 0), (1, 0), (1, 0)]), [1, 2]);
    }

    #[test]
    fn what_arrived_far_apart_stays_apart() {
        assert_eq!(
            joined(&[(1, 0), (1, 59), (1, 60), (1, 61), (1, 119), (1, 120)]),
            [2, 3, 1]
        );
        assert_eq!(
            joined(&[(1, 100), (1, 0), (1, 30)]),
            [1, 2],
            "clocks go back, too"
        );
    }

    #[test]
    fn what_does_not_follow_is_no_neighbour() {
        let mut with_a_hole = parts(&[(1, 0); 4]);
        with_a_hole.remove(1);
        let joined: Vec<_> = runs(&with_a_hole, &JOIN);
        assert_eq!(joined, [0..1, 1..3]);
        let new = parts(&[(1, 0); 5]).remove(4);
        assert_eq!(absorbed(&with_a_hole, &new, &JOIN), 2);
    }

    #[test]
    fn every_part_is_in_one_run() {
        let mut noise = 7u64;
        for _ in 0..200 {
            let mut next = || {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (noise >> 33) as usize
            };
            let of: Vec<_> = (0..next() % 20)
                .map(|_| (next() % 60, (next() % 90) as i64))
                .collect();
            let parts = parts(&of);
            let mut covered = Vec::new();
            for run in runs(&parts, &JOIN) {
                let bytes: usize = parts[run.clone()].iter().map(|part| part.bytes).sum();
                assert!(run.len() == 1 || bytes <= JOIN.full, "{run:?} of {of:?}");
                covered.extend(run);
            }
            assert_eq!(covered, (0..parts.len()).collect::<Vec<_>>());
        }
    }

    /// A slow stream gets one small batch after the other: a line is written again a few times only, and few batches
    /// remain.
    #[test]
    fn a_line_is_written_again_a_few_times_only() {
        let mut stored: Vec<Part> = Vec::new();
        let mut written = 0;
        const BATCHES: usize = 1000;
        for i in 0..BATCHES {
            let new = Part {
                first: Offset(i as u64),
                next: Offset(i as u64 + 1),
                bytes: 1,
                arrived: Timestamp::from_nanos(0),
            };
            let kept = stored.len() - absorbed(&stored, &new, &JOIN);
            let replaced = stored.split_off(kept);
            let joined = Part {
                first: replaced.first().map_or(new.first, |part| part.first),
                bytes: replaced.iter().map(|part| part.bytes).sum::<usize>() + new.bytes,
                ..new
            };
            written += joined.bytes;
            stored.push(joined);
        }
        assert!(
            written < BATCHES * 8,
            "each line is written {} times",
            written / BATCHES
        );
        assert!(stored.len() < BATCHES / 50 + 8, "{} batches remain", stored.len());
    }
}
