//! A session's streams and cursors, and the frames that its cursors are owed. Holds places, never lines (invariant 7).

mod discovered;
pub(crate) mod discovery;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod filtered;
pub(crate) mod filtering;
pub(crate) mod filters;
mod left_off;
mod steer;
pub(crate) mod subscribe;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use auth::Subscriber;
use bytes::Bytes;
use lines::{Offset, StreamName};
use tokio::time::Instant;

use self::left_off::LeftOff;
use crate::Push;
use crate::cursors::filtering::{Home, Pass};
use crate::cursors::subscribe::{Beginning, Place, Started};
use crate::feeds::Member;
use crate::feeds::feed::Pull;
use crate::feeds::pages::{Found, pause_before};
use crate::feeds::patterns::Hold;
use crate::feeds::wake::{Slots, Wake};
use crate::truth::StoreAway;
use crate::wire::frame::{Frame, View};
use crate::wire::protocol::{Begins, Message, Missing, Mode, Refusal};
use edge::sieve::Account;

/// What goes to the client, in its order.
pub(crate) enum Outgoing {
    /// Lines, shared with other sessions; or the word of this one that a filter left none.
    Lines(Frame),
    /// A message of this session.
    Own(Bytes),
}

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

/// A read of the store that a session waits for.
pub(crate) type Fetch = Pin<Box<dyn Future<Output = Fetched> + Send>>;

/// What came of it.
pub(crate) struct Fetched {
    slot: u32,
    stream: StreamName,
    cursor: Offset,
    found: Result<Found, StoreAway>,
}

/// What the end of a subscription leaves to others of the session.
pub(crate) struct Freed {
    /// Streams that patterns of others cover.
    pub(crate) handed: Vec<StreamName>,
    /// Whether streams were left out for want of room.
    pub(crate) left_out: bool,
}

/// A look through lines that a session waits for.
pub(crate) type FilterPass = Pin<Box<dyn Future<Output = Filtered> + Send>>;

/// What came of it.
pub(crate) struct Filtered {
    slot: u32,
    stream: StreamName,
    view: View,
    /// `None` when another session looked: the frame is where the lines are.
    frame: Option<Frame>,
}

/// All subscriptions of one session.
pub(crate) struct Cursors {
    push: Arc<Push>,
    wake: Arc<Wake>,
    /// In the order in which they came; a stream that meets patterns of two belongs to the first.
    subscriptions: Vec<Subscription>,
    /// How many there ever were.
    numbered: u64,
    /// Where the session stood in streams that it lost.
    left: LeftOff,
    slots: Vec<Option<Slot>>,
    by_stream: HashMap<StreamName, u32>,
    /// Slots that may have something to send.
    pub(crate) ready: Slots,
    /// Slots that wait for the store.
    behind: Slots,
    /// Slots that wait for their filter's turn.
    sifting: Slots,
    /// A frame that is ready: no other look begins while its slot is going to take it.
    sifted: Option<Filtered>,
    /// What the subscriber's filters have used.
    account: Arc<Account>,
    /// Slots that had something to send while the client took nothing.
    lagging: Slots,
    /// Whose turn it is: streams take turns, frame by frame.
    turn: u32,
    /// When the client is owed a word on what it does not get.
    word_at: Option<Instant>,
}

struct Subscription {
    terms: Arc<Terms>,
    /// How many there were before it.
    number: u64,
    holds: Vec<Hold>,
    /// Where streams begin that were there before it, and not readable.
    from: Arc<Place>,
    /// For whom the store was listed when it was last listed for this subscription.
    listed_by: Subscriber,
    paused: bool,
    /// Whether the client was told that streams are left out.
    told_limit: bool,
}

/// What a client asked of a subscription.
pub(crate) struct Terms {
    pub(crate) id: String,
    pub(crate) view: View,
    pub(crate) mode: Mode,
}

struct Slot {
    member: Member,
    terms: Arc<Terms>,
    paused: bool,
    cursor: Offset,
    /// Where the last thing that the client was told of the stream ended. Before the cursor where a filter has looked
    /// through lines since, and left none.
    told: Offset,
    /// `live` is owed once the cursor gets here and to the head.
    live_from: Option<Offset>,
    /// What the last `behind` said.
    behind: u64,
    /// Failed or fruitless reads in a row. Each stream has its own: what one waits for holds up no other.
    attempts: u32,
    /// After such a read, when the store is asked again.
    rests_until: Option<Instant>,
}

