//! What many lines have, in little: by its sketch a store knows, without reading lines, that none of them has what a
//! filter [needs](crate::filter::needs).
//!
//! A sketch is of a run of one stream's lines, cut into [`BLOCKS`] blocks. For each block it has [`ROWS`] bits. A text that
//! is in a line sets some of its block's bits, those of parts of three, four and eight bytes of it ([`grams`]); a text of which
//! a bit is missing is in no line of the block. Texts are found within words, as filters find them, so no word needs to be
//! known as one.
//!
//! Bits with the same number stand together, one for each block, as a row; and some thousand rows are a [slice](SLICE_ROWS),
//! which is the piece that is kept and read. To ask a word of all blocks takes a few slices, and fewer where it is in none.
//!
//! No sketch is ever out of date: a line's offset has the same line for ever (invariant 3), and it is lines by their offsets
//! that a sketch is of, in whatever batches they are. Only where the database itself went back, as one does that is brought back
//! from a backup of two moments, other lines may come to have those offsets; so a sketch says what its last line
//! [was](Reach::last), by which whoever makes sketches tells that.
//!
//! A sketch that went bad where it is kept would hide lines, and nobody would be told. So a checksum of its outline, its number
//! and its rows stands behind each slice; one that is not proven sound says nothing.

mod grams;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;

use bytes::Bytes;

use crate::filter::needs::{Has, Need, Needs, searched};
use crate::{Batch, Level, Offset};
use grams::{Grams, Kinds};

/// Blocks of a run.
pub const BLOCKS: usize = 16;
/// Bits of a block.
pub const ROWS: u32 = 48_000;
/// What [`Outline::kinds`] is at least; less is of an earlier layout, says nothing and is to be made anew. Goes up with each
/// change of which bits are set, or of how they are kept.
pub const LAYOUT: u8 = 1 << 6;
/// Rows of a slice: with its checksum it is just smaller than a page of a database.
pub const SLICE_ROWS: u32 = 2_000;
/// Slices of a sketch.
pub const SLICES: u32 = ROWS / SLICE_ROWS;
/// A text is asked for by so many of its parts at most: more of them would hardly say more.
const MOST_ROWS: usize = 24;
/// What a row takes, in bytes.
const ROW_BYTES: usize = BLOCKS / 8;
/// What a slice's rows take.
const SLICE_BYTES: usize = SLICE_ROWS as usize * ROW_BYTES;

/// A sketch without its rows: which lines it is of, and how to ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// Its first line.
    pub first: Offset,
    /// Where each block ends, in order, and the next one begins; at most [`BLOCKS`].
    pub ends: Vec<Offset>,
    /// What was written into it, and in which [layout](LAYOUT). Unknown kinds say nothing.
    pub kinds: u8,
    /// [What tells](told) its last line from others.
    pub last: u64,
}

/// Up to where lines have sketches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reach {
    /// Where the lines end that a sketch is of.
    pub next: Offset,
    /// [What tells](told) the last of them from others.
    pub last: u64,
}

/// A sketch, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch {
    /// Which lines it is of.
    pub outline: Outline,
    /// [`SLICES`] of them, or none when it says nothing.
    pub slices: Vec<Bytes>,
}

/// A sketch that is being made.
pub struct Draft {
    first: Offset,
    blocks: Vec<Block>,
    last: u64,
    texts: Vec<u8>,
}

/// Some of its lines.
struct Block {
    next: Offset,
    grams: Grams,
}

impl Draft {
    /// Of the lines from `first` on.
    pub fn new(first: Offset) -> Self {
        Self {
            first,
            blocks: Vec::new(),
            last: 0,
            texts: Vec::new(),
        }
    }

    /// Where the lines end that it is of.
    pub fn next(&self) -> Offset {
        self.blocks.last().map_or(self.first, |block| block.next)
    }

    /// How many blocks it has.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Begins another block; at most [`BLOCKS`] can be begun.
    pub fn begin(&mut self) {
        self.blocks.push(Block {
            next: self.next(),
            grams: Grams::default(),
        });
    }

