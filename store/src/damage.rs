//! What a store keeps and cannot serve. Whatever lies before and after it is served all the same, and the damage is
//! named with both ends: a store never says less than it knows.
//!
//! Knows no database: both implementations offer what they find, row by row.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use lines::log_reader::Damage;
use lines::{Batch, Offset, StoreError, StreamName};
use parking_lot::Mutex;

/// Damages that a process remembers, so that each is told once. Beyond that they are told again.
const MOST_REMEMBERED: usize = 10_000;

/// The damages that were met so far.
#[derive(Default)]
pub(super) struct Damages(Mutex<HashSet<(StreamName, Offset)>>);

impl Damages {
    /// Logs and counts the damage that an answer names, if that was not done before.
    pub(super) fn told<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Damaged(damage)) = &answer {
            self.note(damage);
        }
        answer
    }

    /// Logs and counts it, if that was not done before.
    pub(super) fn note(&self, damage: &Damage) {
        {
            let mut known = self.0.lock();
            if known.len() >= MOST_REMEMBERED {
                known.clear();
            }
            if !known.insert((damage.stream.clone(), damage.from)) {
                return;
            }
        }
        let Damage {
            stream,
            from,
            to,
            what,
        } = damage;
        metrics::counter!("tailcast_store_damaged_lines_total").increment(to.since(*from));
        tracing::error!(%stream, %from, %to, what, "lines in the store are damaged and cannot be served");
    }
}

/// A batch as a database has it, with the place that its row claims.
pub(super) struct Row {
    pub(super) first: Offset,
    /// Where it ends, by what the row says of itself.
    pub(super) next: Offset,
    /// The batch, or what is wrong with it.
    pub(super) batch: Result<Batch, String>,
}

/// A page of a stream, made of the rows that a database offers in the order of their offsets, beginning with the one
/// that may hold the page's first line.
///
/// It ends before damage. Damage at its very beginning is the answer, up to the next row: where that begins is surer
/// than what a damaged row says of itself.
pub(super) struct Page {
    stream: StreamName,
    /// The offset that comes next.
    next: Offset,
    max_bytes: usize,
    bytes: usize,
    batches: Vec<Arc<Batch>>,
    damage: Option<Damage>,
    missing: bool,
}

impl Page {
    /// From `from` on, which is not below the stream's floor.
    pub(super) fn new(stream: &StreamName, from: Offset, max_bytes: usize) -> Self {
        Self {
            stream: stream.clone(),
            next: from,
            max_bytes,
            bytes: 0,
            batches: Vec::new(),
            damage: None,
            missing: false,
        }
    }

    /// Takes the next row, and says whether it wants another one.
    pub(super) fn offer(&mut self, row: Row) -> ControlFlow<()> {
        if let Some(damage) = &mut self.damage {
            damage.to = row.first.max(damage.from.plus(1));
            return ControlFlow::Break(());
        }
        if row.next <= self.next {
            return ControlFlow::Continue(());
        }
        let begun = !self.batches.is_empty();
        let what = match row.batch {
            _ if row.first > self.next => {
                self.missing = !begun;
                return self.damaged(
                    self.next,
                    row.first,
                    "no batch holds them".to_owned(),
                    ControlFlow::Break(()),
                );
            }
            _ if row.first < self.next && begun => "two batches hold them".to_owned(),
            Err(what) => what,
            Ok(batch) => {
                self.next = batch.next().max(self.next);
                self.bytes += batch.lines.ndjson.len();
                self.batches.push(Arc::new(batch));
                return if self.bytes < self.max_bytes {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                };
            }
        };
        self.damaged(row.first, row.next, what, ControlFlow::Continue(()))
    }

    /// What is sound already is served first, and the damage met again when the reader comes to it.
    fn damaged(&mut self, from: Offset, to: Offset, what: String, go_on: ControlFlow<()>) -> ControlFlow<()> {
        if !self.batches.is_empty() {
            return ControlFlow::Break(());
        }
        let stream = self.stream.clone();
        self.damage = Some(Damage {
            stream,
            from,
            to,
            what,
        });
        go_on
    }

    /// A row for the next line is there and cannot be read; the one after it begins at `to`.
    pub(super) fn unreadable(&mut self, to: Offset) {
        let _ = self.damaged(
            self.next,
            to,
            "the row cannot be read".to_owned(),
            ControlFlow::Break(()),
        );
    }

