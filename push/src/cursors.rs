//! A session's streams and cursors, and what its cursors are owed, in no wire's words. Holds places, never lines
//! (invariant 7).

pub(crate) mod capacity;
mod discovered;
pub(crate) mod discovery;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod filtered;
pub(crate) mod filtering;
pub(crate) mod filters;
mod follow;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod grouped;
mod left_off;
mod numbers;
pub(crate) mod owed;
mod reading;
pub(crate) mod refusal;
mod sifting;
mod slot;
pub(crate) mod sources;
mod steer;
pub(crate) mod subscribe;
pub(crate) mod subscription;

use std::sync::Arc;
use std::time::Duration;

use auth::Subscriber;
use lines::{Offset, StreamName};
use tokio::time::Instant;

use self::capacity::{Capacity, Held};
use self::filtering::Payer;
use self::follow::Follow;
use self::left_off::LeftOff;
use self::numbers::Numbers;
use self::owed::{Begun, Missing, Owed};
pub(crate) use self::reading::{Fetch, Fetched};
use self::refusal::Refusal;
pub(crate) use self::sifting::{FilterPass, Filtered};
use self::slot::{Kept, Slot};
use self::sources::Sources;
use self::subscription::{Beginning, Place, Started, Terms};
use crate::feeds::patterns::Hold;
use crate::feeds::wake::{Slots, Wake};
use crate::feeds::window::Pull;

/// What asking for the next thing to send came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// There was something.
    Sent,
    /// A filter looked through lines and left none. There may be more to look through.
    Looked,
    /// Nothing is to be sent until something happens.
    Idle,
}

/// What the end of a subscription leaves to others of the session.
pub(crate) struct Freed {
    /// Streams that patterns of others cover.
    pub(crate) handed: Vec<StreamName>,
    /// Whether streams were left out for want of room.
    pub(crate) left_out: bool,
}

/// All subscriptions of one session.
pub(crate) struct Cursors {
    sources: Arc<Sources>,
    wake: Arc<Wake>,
    /// How many streams there may be.
    capacity: Capacity,
    /// In the order in which they came; a stream that meets patterns of two belongs to the first.
    subscriptions: Vec<Subscription>,
    /// How many there ever were.
    numbered: u64,
    /// Where the session stood in streams that it lost.
    left: LeftOff,
    slots: Vec<Option<Slot>>,
    by_stream: Numbers,
    /// What all streams take, those of groups too.
    held: Held,
    /// No number below it is free.
    free_from: u32,
    /// Slots that may have something to send.
    pub(crate) ready: Slots,
    /// Slots that wait for the store.
    behind: Slots,
    /// Slots that wait for their filter's turn.
    sifting: Slots,
    /// A chunk that is ready: no other look begins while its slot is going to take it.
    filtered: Option<Box<Filtered>>,
    /// Who pays for the filters.
    payer: Payer,
    /// Slots that had something to send while the client took nothing.
    lagging: Slots,
    /// Whose turn it is: streams take turns, chunk by chunk.
    turn: u32,
    /// When the client is owed a word on what it does not get.
    word_at: Option<Instant>,
}

struct Subscription {
    terms: Arc<Terms>,
    /// How many there were before it.
    number: u64,
    /// Where its streams come from that come to it as to others; `None` when none do.
    follow: Option<Box<Follow>>,
    holds: Vec<Hold>,
    /// Where streams begin that were there before it, and not readable.
    from: Arc<Place>,
    /// For whom the store was listed when it was last listed for this subscription.
    listed_by: Subscriber,
    paused: bool,
    /// Whether the client was told that streams are left out.
    told_limit: bool,
}

impl Cursors {
    pub(crate) fn new(
        sources: Arc<Sources>,
        wake: Arc<Wake>,
        subscriber: &Subscriber,
        capacity: Capacity,
    ) -> Self {
        Self {
            payer: Payer::new(subscriber),
            left: LeftOff::new(capacity.streams),
            sources,
            wake,
            capacity,
            subscriptions: Vec::new(),
            numbered: 0,
            slots: Vec::new(),
            by_stream: Numbers::default(),
            held: Held::default(),
            free_from: 0,
            ready: Slots::default(),
            behind: Slots::default(),
            sifting: Slots::default(),
            filtered: None,
            lagging: Slots::default(),
            turn: 0,
            word_at: None,
        }
    }