    /// Adds a batch that follows to the last block.
    pub fn add(&mut self, batch: &Batch) {
        let Some(block) = self.blocks.last_mut() else {
            return;
        };
        for line in batch.lines.iter() {
            self.texts.clear();
            let Has { level, message_bytes } = searched(line, &mut self.texts);
            block.grams.text(&self.texts);
            level
                .into_iter()
                .for_each(|level| block.grams.set_own(of_level(level)));
            block.grams.longest = block.grams.longest.max(message_bytes);
        }
        self.last = batch.lines.iter().last().map_or(self.last, told);
        block.next = batch.next().max(block.next);
    }

    /// The sketch. Of the kinds of parts it has as many as leave enough bits unset; where not even the shortest do, it says
    /// nothing.
    pub fn done(mut self) -> Sketch {
        for block in &mut self.blocks {
            (0..=size_of(block.grams.longest)).for_each(|size| block.grams.set_own(of_size(size)));
        }
        let grams: Vec<&Grams> = self.blocks.iter().map(|block| &block.grams).collect();
        let kinds = Kinds::best(&grams);
        let outline = Outline {
            first: self.first,
            ends: self.blocks.iter().map(|block| block.next).collect(),
            kinds: kinds.map_or(LAYOUT, Kinds::number),
            last: self.last,
        };
        let slices = kinds.map_or_else(Vec::new, |kinds| self.slices(kinds, &outline));
        Sketch { outline, slices }
    }

    fn slices(&self, kinds: Kinds, outline: &Outline) -> Vec<Bytes> {
        let mut rows = vec![0u8; ROWS as usize * ROW_BYTES];
        for (nth, block) in self.blocks.iter().enumerate() {
            block.grams.each(kinds, |row| {
                rows[row as usize * ROW_BYTES + nth / 8] |= 1 << (nth % 8);
            });
        }
        (0..)
            .zip(rows.chunks(SLICE_BYTES))
            .map(|(nth, rows)| Bytes::from([rows, &outline.sum(nth, rows)].concat()))
            .collect()
    }
}

impl Outline {
    /// One that was kept: `None` when it went bad, since it does not end at `next`, or has no blocks or too many of them.
    pub fn kept(first: Offset, lengths: impl Iterator<Item = u64>, kinds: u8, reach: Reach) -> Option<Self> {
        let Reach { next, last } = reach;
        let mut end = first;
        let ends: Vec<Offset> = lengths
            .map(|length| {
                end = end.plus(length);
                end
            })
            .collect();
        let is_sound = (1..=BLOCKS).contains(&ends.len()) && end == next;
        is_sound.then_some(Self {
            first,
            ends,
            kinds,
            last,
        })
    }

    /// Where the lines end that it is of.
    pub fn next(&self) -> Offset {
        self.ends.last().copied().unwrap_or(self.first)
    }

    /// How many lines each block has.
    pub fn lengths(&self) -> impl Iterator<Item = u32> {
        let begins = [self.first].into_iter().chain(self.ends.iter().copied());
        let lengths = self.ends.iter().zip(begins).map(|(end, begin)| end.since(begin));
        lengths.map(|length| u32::try_from(length).unwrap_or(u32::MAX))
    }

    /// The slices by which [`Self::ask`] decides, for a store that rather reads them together. In order, each once.
    pub fn slices(&self, needs: &Needs) -> Vec<u32> {
        let mut slices = Vec::new();
        if let Some(kinds) = Kinds::from_number(self.kinds) {
            needs.each(&mut |need| slices.extend(rows(need, kinds).map(|row| row / SLICE_ROWS)));
        }
        slices.sort_unstable();
        slices.dedup();
        slices
    }