impl Cursors {
    pub(crate) fn new(push: Arc<Push>, wake: Arc<Wake>, subscriber: &Subscriber) -> Self {
        Self {
            account: push.filtering.sieve.account(subscriber.sub()),
            left: LeftOff::new(push.limits.streams),
            push,
            wake,
            subscriptions: Vec::new(),
            numbered: 0,
            slots: Vec::new(),
            by_stream: HashMap::new(),
            ready: Slots::default(),
            behind: Slots::default(),
            sifting: Slots::default(),
            sifted: None,
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
    pub(crate) fn streams(&self) -> impl Iterator<Item = &StreamName> {
        self.by_stream.keys()
    }

    /// Adds a subscription; what the client is told of it goes to `out`.
    pub(crate) fn add(&mut self, started: Started, epoch: &str, out: &mut Vec<Outgoing>) {
        self.subscriptions.push(Subscription {
            terms: Arc::new(started.terms),
            number: self.numbered,
            holds: started.holds,
            from: Arc::new(started.from),
            listed_by: started.listed_by,
            paused: false,
            told_limit: false,
        });
        self.numbered += 1;
        self.begin(self.subscriptions.len() - 1, started.streams, epoch, out);
    }

    fn begin(&mut self, at: usize, streams: Vec<Beginning>, epoch: &str, out: &mut Vec<Outgoing>) {
        let subscription = &self.subscriptions[at];
        let (terms, paused) = (Arc::clone(&subscription.terms), subscription.paused);
        let subscribed = Message::Subscribed {
            id: &terms.id,
            epoch,
            streams: streams
                .iter()
                .map(|beginning| (beginning.member.stream().as_str(), beginning.begins()))
                .collect(),
            patterns: subscription
                .holds
                .iter()
                .map(|hold| hold.pattern().as_str())
                .collect(),
        };
        out.push(Outgoing::Own(subscribed.frame()));
        for beginning in streams {
            let (stream, cursor) = (beginning.member.stream().clone(), beginning.cursor);
            if let Some(wanted) = beginning.wanted {
                out.push(gap(&stream, wanted, cursor, Missing::Retention));
            }
            let head = beginning.extent.next;
            if cursor >= head {
                out.push(live(&stream, cursor));
            }
            self.place(Slot {
                member: beginning.member,
                terms: Arc::clone(&terms),
                paused,
                cursor,
                told: cursor,
                live_from: (cursor < head).then_some(head),
                behind: 0,
                attempts: 0,
                rests_until: None,
            });
        }
    }

    fn place(&mut self, mut slot: Slot) {
        let free = self.slots.iter().position(Option::is_none);
        let at = free.unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let number = at as u32;
        slot.member.watch(Arc::clone(&self.wake), number);
        self.left.forget(slot.member.stream());
        self.by_stream.insert(slot.member.stream().clone(), number);
        self.ready.insert(number);
        self.slots[at] = Some(slot);
    }

    /// Ends a subscription, and answers what patterns of others have to meet for it; `None` when there is none.
    pub(crate) fn remove(&mut self, id: &str, out: &mut Vec<Outgoing>) -> Option<Freed> {
        let at = self.subscriptions.iter().position(|of| of.terms.id == id)?;
        self.subscriptions.remove(at);
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
        out: &mut Vec<Outgoing>,
    ) -> Vec<(Arc<Terms>, StreamName)> {
        let mut removed = Vec::new();
        for (number, place) in (0..).zip(&mut self.slots) {
            if let Some(mut slot) = place.take_if(|slot| gone(slot)) {
                let stream = slot.member.stream().clone();
                self.by_stream.remove(&stream);
                for slots in [
                    &mut self.ready,
                    &mut self.behind,
                    &mut self.sifting,
                    &mut self.lagging,
                ] {
                    slots.remove(number);
                }
                slot.tell(out);
                if self.subscriptions.iter().any(|of| of.covers(&stream)) {
                    self.left.put(stream.clone(), slot.cursor, self.numbered);
                }
                removed.push((slot.terms, stream));
            }
        }
        // The places at the end are given back, so that a session that had many streams is small again.
        while self.slots.last().is_some_and(Option::is_none) {
            self.slots.pop();
        }
        removed
    }

    /// Sends the next thing, if there is any, to `out`: streams take turns.
    pub(crate) fn next(&mut self, out: &mut Vec<Outgoing>) -> Step {
        while let Some(number) = self.ready.next_from(self.turn) {
            self.turn = number + 1;
            let sifted = self.sifted.take_if(|sifted| sifted.slot == number);
            let Some(slot) = self.slots.get_mut(number as usize).and_then(Option::as_mut) else {
                self.ready.remove(number);
                continue;
            };
            if slot.paused {
                self.ready.remove(number);
                owe(&mut self.word_at, self.push.limits.behind_every);
                continue;
            }
            if self.lagging.remove(number) && slot.skip(self.push.limits.recent_bytes, out) {
                return Step::Sent;
            }
            let view = &slot.terms.view;
            let (pulled, home) = match sifted.and_then(|sifted| sifted.at(slot)) {
                Some(frame) => (Pull::Frame(frame), Home::Page),
                None => slot.pull(&self.push),
            };
            let frame = match pulled {
                Pull::Frame(frame) => Some(frame),
                Pull::AtHead => {
                    self.ready.remove(number);
                    match slot.live_from.take_if(|from| slot.cursor >= *from) {
                        Some(_) => {
                            slot.tell(out);
                            out.push(live(slot.member.stream(), slot.cursor));
                            return Step::Sent;
                        }
                        None => continue,
                    }
                }
                Pull::Sift(piece) => {
                    let View::Matching(filter) = view else { continue };
                    let Some(frame) = self.push.filtering.in_passing(&self.account, &piece, filter) else {
                        self.ready.remove(number);
                        self.sifting.insert(number);
                        continue;
                    };
                    home.keep(&self.push, slot.member.stream(), view, &frame);
                    Some(frame)
                }
                Pull::Behind => None,
            };
            let Some(frame) = frame else {
                self.ready.remove(number);
                if !slot.rests() {
                    self.behind.insert(number);
                }
                continue;
            };
            if frame.lines > 0 {
                slot.tell(out);
                slot.go_to(frame.next);
                out.push(Outgoing::Lines(frame));
                return Step::Sent;
            }
            slot.cursor = frame.next;
            owe(&mut self.word_at, self.push.limits.filter_told_every);
            return Step::Looked;
        }
        Step::Idle
    }

    /// The client takes nothing at the moment, and these streams have something for it.
    pub(crate) fn lag(&mut self) {
        self.lagging.add(&self.ready);
    }

    /// A read of the store that is needed, when there is one: one at a time, streams take turns.
    pub(crate) fn fetch(&mut self) -> Option<Fetch> {
        let number = self.behind.next_from(self.turn)?;
        self.behind.remove(number);
        let slot = self.slots.get(number as usize).and_then(Option::as_ref)?;
        let (push, stream, cursor) = (Arc::clone(&self.push), slot.member.stream().clone(), slot.cursor);
        Some(Box::pin(async move {
            let found = push.pages.find(&stream, cursor).await;
            Fetched {
                slot: number,
                stream,
                cursor,
                found,
            }
        }))
    }

    /// A look through lines that is needed, when there is one: one at a time, streams take turns.
    pub(crate) fn look(&mut self) -> Option<FilterPass> {
        // Only a ready slot takes its frame. One that is gone, or waits for something else, would hold up all others.
        self.sifted.take_if(|sifted| !self.ready.has(sifted.slot));
        if self.sifted.is_some() {
            return None;
        }
        let number = self.sifting.next_from(self.turn)?;
        self.sifting.remove(number);
        let slot = self.slots.get(number as usize).and_then(Option::as_ref)?;
        let (stream, view) = (slot.member.stream().clone(), slot.terms.view.clone());
        let look = match (slot.pull(&self.push), &view) {
            ((Pull::Sift(piece), home), View::Matching(filter)) => Some(Pass {
                piece,
                filter: Arc::clone(filter),
                home,
            }),
            // What it waited for is there by now, or the lines are gone: the next pull says.
            _ => None,
        };
        let (push, account) = (Arc::clone(&self.push), Arc::clone(&self.account));
        Some(Box::pin(async move {
            let frame = match look {
                Some(look) => look.run(&push, &account).await,
                None => None,
            };
            Filtered {
                slot: number,
                stream,
                view,
                frame,
            }
        }))
    }

    /// Takes what a look brought.
    pub(crate) fn sifted(&mut self, sifted: Filtered) {
        self.ready.insert(sifted.slot);
        self.sifted = sifted.frame.is_some().then_some(sifted);
    }

    /// Takes what a read brought. What it was for may be gone.
    pub(crate) fn fetched(&mut self, fetched: Fetched, out: &mut Vec<Outgoing>) {
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
                    wake.mark(number);
                });
            }
        }
    }
}

