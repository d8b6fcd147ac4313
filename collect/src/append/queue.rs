//! What waits to be stored, and whose turn it is.
//!
//! A stream's lines wait in a lane, in their order. Subscribers take turns, a batch each: a hundred thousand streams of
//! one do not stand before the one line of another.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use lines::StreamName;
use lines::log_store::CallLimits;
use tokio::time::Instant;

use super::returning::Returning;
use super::waiting::Waiting;
use super::write::{Settled, Write};
use super::{AppendLimits, NotLetIn, Stored};

#[derive(Default)]
pub(super) struct Queue {
    /// Per stream, what waits. A stream is in here while something waits or is being stored.
    lanes: HashMap<StreamName, Lane>,
    /// Whoever has lines here, being entered, waiting or being stored.
    subscribers: HashMap<Arc<str>, Account>,
    /// Subscribers with something ready, each once, the one that waited longest for its turn first.
    turns: VecDeque<Arc<str>>,
    /// What is being entered, waits or is being stored, as [`cost`](super::waiting::cost) has it.
    bytes: usize,
    ready: Ready,
    /// Tasks that call the store; at most [`AppendLimits::calls`].
    pub(super) calls: usize,
    /// Those of them whose call is slow.
    pub(super) slow: usize,
    /// Grows whenever the store has taken something.
    pub(super) got_through: u64,
    /// So many requests are waited for before the next call begins; 0 while nobody waits for them.
    pub(super) wanted: usize,
    pub(super) returning: Returning,
    /// Requests that were let in and are not wholly in the lanes yet.
    pub(super) entering: usize,
    pub(super) closed: bool,
}

/// What waits of one stream.
#[derive(Default)]
struct Lane {
    waiting: VecDeque<Waiting>,
    /// NDJSON in it.
    bytes: usize,
    /// Nothing of it is in flight, and something waits: it is among the ready ones of a subscriber.
    is_ready: bool,
}

/// What could go now.
#[derive(Default)]
struct Ready {
    /// Streams, each with a batch at least.
    batches: usize,
    bytes: usize,
    /// Requests.
    runs: usize,
}

/// What one subscriber has here.
#[derive(Default)]
struct Account {
    bytes: usize,
    /// Streams with nothing in flight whose next lines are this subscriber's, each once.
    ready: VecDeque<StreamName>,
}

impl Queue {
    /// Lets in what a request costs as a whole, or nothing of it. [`Queue::enter`] follows, and [`Queue::entered`].
    pub(super) fn reserve(
        &mut self,
        subscriber: &Arc<str>,
        bytes: usize,
        limits: &AppendLimits,
    ) -> Result<(), NotLetIn> {
        if self.closed {
            return Err(NotLetIn::Closed);
        }
        let own = self
            .subscribers
            .get(subscriber)
            .map_or(0, |account| account.bytes);
        let has_room = if own < limits.subscriber_bytes {
            self.bytes < limits.waiting_bytes
        } else {
            // Beyond its share it has what nobody needs now, and a share stays free for others.
            self.bytes.saturating_add(bytes) <= limits.waiting_bytes.saturating_sub(limits.subscriber_bytes)
        };
        if !has_room {
            return Err(NotLetIn::Busy);
        }
        self.subscribers.entry(Arc::clone(subscriber)).or_default().bytes += bytes;
        self.bytes += bytes;
        self.entering += 1;
        self.show();
        Ok(())
    }

    pub(super) fn enter(&mut self, stream: StreamName, waiting: Waiting) {
        if waiting.parts.is_empty() {
            let _ = waiting.answer.send(Ok(Stored::new()));
            return;
        }
        self.returning.came();
        let bytes = waiting.bytes();
        match self.lanes.get_mut(&stream) {
            Some(lane) => {
                lane.waiting.push_back(waiting);
                lane.bytes += bytes;
                if lane.is_ready {
                    self.ready.bytes += bytes;
                    self.ready.runs += 1;
                }
            }
            None => {
                let subscriber = Arc::clone(&waiting.subscriber);
                let lane = Lane {
                    waiting: VecDeque::from([waiting]),
                    bytes,
                    is_ready: true,
                };
                self.lanes.insert(stream.clone(), lane);
                self.make_ready(subscriber, stream, bytes, 1);
            }
        }
    }

    /// A call is over, and whoever it answered may come again for so long. Whether it is worth waiting for that.
    pub(super) fn gather(&mut self, most: Duration) -> bool {
        let expected = self.returning.expected(Instant::now() + most);
        let together = self.ready.runs + expected;
        // Beside another one that is waited for, what comes gathers anyway: so never two of them wait.
        let is_last = self.calls.saturating_sub(self.slow) == 1;
        let waits = is_last && expected > 0 && together > 1 && !most.is_zero();
        if waits {
            self.wanted = together;
        }
        waits
    }

