//! Batches without a hole between them, and the chunks that were cut from them: a feed's recent lines, or a page that
//! was read from the store.

use std::collections::VecDeque;
use std::sync::Arc;

use edge::sieve::Slice;
use lines::filter::UNDECIDED;
use lines::{Batch, Filter, Offset, StreamName, Verdict};

use crate::feeds::view::{Chunk, Encoding, Run, View};

/// Chunks that a window remembers, at most.
const MAX_CHUNKS: usize = 64;

/// Chunks that it may remember however large they are: readers of different views stand at one place, and each view's
/// newest one serves all who want that.
const MIN_CHUNKS: usize = 4;

/// A run of batches. What it holds in bytes of lines is bounded by whoever adds and sheds.
pub(crate) struct Window {
    stream: StreamName,
    /// In order; each ends where the next begins.
    batches: VecDeque<Arc<Batch>>,
    /// Of the batches' lines.
    bytes: usize,
    /// The newest last. Never more bytes than the batches have, or a few chunks.
    chunks: VecDeque<(View, Chunk)>,
    chunks_bytes: usize,
}

impl Window {
    /// With nothing in it.
    pub(crate) fn new(stream: StreamName) -> Self {
        Self {
            stream,
            batches: VecDeque::new(),
            bytes: 0,
            chunks: VecDeque::new(),
            chunks_bytes: 0,
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

    /// Bytes of lines and of chunks that are held.
    pub(crate) fn held(&self) -> usize {
        self.bytes + self.chunks_bytes
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

    /// Lets go of the older half, and of a single batch altogether.
    pub(crate) fn halve(&mut self) {
        let half = self.bytes / 2;
        self.shed(half);
        if self.bytes > half {
            self.clear();
        }
        self.forget_chunks();
    }

    /// Lets go of what lies before a stream's floor: the lines are gone, and nobody is to be shown them any more.
    pub(crate) fn forget_before(&mut self, floor: Offset) {
        let mut is_cut = false;
        while let Some(batch) = self.batches.pop_front_if(|batch| batch.next() <= floor) {
            self.bytes -= batch.lines.ndjson.len();
            is_cut = true;
        }
        if is_cut {
            self.forget_chunks();
        }
    }

    /// Of chunks, those stay whose lines are here.
    fn forget_chunks(&mut self) {
        let start = self.range().map(|(start, _)| start);
        self.chunks
            .retain(|(_, chunk)| start.is_some_and(|start| chunk.first >= start));
        self.chunks_bytes = self.chunks.iter().map(|(_, chunk)| chunk.bytes.len()).sum();
    }

    /// Lets go of everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.stream.clone());
    }

    /// The chunk that begins at `from`, if it was made before.
    pub(crate) fn known(&self, from: Offset, view: &View) -> Option<Chunk> {
        let same = |(of, chunk): &&(View, Chunk)| chunk.first == from && of.is(view);
        self.chunks
            .iter()
            .rev()
            .find(same)
            .map(|(_, chunk)| chunk.clone())
    }

    /// The lines from `from` up to `upto`, or so many batches that they have about `bytes`. `None` when `from` is not
    /// here, or `upto` does not lie behind it.
    pub(crate) fn piece(&self, from: Offset, upto: Offset, bytes: usize) -> Option<Piece> {
        let (start, end) = self.range()?;
        let upto = upto.min(end);
        if from < start || from >= upto {
            return None;
        }
        let mut room = bytes;
        let at = self.batches.partition_point(|batch| batch.next() <= from);
        let within = self.batches.iter().skip(at).take_while(|batch| {
            let wanted = batch.first < upto && (room > 0 || batch.first <= from);
            // The batch that `from` lies in counts whole: a little less is taken with it than could be.
            room = room.saturating_sub(batch.lines.ndjson.len());
            wanted
        });
        let batches: Vec<_> = within.cloned().collect();
        let taken = batches.last().map_or(from, |batch| batch.next());
        Some(Piece {
            stream: self.stream.clone(),
            upto: upto.min(taken),
            from,
            batches,
        })
    }

    /// Where the newest batches begin that have at most `bytes` together, or the newest one. `None` when nothing is
    /// here.
    pub(crate) fn newest(&self, bytes: usize) -> Option<Offset> {
        let mut room = bytes;
        let fits = |batch: &&Arc<Batch>| {
            let size = batch.lines.ndjson.len();
            let fits = size <= room;
            room = room.saturating_sub(size);
            fits
        };
        let newest = self.batches.iter().rev().take_while(fits).last();
        newest.or(self.batches.back()).map(|batch| batch.first)
    }

    /// Keeps a chunk for others, while the lines that it was cut from are here.
    pub(crate) fn remember(&mut self, view: &View, chunk: &Chunk) {
        let is_here = |(start, end)| start <= chunk.first && chunk.first < end;
        if !self.range().is_some_and(is_here) {
            return;
        }
        self.chunks_bytes += chunk.bytes.len();
        self.chunks.push_back((view.clone(), chunk.clone()));
        while self.chunks.len() > MAX_CHUNKS
            || (self.chunks_bytes > self.bytes && self.chunks.len() > MIN_CHUNKS)
        {
            if let Some((_, old)) = self.chunks.pop_front() {
                self.chunks_bytes -= old.bytes.len();
            }
        }
    }

    /// A chunk of all lines, of about `target` bytes, for a view without a filter: made under the caller's lock, for it is
    /// a copy of few bytes.
    pub(crate) fn cut(&mut self, from: Offset, upto: Offset, target: usize, view: &View) -> Option<Chunk> {
        if let Some(chunk) = self.known(from, view) {
            return Some(chunk);
        }
        let chunk = self.piece(from, upto, target)?.all(target, view.encoding);
        self.remember(view, &chunk);
        Some(chunk)
    }
}

/// What a session gets at its cursor.
pub(crate) enum Pull {
    /// Lines.
    Chunk(Chunk),
    /// Nothing yet: the feed will wake it.
    AtHead,
    /// Lines that a filter has to look through: [`crate::cursors::filtering`] does.
    Sift(Piece),
    /// Lines that the feed no longer has, or never had: read the store.
    Behind,
}

/// How far a filter looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Up to about so many bytes of lines that match.
    pub(crate) target: usize,
    /// In about so many bytes.
    pub(crate) scan: usize,
}

/// Lines of a window that are on their way into a chunk.
pub(crate) struct Piece {
    stream: StreamName,
    batches: Vec<Arc<Batch>>,
    from: Offset,
    upto: Offset,
}

impl Piece {
    /// The stream they are of, and where they begin.
    pub(crate) fn at(&self) -> (&StreamName, Offset) {
        (&self.stream, self.from)
    }

