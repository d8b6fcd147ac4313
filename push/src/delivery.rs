//! A session's streams and cursors, and the frames that its cursors are owed. Holds places, never lines (invariant 7).

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::Arc;

use auth::Subscriber;
use collect::stream::Pattern;
use collect::{Offset, StreamName};

use crate::Push;
use crate::feed::Pull;
use crate::feeds::Member;
use crate::frame::Frame;
use crate::patterns::Hold;
use crate::protocol::{Begins, Message};
use crate::replay::{Found, pause_before};
use crate::signal::{Signal, Slots};
use crate::subscribe::Beginning;
use crate::truth::StoreAway;

/// What goes to the client, in its order.
pub(crate) enum Outgoing {
    /// Lines, shared with other sessions.
    Lines(Frame),
    /// A message of this session.
    Own(bytes::Bytes),
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

/// All subscriptions of one session.
pub(crate) struct Delivery {
    push: Arc<Push>,
    signal: Arc<Signal>,
    /// In the order in which they came; a stream that meets patterns of two belongs to the first.
    subscriptions: Vec<Subscription>,
    slots: Vec<Option<Slot>>,
    by_stream: HashMap<StreamName, u32>,
    /// Slots that may have something to send.
    pub(crate) ready: Slots,
    /// Slots that wait for the store.
    behind: Slots,
    /// Whose turn it is: streams take turns, frame by frame.
    turn: u32,
    /// Failed or fruitless reads in a row.
    attempts: u32,
}

struct Subscription {
    id: String,
    holds: Vec<Hold>,
    /// Whether the client was told that streams are left out.
    told_limit: bool,
}

struct Slot {
    member: Member,
    /// The place of its subscription is found by this.
    subscription: String,
    cursor: Offset,
    /// `live` is owed once the cursor gets here and to the head.
    live_from: Option<Offset>,
}

impl Delivery {
    pub(crate) fn new(push: Arc<Push>, signal: Arc<Signal>) -> Self {
        Self {
            push,
            signal,
            subscriptions: Vec::new(),
            slots: Vec::new(),
            by_stream: HashMap::new(),
            ready: Slots::default(),
            behind: Slots::default(),
            turn: 0,
            attempts: 0,
        }
    }

    /// Whether a subscription has this id.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.subscriptions
            .iter()
            .any(|subscription| subscription.id == id)
    }

    /// How many subscriptions there are.
    pub(crate) fn subscriptions(&self) -> usize {
        self.subscriptions.len()
    }

    /// The streams of all of them.
    pub(crate) fn streams(&self) -> impl Iterator<Item = &StreamName> {
        self.by_stream.keys()
    }

    /// All patterns that are held.
    pub(crate) fn patterns(&self) -> Vec<Pattern> {
        let holds = self
            .subscriptions
            .iter()
            .flat_map(|subscription| &subscription.holds);
        holds.map(|hold| hold.pattern().clone()).collect()
    }

    /// Adds a subscription; what the client is told of it goes to `out`.
    pub(crate) fn add(
        &mut self,
        id: String,
        holds: Vec<Hold>,
        streams: Vec<Beginning>,
        epoch: &str,
        out: &mut Vec<Outgoing>,
    ) {
        self.subscriptions.push(Subscription {
            id: id.clone(),
            holds,
            told_limit: false,
        });
        self.begin(&id, streams, epoch, out);
    }

    /// Adds streams that patterns have met, each to the first subscription with a pattern for it. Those beyond the
    /// session's limit are left out, which the client is told once.
    pub(crate) fn add_met(
        &mut self,
        met: Vec<Beginning>,
        subscriber: &Subscriber,
        epoch: &str,
        out: &mut Vec<Outgoing>,
    ) {
        let mut room = self.push.limits.streams.saturating_sub(self.by_stream.len());
        let mut by_subscription: BTreeMap<usize, Vec<Beginning>> = BTreeMap::new();
        for beginning in met {
            let stream = beginning.member.stream();
            let readable = auth::may(subscriber, auth::Action::Read, stream);
            let holder = self.subscriptions.iter().position(|subscription| {
                subscription
                    .holds
                    .iter()
                    .any(|hold| hold.pattern().matches(stream))
            });
            let Some(at) = holder.filter(|_| readable && !self.by_stream.contains_key(stream)) else {
                continue;
            };
            if room == 0 {
                self.tell_limit(at, out);
                continue;
            }
            room -= 1;
            by_subscription.entry(at).or_default().push(beginning);
        }
        for (at, streams) in by_subscription {
            let id = self.subscriptions[at].id.clone();
            self.begin(&id, streams, epoch, out);
        }
    }

    fn tell_limit(&mut self, at: usize, out: &mut Vec<Outgoing>) {
        let subscription = &mut self.subscriptions[at];
        if !std::mem::replace(&mut subscription.told_limit, true) {
            let refusal = crate::subscribe::too_many_streams(self.push.limits.streams).to(&subscription.id);
            out.push(Outgoing::Own(Message::Error(refusal).frame()));
        }
    }