    /// The blocks in which lines may have what is needed, as a bit each; `slice` gives a slice by its number.
    pub fn ask<E>(
        &self,
        needs: &Needs,
        mut slice: impl FnMut(u32) -> Result<Option<Bytes>, E>,
    ) -> Result<u64, E> {
        let all = (1u64 << self.ends.len().min(BLOCKS)) - 1;
        let Some(kinds) = Kinds::from_number(self.kinds) else {
            return Ok(all);
        };
        let mut known = BTreeMap::new();
        needs.among(all, &mut |need, among| {
            let mut row = |row: u32| {
                let nth = row / SLICE_ROWS;
                let rows = match known.entry(nth) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(unknown) => {
                        unknown.insert(slice(nth)?.filter(|slice| self.is_sound(nth, slice)))
                    }
                };
                Ok(row_of(rows.as_ref(), row % SLICE_ROWS))
            };
            match need {
                // One of them is enough.
                Need::Level(_) => rows(need, kinds).try_fold(0, |found, asked| Ok(found | row(asked)?)),
                Need::Text(_) | Need::Message(_) => {
                    let mut left = among;
                    for asked in rows(need, kinds) {
                        if left == 0 {
                            break;
                        }
                        left &= row(asked)?;
                    }
                    Ok(left)
                }
            }
        })
    }

    fn is_sound(&self, nth: u32, slice: &[u8]) -> bool {
        let parts = slice.split_at_checked(SLICE_BYTES);
        parts.is_some_and(|(rows, sum)| sum == self.sum(nth, rows))
    }

    /// The checksum of a slice's rows, and of whose they are.
    fn sum(&self, nth: u32, rows: &[u8]) -> [u8; 4] {
        let outline = [self.first.0, self.kinds.into(), self.last, nth.into()].into_iter();
        let sum = outline.chain(self.ends.iter().map(|end| end.0)).fold(0, step);
        let sum = steps(sum, rows);
        ((sum ^ sum >> 32) as u32).to_le_bytes()
    }

    /// Adds the lines of those blocks to places that lie before them, as far as they are within `within`.
    pub fn places(&self, blocks: u64, within: &Range<Offset>, places: &mut Vec<Range<Offset>>) {
        let begins = [self.first].into_iter().chain(self.ends.iter().copied());
        for (nth, (begin, end)) in begins.zip(&self.ends).enumerate() {
            if blocks & (1 << nth) != 0 {
                place(begin..*end, within, places);
            }
        }
    }
}

/// What tells a line from others that may come to have its offset.
pub fn told(line: &[u8]) -> u64 {
    steps(line.len() as u64, line)
}

/// A step of a checksum. It can be undone: what differs in one word differs until the end.
fn step(sum: u64, word: u64) -> u64 {
    (sum ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
}

fn steps(sum: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let sum = words.iter().map(|word| u64::from_le_bytes(*word)).fold(sum, step);
    rest.iter().map(|byte| u64::from(*byte)).fold(sum, step)
}

/// Adds what of `range` is within `within` to places that lie before it.
pub fn place(range: Range<Offset>, within: &Range<Offset>, places: &mut Vec<Range<Offset>>) {
    let (start, end) = (range.start.max(within.start), range.end.min(within.end));
    match places.last_mut() {
        Some(last) if last.end >= start => last.end = last.end.max(end),
        _ if start < end => places.push(start..end),
        _ => {}
    }
}

/// The rows of what is needed.
fn rows(need: &Need, kinds: Kinds) -> impl Iterator<Item = u32> {
    let (text, levels, size) = match need {
        Need::Text(text) => (&**text, &[][..], None),
        Need::Level(levels) => (&[][..], &levels[..], None),
        Need::Message(bytes) => (&[][..], &[][..], Some(of_size(size_of(*bytes)))),
    };
    let levels = levels.iter().map(|level| of_level(*level));
    grams::of(text, kinds).take(MOST_ROWS).chain(levels).chain(size)
}

/// The row, a bit for each block. A slice that is not there says nothing.
fn row_of(slice: Option<&Bytes>, row: u32) -> u64 {
    let at = row as usize * ROW_BYTES;
    let bytes = slice.and_then(|slice| slice.get(at..at + ROW_BYTES));
    bytes.map_or(u64::MAX, |bytes| {
        bytes
            .iter()
            .rev()
            .fold(0, |row, byte| row << 8 | u64::from(*byte))
    })
}

fn of_level(level: Level) -> u32 {
    level as u32
}

/// The row of blocks that have a message of `1 << size` bytes or more.
fn of_size(size: u32) -> u32 {
    (Level::ALL.len() as u32 + size).min(grams::OWN - 1)
}

/// How often a length can be halved.
fn size_of(bytes: usize) -> u32 {
    bytes.max(1).ilog2()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
