//! Where the lines of an intake are.

use lines::StreamName;

use crate::append::Stored;

/// Where lines are, per stream, in the order in which the streams appear.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Streams(Vec<(StreamName, Stored)>);

impl Streams {
    /// Whether no line is stored.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many streams have lines.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The streams, and where the lines are in each.
    pub fn iter(&self) -> impl Iterator<Item = &(StreamName, Stored)> {
        self.0.iter()
    }

    pub(super) fn push(&mut self, name: StreamName, stored: Stored) {
        if !stored.is_empty() {
            self.0.push((name, stored));
        }
    }
}
