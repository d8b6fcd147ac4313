//! Lines that were asked for and cannot be had, since they are damaged in the store. An answer names them, and goes on
//! behind them.

use std::ops::Range;

use lines::Offset;
use serde::{Serialize, Serializer};

/// In order, none touching the next.
#[derive(Debug, Default)]
pub struct Holes(Vec<Range<Offset>>);

impl Holes {
    /// Adds one behind all others.
    pub fn push(&mut self, hole: Range<Offset>) {
        match self.0.last_mut() {
            Some(last) if last.end >= hole.start => last.end = last.end.max(hole.end),
            _ => self.0.push(hole),
        }
    }

    /// Adds all of `later`, which lie behind these.
    pub fn extend(&mut self, later: Self) {
        later.0.into_iter().for_each(|hole| self.push(hole));
    }

    /// What of them lies within these offsets.
    pub fn within(self, from: Offset, to: Offset) -> Self {
        let cut = |hole: Range<Offset>| hole.start.max(from)..hole.end.min(to);
        Self(
            self.0
                .into_iter()
                .map(cut)
                .filter(|hole| hole.start < hole.end)
                .collect(),
        )
    }

    /// Whether nothing is missing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Range<Offset>> {
        self.0.iter()
    }
}

impl Serialize for Holes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Hole {
            from: u64,
            to: u64,
        }
        serializer.collect_seq(self.0.iter().map(|hole| Hole {
            from: hole.start.0,
            to: hole.end.0,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_that_touch_are_one() {
        let mut holes = Holes::default();
        for (from, to) in [(2, 4), (4, 5), (7, 9), (8, 10)] {
            holes.push(Offset(from)..Offset(to));
        }
        let ends = |holes: &Holes| {
            holes
                .iter()
                .map(|hole| (hole.start.0, hole.end.0))
                .collect::<Vec<_>>()
        };
        assert_eq!(ends(&holes), [(2, 5), (7, 10)]);
        assert_eq!(ends(&holes.within(Offset(3), Offset(7))), [(3, 5)]);
    }
}
