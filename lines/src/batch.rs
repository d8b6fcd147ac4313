//! A run of consecutive lines of one stream: the unit of storing, dispatching and delivering.

use bytes::Bytes;

use crate::{Line, LineHead, Offset, StreamName, Timestamp};

/// The most NDJSON one batch holds, in bytes, unless a single line is longer.
pub const MAX_BATCH_BYTES: usize = 1024 * 1024;

/// Lines that have no place in a stream yet, encoded once. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    /// One object a line, each ended by a line feed. Shared by everything that keeps or sends the lines.
    pub ndjson: Bytes,
    /// How many lines there are; at least 1.
    pub count: u32,
    /// The least `ts` among them.
    pub oldest: Timestamp,
    /// The greatest `ts` among them.
    pub newest: Timestamp,
}

impl Lines {
    /// Encodes lines; `None` when there are none.
    pub fn encode<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Option<Self> {
        let mut ndjson = Vec::new();
        let mut count = 0;
        let (mut oldest, mut newest) = (Timestamp::from_nanos(i64::MAX), Timestamp::from_nanos(i64::MIN));
        for line in lines {
            line.encode(&mut ndjson);
            count += 1;
            oldest = oldest.min(line.ts);
            newest = newest.max(line.ts);
        }
        (count > 0).then(|| Self {
            ndjson: ndjson.into(),
            count,
            oldest,
            newest,
        })
    }

    /// What follows the first `count` lines; `None` when nothing does. The bytes are shared.
    pub fn after(&self, count: u32) -> Option<Self> {
        let left = self.count.checked_sub(count).filter(|&left| left > 0)?;
        let begins: usize = self.iter().take(count as usize).map(|line| line.len() + 1).sum();
        let mut rest = Self {
            ndjson: self.ndjson.slice(begins..),
            count: left,
            oldest: self.newest,
            newest: self.oldest,
        };
        for line in rest.ndjson.clone().split_inclusive(|&byte| byte == b'\n') {
            // A line that says no time, which none does, may have any that these have.
            let ts = LineHead::split(line)
                .and_then(|(head, _)| Timestamp::parse(std::str::from_utf8(head.ts).ok()?));
            rest.oldest = rest.oldest.min(ts.unwrap_or(self.oldest));
            rest.newest = rest.newest.max(ts.unwrap_or(self.newest));
        }
        Some(rest)
    }

    /// Each line's object, without its line feed, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest: &[u8] = &self.ndjson;
        std::iter::from_fn(move || {
            let end = memchr::memchr(b'\n', rest)?;
            let line = &rest[..end];
            rest = &rest[end + 1..];
            Some(line)
        })
    }
}

/// Lines with their place: what the store keeps, and what travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Whose lines they are.
    pub stream: StreamName,
    /// The offset of the first one; the others follow without a hole.
    pub first: Offset,
    /// When the collector took them in.
    pub arrived: Timestamp,
    /// The lines.
    pub lines: Lines,
}

impl Batch {
    /// The offset after the last line.
    pub fn next(&self) -> Offset {
        self.first.plus(u64::from(self.lines.count))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_some_lines_is_what_they_would_be_alone() {
        let lines: Vec<Line> = [5, 1, 9, 3]
            .into_iter()
            .map(|nanos| Line {
                ts: Timestamp::from_nanos(nanos),
                level: None,
                message: format!("line of {nanos}"),
                fields: Vec::new(),
            })
            .collect();
        let all = Lines::encode(&lines).unwrap();
        for count in 0..=5 {
            let rest = lines.get(count..).and_then(Lines::encode);
            assert_eq!(all.after(count as u32), rest, "after {count}");
        }
    }
}
