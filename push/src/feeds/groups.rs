//! Sessions that follow the same streams alike: one group, for which what comes is encoded and joined once.
//!
//! A group reads its feeds as a session does: each marks the group when it has shown something, at a tick all together.
//! Of what they have shown the group makes [bundles](bundle), when the first of its sessions wants the next one, and every
//! session that stands where the group stands writes them as they are. So a tick costs such a session one write and
//! nothing for each stream.
//!
//! What a session has of a stream it has from the group or by a cursor of its own, never both. It gets a stream from the
//! group once its own cursor stands where the group stands, behind all bundles; and whenever anything is not the same for
//! it any more it puts the stream down, and its cursor begins where the bundles that it has taken end. A group that cannot
//! go on with a stream (its feed lost lines, or let them go) says so in its place among the bundles.

mod bundle;
mod ring;

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use lines::{Offset, StreamName, Target};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::Limits;
use crate::feeds::Member;
use crate::feeds::budget::{Budget, Giver};
use crate::feeds::grid::{Grid, MARK_AT_ONCE, wake_by_turns};
use crate::feeds::view::View;
use crate::feeds::wake::{Slots, Wake};
use crate::feeds::watchers::Watchers;
use crate::feeds::window::Pull;

pub(crate) use self::bundle::Piece;
use self::bundle::{Bundle, Making, What};
use self::ring::{Ring, Taken};

