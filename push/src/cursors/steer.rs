//! What a client does with subscriptions that stand: pause, resume, seek, and a token that allows less.

use std::collections::BTreeMap;
use std::sync::Arc;

use auth::{Action, Subscriber, may};
use lines::{Extent, Offset, StreamName};
use tokio::time::Instant;

use super::owed::{Missing, Owed};
use super::refusal::{Details, Refusal};
use super::subscription::{Terms, To};
use super::{Cursors, Subscription, owe};

impl Cursors {
    /// Stops or goes on with a subscription. Whether there is one.
    pub(crate) fn pause(&mut self, id: &str, paused: bool) -> bool {
        let mut subscriptions = self.subscriptions.iter();
        let Some(at) = subscriptions.position(|subscription| subscription.terms.id == id) else {
            return false;
        };
        self.stop_following(at);
        self.subscriptions[at].paused = paused;
        // What a filter looked through before the pause is told after it.
        owe(&mut self.word_at, self.sources.limits.filter_told_every);
        for (number, place) in (0..).zip(&mut self.slots) {
            if let Some(slot) = place.as_mut().filter(|slot| slot.terms.id == id) {
                slot.paused = paused;
                slot.behind = 0;
                self.ready.insert(number);
                // Who wants to stay near the head does not want what came meanwhile.
                self.lagging.insert(number);
            }
        }
        true
    }

    /// When the client is owed a word on what it does not get.
    pub(crate) fn word_at(&self) -> Option<Instant> {
        self.word_at
    }

    /// That word: how many lines wait, and how far filters have looked.
    pub(crate) fn words(&mut self, out: &mut Vec<Owed>) {
        self.word_at = None;
        for slot in self.slots.iter_mut().flatten() {
            if !slot.paused {
                slot.tell(out);
            } else {
                let count = slot.member.head().since(slot.cursor);
                if count != slot.behind {
                    slot.behind = count;
                    out.push(Owed::Behind {
                        terms: Arc::clone(&slot.terms),
                        stream: slot.member.stream().clone(),
                        count,
                    });
                }
            }
        }
    }

    /// Whether a subscription has this stream, in the words of a refusal.
    pub(crate) fn check_has(&self, id: &str, stream: &StreamName) -> Result<(), Refusal> {
        if !self.has(id) {
            return Err(super::unknown(id));
        }
        let slot = self
            .by_stream
            .get(stream)
            .and_then(|number| self.slots[number as usize].as_ref());
        let of_id = |of: &&Subscription| of.terms.id == id;
        let carries = || {
            self.subscriptions
                .iter()
                .find(of_id)
                .is_some_and(|of| of.carries(stream))
        };
        if slot.is_some_and(|slot| slot.terms.id == id) || carries() {
            Ok(())
        } else {
            let message = "this subscription has no such stream";
            Err(Refusal::new("stream_not_found", message)
                .about(stream.as_str())
                .to(id))
        }
    }

    /// Goes on elsewhere, in a stream that [`Cursors::check_has`] found, after the store said what is kept of it.
    pub(crate) fn seek(
        &mut self,
        id: &str,
        stream: &StreamName,
        to: To,
        extent: Extent,
        out: &mut Vec<Owed>,
    ) -> Result<(), Refusal> {
        self.check_has(id, stream)?;
        if let Some(at) = self.subscriptions.iter().position(|of| of.carries(stream)) {
            self.put_down(at, |carried| carried == stream);
        }
        let Some(number) = self.by_stream.get(stream) else {
            return Ok(());
        };
        let Some(slot) = self.slots[number as usize].as_mut() else {
            return Ok(());
        };
        let head = extent.next.max(slot.member.head());
        let wanted = match to {
            To::Live => head,
            To::Offset(offset) => Offset(offset),
        };
        if wanted > head {
            let message = format!("the stream has no line {head} yet: no cursor can lie beyond it");
            let details = Details {
                next: Some(head.0),
                ..Details::default()
            };
            return Err(Refusal::with("cursor_ahead", message, details)
                .about(stream.as_str())
                .to(id));
        }
        slot.tell(out);
        out.push(Owed::Sought {
            terms: Arc::clone(&slot.terms),
        });
        let cursor = wanted.max(extent.first_available);
        if wanted < cursor {
            out.push(Owed::Gap {
                stream: stream.clone(),
                from: wanted,
                to: cursor,
                why: Missing::Retention,
            });
        }
        slot.go_to(cursor);
        slot.live_from = (cursor < head).then_some(head);
        if cursor >= head {
            out.push(slot.live());
        }
        self.behind.remove(number);
        self.lagging.remove(number);
        self.ready.insert(number);
        Ok(())
    }

    /// Drops the streams that the subscriber may not read any more, and tells the client.
    pub(crate) fn regrant(&mut self, subscriber: &Subscriber, out: &mut Vec<Owed>) {
        self.payer.regrant(subscriber);
        for hold in self
            .subscriptions
            .iter()
            .flat_map(|subscription| &subscription.holds)
        {
            hold.regrant(subscriber);
        }
        for at in 0..self.subscriptions.len() {
            self.put_down(at, |stream| !may(subscriber, Action::Read, stream));
        }
        let removed = self.remove_slots(|slot| !may(subscriber, Action::Read, slot.member.stream()), out);
        let mut by_subscription: BTreeMap<String, (Arc<Terms>, Vec<StreamName>)> = BTreeMap::new();
        for (terms, stream) in removed {
            let dropped = by_subscription.entry(terms.id.clone());
            dropped.or_insert_with(|| (terms, Vec::new())).1.push(stream);
        }
        let dropped = by_subscription.into_values();
        out.extend(dropped.map(|(terms, streams)| Owed::Dropped { terms, streams }));
    }
}