    /// Whether somebody waits, and for no more than are ready.
    pub(super) fn has_gathered(&self) -> bool {
        self.wanted > 0 && (self.ready.runs >= self.wanted || self.returning.is_over())
    }

    pub(super) fn entered(&mut self) {
        self.entering -= 1;
    }

    /// Whether everything that was let in is answered.
    pub(super) fn is_idle(&self) -> bool {
        self.calls == 0 && self.entering == 0
    }

    /// Whether another call is worth beginning: none is under way that would be waited for, or there is enough for it.
    pub(super) fn may_begin(&self, limits: &AppendLimits, full: CallLimits) -> bool {
        let waited_for = self.calls.saturating_sub(self.slow);
        let is_full = self.ready.batches >= full.batches.min(limits.call_batches)
            || self.ready.bytes >= full.bytes.min(limits.call_bytes);
        self.ready.batches > 0 && self.calls < limits.calls.max(1) && (waited_for == 0 || is_full)
    }

    /// A stream has something to go; `bytes` of `runs` requests wait of it. Its lane says so already.
    fn make_ready(&mut self, subscriber: Arc<str>, stream: StreamName, bytes: usize, runs: usize) {
        self.ready.batches += 1;
        self.ready.bytes += bytes;
        self.ready.runs += runs;
        let account = self.subscribers.entry(Arc::clone(&subscriber)).or_default();
        if account.ready.is_empty() {
            self.turns.push_back(subscriber);
        }
        account.ready.push_back(stream);
    }

    /// What is ready, as far as one call goes: a batch of each subscriber in turn.
    pub(super) fn take_call(&mut self, limits: &AppendLimits) -> Vec<Write> {
        let mut writes = Vec::new();
        let mut bytes = 0;
        while writes.len() < limits.call_batches && bytes < limits.call_bytes {
            let Some(subscriber) = self.turns.pop_front() else {
                break;
            };
            let Some(account) = self.subscribers.get_mut(&subscriber) else {
                continue;
            };
            let stream = account.ready.pop_front();
            self.ready.batches = self.ready.batches.saturating_sub(usize::from(stream.is_some()));
            if !account.ready.is_empty() {
                self.turns.push_back(subscriber);
            }
            let lane = stream.and_then(|stream| Some((self.lanes.get_mut(&stream)?, stream)));
            if let Some((lane, stream)) = lane {
                self.ready.bytes = self.ready.bytes.saturating_sub(lane.bytes);
                self.ready.runs = self.ready.runs.saturating_sub(lane.waiting.len());
                let write = Write::take(stream, &mut lane.waiting);
                lane.is_ready = false;
                lane.bytes = lane.bytes.saturating_sub(write.waiting_bytes());
                bytes += write.bytes();
                writes.push(write);
            }
        }
        writes
    }

    /// Writes are over: what they left behind waits before everything that came later.
    pub(super) fn release(&mut self, settled: Vec<(StreamName, Settled)>) {
        for (stream, settled) in settled {
            for (subscriber, bytes) in settled.freed {
                self.free(&subscriber, bytes);
            }
            let Some(lane) = self.lanes.get_mut(&stream) else {
                continue;
            };
            for waiting in settled.unfinished.into_iter().rev() {
                lane.bytes += waiting.bytes();
                lane.waiting.push_front(waiting);
            }
            match lane.waiting.front() {
                None => drop(self.lanes.remove(&stream)),
                Some(next) => {
                    let (subscriber, bytes) = (Arc::clone(&next.subscriber), lane.bytes);
                    let runs = lane.waiting.len();
                    lane.is_ready = true;
                    self.make_ready(subscriber, stream, bytes, runs);
                }
            }
        }
        self.show();
    }

    /// Takes out everything that is not in flight.
    pub(super) fn take_waiting(&mut self) -> Vec<Waiting> {
        let mut taken = Vec::new();
        let ready: Vec<StreamName> = self
            .subscribers
            .values_mut()
            .flat_map(|account| account.ready.drain(..))
            .collect();
        self.turns.clear();
        self.ready = Ready::default();
        for stream in ready {
            taken.extend(self.lanes.remove(&stream).unwrap_or_default().waiting);
        }
        // What is left has a write in flight, which comes back to its lane.
        for lane in self.lanes.values_mut() {
            taken.extend(lane.waiting.drain(..));
            lane.bytes = 0;
        }
        for waiting in &taken {
            self.free(&waiting.subscriber, waiting.cost());
        }
        self.show();
        taken
    }

    fn free(&mut self, subscriber: &Arc<str>, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(account) = self.subscribers.get_mut(subscriber) {
            account.bytes = account.bytes.saturating_sub(bytes);
            if account.bytes == 0 && account.ready.is_empty() {
                self.subscribers.remove(subscriber);
            }
        }
    }

    fn show(&self) {
        metrics::gauge!("tailcast_append_waiting_bytes").set(self.bytes as f64);
    }
}