    /// About how many rows more make it full, if they are as large as those before.
    pub(super) fn rows_to_go(&self) -> usize {
        let mean = (self.bytes / self.batches.len().max(1)).max(1);
        self.max_bytes.saturating_sub(self.bytes).div_ceil(mean)
    }

    /// The offset after what it holds.
    pub(super) fn next(&self) -> Offset {
        self.next
    }

    /// How many batches it has.
    pub(super) fn batches(&self) -> usize {
        self.batches.len()
    }

    /// Whether there is something to serve.
    pub(super) fn has_begun(&self) -> bool {
        !self.batches.is_empty()
    }

    /// Whether there was no row for the first line, though there is one for a later one.
    pub(super) fn misses_its_beginning(&self) -> bool {
        self.missing
    }

    /// The batches, or the damage that lies where they should begin.
    pub(super) fn done(self) -> Result<Vec<Arc<Batch>>, StoreError> {
        match self.damage {
            Some(damage) => Err(StoreError::Damaged(damage)),
            None => Ok(self.batches),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use lines::{Lines, Timestamp};

    fn sound(first: u64, count: u32) -> Row {
        let batch = Batch {
            stream: StreamName::parse("s").unwrap(),
            first: Offset(first),
            arrived: Timestamp::from_nanos(0),
            lines: Lines {
                ndjson: "{\"a\":1}\n".repeat(count as usize).into(),
                count,
                oldest: Timestamp::from_nanos(0),
                newest: Timestamp::from_nanos(0),
            },
        };
        Row {
            first: batch.first,
            next: batch.next(),
            batch: Ok(batch),
        }
    }

    fn damaged(first: u64, next: u64) -> Row {
        Row {
            first: Offset(first),
            next: Offset(next),
            batch: Err("bad".to_owned()),
        }
    }

    /// Where the batches of a page begin, or the ends of the damage.
    fn page(from: u64, rows: Vec<Row>) -> Result<Vec<u64>, (u64, u64)> {
        let mut page = Page::new(&StreamName::parse("s").unwrap(), Offset(from), usize::MAX);
        let _ = rows.into_iter().try_for_each(|row| page.offer(row));
        match page.done() {
            Ok(batches) => Ok(batches.iter().map(|batch| batch.first.0).collect()),
            Err(StoreError::Damaged(damage)) => Err((damage.from.0, damage.to.0)),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn what_is_sound_is_served_before_damage_and_after_it() {
        let rows = || vec![sound(0, 2), damaged(2, 5), sound(5, 1), sound(6, 1)];
        assert_eq!(page(0, rows()), Ok(vec![0]));
        assert_eq!(page(2, rows().split_off(1)), Err((2, 5)));
        assert_eq!(page(4, rows().split_off(1)), Err((2, 5)));
        assert_eq!(page(5, rows().split_off(1)), Ok(vec![5, 6]));
    }

    #[test]
    fn damage_ends_where_the_next_row_begins_and_else_where_it_says_itself() {
        assert_eq!(page(2, vec![damaged(2, 900), sound(5, 1)]), Err((2, 5)));
        assert_eq!(page(2, vec![damaged(2, 3), sound(5, 1)]), Err((2, 5)));
        assert_eq!(page(2, vec![damaged(2, 9)]), Err((2, 9)));
    }

    #[test]
    fn lines_of_no_batch_and_of_two_are_damaged_too() {
        assert_eq!(page(0, vec![sound(3, 1)]), Err((0, 3)));
        assert_eq!(page(0, vec![sound(0, 1), sound(3, 1)]), Ok(vec![0]));
        assert_eq!(page(1, vec![sound(0, 1), sound(3, 1)]), Err((1, 3)));
        assert_eq!(page(0, vec![sound(0, 4), sound(2, 4)]), Ok(vec![0]));
        assert_eq!(
            page(4, vec![sound(0, 4), sound(2, 4), sound(6, 1)]),
            Ok(vec![2, 6])
        );
    }

    #[test]
    fn each_damage_is_remembered_once() {
        let damages = Damages::default();
        for _ in 0..3 {
            let answer: Result<(), _> = page_of_damage();
            assert!(damages.told(answer).is_err());
        }
        assert_eq!(damages.0.lock().len(), 1);
    }

    fn page_of_damage() -> Result<(), StoreError> {
        let mut page = Page::new(&StreamName::parse("s").unwrap(), Offset(0), 1);
        let _ = page.offer(damaged(0, 1));
        page.done().map(drop)
    }
}