    /// The most that a filter can cost on these lines, in nanoseconds or so.
    pub(crate) fn cost(&self, filter: &Filter) -> usize {
        let bytes: usize = self.batches.iter().map(|batch| batch.lines.ndjson.len()).sum();
        bytes.saturating_mul(filter.cost())
    }

    /// The lines that match, within these bounds and what the slice has time for, though at least one is looked at. Takes its time: not to be called under a lock.
    ///
    /// A line that the filter gives up on is among them, with a mark: who asked is never shown less than there may be.
    pub(crate) fn matching(
        &self,
        filter: &Filter,
        encoding: Encoding,
        bounds: Bounds,
        mut slice: Slice,
    ) -> Chunk {
        let (mut objects, mut count) = (Vec::new(), 0);
        let (mut next, mut scanned) = (self.from, 0);
        let (cost, mut over) = (filter.cost(), false);
        'lines: for batch in &self.batches {
            let skip = usize::try_from(next.since(batch.first)).unwrap_or(usize::MAX);
            for line in batch.lines.iter().skip(skip) {
                if next >= self.upto || objects.len() >= bounds.target || scanned >= bounds.scan {
                    break 'lines;
                }
                if over {
                    break 'lines;
                }
                scanned += line.len();
                let verdict = filter.judge(line);
                if verdict != Verdict::Differs {
                    objects.extend_from_slice(br#"{"offset":"#);
                    objects.extend_from_slice(next.to_string().as_bytes());
                    objects.push(b',');
                    if verdict == Verdict::Undecided {
                        objects.extend_from_slice(UNDECIDED);
                    }
                    // A line is an object with at least one member.
                    objects.extend_from_slice(&line[1..]);
                    objects.push(b'\n');
                    count += 1;
                }
                next = next.plus(1);
                over = slice.is_over_after(line.len().saturating_mul(cost));
            }
        }
        let run = Run {
            stream: &self.stream,
            first: self.from,
            next,
            ndjson: &[&objects],
        };
        Chunk::of_some(&run, count, encoding)
    }