impl Subscription {
    /// Whether a pattern of it matches.
    fn covers(&self, stream: &StreamName) -> bool {
        self.holds.iter().any(|hold| hold.pattern().matches(stream))
    }
}

impl Filtered {
    /// The frame, if it is what the slot wants now.
    fn at(self, slot: &Slot) -> Option<Frame> {
        let same = self.stream == *slot.member.stream() && self.view.is(&slot.terms.view);
        self.frame.filter(|frame| same && frame.first == slot.cursor)
    }
}

impl Slot {
    /// What there is at the cursor, in the feed or else in a page of the store, and who keeps what is sifted out of it.
    fn pull(&self, push: &Push) -> (Pull, Home) {
        let view = &self.terms.view;
        match self.member.pull(self.cursor, view) {
            Pull::Behind => (
                push.pages.cut(self.member.stream(), self.cursor, view),
                Home::Page,
            ),
            pulled => (pulled, Home::Feed(Arc::clone(self.member.feed()))),
        }
    }

    fn go_to(&mut self, cursor: Offset) {
        self.cursor = cursor;
        self.told = cursor;
        self.attempts = 0;
        self.rests_until = None;
    }

    /// Whether it waits after a read that brought nothing. Its signal is marked when that is over.
    fn rests(&self) -> bool {
        self.rests_until.is_some_and(|until| Instant::now() < until)
    }

