//! Being alive: what the keeper tells the table, the others, and the push node in the same process. Time is the test's.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use dispatch::{
    Keeper, KeeperLimits, Lease, Membership, MemoryTable, NodeId, Renewal, Role, Roster, Routes, TableError,
};
use lines::{StreamName, Target};
use support::hints::Recorder;
use support::node::lease;
use support::{stream, targets};
use tokio_util::sync::CancellationToken;

/// A table in memory that can be out of reach.
#[derive(Default)]
struct Table {
    memory: MemoryTable,
    away: AtomicBool,
}

impl Table {
    fn answer(&self) -> Result<&MemoryTable, TableError> {
        if self.away.load(Ordering::Relaxed) {
            Err(TableError::Timeout(Duration::from_secs(1)))
        } else {
            Ok(&self.memory)
        }
    }
}

#[async_trait]
impl Membership for Table {
    async fn renew(&self, lease: &Lease) -> Result<Renewal, TableError> {
        self.answer()?.renew(lease).await
    }
    async fn leave(&self, node: &NodeId) -> Result<(), TableError> {
        self.answer()?.leave(node).await
    }
    async fn nodes(&self) -> Result<Vec<Lease>, TableError> {
        self.answer()?.nodes().await
    }
}

#[async_trait]
impl Routes for Table {
    async fn announce(&self, node: &NodeId, targets: &[Target]) -> Result<(), TableError> {
        self.answer()?.announce(node, targets).await
    }
    async fn withdraw(&self, node: &NodeId, targets: &[Target]) -> Result<(), TableError> {
        self.answer()?.withdraw(node, targets).await
    }
    async fn nodes_for(&self, stream: &StreamName) -> Result<Vec<NodeId>, TableError> {
        self.answer()?.nodes_for(stream).await
    }
}

/// A push node with its keeper.
struct Kept {
    table: Arc<Table>,
    lease: Lease,
    sessions: Arc<AtomicU64>,
    told: Arc<Recorder>,
    roster: Roster,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

fn keep(table: &Arc<Table>) -> Kept {
    let lease = lease(&NodeId::random(), "10.0.0.1:7441", &[Role::Push]);
    let sessions = Arc::new(AtomicU64::new(0));
    let counted = sessions.clone();
    let told = Recorder::new();
    let (keeper, roster) = Keeper::new(
        table.clone(),
        lease.clone(),
        move || counted.load(Ordering::Relaxed),
        Some(told.clone()),
        KeeperLimits::default(),
    );
    let stop = CancellationToken::new();
    Kept {
        table: table.clone(),
        lease,
        sessions,
        told,
        roster,
        running: tokio::spawn(keeper.run(stop.clone())),
        stop,
    }
}

async fn seconds(n: u64) {
    tokio::time::sleep(Duration::from_secs(n)).await;
}

#[tokio::test(start_paused = true)]
async fn a_lease_lives_as_long_as_its_node_and_says_how_busy_it_is() {
    let node = keep(&Arc::default());
    seconds(60).await;
    assert_eq!(node.roster.nodes().to_vec(), vec![node.lease.clone()]);
    node.sessions.store(7, Ordering::Relaxed);
    seconds(4).await;
    assert_eq!(node.roster.nodes()[0].sessions, 7);
    assert_eq!(node.told.all(), [""; 0]);
    node.stop.cancel();
    node.running.await.unwrap();
    assert_eq!(node.table.nodes().await.unwrap(), []);
}

/// Invariant 6.
#[tokio::test(start_paused = true)]
async fn the_end_of_a_collector_or_dispatcher_makes_heads_be_read_and_that_of_a_push_node_does_not() {
    let node = keep(&Arc::default());
    for (role, expected) in [
        (Role::Push, vec![]),
        (Role::Collect, vec!["any lost"]),
        (Role::Dispatch, vec!["any lost"]),
    ] {
        let other = lease(&NodeId::random(), "10.0.0.2:7441", &[role]);
        node.table.renew(&other).await.unwrap();
        seconds(4).await;
        assert!(node.roster.nodes().contains(&other), "{role:?}");
        assert!(node.roster.with_role(role).contains(&other), "{role:?}");
        node.told.clear();
        seconds(14).await;
        assert_eq!(node.roster.nodes().to_vec(), vec![node.lease.clone()], "{role:?}");
        assert_eq!(node.told.all(), expected, "{role:?}");
    }
}

/// Invariant 6.
#[tokio::test(start_paused = true)]
async fn while_the_table_is_away_heads_are_read_every_second() {
    let node = keep(&Arc::default());
    seconds(1).await;
    node.table.away.store(true, Ordering::Relaxed);
    seconds(12).await;
    let times = node.told.all().len();
    assert!(
        (9..=11).contains(&times),
        "{times} times in 12 s, of which 2 pass before the first renewal fails"
    );
    assert_eq!(
        node.roster.nodes().to_vec(),
        vec![node.lease.clone()],
        "the last list stays"
    );
}

/// Invariant 8.
#[tokio::test(start_paused = true)]
async fn a_node_whose_lease_ran_out_is_back_with_its_routes_soon_after_the_table_is() {
    let node = keep(&Arc::default());
    seconds(1).await;
    node.table
        .announce(&node.lease.node, &targets(&["s"]))
        .await
        .unwrap();
    node.table.away.store(true, Ordering::Relaxed);
    seconds(30).await;
    node.table.away.store(false, Ordering::Relaxed);
    assert_eq!(node.table.nodes_for(&stream("s")).await.unwrap(), []);
    node.told.clear();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(
        node.table.nodes_for(&stream("s")).await.unwrap(),
        vec![node.lease.node.clone()]
    );
    assert_eq!(node.told.all(), ["any lost"]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_heard_of_is_looked_for_at_once() {
    let node = keep(&Arc::default());
    seconds(1).await;
    let other = lease(&NodeId::random(), "10.0.0.2:7441", &[Role::Push]);
    node.table.renew(&other).await.unwrap();
    node.roster.look();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(node.roster.nodes().contains(&other));
}