    /// Every line, up to about `target` bytes, at least one.
    fn all(&self, target: usize, encoding: Encoding) -> Chunk {
        let mut runs: Vec<&[u8]> = Vec::new();
        let mut room = target;
        let mut next = self.from;
        for batch in &self.batches {
            if next >= self.upto {
                break;
            }
            let lines: &[u8] = &batch.lines.ndjson;
            let begin = end_of_lines(lines, next.since(batch.first));
            let at_least_one = next == self.from;
            let (taken, bytes) = fitting(&lines[begin..], self.upto.since(next), room, at_least_one);
            runs.push(&lines[begin..begin + bytes]);
            next = next.plus(taken);
            room = room.saturating_sub(bytes);
            if next < batch.next() {
                break;
            }
        }
        let run = Run {
            stream: &self.stream,
            first: self.from,
            next,
            ndjson: &runs,
        };
        Chunk::of_all(&run, encoding)
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
    use crate::testing::{ALL, batch};

    fn window(counts: &[u32]) -> Window {
        let mut window = Window::new(StreamName::parse("s").unwrap());
        let mut first = 100;
        for &count in counts {
            window.append(batch("s", first, count));
            first += u64::from(count);
        }
        window
    }

    #[test]
    fn chunks_follow_each_other_without_a_hole_whatever_the_batches_are() {
        for target in [1, 100, 500, 100_000] {
            let mut window = window(&[1, 10, 3, 50]);
            let (mut cursor, end) = window.range().unwrap();
            let mut seen = Vec::new();
            while cursor < end {
                let chunk = window.cut(cursor, end, target, &ALL).unwrap();
                assert_eq!(chunk.first, cursor);
                seen.extend(crate::testing::messages(&chunk.bytes));
                cursor = chunk.next;
            }
            let want: Vec<_> = (100..164).map(|offset| format!("line {offset}")).collect();
            assert_eq!(seen, want, "chunks of {target} bytes");
        }
    }

    #[test]
    fn sessions_at_the_same_cursor_get_the_same_bytes() {
        let mut window = window(&[10]);
        let one = window.cut(Offset(103), Offset(106), 1000, &ALL).unwrap();
        window.append(batch("s", 110, 5));
        let two = window.cut(Offset(103), Offset(115), 1000, &ALL).unwrap();
        assert_eq!(one.bytes.as_ptr(), two.bytes.as_ptr());
    }

    #[test]
    fn a_line_longer_than_a_chunk_goes_alone() {
        let mut window = window(&[3]);
        let chunk = window.cut(Offset(101), Offset(103), 1, &ALL).unwrap();
        assert_eq!(
            (chunk.first, chunk.next, chunk.lines),
            (Offset(101), Offset(102), 1)
        );
    }

    #[test]
    fn what_lies_before_the_floor_is_let_go_of_with_its_chunks() {
        let mut window = window(&[1, 10, 3]);
        for from in [100, 103, 111] {
            window.cut(Offset(from), Offset(114), 100, &ALL).unwrap();
        }
        window.forget_before(Offset(100));
        assert_eq!(window.range(), Some((Offset(100), Offset(114))));
        window.forget_before(Offset(111));
        assert_eq!(window.range(), Some((Offset(111), Offset(114))));
        assert!(window.known(Offset(103), &ALL).is_none());
        assert!(window.known(Offset(111), &ALL).is_some());
        window.forget_before(Offset(114));
        assert_eq!((window.range(), window.held()), (None, 0));
    }

    #[test]
    fn what_is_not_here_is_not_cut() {
        let mut window = window(&[3]);
        assert_eq!(window.cut(Offset(99), Offset(103), 100, &ALL), None);
        assert_eq!(window.cut(Offset(103), Offset(104), 100, &ALL), None);
        assert_eq!(window.cut(Offset(101), Offset(101), 100, &ALL), None);
    }

    #[test]
    fn a_filter_leaves_lines_with_their_offsets_and_moves_past_the_others() {
        let mut window = window(&[1, 10, 3, 50]);
        let filter = Arc::new(Filter::parse("/1$/").unwrap());
        let view = View {
            filter: Some(Arc::clone(&filter)),
            ..ALL
        };
        let (mut cursor, end) = window.range().unwrap();
        let mut seen = Vec::new();
        while cursor < end {
            let chunk = match window.known(cursor, &view) {
                Some(chunk) => chunk,
                None => {
                    let chunk = window.piece(cursor, end, 300).unwrap().matching(
                        &filter,
                        ALL.encoding,
                        Bounds {
                            target: 80,
                            scan: 1_000,
                        },
                        Slice::of(std::time::Duration::from_secs(60)),
                    );
                    window.remember(&view, &chunk);
                    chunk
                }
            };
            assert!(chunk.next > cursor);
            assert!(window.known(cursor, &view).is_some());
            assert!(
                window.known(cursor, &ALL).is_none(),
                "a filter's chunk is for that filter"
            );
            let lines = crate::testing::lines(&chunk.bytes);
            assert_eq!(lines.len() as u64, chunk.lines);
            seen.extend(lines.into_iter().map(|line| line["offset"].as_u64().unwrap()));
            cursor = chunk.next;
        }
        assert_eq!(seen, [101, 111, 121, 131, 141, 151, 161]);
    }
}