/// What a group has in common: the streams that were asked for, in order, and the encoding.
type Key = (Vec<Target>, &'static str);

/// The groups of a node.
pub(crate) struct Groups {
    limits: Arc<Limits>,
    grid: Arc<Grid>,
    budget: Arc<Budget>,
    /// Those that somebody holds.
    by_key: Mutex<HashMap<Arc<Key>, Weak<Group>>>,
}

impl Groups {
    pub(crate) fn new(limits: Arc<Limits>, grid: Arc<Grid>, budget: Arc<Budget>) -> Arc<Self> {
        Arc::new(Self {
            limits,
            grid,
            budget,
            by_key: Mutex::default(),
        })
    }

    /// The group of all who ask for these streams alike, if they are such as have one: a filter is put to the lines of
    /// each session at the cost of its subscriber, and of a single stream there is nothing to join.
    pub(crate) fn of(self: &Arc<Self>, mut targets: Vec<Target>, view: &View) -> Option<Arc<Group>> {
        let single = matches!(targets[..], [] | [Target::Stream(_)]);
        if single || view.filter.is_some() || !view.encoding.joins() {
            return None;
        }
        targets.sort_unstable();
        let key = Arc::new((targets, view.encoding.name()));
        let mut groups = self.by_key.lock();
        if let Some(group) = groups.get(&key).and_then(Weak::upgrade) {
            return Some(group);
        }
        let group = Arc::new(Group {
            groups: Arc::clone(self),
            key: Arc::clone(&key),
            view: view.clone(),
            wake: Arc::default(),
            followers: Watchers::default(),
            state: Mutex::default(),
        });
        groups.insert(key, Arc::downgrade(&group));
        metrics::gauge!("tailcast_groups").set(groups.len() as f64);
        tokio::spawn(wake_followers(Arc::clone(&group.wake), Arc::downgrade(&group)));
        Some(group)
    }
}

/// One group.
pub(crate) struct Group {
    groups: Arc<Groups>,
    key: Arc<Key>,
    view: View,
    /// Marked by its feeds.
    wake: Arc<Wake>,
    /// Those who are woken when its streams have moved.
    followers: Watchers,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ring: Ring,
    /// By number.
    streams: Vec<Option<Stream>>,
    numbers: HashMap<StreamName, u32>,
    free: Vec<u32>,
    /// Those that may have something for the next bundle.
    moved: Slots,
    /// Whose turn it is: streams take turns, chunk by chunk.
    turn: u32,
    /// What the budget knows of.
    accounted: usize,
    /// Whether the budget knows that there is something to give.
    enlisted: bool,
}

/// A stream that some have from the group.
struct Stream {
    member: Member,
    /// Where the bundles end.
    tip: Offset,
    /// Whether the group could not go on there. Whoever stands at the head again takes it on.
    lapsed: bool,
    /// How many have it from the group, those who have yet to take that it lapsed among them.
    carriers: usize,
}

/// Wakes those who follow whenever feeds have shown something, for as long as there is a group.
async fn wake_followers(wake: Arc<Wake>, group: Weak<Group>) {
    loop {
        wake.woken().await;
        let Some(group) = group.upgrade() else {
            return;
        };
        let begun = Instant::now();
        group.notice();
        group.wake_followers().await;
        group.groups.grid.took(begun.elapsed());
    }
}

impl Group {
    /// Takes what feeds have marked, so that the next bundle has all of it.
    fn notice(&self) {
        // Patterns offer their streams to sessions.
        let _ = self.wake.take(&mut self.state.lock().moved);
    }

    /// Wakes those who follow, by turns.
    async fn wake_followers(&self) {
        let (mut wakes, mut at) = (Vec::new(), Some(0));
        while let Some(from) = at {
            (_, at) = self.followers.mark(from, MARK_AT_ONCE, &mut wakes);
            wake_by_turns(&wakes).await;
            wakes.clear();
        }
    }

    /// Makes a bundle of what the streams have shown since the last one. Whether there was something.
    fn gather(&self, state: &mut State) -> bool {
        let most = self.groups.limits.frame_bytes;
        let mut making = Making::default();
        while let Some(number) = state.moved.next_from(state.turn) {
            let stream = state.streams.get_mut(number as usize).and_then(Option::as_mut);
            let Some(stream) = stream.filter(|stream| !stream.lapsed) else {
                state.moved.remove(number);
                continue;
            };
            match stream.member.feed().look(stream.tip, &self.view) {
                Pull::Chunk(chunk) if making.has_room(&chunk, most) => {
                    stream.tip = chunk.next;
                    making.add(number, chunk);
                }
                Pull::Chunk(_) => break,
                Pull::AtHead => drop(state.moved.remove(number)),
                Pull::Behind | Pull::Sift(_) => {
                    state.moved.remove(number);
                    stream.lapsed = true;
                    making.lapse(number, stream.tip);
                }
            }
            state.turn = number + 1;
        }
        let Some(bundle) = making.done() else {
            return false;
        };
        // The newest one is for whoever asked for it.
        let most = self.groups.limits.group_bytes.max(bundle.held());
        state.ring.push(bundle);
        // Only now, for the streams stand where all bundles together lead.
        state.shrink(most);
        true
    }

    /// Tells the budget what is held by now.
    fn account(self: &Arc<Self>, state: &mut State) {
        let held = state.ring.held();
        self.groups.budget.account(state.accounted, held);
        state.accounted = held;
        if held > 0 && !std::mem::replace(&mut state.enlisted, true) {
            let this: Weak<Self> = Arc::downgrade(self);
            self.groups.budget.enlist(this);
        }
    }
}

impl State {
    /// Where all bundles together lead, by number.
    fn tips(&self) -> Vec<Offset> {
        let tip = |stream: &Option<Stream>| stream.as_ref().map_or(Offset::ZERO, |stream| stream.tip);
        self.streams.iter().map(tip).collect()
    }

    fn shrink(&mut self, most: usize) {
        let Self { ring, streams, .. } = self;
        let tip = |stream: &Option<Stream>| stream.as_ref().map_or(Offset::ZERO, |stream| stream.tip);
        ring.shrink(most, || streams.iter().map(tip).collect());
    }

    fn get(&mut self, number: u32) -> Option<&mut Stream> {
        self.streams.get_mut(number as usize).and_then(Option::as_mut)
    }

    /// The number of a stream, which begins at `cursor` if nobody has had it from the group so far.
    fn number(&mut self, member: &Member, cursor: Offset, wake: &Arc<Wake>) -> u32 {
        if let Some(&number) = self.numbers.get(member.stream()) {
            return number;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.streams.push(None);
            self.streams.len() as u32 - 1
        });
        let mut member = member.again();
        member.watch(Arc::clone(wake), number);
        // What was shown before the watch.
        wake.tell(number);
        self.numbers.insert(member.stream().clone(), number);
        self.streams[number as usize] = Some(Stream {
            member,
            tip: cursor,
            lapsed: false,
            carriers: 0,
        });
        number
    }

    /// One does not have a stream from the group any more. Answers a place in its feed.
    fn put_down(&mut self, number: u32) -> Option<Member> {
        let stream = self.get(number)?;
        stream.carriers -= 1;
        if stream.carriers > 0 {
            return Some(stream.member.again());
        }
        self.free.push(number);
        let stream = self.streams[number as usize].take()?;
        self.numbers.remove(stream.member.stream());
        // A place that nobody is woken for.
        Some(stream.member.again())
    }
}

impl Giver for Group {
    fn give(&self) -> bool {
        let mut state = self.state.lock();
        let half = state.ring.held() / 2;
        state.shrink(half);
        let held = state.ring.held();
        self.groups.budget.account(state.accounted, held);
        state.accounted = held;
        state.enlisted = held > 0;
        state.enlisted
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.groups.budget.account(self.state.get_mut().accounted, 0);
        let mut groups = self.groups.by_key.lock();
        // There may be a new one by now.
        if groups
            .get(&self.key)
            .is_some_and(|group| group.strong_count() == 0)
        {
            groups.remove(&self.key);
        }
        metrics::gauge!("tailcast_groups").set(groups.len() as f64);
        drop(groups);
        // Whoever wakes the followers ends.
        self.wake.tell(0);
    }
}

/// A session's place in a group. Leaving is dropping it.
pub(crate) struct Follower {
    group: Arc<Group>,
    /// In the ring.
    at: usize,
    watch: usize,
    /// The streams that the session has from the group, by their numbers.
    carried: Slots,
}

/// What a session has to take next.
#[derive(Default)]
pub(crate) struct News {
    pub(crate) pieces: Vec<Piece>,
    /// Streams that the session has no longer from the group, from here on.
    pub(crate) put_down: Vec<PutDown>,
}