    /// Says how far a filter has looked and left nothing, where the client does not know that yet. So whatever is said
    /// next of the stream begins where the last thing ended, and a client can prove that nothing is missing.
    fn tell(&mut self, out: &mut Vec<Outgoing>) {
        if self.told < self.cursor {
            let looked = Frame::of_matches(self.member.stream(), self.told, self.cursor, 0, &[]);
            out.push(Outgoing::Lines(looked));
            self.told = self.cursor;
        }
    }

    /// Goes on at `to`, and names what lies between.
    fn jump(&mut self, to: Offset, reason: Missing, out: &mut Vec<Outgoing>) {
        self.tell(out);
        out.push(gap(self.member.stream(), self.cursor, to, reason));
        self.go_to(to);
    }

    /// Jumps ahead, when the client wants that. Whether it did.
    fn skip(&mut self, recent: usize, out: &mut Vec<Outgoing>) -> bool {
        if self.terms.mode != Mode::Recent || self.live_from.is_some() {
            return false;
        }
        let to = self.member.newest(recent);
        let skips = self.cursor < to;
        if skips {
            self.jump(to, Missing::Skipped, out);
        }
        skips
    }
}

impl Beginning {
    fn begins(&self) -> Begins {
        Begins {
            first_available: self.extent.first_available.0,
            next: self.extent.next.0,
            cursor: self.cursor.0,
        }
    }
}

/// A word is owed after `within`, unless one is owed sooner.
fn owe(word_at: &mut Option<Instant>, within: Duration) {
    let at = Instant::now() + within;
    if word_at.is_none_or(|owed| at < owed) {
        *word_at = Some(at);
    }
}

fn live(stream: &StreamName, head: Offset) -> Outgoing {
    let message = Message::Live {
        stream: stream.as_str(),
        next: head.0,
    };
    Outgoing::Own(message.frame())
}

fn gap(stream: &StreamName, from: Offset, to: Offset, reason: Missing) -> Outgoing {
    let message = Message::Gap {
        stream: stream.as_str(),
        from: from.0,
        to: to.0,
        reason,
    };
    Outgoing::Own(message.frame())
}

/// The refusal of a request about a subscription that is not there.
pub(crate) fn unknown(id: &str) -> Refusal {
    Refusal::new("unknown_id", "this session has no subscription with this `id`").to(id)
}
