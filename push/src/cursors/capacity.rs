//! How many streams a session may have.

use lines::StreamName;

use crate::cursors::refusal::Refusal;

/// What a place costs beside the stream's name, where places are told to the reader: two separators and an offset of up
/// to 13 digits.
const BESIDE_NAME: usize = 15;

/// The bounds of one session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Capacity {
    /// So many streams.
    pub(crate) streams: usize,
    /// And so many bytes of all places together, where a reader is told all of them at once.
    pub(crate) place_bytes: Option<usize>,
}

/// What a session has of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    streams: usize,
    place_bytes: usize,
}

/// What is left of it.
pub(crate) struct Room {
    streams: usize,
    place_bytes: usize,
}

impl Capacity {
    /// What is left for a session that has so much.
    pub(crate) fn room(&self, held: Held) -> Room {
        let place_bytes = self.place_bytes.unwrap_or(usize::MAX);
        Room {
            streams: self.streams.saturating_sub(held.streams),
            place_bytes: place_bytes.saturating_sub(held.place_bytes),
        }
    }

    /// The refusal of streams for which there is no room.
    pub(crate) fn exceeded(&self) -> Refusal {
        let message = match self.place_bytes {
            None => format!("a session has at most {} streams", self.streams),
            Some(bytes) => format!(
                "where this many streams stand does not fit into {bytes} bytes of an event's id: name fewer of them, or use \
                 the WebSocket, which has up to {}",
                self.streams
            ),
        };
        Refusal::new("limit", message)
    }
}

impl Held {
    /// The session has a stream more.
    pub(crate) fn add(&mut self, stream: &StreamName) {
        self.streams += 1;
        self.place_bytes += cost(stream);
    }

    /// It has one less.
    pub(crate) fn remove(&mut self, stream: &StreamName) {
        self.streams -= 1;
        self.place_bytes -= cost(stream);
    }

    /// How many streams it has.
    pub(crate) fn streams(self) -> usize {
        self.streams
    }
}

impl Room {
    /// Takes a place for a stream, if there is one. When there is none, nothing is left for others either: streams are
    /// not chosen by the length of their names.
    pub(crate) fn take(&mut self, stream: &StreamName) -> bool {
        let fits = self.streams > 0 && self.place_bytes >= cost(stream);
        if fits {
            self.streams -= 1;
            self.place_bytes -= cost(stream);
        } else {
            self.streams = 0;
        }
        fits
    }

    /// Whether nothing more fits.
    pub(crate) fn is_full(&self) -> bool {
        self.streams == 0
    }
}

fn cost(stream: &StreamName) -> usize {
    stream.as_str().len() + BESIDE_NAME
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_full_by_streams_or_by_the_bytes_of_its_places() {
        let names: Vec<_> = (0..10)
            .map(|nth| StreamName::parse(&format!("stream/{nth}")).unwrap())
            .collect();
        let taken = |place_bytes, have: usize| {
            let capacity = Capacity {
                streams: 5,
                place_bytes,
            };
            let mut held = Held::default();
            names.iter().for_each(|name| held.add(name));
            names[have..].iter().for_each(|name| held.remove(name));
            let mut room = capacity.room(held);
            let taken = names[have..].iter().filter(|name| room.take(name)).count();
            (taken, room.is_full())
        };
        assert_eq!(taken(None, 0), (5, true));
        assert_eq!(taken(None, 3), (2, true));
        assert_eq!(taken(Some(3 * (8 + BESIDE_NAME)), 1), (2, true));
        assert_eq!(taken(Some(3 * (8 + BESIDE_NAME) + 22), 0), (3, true));
    }
}
