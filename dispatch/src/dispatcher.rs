//! From batches to the nodes that want them.
//!
//! Knows nothing of connections: nodes are [`HintSink`]s.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use lines::{Hint, HintSink, StreamName};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::xxh3_64;

use crate::dropped::{self, Lost, Place};
use crate::link::Links;
use crate::parcel::{Parcel, Queue, QueueLimits};
use crate::{NodeId, Roster, Routes};

/// Bounds of a dispatcher.
#[derive(Debug, Clone, Copy)]
pub struct DispatchLimits {
    /// Queues, each with its own worker. A stream has one of them, so its order is kept.
    pub workers: usize,
    /// What waits in each queue. Beyond, hints are dropped and told as lost.
    pub queue: QueueLimits,
    /// The most hints that a worker looks up at once.
    pub lookups: usize,
    /// The most streams that are told as lost by name; beyond, it is all of them.
    pub lost_streams: usize,
    /// The least time between two times that something is told as lost.
    pub lost_pause: Duration,
}

impl Default for DispatchLimits {
    fn default() -> Self {
        Self {
            workers: 4,
            queue: QueueLimits {
                hints: 10_000,
                bytes: 16 * 1024 * 1024,
            },
            lookups: 64,
            lost_streams: 1_000,
            lost_pause: Duration::from_millis(20),
        }
    }
}

/// The way to the push nodes of other processes.
pub struct Peers {
    /// Links to push nodes ([`crate::link::To::Push`]).
    pub links: Arc<Links>,
    /// Who there is.
    pub roster: Roster,
}

/// Passes every batch to the nodes that have a route for its stream.
pub struct Dispatcher {
    me: NodeId,
    routes: Arc<dyn Routes>,
    local: Option<Arc<dyn HintSink>>,
    peers: Option<Peers>,
    limits: DispatchLimits,
    shards: Vec<Shard>,
    lost: Mutex<Lost>,
    lost_wake: Notify,
}

struct Shard {
    queue: Mutex<Queue>,
    wake: Notify,
}

impl Dispatcher {
    /// For node `me`. `local` is its own push role, `peers` are the other nodes'. [`Dispatcher::run`] has to run for
    /// anything to go on.
    pub fn new(
        me: NodeId,
        routes: Arc<dyn Routes>,
        local: Option<Arc<dyn HintSink>>,
        peers: Option<Peers>,
        limits: DispatchLimits,
    ) -> Arc<Self> {
        let shard = |_| Shard {
            queue: Mutex::new(Queue::new(limits.queue)),
            wake: Notify::new(),
        };
        Arc::new(Self {
            me,
            routes,
            local,
            peers,
            limits,
            shards: (0..limits.workers.max(1)).map(shard).collect(),
            lost: Mutex::default(),
            lost_wake: Notify::new(),
        })
    }

    /// Works until `stop`, then passes on what waits.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut workers = JoinSet::new();
        for shard in 0..self.shards.len() {
            workers.spawn(self.clone().work(shard, stop.clone()));
        }
        loop {
            tokio::select! {
                () = self.lost_wake.notified() => {
                    self.tell_lost();
                    tokio::time::sleep(self.limits.lost_pause).await;
                }
                () = stop.cancelled() => break,
            }
        }
        workers.join_all().await;
        self.tell_lost();
    }

    async fn work(self: Arc<Self>, shard: usize, stop: CancellationToken) {
        let Shard { queue, wake } = &self.shards[shard];
        loop {
            let parcels = queue.lock().take(self.limits.lookups);
            if !parcels.is_empty() {
                self.pass_on(&parcels).await;
                continue;
            }
            tokio::select! {
                () = wake.notified() => {}
                () = stop.cancelled() => if queue.lock().is_empty() {
                    return;
                },
            }
        }
    }

    /// Looks up the streams of all, together, then passes each on in its turn.
    async fn pass_on(&self, parcels: &[Arc<Parcel>]) {
        let lookups = parcels.iter().map(|parcel| async move {
            match &parcel.hint {
                Hint::Batch(batch) => Some((batch, self.routes.nodes_for(&batch.stream).await)),
                Hint::Lost(_) | Hint::AnyLost => None,
            }
        });
        let found = join_all(lookups).await;
        for (parcel, (batch, nodes)) in parcels
            .iter()
            .zip(found)
            .filter_map(|(p, found)| Some((p, found?)))
        {
            match nodes {
                Ok(nodes) => nodes.iter().for_each(|node| self.pass_to(node, parcel)),
                Err(error) => {
                    tracing::debug!(stream = %batch.stream, %error, "could not look up who wants a batch");
                    dropped::count(Place::Lookup, 1);
                    self.add_lost(&batch.stream);
                }
            }
        }
    }

    fn pass_to(&self, node: &NodeId, parcel: &Arc<Parcel>) {
        if *node == self.me {
            if let Some(local) = &self.local {
                local.hand_off(parcel.hint.clone());
            }
            return;
        }
        let Some(peers) = &self.peers else {
            return;
        };
        match peers.links.get(node) {
            Some(link) => link.deliver_parcel(parcel),
            None => {
                // A node so new that there is no link to it yet. The link will begin by saying that anything may be
                // lost.
                dropped::count(Place::NoLink, 1);
                peers.roster.look();
            }
        }
    }

    fn add_lost(&self, stream: &StreamName) {
        self.lost.lock().add(stream, self.limits.lost_streams);
        self.lost_wake.notify_one();
    }

    /// To every push node: who wanted it could not be found out.
    fn tell_lost(&self) {
        let hints = self.lost.lock().take();
        for hint in hints {
            if let Some(local) = &self.local {
                local.hand_off(hint.clone());
            }
            if let Some(peers) = &self.peers {
                peers.links.deliver_to_all(&Parcel::new(hint));
            }
        }
    }
}

impl HintSink for Dispatcher {
    fn hand_off(&self, hint: Hint) {
        match &hint {
            Hint::Batch(batch) => {
                let stream = batch.stream.clone();
                let place = xxh3_64(stream.as_str().as_bytes()) % self.shards.len() as u64;
                let Shard { queue, wake } = &self.shards[place as usize];
                if queue.lock().push(Parcel::new(hint)) {
                    wake.notify_one();
                    return;
                }
                dropped::count(Place::Dispatcher, 1);
                self.add_lost(&stream);
            }
            Hint::Lost(stream) => self.add_lost(stream),
            Hint::AnyLost => {
                self.lost.lock().add_any();
                self.lost_wake.notify_one();
            }
        }
    }
}
