//! A subscription that follows a group: its streams come from there as far as they come as they come to others, and by
//! cursors of their own otherwise.

use std::sync::Arc;

use lines::StreamName;

use super::owed::Owed;
use super::slot::Slot;
use super::{Cursors, Subscription};
use crate::feeds::groups::{Follower, Group, News, PutDown};
use crate::feeds::wake::Slots;

/// What a subscription has of a group.
pub(super) struct Follow {
    group: Arc<Group>,
    /// Marked when the group has something: no stream's slot has this number.
    pub(super) number: u32,
    /// While it is not paused, and has been at the head of a stream.
    follower: Option<Follower>,
    /// Slots at the head of their streams where the group stands elsewhere. Looked at again after the next bundle.
    waiting: Slots,
    /// Whether there was one.
    has_moved: bool,
}

impl Follow {
    pub(super) fn new(group: Arc<Group>, number: u32) -> Self {
        Self {
            group,
            number,
            follower: None,
            waiting: Slots::default(),
            has_moved: false,
        }
    }
}

impl Subscription {
    /// Whether a stream of it comes from the group.
    pub(super) fn carries(&self, stream: &StreamName) -> bool {
        self.follower().is_some_and(|follower| follower.has(stream))
    }

    /// The streams that come from the group.
    pub(super) fn carried(&self) -> Vec<StreamName> {
        self.follower().map(Follower::streams).unwrap_or_default()
    }

    fn follower(&self) -> Option<&Follower> {
        self.follow.as_ref()?.follower.as_ref()
    }
}

impl Cursors {
    /// The subscription whose group has this number.
    pub(super) fn following(&self, number: u32) -> Option<usize> {
        let is = |of: &Subscription| of.follow.as_ref().is_some_and(|follow| follow.number == number);
        self.subscriptions.iter().position(is)
    }

    /// Has a stream carried by the group from now on that stands where the group stands. Whether it does.
    pub(super) fn carry(&mut self, slot: &Slot, number: Option<u32>) -> bool {
        let of = |of: &&mut Subscription| Arc::ptr_eq(&of.terms, &slot.terms);
        let subscription = self.subscriptions.iter_mut().find(of);
        let Some(follow) = subscription.and_then(|of| of.follow.as_deref_mut()) else {
            return false;
        };
        let is_as_the_group_is = !slot.paused && slot.live_from.is_none() && slot.told == slot.cursor;
        if !is_as_the_group_is {
            return false;
        }
        let follower = follow.follower.get_or_insert_with(|| {
            // Others may have been woken just now for what is this one's, too.
            self.ready.insert(follow.number);
            Follower::join(&follow.group, &self.wake, follow.number)
        });
        let carries = follower.carry(&slot.member, slot.cursor);
        if let (false, Some(number)) = (carries, number) {
            follow.waiting.insert(number);
        }
        carries
    }

    /// The slot has reached the head: the group may carry its stream from now on.
    pub(super) fn carry_slot(&mut self, number: u32) {
        let Some(slot) = self.slots.get_mut(number as usize).and_then(Option::take) else {
            return;
        };
        if self.carry(&slot, Some(number)) {
            self.free(number, slot.member.stream());
            self.trim();
        } else {
            self.slots[number as usize] = Some(slot);
        }
    }

    /// Takes the next bundle of a subscription's group. Whether there was anything in it for this session.
    pub(super) fn take_bundle(&mut self, at: usize, out: &mut Vec<Owed>) -> bool {
        let Some(follow) = self.subscriptions[at].follow.as_deref_mut() else {
            return false;
        };
        match follow.follower.as_mut().and_then(Follower::next) {
            Some(News { pieces, put_down }) => {
                follow.has_moved = true;
                let sent = !pieces.is_empty();
                out.extend(pieces.into_iter().map(Owed::Joined));
                self.go_on_alone(at, put_down);
                sent
            }
            None => {
                self.ready.remove(follow.number);
                if std::mem::take(&mut follow.has_moved) {
                    self.ready.add(&std::mem::take(&mut follow.waiting));
                }
                false
            }
        }
    }

    /// Has these streams of a subscription by cursors of their own again, which begin where the bundles end that it has
    /// taken.
    pub(super) fn put_down(&mut self, at: usize, which: impl Fn(&StreamName) -> bool) {
        let follow = self.subscriptions[at].follow.as_deref_mut();
        let follower = follow.and_then(|follow| follow.follower.as_mut());
        if let Some(put_down) = follower.map(|follower| follower.put_down(which)) {
            self.go_on_alone(at, put_down);
        }
    }

    /// The same of all streams, and hears no more of the group until one of them is at the head again.
    pub(super) fn stop_following(&mut self, at: usize) {
        self.put_down(at, |_| true);
        if let Some(follow) = &mut self.subscriptions[at].follow {
            follow.follower = None;
        }
    }

    fn go_on_alone(&mut self, at: usize, streams: Vec<PutDown>) {
        let subscription = &self.subscriptions[at];
        let (terms, paused) = (Arc::clone(&subscription.terms), subscription.paused);
        for stream in streams {
            let slot = Slot::at(stream.cursor, stream.member, Arc::clone(&terms), paused);
            self.place(slot);
        }
    }
}
