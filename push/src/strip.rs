//! Batches without a hole between them, and the frames that were cut from them: a feed's recent lines, or a page that
//! was read from the store.

use std::collections::VecDeque;
use std::sync::Arc;

use collect::{Batch, Offset, StreamName};

use crate::frame::Frame;

/// Frames that a strip remembers, at most.
const MAX_FRAMES: usize = 64;

/// A run of batches. What it holds in bytes of lines is bounded by whoever adds and sheds.
#[derive(Debug)]
pub(crate) struct Strip {
    stream: StreamName,
    /// In order; each ends where the next begins.
    batches: VecDeque<Arc<Batch>>,
    /// Of the batches' lines.
    bytes: usize,
    /// The newest last. Never more bytes than the batches have, or one frame.
    frames: VecDeque<Frame>,
    frames_bytes: usize,
}

impl Strip {
    /// With nothing in it.
    pub(crate) fn new(stream: StreamName) -> Self {
        Self {
            stream,
            batches: VecDeque::new(),
            bytes: 0,
            frames: VecDeque::new(),
            frames_bytes: 0,
        }
    }

    /// Whose lines they are.
    pub(crate) fn stream(&self) -> &StreamName {
        &self.stream
    }

    /// The offsets that are here; `None` when nothing is.
    pub(crate) fn range(&self) -> Option<(Offset, Offset)> {
        Some((self.batches.front()?.first, self.batches.back()?.next()))
    }

    /// Bytes of lines that are held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a batch that begins where the last one ends.
    pub(crate) fn append(&mut self, batch: Arc<Batch>) {
        self.bytes += batch.lines.ndjson.len();
        self.batches.push_back(batch);
    }

    /// Adds a batch that ends where the first one begins.
    pub(crate) fn prepend(&mut self, batch: Arc<Batch>) {
        self.bytes += batch.lines.ndjson.len();
        self.batches.push_front(batch);
    }

    /// Lets go of the oldest batches until at most `bytes` are left, though always of one batch less than all.
    pub(crate) fn shed(&mut self, bytes: usize) {
        while self.bytes > bytes && self.batches.len() > 1 {
            if let Some(batch) = self.batches.pop_front() {
                self.bytes -= batch.lines.ndjson.len();
            }
        }
    }

    /// Lets go of everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.stream.clone());
    }

    /// The frame that begins at `from`: up to `upto`, or to about `target` bytes, whole lines, at least one. `None`
    /// when `from` is not here, or `upto` does not lie behind it.
    pub(crate) fn cut(&mut self, from: Offset, upto: Offset, target: usize) -> Option<Frame> {
        let (start, end) = self.range()?;
        let upto = upto.min(end);
        if from < start || from >= upto {
            return None;
        }
        let known = self.frames.iter().rev().find(|frame| frame.first == from);
        if let Some(frame) = known {
            return Some(frame.clone());
        }
        let frame = self.make(from, upto, target);
        self.remember(frame.clone());
        Some(frame)
    }

    fn make(&self, from: Offset, upto: Offset, target: usize) -> Frame {
        let mut runs: Vec<&[u8]> = Vec::new();
        let mut room = target;
        let mut next = from;
        let at = self.batches.partition_point(|batch| batch.next() <= from);
        for batch in self.batches.iter().skip(at) {
            if next >= upto {
                break;
            }
            let lines: &[u8] = &batch.lines.ndjson;
            let begin = end_of_lines(lines, next.since(batch.first));
            let (taken, bytes) = fitting(&lines[begin..], upto.since(next), room, next == from);
            runs.push(&lines[begin..begin + bytes]);
            next = next.plus(taken);
            room = room.saturating_sub(bytes);
            if next < batch.next() {
                break;
            }
        }
        Frame::of_lines(&self.stream, from, next, &runs)
    }

    fn remember(&mut self, frame: Frame) {
        self.frames_bytes += frame.bytes.len();
        self.frames.push_back(frame);
        while self.frames.len() > MAX_FRAMES || (self.frames_bytes > self.bytes && self.frames.len() > 1) {
            if let Some(old) = self.frames.pop_front() {
                self.frames_bytes -= old.bytes.len();
            }
        }
    }
}

/// Where the first `count` lines end.
fn end_of_lines(ndjson: &[u8], count: u64) -> usize {
    match count {
        0 => 0,
        _ => memchr::memchr_iter(b'\n', ndjson)
            .nth(usize::try_from(count - 1).unwrap_or(usize::MAX))
            .map_or(ndjson.len(), |at| at + 1),
    }
}

/// How many of at most `most` lines fit into `room` bytes, and their bytes. With `at_least_one`, the first always does.
fn fitting(ndjson: &[u8], most: u64, room: usize, at_least_one: bool) -> (u64, usize) {
    let (mut lines, mut bytes) = (0, 0);
    for at in memchr::memchr_iter(b'\n', ndjson) {
        let first_of_all = at_least_one && lines == 0;
        if lines == most || (at + 1 > room && !first_of_all) {
            break;
        }
        lines += 1;
        bytes = at + 1;
    }
    (lines, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::batch;

    fn strip(counts: &[u32]) -> Strip {
        let mut strip = Strip::new(StreamName::parse("s").unwrap());
        let mut first = 100;
        for &count in counts {
            strip.append(batch("s", first, count));
            first += u64::from(count);
        }
        strip
    }

    #[test]
    fn frames_follow_each_other_without_a_hole_whatever_the_batches_are() {
        for target in [1, 100, 500, 100_000] {
            let mut strip = strip(&[1, 10, 3, 50]);
            let (mut cursor, end) = strip.range().unwrap();
            let mut seen = Vec::new();
            while cursor < end {
                let frame = strip.cut(cursor, end, target).unwrap();
                assert_eq!(frame.first, cursor);
                seen.extend(crate::testing::messages(&frame.bytes));
                cursor = frame.next;
            }
            let want: Vec<_> = (100..164).map(|offset| format!("line {offset}")).collect();
            assert_eq!(seen, want, "frames of {target} bytes");
        }
    }

    #[test]
    fn sessions_at_the_same_cursor_get_the_same_bytes() {
        let mut strip = strip(&[10]);
        let one = strip.cut(Offset(103), Offset(106), 1000).unwrap();
        strip.append(batch("s", 110, 5));
        let two = strip.cut(Offset(103), Offset(115), 1000).unwrap();
        assert_eq!(one.bytes.as_ptr(), two.bytes.as_ptr());
    }

    #[test]
    fn a_line_longer_than_a_frame_goes_alone() {
        let mut strip = strip(&[3]);
        let frame = strip.cut(Offset(101), Offset(103), 1).unwrap();
        assert_eq!(
            (frame.first, frame.next, frame.lines),
            (Offset(101), Offset(102), 1)
        );
    }

    #[test]
    fn what_is_not_here_is_not_cut() {
        let mut strip = strip(&[3]);
        assert_eq!(strip.cut(Offset(99), Offset(103), 100), None);
        assert_eq!(strip.cut(Offset(103), Offset(104), 100), None);
        assert_eq!(strip.cut(Offset(101), Offset(101), 100), None);
    }
}