    fn begin(&mut self, id: &str, streams: Vec<Beginning>, epoch: &str, out: &mut Vec<Outgoing>) {
        let holds = self
            .subscriptions
            .iter()
            .filter(|subscription| subscription.id == id);
        let patterns = holds.flat_map(|subscription| &subscription.holds);
        let subscribed = Message::Subscribed {
            id,
            epoch,
            streams: streams
                .iter()
                .map(|beginning| (beginning.member.stream().as_str(), beginning.begins()))
                .collect(),
            patterns: patterns.map(|hold| hold.pattern().as_str()).collect(),
        };
        out.push(Outgoing::Own(subscribed.frame()));
        for beginning in streams {
            if let Some(wanted) = beginning.wanted {
                out.push(gap(beginning.member.stream(), wanted, beginning.cursor));
            }
            let at_head = beginning.cursor >= beginning.extent.next;
            if at_head {
                out.push(live(beginning.member.stream(), beginning.cursor));
            }
            let owed = (!at_head).then_some(beginning.extent.next);
            self.place(id, beginning.member, beginning.cursor, owed);
        }
    }

    fn place(&mut self, id: &str, mut member: Member, cursor: Offset, live_from: Option<Offset>) {
        let slot = self.slots.iter().position(Option::is_none).unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let number = slot as u32;
        member.watch(Arc::clone(&self.signal), number);
        self.by_stream.insert(member.stream().clone(), number);
        self.ready.insert(number);
        self.slots[slot] = Some(Slot {
            member,
            subscription: id.to_owned(),
            cursor,
            live_from,
        });
    }

    /// Ends a subscription. Whether there was one.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let before = self.subscriptions.len();
        self.subscriptions.retain(|subscription| subscription.id != id);
        for (number, place) in self.slots.iter_mut().enumerate() {
            if let Some(slot) = place.take_if(|slot| slot.subscription == id) {
                self.by_stream.remove(slot.member.stream());
                self.ready.remove(number as u32);
                self.behind.remove(number as u32);
            }
        }
        // The places at the end are given back, so that a session that had many streams is small again.
        while self.slots.last().is_some_and(Option::is_none) {
            self.slots.pop();
        }
        before > self.subscriptions.len()
    }

    /// The next thing to send, if there is any: streams take turns.
    pub(crate) fn next(&mut self) -> Option<Outgoing> {
        while let Some(number) = self.ready.next_from(self.turn) {
            self.turn = number + 1;
            let Some(slot) = self.slots.get_mut(number as usize).and_then(Option::as_mut) else {
                self.ready.remove(number);
                continue;
            };
            let frame = match slot.member.pull(slot.cursor) {
                Pull::Frame(frame) => Some(frame),
                Pull::AtHead => {
                    self.ready.remove(number);
                    match slot.live_from.take_if(|from| slot.cursor >= *from) {
                        Some(_) => return Some(live(slot.member.stream(), slot.cursor)),
                        None => continue,
                    }
                }
                Pull::Behind => self.push.replay.cut(slot.member.stream(), slot.cursor),
            };
            match frame {
                Some(frame) => {
                    slot.cursor = frame.next;
                    return Some(Outgoing::Lines(frame));
                }
                None => {
                    self.ready.remove(number);
                    self.behind.insert(number);
                }
            }
        }
        None
    }

    /// A read of the store that is needed, when there is one: one at a time, streams take turns.
    pub(crate) fn fetch(&mut self) -> Option<Fetch> {
        let number = self.behind.next_from(self.turn)?;
        self.behind.remove(number);
        let slot = self.slots.get(number as usize).and_then(Option::as_ref)?;
        let (push, stream, cursor) = (Arc::clone(&self.push), slot.member.stream().clone(), slot.cursor);
        let pause = self.attempts.checked_sub(1).map(pause_before);
        Some(Box::pin(async move {
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
            let found = push.replay.find(&stream, cursor).await;
            Fetched {
                slot: number,
                stream,
                cursor,
                found,
            }
        }))
    }

    /// Takes what a read brought. What it was for may be gone.
    pub(crate) fn fetched(&mut self, fetched: Fetched, out: &mut Vec<Outgoing>) {
        self.ready.insert(fetched.slot);
        let place = self.slots.get_mut(fetched.slot as usize);
        let same =
            |slot: &&mut Slot| slot.cursor == fetched.cursor && *slot.member.stream() == fetched.stream;
        let Some(slot) = place.and_then(Option::as_mut).filter(same) else {
            return;
        };
        match fetched.found {
            Ok(Found::Lines) => self.attempts = 0,
            Ok(Found::Gone(to)) => {
                self.attempts = 0;
                out.push(gap(slot.member.stream(), slot.cursor, to));
                slot.cursor = to;
            }
            Ok(Found::Nothing) | Err(StoreAway) => self.attempts += 1,
        }
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

fn live(stream: &StreamName, head: Offset) -> Outgoing {
    let message = Message::Live {
        stream: stream.as_str(),
        next: head.0,
    };
    Outgoing::Own(message.frame())
}

fn gap(stream: &StreamName, from: Offset, to: Offset) -> Outgoing {
    let message = Message::Gap {
        stream: stream.as_str(),
        from: from.0,
        to: to.0,
        reason: "retention",
    };
    Outgoing::Own(message.frame())
}