    /// Whether a subscription has this id.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.subscriptions
            .iter()
            .any(|subscription| subscription.terms.id == id)
    }

    /// How many subscriptions there are.
    pub(crate) fn subscriptions(&self) -> usize {
        self.subscriptions.len()
    }

    /// The streams of all of them.
    pub(crate) fn streams(&self) -> Vec<StreamName> {
        let carried = self.subscriptions.iter().flat_map(Subscription::carried);
        self.by_stream.streams().cloned().chain(carried).collect()
    }

    /// Whether one of them has this stream.
    pub(crate) fn has_stream(&self, stream: &StreamName) -> bool {
        self.by_stream.get(stream).is_some() || self.subscriptions.iter().any(|of| of.carries(stream))
    }

    /// What they take of the session's capacity.
    pub(crate) fn held(&self) -> Held {
        self.held
    }

    /// Where the reader stands in each stream that it has by a cursor of its own, once it has what it was told.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&StreamName, Offset)> {
        let slots = self.slots.iter().flatten();
        slots.map(|slot| (slot.member.stream(), slot.told))
    }

    /// Adds a subscription; what the client is told of it goes to `out`.
    pub(crate) fn add(&mut self, started: Started, out: &mut Vec<Owed>) {
        one_alone(&mut self.subscriptions);
        let follow = started
            .group
            .map(|group| Box::new(Follow::new(group, self.take_number())));
        self.subscriptions.push(Subscription {
            terms: Arc::new(started.terms),
            number: self.numbered,
            follow,
            holds: started.holds,
            from: Arc::new(started.from),
            listed_by: started.listed_by,
            paused: false,
            told_limit: false,
        });
        self.numbered += 1;
        let at = self.subscriptions.len() - 1;
        self.begin(at, started.streams, out);
        if started.left_out {
            self.tell_limit(at, out);
        }
    }

    fn begin(&mut self, at: usize, streams: Vec<Beginning>, out: &mut Vec<Owed>) {
        let subscription = &self.subscriptions[at];
        let (terms, paused) = (Arc::clone(&subscription.terms), subscription.paused);
        let patterns = subscription.holds.iter().map(|hold| hold.pattern().clone());
        out.push(Owed::Begun {
            terms: Arc::clone(&terms),
            streams: streams.iter().map(Begun::from).collect(),
            patterns: patterns.collect(),
        });
        for beginning in streams {
            let (stream, cursor) = (beginning.member.stream().clone(), beginning.cursor);
            self.held.add(&stream);
            if let Some(from) = beginning.wanted {
                let (stream, why) = (stream.clone(), Missing::Retention);
                out.push(Owed::Gap {
                    stream,
                    from,
                    to: cursor,
                    why,
                });
            }
            let head = beginning.extent.next;
            if cursor >= head {
                out.push(Owed::Live { stream, head: cursor });
            }
            let mut slot = Slot::at(cursor, beginning.member, Arc::clone(&terms), paused);
            slot.live_from = (cursor < head).then_some(head);
            if self.carry(&slot, None) {
                self.left.forget(slot.member.stream());
            } else {
                self.place(slot);
            }
        }
    }

    /// Takes the lowest number that no slot and no group has.
    fn take_number(&mut self) -> u32 {
        let is_free = |number: &u32| {
            let place = self.slots.get(*number as usize);
            place.is_none_or(Option::is_none) && self.following(*number).is_none()
        };
        let number = (self.free_from..).find(is_free).unwrap_or_default();
        self.free_from = number + 1;
        number
    }

    fn place(&mut self, mut slot: Slot) {
        let number = self.take_number();
        let at = number as usize;
        if at >= self.slots.len() {
            one_alone(&mut self.slots);
            self.slots.resize_with(at + 1, || None);
        }
        slot.member.watch(Arc::clone(&self.wake), number);
        self.left.forget(slot.member.stream());
        self.by_stream.insert(slot.member.stream().clone(), number);
        self.ready.insert(number);
        self.slots[at] = Some(slot);
    }

    /// Ends a subscription, and answers what patterns of others have to meet for it; `None` when there is none.
    pub(crate) fn remove(&mut self, id: &str, out: &mut Vec<Owed>) -> Option<Freed> {
        let at = self.subscriptions.iter().position(|of| of.terms.id == id)?;
        self.stop_following(at);
        if let Some(follow) = self.subscriptions.remove(at).follow {
            self.free_from = self.free_from.min(follow.number);
        }
        let removed = self.remove_slots(|slot| slot.terms.id == id, out);
        // What was left out for want of room may have some now.
        let mut left_out = false;
        for subscription in self.subscriptions.iter_mut().filter(|_| !removed.is_empty()) {
            left_out |= std::mem::take(&mut subscription.told_limit);
        }
        let handed = removed.into_iter().map(|(_, stream)| stream);
        let handed = handed.filter(|stream| self.subscriptions.iter().any(|of| of.covers(stream)));
        Some(Freed {
            handed: handed.collect(),
            left_out,
        })
    }

    /// Removes streams, and answers their names. A pattern that gets one of them goes on where it stood.
    fn remove_slots(
        &mut self,
        gone: impl Fn(&Slot) -> bool,
        out: &mut Vec<Owed>,
    ) -> Vec<(Arc<Terms>, StreamName)> {
        let mut removed = Vec::new();
        for number in 0..self.slots.len() {
            if let Some(mut slot) = self.slots[number].take_if(|slot| gone(slot)) {
                let stream = slot.member.stream().clone();
                self.free(number as u32, &stream);
                self.held.remove(&stream);
                slot.tell(out);
                if self.subscriptions.iter().any(|of| of.covers(&stream)) {
                    self.left.put(stream.clone(), slot.cursor, self.numbered);
                }
                removed.push((slot.terms, stream));
            }
        }
        self.trim();
        removed
    }

    /// A stream has no slot any more.
    fn free(&mut self, number: u32, stream: &StreamName) {
        self.by_stream.remove(stream);
        self.free_from = self.free_from.min(number);
        for slots in [
            &mut self.ready,
            &mut self.behind,
            &mut self.sifting,
            &mut self.lagging,
        ] {
            slots.remove(number);
        }
    }

    /// The places at the end are given back, so that a session that had many slots is small again.
    fn trim(&mut self) {
        while self.slots.last().is_some_and(Option::is_none) {
            self.slots.pop();
        }
        if self.slots.len() < self.slots.capacity() / 4 {
            self.slots.shrink_to(self.slots.len() * 2);
        }
        self.by_stream.trim();
    }

    /// Sends the next thing, if there is any, to `out`: streams take turns.
    pub(crate) fn next(&mut self, out: &mut Vec<Owed>) -> Step {
        while let Some(number) = self.ready.next_from(self.turn) {
            self.turn = number + 1;
            if let Some(at) = self.following(number) {
                if self.take_bundle(at, out) {
                    return Step::Sent;
                }
                continue;
            }
            let filtered = self.filtered.take_if(|filtered| filtered.slot == number);
            let Some(slot) = self.slots.get_mut(number as usize).and_then(Option::as_mut) else {
                self.ready.remove(number);
                continue;
            };
            if slot.paused {
                self.ready.remove(number);
                owe(&mut self.word_at, self.sources.limits.behind_every);
                continue;
            }
            if self.lagging.remove(number) && slot.skip(self.sources.limits.recent_bytes, out) {
                return Step::Sent;
            }
            let (pulled, kept) = match filtered.and_then(|filtered| filtered.at(slot)) {
                Some(chunk) => (Pull::Chunk(chunk), Kept::InPages),
                None => slot.pull(&self.sources),
            };
            let chunk = match pulled {
                Pull::Chunk(chunk) => Some(chunk),
                Pull::AtHead => {
                    self.ready.remove(number);
                    let is_live = slot.live_from.take_if(|from| slot.cursor >= *from).is_some();
                    if is_live {
                        slot.tell(out);
                        out.push(slot.live());
                    }
                    self.carry_slot(number);
                    if is_live {
                        return Step::Sent;
                    }
                    continue;
                }
                Pull::Sift(piece) => {
                    let filtering = &self.sources.filtering;
                    let account = self.payer.account(&filtering.sieve);
                    let Some(chunk) = filtering.in_passing(account, &piece, &slot.terms.view) else {
                        self.ready.remove(number);
                        self.sifting.insert(number);
                        continue;
                    };
                    slot.home(kept, &self.sources)
                        .keep(slot.member.stream(), &slot.terms.view, &chunk);
                    Some(chunk)
                }
                Pull::Behind => None,
            };
            let Some(chunk) = chunk else {
                self.ready.remove(number);
                if !slot.rests() {
                    self.behind.insert(number);
                }
                continue;
            };
            if chunk.lines > 0 {
                slot.tell(out);
                slot.go_to(chunk.next);
                out.push(Owed::Lines(chunk));
                return Step::Sent;
            }
            slot.cursor = chunk.next;
            owe(&mut self.word_at, self.sources.limits.filter_told_every);
            return Step::Looked;
        }
        Step::Idle
    }

    /// The client takes nothing at the moment, and these streams have something for it.
    pub(crate) fn lag(&mut self) {
        self.lagging.add(&self.ready);
    }
}

impl Subscription {
    /// Whether a pattern of it matches.
    fn covers(&self, stream: &StreamName) -> bool {
        self.holds.iter().any(|hold| hold.pattern().matches(stream))
    }
}

/// Most sessions have one subscription to one stream: the first one takes no room for others.
fn one_alone<T>(all: &mut Vec<T>) {
    if all.is_empty() {
        all.reserve_exact(1);
    }
}

/// A word is owed after `within`, unless one is owed sooner.
fn owe(word_at: &mut Option<Instant>, within: Duration) {
    let at = Instant::now() + within;
    if word_at.is_none_or(|owed| at < owed) {
        *word_at = Some(at);
    }
}

/// The refusal of a request about a subscription that is not there.
pub(crate) fn unknown(id: &str) -> Refusal {
    Refusal::new("unknown_id", "this session has no subscription with this `id`").to(id)
}
