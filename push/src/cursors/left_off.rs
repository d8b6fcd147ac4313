//! Where a session stood in streams that it lost, so that a pattern which gets one back goes on there.

use std::collections::HashMap;

use lines::{Offset, StreamName};

/// The places that are remembered.
pub(super) struct LeftOff {
    /// At most so many: the oldest is forgotten for a new one.
    most: usize,
    places: HashMap<StreamName, Place>,
    /// Counts what was left.
    count: u64,
}

#[derive(Clone, Copy)]
struct Place {
    cursor: Offset,
    /// The subscriptions before this number stood then. A later one begins as it asks to.
    before: u64,
    nth: u64,
}

impl LeftOff {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            places: HashMap::new(),
            count: 0,
        }
    }

    /// A stream is left at `cursor`, while subscriptions with numbers below `before` stand.
    pub(super) fn put(&mut self, stream: StreamName, cursor: Offset, before: u64) {
        self.count += 1;
        let nth = self.count;
        self.places.insert(stream, Place { cursor, before, nth });
        if self.places.len() > self.most {
            let oldest = self.places.values().map(|place| place.nth).min();
            self.places.retain(|_, place| Some(place.nth) != oldest);
        }
    }

    /// Where the subscription with this number goes on in a stream.
    pub(super) fn get(&self, stream: &StreamName, number: u64) -> Option<Offset> {
        let place = self.places.get(stream)?;
        (number < place.before).then_some(place.cursor)
    }

    /// All places of the subscription with this number.
    pub(super) fn all(&self, number: u64) -> HashMap<StreamName, Offset> {
        let theirs = self.places.iter().filter(|(_, place)| number < place.before);
        theirs
            .map(|(stream, place)| (stream.clone(), place.cursor))
            .collect()
    }

    /// The session has the stream again.
    pub(super) fn forget(&mut self, stream: &StreamName) {
        self.places.remove(stream);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn places_are_for_the_subscriptions_that_stood_then_and_the_oldest_goes_first() {
        let names = ["a", "b", "c"].map(|name| StreamName::parse(name).unwrap());
        let mut left = LeftOff::new(2);
        for (offset, name) in (0..).zip(&names) {
            left.put(name.clone(), Offset(offset), 5);
        }
        let found = names.each_ref().map(|name| left.get(name, 4));
        assert_eq!(found, [None, Some(Offset(1)), Some(Offset(2))]);
        assert_eq!(left.get(&names[1], 5), None);
        assert_eq!((left.all(4).len(), left.all(5).len()), (2, 0));
        left.forget(&names[1]);
        assert_eq!(left.get(&names[1], 4), None);
    }
}
