//! The route table of a single process.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use lines::{Pattern, StreamName, Target};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::TableError;
use crate::membership::{LEASE, Lease, Membership, NodeId, Renewal};
use crate::routes::Routes;

/// Routes in memory. They end with the process.
pub struct MemoryTable {
    lease: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    nodes: HashMap<NodeId, Node>,
    streams: HashMap<StreamName, Wanting>,
    patterns: HashMap<Pattern, Wanting>,
}

/// The nodes that want something, each once: mostly a single one, for each of a hundred thousand streams.
#[derive(Default)]
struct Wanting(Vec<NodeId>);

#[derive(Default)]
struct Node {
    /// The lease, and when it ends.
    lease: Option<(Lease, Instant)>,
    /// What was announced and not withdrawn.
    targets: HashSet<Target>,
}

impl MemoryTable {
    /// An empty table with leases of 10 s.
    pub fn new() -> Self {
        Self::with_lease(LEASE)
    }

    /// An empty table whose leases last `lease` from one renewal to the next.
    pub fn with_lease(lease: Duration) -> Self {
        Self {
            lease,
            state: Mutex::default(),
        }
    }
}

impl Default for MemoryTable {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Membership for MemoryTable {
    async fn renew(&self, lease: &Lease) -> Result<Renewal, TableError> {
        let now = Instant::now();
        let mut state = self.state.lock();
        let node = state.nodes.entry(lease.node.clone()).or_default();
        let found = match &node.lease {
            Some((_, end)) if *end > now => Renewal::Kept,
            None if node.targets.is_empty() => Renewal::Kept,
            _ => Renewal::Restored,
        };
        node.lease = Some((lease.clone(), now + self.lease));
        Ok(found)
    }

    async fn leave(&self, node: &NodeId) -> Result<(), TableError> {
        let mut state = self.state.lock();
        if let Some(left) = state.nodes.remove(node) {
            for target in &left.targets {
                state.remove(node, target);
            }
        }
        Ok(())
    }

    async fn nodes(&self) -> Result<Vec<Lease>, TableError> {
        let now = Instant::now();
        let state = self.state.lock();
        let alive = state.nodes.values().filter_map(|node| node.lease.as_ref());
        Ok(alive
            .filter(|(_, end)| *end > now)
            .map(|(lease, _)| lease.clone())
            .collect())
    }
}

#[async_trait]
impl Routes for MemoryTable {
    async fn announce(&self, node: &NodeId, targets: &[Target]) -> Result<(), TableError> {
        let mut state = self.state.lock();
        for target in targets {
            match target {
                Target::Stream(name) => state.streams.entry(name.clone()).or_default().insert(node),
                Target::Pattern(pattern) => state.patterns.entry(pattern.clone()).or_default().insert(node),
            };
        }
        let known = state.nodes.entry(node.clone()).or_default();
        known.targets.extend(targets.iter().cloned());
        Ok(())
    }

    async fn withdraw(&self, node: &NodeId, targets: &[Target]) -> Result<(), TableError> {
        let mut state = self.state.lock();
        for target in targets {
            state.remove(node, target);
            if let Some(known) = state.nodes.get_mut(node) {
                known.targets.remove(target);
            }
        }
        Ok(())
    }

    async fn nodes_for(&self, stream: &StreamName) -> Result<Vec<NodeId>, TableError> {
        let now = Instant::now();
        let state = self.state.lock();
        let exact = state
            .streams
            .get(stream)
            .into_iter()
            .flat_map(|wanting| &wanting.0);
        let covering = state
            .patterns
            .iter()
            .filter(|(pattern, _)| pattern.matches(stream));
        let wanted: BTreeSet<&NodeId> = exact
            .chain(covering.flat_map(|(_, wanting)| &wanting.0))
            .collect();
        Ok(wanted
            .into_iter()
            .filter(|node| state.is_alive(node, now))
            .cloned()
            .collect())
    }
}

impl State {
    fn is_alive(&self, node: &NodeId, now: Instant) -> bool {
        let lease = self.nodes.get(node).and_then(|node| node.lease.as_ref());
        lease.is_some_and(|(_, end)| *end > now)
    }

    fn remove(&mut self, node: &NodeId, target: &Target) {
        match target {
            Target::Stream(name) => remove_from(&mut self.streams, name, node),
            Target::Pattern(pattern) => remove_from(&mut self.patterns, pattern, node),
        }
    }
}

impl Wanting {
    fn insert(&mut self, node: &NodeId) {
        if !self.0.contains(node) {
            self.0.reserve_exact(1);
            self.0.push(node.clone());
        }
    }
}

fn remove_from<K: std::hash::Hash + Eq>(routes: &mut HashMap<K, Wanting>, key: &K, node: &NodeId) {
    if let Some(wanting) = routes.get_mut(key) {
        wanting.0.retain(|wants| wants != node);
        if wanting.0.is_empty() {
            routes.remove(key);
        }
    }
}
