//! Which lines of a batch are wanted.

use collect::{Batch, Filter, Offset, Timestamp};

/// What a line must be like, beyond its place.
pub(super) struct Wanted {
    pub(super) filter: Option<Filter>,
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
}

impl Wanted {
    pub(super) fn is_everything(&self) -> bool {
        self.filter.is_none() && self.since.is_none() && self.until.is_none()
    }

    /// The lines of a batch from `from` up to `end` that are wanted.
    pub(super) fn of<'a>(
        &'a self,
        batch: &'a Batch,
        from: Offset,
        end: Offset,
    ) -> impl Iterator<Item = (Offset, &'a [u8])> {
        let lines = &batch.lines;
        let none = self.since.is_some_and(|since| lines.newest < since)
            || self.until.is_some_and(|until| lines.oldest >= until);
        let since = self.since.filter(|since| lines.oldest < *since).map(Bound::of);
        let until = self.until.filter(|until| lines.newest >= *until).map(Bound::of);
        let batch = (!none).then_some(batch);
        let within = move |(offset, line): &(Offset, &[u8])| {
            *offset >= from
                && *offset < end
                && since.as_ref().is_none_or(|since| !since.is_after(line))
                && until.as_ref().is_none_or(|until| until.is_after(line))
                && self.filter.as_ref().is_none_or(|filter| filter.matches(line))
        };
        batch.into_iter().flat_map(numbered).filter(within)
    }
}

/// A batch's lines with their offsets.
pub(super) fn numbered(batch: &Batch) -> impl Iterator<Item = (Offset, &[u8])> {
    let offsets = (batch.first.0..).map(Offset);
    offsets.zip(batch.lines.iter())
}

/// A time as it stands in lines. They all write times in one length, so that text order is time order: nothing is
/// parsed.
struct Bound(String);

impl Bound {
    fn of(time: Timestamp) -> Self {
        Self(time.to_string())
    }

    /// Whether this time is after the line's.
    fn is_after(&self, line: &[u8]) -> bool {
        let ts = line.strip_prefix(b"{\"ts\":\"").unwrap_or(b"");
        let ts = ts.get(..self.0.len()).unwrap_or(b"");
        self.0.as_bytes() > ts
    }
}
