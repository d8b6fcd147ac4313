//! Which slot a stream of a session has.
//!
//! Sorted, and not hashed: most sessions have one stream, for which the smallest table takes four times the room.

use lines::StreamName;

/// Numbers of slots by the names of their streams.
#[derive(Default)]
pub(super) struct Numbers(Vec<(StreamName, u32)>);

impl Numbers {
    pub(super) fn get(&self, stream: &StreamName) -> Option<u32> {
        self.find(stream).ok().map(|at| self.0[at].1)
    }

    pub(super) fn insert(&mut self, stream: StreamName, number: u32) {
        match self.find(&stream) {
            Ok(at) => self.0[at].1 = number,
            Err(at) => {
                super::one_alone(&mut self.0);
                self.0.insert(at, (stream, number));
            }
        }
    }

    pub(super) fn remove(&mut self, stream: &StreamName) {
        if let Ok(at) = self.find(stream) {
            self.0.remove(at);
        }
    }

    pub(super) fn streams(&self) -> impl Iterator<Item = &StreamName> {
        self.0.iter().map(|(stream, _)| stream)
    }

    /// Gives back room that a session which had many streams does not need any more.
    pub(super) fn trim(&mut self) {
        if self.0.len() < self.0.capacity() / 4 {
            self.0.shrink_to(self.0.len() * 2);
        }
    }

    fn find(&self, stream: &StreamName) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.cmp(stream))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn streams_are_found_in_whatever_order_they_come_and_go_and_their_room_is_given_back() {
        let name = |nth: u32| StreamName::parse(&format!("s/{}", nth * 7_919 % 1_000)).unwrap();
        let (mut numbers, mut known) = (Numbers::default(), HashMap::new());
        for nth in 0..1_000 {
            numbers.insert(name(nth), nth);
            known.insert(name(nth), nth);
        }
        for nth in (0..1_000).filter(|nth| nth % 10 != 0) {
            numbers.remove(&name(nth));
            known.remove(&name(nth));
        }
        numbers.insert(name(0), 5_000);
        known.insert(name(0), 5_000);
        numbers.trim();
        for nth in 0..1_000 {
            assert_eq!(numbers.get(&name(nth)), known.get(&name(nth)).copied());
        }
        assert_eq!(numbers.streams().count(), known.len());
        assert!(numbers.0.capacity() <= known.len() * 2);
    }

    #[test]
    fn one_stream_takes_no_room_for_others() {
        let mut numbers = Numbers::default();
        numbers.insert(StreamName::parse("s").unwrap(), 0);
        assert_eq!(numbers.0.capacity(), 1);
    }
}
