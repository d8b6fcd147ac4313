//! Slots whose lines wait for their filter's turn.

use std::pin::Pin;
use std::sync::Arc;

use lines::StreamName;

use super::Cursors;
use super::filtering::Pass;
use super::slot::Slot;
use crate::feeds::view::{Chunk, View};
use crate::feeds::window::Pull;

/// A pass of a filter that a session waits for.
pub(crate) type FilterPass = Pin<Box<dyn Future<Output = Filtered> + Send>>;

/// What came of it.
pub(crate) struct Filtered {
    pub(super) slot: u32,
    pub(super) stream: StreamName,
    view: View,
    /// `None` when another session looked: the chunk is where the lines are.
    pub(super) chunk: Option<Chunk>,
}

impl Cursors {
    /// A pass of a filter that is needed, when there is one: one at a time, streams take turns.
    pub(crate) fn pass(&mut self) -> Option<FilterPass> {
        // Only a ready slot takes its frame. One that is gone, or waits for something else, would hold up all others.
        self.filtered.take_if(|filtered| !self.ready.has(filtered.slot));
        if self.filtered.is_some() {
            return None;
        }
        let number = self.sifting.next_from(self.turn)?;
        self.sifting.remove(number);
        let slot = self.slots.get(number as usize).and_then(Option::as_ref)?;
        let (stream, view) = (slot.member.stream().clone(), slot.terms.view.clone());
        let pass = match slot.pull(&self.sources) {
            (Pull::Sift(piece), kept) => Some(Pass {
                piece,
                view: view.clone(),
                home: slot.home(kept, &self.sources),
            }),
            // What it waited for is there by now, or the lines are gone: the next pull says.
            _ => None,
        };
        let account = self.payer.account(&self.sources.filtering.sieve);
        let (sources, account) = (Arc::clone(&self.sources), Arc::clone(account));
        Some(Box::pin(async move {
            let chunk = match pass {
                Some(pass) => pass.run(&sources.filtering, &account).await,
                None => None,
            };
            Filtered {
                slot: number,
                stream,
                view,
                chunk,
            }
        }))
    }

    /// Takes what a pass brought.
    pub(crate) fn filtered(&mut self, filtered: Filtered) {
        self.ready.insert(filtered.slot);
        self.filtered = filtered.chunk.is_some().then(|| Box::new(filtered));
    }
}

impl Filtered {
    /// The chunk, if it is what the slot wants now.
    pub(super) fn at(self, slot: &Slot) -> Option<Chunk> {
        let same = self.stream == *slot.member.stream() && self.view.is(&slot.terms.view);
        self.chunk.filter(|chunk| same && chunk.first == slot.cursor)
    }
}
