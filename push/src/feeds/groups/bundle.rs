//! What a group makes at once of the lines of all its streams: chunks, one behind the other, and what is in them.

use bytes::Bytes;
use lines::Offset;

use crate::feeds::view::Chunk;
use crate::feeds::wake::Slots;

/// Encoded lines of many streams. Shared by all who follow the group.
pub(crate) struct Bundle {
    bytes: Bytes,
    entries: Vec<Entry>,
}

/// What a bundle has of one stream. In order: those of one stream begin where the one before ended.
pub(super) struct Entry {
    /// The group's number for the stream.
    pub(super) number: u32,
    /// Where the stream stood before.
    pub(super) from: Offset,
    pub(super) what: What,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// So many lines, in the bytes up to `end`.
    Lines { lines: u64, end: usize },
    /// The group cannot go on with the stream: whoever got it from the group goes on alone, from here.
    Lapse,
}

/// A part of a bundle that a session takes as it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) bytes: Bytes,
    /// The chunks in it.
    pub(crate) frames: u64,
    pub(crate) lines: u64,
}

impl Bundle {
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What it takes in memory.
    pub(super) fn held(&self) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<Entry>()
    }

    /// Where a stream stood before this bundle, if there is anything of it in here.
    pub(super) fn from(&self, number: u32) -> Option<Offset> {
        let mut entries = self.entries.iter();
        entries
            .find(|entry| entry.number == number)
            .map(|entry| entry.from)
    }

    /// What is there for a session that gets these streams from the group: all of it, as a rule.
    pub(super) fn pieces(&self, carried: &Slots) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut run = Run::default();
        for entry in &self.entries {
            let What::Lines { lines, end } = entry.what else {
                continue;
            };
            if carried.has(entry.number) {
                run.frames += 1;
                run.lines += lines;
                run.end = end;
            } else {
                pieces.extend(run.piece_of(&self.bytes));
                run = Run {
                    begin: end,
                    ..Run::default()
                };
            }
        }
        pieces.extend(run.piece_of(&self.bytes));
        pieces
    }
}

/// Chunks of a bundle that follow one another.
#[derive(Default)]
struct Run {
    begin: usize,
    end: usize,
    frames: u64,
    lines: u64,
}

impl Run {
    fn piece_of(&self, bytes: &Bytes) -> Option<Piece> {
        (self.frames > 0).then(|| Piece {
            bytes: bytes.slice(self.begin..self.end),
            frames: self.frames,
            lines: self.lines,
        })
    }
}

/// A bundle that is being made.
#[derive(Default)]
pub(super) struct Making {
    chunks: Vec<Bytes>,
    length: usize,
    entries: Vec<Entry>,
}

impl Making {
    /// Whether a chunk goes into it: only the first one may be larger than `most`.
    pub(super) fn has_room(&self, chunk: &Chunk, most: usize) -> bool {
        self.chunks.is_empty() || self.length + chunk.bytes.len() <= most
    }

    pub(super) fn add(&mut self, number: u32, chunk: Chunk) {
        self.length += chunk.bytes.len();
        self.entries.push(Entry {
            number,
            from: chunk.first,
            what: What::Lines {
                lines: chunk.lines,
                end: self.length,
            },
        });
        self.chunks.push(chunk.bytes);
    }

    pub(super) fn lapse(&mut self, number: u32, from: Offset) {
        self.entries.push(Entry {
            number,
            from,
            what: What::Lapse,
        });
    }

    /// What came of it; `None` when that is nothing.
    pub(super) fn done(mut self) -> Option<Bundle> {
        if self.entries.is_empty() {
            return None;
        }
        let bytes = match self.chunks.len() {
            1 => self.chunks.swap_remove(0),
            _ => self.chunks.concat().into(),
        };
        self.entries.shrink_to_fit();
        Some(Bundle {
            bytes,
            entries: self.entries,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn bundle(numbers: &[u32]) -> Bundle {
        let mut making = Making::default();
        for &number in numbers {
            making.add(
                number,
                Chunk {
                    first: Offset(10),
                    next: Offset(12),
                    lines: 2,
                    bytes: format!("[{number}]").into(),
                },
            );
        }
        making.done().unwrap()
    }

    fn pieces(carried: &[u32]) -> Vec<(String, u64, u64)> {
        let mut slots = Slots::default();
        carried.iter().for_each(|number| slots.insert(*number));
        let text = |piece: Piece| {
            let text = String::from_utf8(piece.bytes.to_vec()).unwrap();
            (text, piece.frames, piece.lines)
        };
        let pieces = bundle(&[1, 20, 3, 4, 20]).pieces(&slots);
        pieces.into_iter().map(text).collect()
    }

    #[test]
    fn who_gets_all_streams_from_the_group_gets_one_piece_and_others_the_runs_between() {
        let of = |text: &str, frames| (text.to_owned(), frames, frames * 2);
        assert_eq!(pieces(&[1, 3, 4, 20]), [of("[1][20][3][4][20]", 5)]);
        assert_eq!(pieces(&[1, 3, 4]), [of("[1]", 1), of("[3][4]", 2)]);
        assert_eq!(pieces(&[20, 4]), [of("[20]", 1), of("[4][20]", 2)]);
        assert_eq!(pieces(&[7]), []);
        let whole = bundle(&[1, 2]);
        let all = whole.pieces(&(1..3).fold(Slots::default(), |mut all, number| {
            all.insert(number);
            all
        }));
        assert_eq!(all[0].bytes.as_ptr(), whole.bytes.as_ptr(), "nothing is copied");
    }

    #[test]
    fn a_bundle_ends_before_the_chunk_that_it_has_no_room_for() {
        let chunk = |length: usize| Chunk {
            first: Offset(0),
            next: Offset(1),
            lines: 1,
            bytes: "x".repeat(length).into(),
        };
        let mut making = Making::default();
        assert!(making.has_room(&chunk(50), 10), "one goes alone, however long");
        making.add(0, chunk(6));
        assert!(making.has_room(&chunk(4), 10));
        assert!(!making.has_room(&chunk(5), 10));
    }
}
