//! What lies behind the memory of the node, and has to be read: for the cursors of one session one read at a time, in turns.

use std::pin::Pin;
use std::sync::Arc;

use lines::{Offset, StreamName};
use tokio::time::Instant;

use super::Cursors;
use super::owed::{Missing, Owed};
use super::slot::Slot;
use crate::StoreAway;
use crate::feeds::pages::{Found, pause_before};

/// A read of the store that a session waits for.
pub(crate) type Fetch = Pin<Box<dyn Future<Output = Fetched> + Send>>;

/// What came of it.
pub(crate) struct Fetched {
    slot: u32,
    stream: StreamName,
    cursor: Offset,
    found: Result<Found, StoreAway>,
}

impl Cursors {
    /// A read of the store that is needed, when there is one: one at a time, streams take turns.
    pub(crate) fn fetch(&mut self) -> Option<Fetch> {
        let number = self.behind.next_from(self.turn)?;
        self.behind.remove(number);
        let slot = self.slots.get(number as usize).and_then(Option::as_ref)?;
        let (pages, stream, cursor) = (
            Arc::clone(&self.sources.pages),
            slot.member.stream().clone(),
            slot.cursor,
        );
        Some(Box::pin(async move {
            let found = pages.find(&stream, cursor).await;
            Fetched {
                slot: number,
                stream,
                cursor,
                found,
            }
        }))
    }

    /// Takes what a read brought. What it was for may be gone.
    pub(crate) fn fetched(&mut self, fetched: Fetched, out: &mut Vec<Owed>) {
        let number = fetched.slot;
        self.ready.insert(number);
        let place = self.slots.get_mut(number as usize);
        // A paused one is told nothing: it asks again when it goes on.
        let same = |slot: &&mut Slot| {
            slot.cursor == fetched.cursor && *slot.member.stream() == fetched.stream && !slot.paused
        };
        let Some(slot) = place.and_then(Option::as_mut).filter(same) else {
            return;
        };
        match fetched.found {
            Ok(Found::Lines) => slot.attempts = 0,
            Ok(Found::Gone(to)) => slot.jump(to, Missing::Retention, out),
            Ok(Found::Damaged(to)) => slot.jump(to, Missing::Damaged, out),
            Ok(Found::Nothing) | Err(StoreAway) => {
                let until = Instant::now() + pause_before(slot.attempts);
                slot.attempts += 1;
                slot.rests_until = Some(until);
                self.ready.remove(number);
                let wake = Arc::clone(&self.wake);
                tokio::spawn(async move {
                    tokio::time::sleep_until(until).await;
                    wake.tell(number);
                });
            }
        }
    }
}
