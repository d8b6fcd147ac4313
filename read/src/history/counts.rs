//! How many lines there are, over time and by level.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::{ControlFlow, Range};

use lines::{Level, LineHead, Offset, Second, Timestamp, Verdict};
use serde::{Serialize, Serializer};

use super::head::Head;
use crate::scan::{Holes, Take};

/// How much of `2026-11-21T14:03:00.000000000Z` says which second it is.
const SECOND: usize = "2026-11-21T14:03:00".len();

/// How long a bucket is, in seconds: from 1 to [`Self::MOST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Width(NonZeroU32);

/// Lines counted so far.
pub(super) struct Counts {
    width: Width,
    /// Only those with lines, by when they begin; at most `most`.
    buckets: BTreeMap<Second, Bucket>,
    most: usize,
    /// Lines that the filter gave up on: they are in no bucket.
    undecided: u64,
    /// The second of the line before, as lines write it, and the bucket that it is in. Lines of one second mostly stand
    /// together, and then no time is read twice.
    latest: Option<([u8; SECOND], Second)>,
    /// Lines that could not be counted.
    holes: Holes,
}

/// The lines of a stretch of time.
#[derive(Default)]
struct Bucket {
    /// All of them.
    lines: u64,
    /// Those with a level, in the order of [`Level::ALL`].
    levels: [u64; Level::ALL.len()],
}

impl Width {
    /// A day.
    pub(super) const MOST: u32 = 86_400;

    pub(super) fn parse(text: &str) -> Option<Self> {
        let seconds: NonZeroU32 = text.parse().ok()?;
        (seconds.get() <= Self::MOST).then_some(Self(seconds))
    }
}

impl Default for Width {
    /// A minute.
    fn default() -> Self {
        Self(NonZeroU32::MIN.saturating_add(59))
    }
}

impl Counts {
    pub(super) fn new(width: Width, most: usize) -> Self {
        Self {
            width,
            buckets: BTreeMap::new(),
            most,
            undecided: 0,
            latest: None,
            holes: Holes::default(),
        }
    }

    /// When the bucket of a line's `ts` begins.
    fn bucket_of(&mut self, ts: &[u8]) -> Option<Second> {
        let second = ts.first_chunk::<SECOND>()?;
        if let Some((latest, at)) = &self.latest
            && latest == second
        {
            return Some(*at);
        }
        let ts = Timestamp::parse(std::str::from_utf8(ts).ok()?)?;
        let at = ts.second().floor(self.width.0);
        self.latest = Some((*second, at));
        Some(at)
    }

    /// Lines that the filter gave up on.
    pub(super) fn undecided(&self) -> u64 {
        self.undecided
    }

    /// The answer's object, with a line feed.
    pub(super) fn object(&self, head: &Head) -> Vec<u8> {
        let object = Object {
            stream: head.stream.as_str(),
            from: head.from.0,
            next: head.next.0,
            first_available: head.first_available.0,
            width: self.width.0.get(),
            undecided: head.undecided,
            buckets: self,
            damaged: &self.holes,
        };
        let mut out = Vec::new();
        // Writing numbers and names into memory cannot fail: there is nothing to report.
        let _ = serde_json::to_writer(&mut out, &object);
        out.push(b'\n');
        out
    }
}

impl Take for Counts {
    /// Counts a line, unless it needs a bucket too many: then counting stops before it.
    ///
    /// A store holds only what [`lines::Line::encode`] wrote. What is something else all the same has no time, and is
    /// not counted.
    fn take(&mut self, offset: Offset, line: &[u8], verdict: Verdict) -> ControlFlow<Offset> {
        if verdict == Verdict::Undecided {
            self.undecided += 1;
            return ControlFlow::Continue(());
        }
        let Some((head, at)) =
            LineHead::split(line).and_then(|(head, _)| Some((head, self.bucket_of(head.ts)?)))
        else {
            return ControlFlow::Continue(());
        };
        if self.buckets.len() >= self.most && !self.buckets.contains_key(&at) {
            return ControlFlow::Break(offset);
        }
        let bucket = self.buckets.entry(at).or_default();
        bucket.lines += 1;
        if let Some(level) = head.level {
            bucket.levels[level as usize] += 1;
        }
        ControlFlow::Continue(())
    }

    /// The buckets are without them.
    fn miss(&mut self, hole: Range<Offset>) {
        self.holes.push(hole);
    }
}

#[derive(Serialize)]
struct Object<'a> {
    stream: &'a str,
    from: u64,
    next: u64,
    first_available: u64,
    width: u32,
    #[serde(skip_serializing_if = "is_none")]
    undecided: u64,
    buckets: &'a Counts,
    #[serde(skip_serializing_if = "Holes::is_empty")]
    damaged: &'a Holes,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

#[derive(Serialize)]
struct Dated<'a> {
    at: String,
    lines: u64,
    levels: Levels<'a>,
}

/// By name, only those with lines.
struct Levels<'a>(&'a Bucket);

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.buckets.iter().map(|(at, bucket)| Dated {
            at: at.to_string(),
            lines: bucket.lines,
            levels: Levels(bucket),
        }))
    }
}

impl Serialize for Levels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let named = Level::ALL.into_iter().map(Level::as_str).zip(self.0.levels);
        serializer.collect_map(named.filter(|(_, lines)| *lines > 0))
    }
}
