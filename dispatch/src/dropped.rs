//! Hints that go no further: counted by place, and remembered until whoever misses them has been told.

use std::collections::HashSet;

use lines::{Hint, StreamName};

/// Where a hint was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The dispatcher's queue was full.
    Dispatcher,
    /// The route table did not answer.
    Lookup,
    /// There is no link yet to a node that wants it.
    NoLink,
    /// No dispatcher can be reached.
    NoDispatcher,
    /// The link's queue was full.
    LinkFull,
    /// The link is not connected.
    LinkDown,
    /// The link broke with it in its queue.
    LinkBroke,
    /// It is larger than links carry.
    TooLarge,
    /// The queue to the node's own sessions was full.
    Sessions,
}

impl Place {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Dispatcher => "dispatcher",
            Self::Lookup => "lookup",
            Self::NoLink => "no_link",
            Self::NoDispatcher => "no_dispatcher",
            Self::LinkFull => "link_full",
            Self::LinkDown => "link_down",
            Self::LinkBroke => "link_broke",
            Self::TooLarge => "too_large",
            Self::Sessions => "sessions",
        }
    }
}

/// Counts dropped hints.
pub(crate) fn count(place: Place, hints: usize) {
    if hints > 0 {
        metrics::counter!("tailcast_hints_dropped_total", "where" => place.as_str()).increment(hints as u64);
    }
}

/// What still has to be told as lost. Beyond a number of streams it is just "any".
#[derive(Debug, Default)]
pub(crate) struct Lost {
    streams: HashSet<StreamName>,
    any: bool,
}

impl Lost {
    /// A hint of this stream was dropped. At most `bound` streams are remembered by name.
    pub(crate) fn add(&mut self, stream: &StreamName, bound: usize) {
        if self.any || self.streams.contains(stream) {
            return;
        }
        if self.streams.len() < bound {
            self.streams.insert(stream.clone());
        } else {
            self.add_any()
        }
    }

    /// Hints of any stream may have been dropped.
    pub(crate) fn add_any(&mut self) {
        self.any = true;
        self.streams.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.any && self.streams.is_empty()
    }

    /// The hints that tell it, which is then told.
    pub(crate) fn take(&mut self) -> Vec<Hint> {
        if std::mem::take(&mut self.any) {
            vec![Hint::AnyLost]
        } else {
            self.streams.drain().map(Hint::Lost).collect()
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_lost_by_name_until_they_are_too_many() {
        let name = |text: &str| StreamName::parse(text).unwrap();
        let mut lost = Lost::default();
        lost.add(&name("a"), 2);
        lost.add(&name("a"), 2);
        assert!(matches!(&lost.take()[..], [Hint::Lost(stream)] if *stream == name("a")));
        assert!(lost.is_empty());
        for text in ["a", "b", "c", "d"] {
            lost.add(&name(text), 2);
        }
        assert!(matches!(&lost.take()[..], [Hint::AnyLost]));
        assert!(lost.is_empty() && lost.take().is_empty());
    }
}