/// A stream that a session goes on with alone.
pub(crate) struct PutDown {
    pub(crate) member: Member,
    pub(crate) cursor: Offset,
}

impl Follower {
    /// Follows from now on, with no streams yet: `slot` of `wake` is marked when there may be something.
    pub(crate) fn join(group: &Arc<Group>, wake: &Arc<Wake>, slot: u32) -> Self {
        let watch = group.followers.add(Arc::clone(wake), slot);
        group.wake.read_by_one_more();
        Self {
            at: group.state.lock().ring.join(),
            group: Arc::clone(group),
            watch,
            carried: Slots::default(),
        }
    }

    /// Gets a stream from the group from now on, if both stand at the same place: the session at this cursor, with all that
    /// was said before it told. Whether it does.
    pub(crate) fn carry(&mut self, member: &Member, cursor: Offset) -> bool {
        let mut state = self.group.state.lock();
        if !state.ring.is_at_the_end(self.at) {
            return false;
        }
        let number = state.number(member, cursor, &self.group.wake);
        let Some(stream) = state.get(number) else {
            return false;
        };
        if std::mem::take(&mut stream.lapsed) {
            stream.tip = cursor;
            self.group.wake.tell(number);
        }
        let same = stream.tip == cursor;
        if same {
            stream.carriers += 1;
            self.carried.insert(number);
        }
        same
    }

    /// Whether the session has this stream from the group.
    pub(crate) fn has(&self, stream: &StreamName) -> bool {
        let state = self.group.state.lock();
        let number = state.numbers.get(stream);
        number.is_some_and(|&number| self.carried.has(number))
    }

    /// All that it has from the group.
    pub(crate) fn streams(&self) -> Vec<StreamName> {
        let state = self.group.state.lock();
        let carried = self
            .carried
            .iter()
            .filter_map(|number| state.streams[number as usize].as_ref());
        carried.map(|stream| stream.member.stream().clone()).collect()
    }

    /// What comes next, if there is anything.
    pub(crate) fn next(&mut self) -> Option<News> {
        let group = Arc::clone(&self.group);
        let news = {
            let mut state = group.state.lock();
            let taken = match state.ring.take(self.at) {
                Taken::Nothing if group.gather(&mut state) => state.ring.take(self.at),
                taken => taken,
            };
            let news = match taken {
                Taken::Nothing => None,
                Taken::Bundle(bundle) => Some(self.take(&bundle, &mut state)),
                Taken::Fell => Some(self.fall(&mut state)),
            };
            group.account(&mut state);
            news
        };
        group.groups.budget.bound();
        news
    }

    fn take(&mut self, bundle: &Bundle, state: &mut State) -> News {
        let mut news = News {
            pieces: bundle.pieces(&self.carried),
            put_down: Vec::new(),
        };
        let lapsed = bundle.entries().iter().filter(|entry| entry.what == What::Lapse);
        for entry in lapsed {
            if self.carried.remove(entry.number)
                && let Some(member) = state.put_down(entry.number)
            {
                let cursor = entry.from;
                news.put_down.push(PutDown { member, cursor });
            }
        }
        news
    }

    /// It came too late: it goes on alone from where it stood, and follows anew.
    fn fall(&mut self, state: &mut State) -> News {
        let put_down = self.put_down_of(state, |_| true);
        state.ring.leave(self.at);
        self.at = state.ring.join();
        News {
            pieces: Vec::new(),
            put_down,
        }
    }

    /// Goes on alone with these streams.
    pub(crate) fn put_down(&mut self, which: impl Fn(&StreamName) -> bool) -> Vec<PutDown> {
        let group = Arc::clone(&self.group);
        let mut state = group.state.lock();
        self.put_down_of(&mut state, which)
    }

    fn put_down_of(&mut self, state: &mut State, which: impl Fn(&StreamName) -> bool) -> Vec<PutDown> {
        let name = |number: &u32| {
            state.streams[*number as usize]
                .as_ref()
                .map(|of| of.member.stream())
        };
        let numbers: Vec<u32> = self
            .carried
            .iter()
            .filter(|number| name(number).is_some_and(&which))
            .collect();
        // For one stream that is the first entry of it ahead; for many, one walk over all of them.
        let positions = (numbers.len() > 1).then(|| state.ring.positions(self.at, state.tips()));
        let mut put_down = Vec::with_capacity(numbers.len());
        for number in numbers {
            let tip = state.get(number).map_or(Offset::ZERO, |stream| stream.tip);
            let cursor = match &positions {
                Some(positions) => positions[number as usize],
                None => state.ring.position(self.at, number, tip),
            };
            self.carried.remove(number);
            if let Some(member) = state.put_down(number) {
                put_down.push(PutDown { member, cursor });
            }
        }
        put_down
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.group.followers.remove(self.watch);
        self.group.wake.read_by_one_less();
        let mut state = self.group.state.lock();
        for number in self.carried.iter() {
            drop(state.put_down(number));
        }
        state.ring.leave(self.at);
        self.group.account(&mut state);
    }
}
