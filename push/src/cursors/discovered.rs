//! Patterns of a session: what they are, and what they have met.

use std::collections::BTreeMap;
use std::sync::Arc;

use auth::{Action, Subscriber, may};
use lines::StreamName;

use super::owed::Owed;
use super::subscription::Beginning;
use super::{Cursors, Subscription};
use crate::cursors::discovery::{Cover, Discovered, DiscoveredStream};

impl Cursors {
    /// All patterns that are held, with where what they meet begins.
    pub(crate) fn covers(&self) -> Vec<Cover> {
        let with_patterns = self.subscriptions.iter().filter(|of| !of.holds.is_empty());
        let cover = |of: &Subscription| Cover {
            terms: Arc::clone(&of.terms),
            patterns: of.holds.iter().map(|hold| hold.pattern().clone()).collect(),
            from: Arc::clone(&of.from),
            listed_by: of.listed_by.clone(),
            left: self.left.all(of.number),
        };
        with_patterns.map(cover).collect()
    }

    /// Adds streams that patterns have met, each to the first subscription with a pattern for it. Those beyond the
    /// session's limit are left out, which the client is told once. Answers those that have to be met again, because
    /// what they were met with has changed meanwhile.
    pub(crate) fn add_met(
        &mut self,
        met: Discovered,
        subscriber: &Subscriber,
        out: &mut Vec<Owed>,
    ) -> Vec<StreamName> {
        let mut room = self.capacity.room(self.held);
        let mut by_subscription: BTreeMap<usize, Vec<Beginning>> = BTreeMap::new();
        let mut again = Vec::new();
        for DiscoveredStream { of, left, beginning } in met.streams {
            let stream = beginning.member.stream();
            if self.has_stream(stream) || !may(subscriber, Action::Read, stream) {
                continue;
            }
            let Some(at) = self.subscriptions.iter().position(|of| of.covers(stream)) else {
                continue;
            };
            let subscription = &self.subscriptions[at];
            let same = Arc::ptr_eq(&subscription.terms, &of);
            if !same || self.left.get(stream, subscription.number) != left {
                again.push(stream.clone());
                continue;
            }
            if !room.take(stream) {
                self.left.put(stream.clone(), beginning.cursor, self.numbered);
                self.tell_limit(at, out);
                continue;
            }
            by_subscription.entry(at).or_default().push(beginning);
        }
        if room.is_full() {
            let first = met.over.first();
            let covered = |stream| self.subscriptions.iter().position(|of| of.covers(stream));
            if let Some(at) = first.and_then(covered) {
                self.tell_limit(at, out);
            }
        } else {
            // Some came free meanwhile, or of those that were met some are no more.
            again.extend(met.over);
        }
        for (at, streams) in by_subscription {
            self.begin(at, streams, out);
        }
        if let Some((terms, by)) = met.listed {
            let listed = |of: &&mut Subscription| terms.iter().any(|listed| Arc::ptr_eq(listed, &of.terms));
            for subscription in self.subscriptions.iter_mut().filter(listed) {
                subscription.listed_by = by.clone();
            }
        }
        again
    }

    /// Says, once, that a subscription has left streams out.
    pub(super) fn tell_limit(&mut self, at: usize, out: &mut Vec<Owed>) {
        let subscription = &mut self.subscriptions[at];
        if !std::mem::replace(&mut subscription.told_limit, true) {
            out.push(Owed::LeftOut {
                refusal: self.capacity.exceeded().to(&subscription.terms.id),
            });
        }
    }
}
