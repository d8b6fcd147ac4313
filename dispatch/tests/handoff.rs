//! What every way from a collector to the push nodes does: the behaviours run within one process and over links.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use dispatch::link::{LinkLimits, Links, RemoteHandoff, To};
use dispatch::{
    DispatchLimits, Dispatcher, Keeper, KeeperLimits, MemoryTable, NodeId, Peers, QueueLimits, Role, Routes,
    TableError,
};
use lines::{Hint, HintSink, StreamName, Target};
use support::hints::{Recorder, batch};
use support::node::{Node, Table, lease, local_dispatcher, secret};
use support::{eventually, targets};
use tokio::net::TcpListener;

/// A collector's hand-off, and the push node at the end of it.
struct Way {
    handoff: Arc<dyn HintSink>,
    arrived: Arc<Recorder>,
    table: Arc<dyn Table>,
    push: NodeId,
    nodes: Vec<Node>,
}

#[derive(Clone, Copy)]
struct Bounds {
    dispatch: DispatchLimits,
    link: LinkLimits,
}

fn usual() -> Bounds {
    Bounds {
        dispatch: DispatchLimits::default(),
        link: LinkLimits::default(),
    }
}

/// So little that it overflows.
fn tiny() -> Bounds {
    let queue = QueueLimits {
        hints: 4,
        bytes: 1024 * 1024,
    };
    let mut bounds = usual();
    bounds.dispatch.queue = queue;
    bounds.link.queue = queue;
    bounds
}

impl Way {
    async fn in_process(bounds: Bounds) -> Self {
        let table: Arc<dyn Table> = Arc::new(MemoryTable::new());
        let (push, arrived) = (NodeId::random(), Recorder::new());
        table
            .renew(&lease(&push, "127.0.0.1:1", &Role::ALL))
            .await
            .unwrap();
        Self {
            handoff: local_dispatcher(table.clone(), &push, arrived.clone(), bounds.dispatch),
            arrived,
            table,
            push,
            nodes: Vec::new(),
        }
    }

    /// A collector, two dispatchers and a push node, each with a listener of its own.
    async fn over_links(bounds: Bounds) -> Self {
        let table: Arc<dyn Table> = Arc::new(MemoryTable::new());
        let arrived = Recorder::new();
        let push = Node::listen(0, None, Some(arrived.clone())).await;
        push.keep(&table, &[Role::Push]);
        let mut nodes = Vec::new();
        for _ in 0..2 {
            nodes.push(dispatcher_node(&table, bounds).await);
        }
        let collector = Node::listen(0, None, None).await;
        let roster = collector.keep(&table, &[Role::Collect]);
        let links = Links::new(collector.id.clone(), To::Dispatch, secret(), bounds.link);
        collector.spawn(links.clone().run(roster, collector.token()));
        let handoff = RemoteHandoff::new(links);
        collector.spawn(handoff.clone().run(collector.token()));
        let way = Self {
            handoff,
            arrived,
            table,
            push: push.id.clone(),
            nodes: nodes.into_iter().chain([collector, push]).collect(),
        };
        way.is_open().await;
        way
    }

    /// Every link begins by saying that anything may be lost. Then hints go through on whatever dispatcher they take.
    async fn is_open(&self) {
        for i in 0..8 {
            let name = format!("open/{i}");
            self.wants(&[&name]).await;
            eventually("the way is open", || async {
                self.handoff.hand_off(batch(&name, 0));
                tokio::time::sleep(Duration::from_millis(20)).await;
                !self.arrived.offsets(&name).is_empty()
            })
            .await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        self.arrived.clear();
    }

    async fn wants(&self, texts: &[&str]) {
        self.table.announce(&self.push, &targets(texts)).await.unwrap();
    }
}

async fn dispatcher_node(table: &Arc<dyn Table>, bounds: Bounds) -> Node {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let id = NodeId::random();
    let links = Links::new(id.clone(), To::Push, secret(), bounds.link);
    // The node's roster comes from the keeper, which needs the address, which is the listener's.
    let address = listener.local_addr().unwrap().to_string();
    let roles = [Role::Dispatch];
    let limits = dispatch::KeeperLimits {
        renew: Duration::from_millis(50),
        ..Default::default()
    };
    let (keeper, roster) =
        dispatch::Keeper::new(table.clone(), lease(&id, &address, &roles), || 0, None, limits);
    let peers = Peers {
        links: links.clone(),
        roster: roster.clone(),
    };
    let dispatcher = Dispatcher::new(id.clone(), table.clone(), None, Some(peers), bounds.dispatch);
    let node = Node::on(id, listener, Some(dispatcher.clone()), None);
    node.spawn(keeper.run(node.token()));
    node.spawn(links.run(roster, node.token()));
    node.spawn(dispatcher.run(node.token()));
    node
}

/// Runs each behaviour on each implementation.
macro_rules! behaviours {
    ($($name:ident($bounds:expr),)*) => {
        mod in_process {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                super::$name(Way::in_process($bounds).await).await;
            })*
        }
        mod over_links {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                super::$name(Way::over_links($bounds).await).await;
            })*
        }
    };
}

behaviours! {
    batches_of_a_stream_arrive_in_their_order(usual()),
    only_what_a_node_wants_arrives_there(usual()),
    a_way_that_is_full_does_not_wait_and_says_what_it_lost(tiny()),
    the_word_that_something_is_lost_is_passed_on(usual()),
}

async fn batches_of_a_stream_arrive_in_their_order(way: Way) {
    way.wants(&["s/*"]).await;
    for offset in 0..100 {
        for name in ["s/1", "s/2", "s/3", "s/4", "s/5"] {
            way.handoff.hand_off(batch(name, offset));
        }
    }
    for name in ["s/1", "s/2", "s/3", "s/4", "s/5"] {
        eventually("all has arrived", || async {
            way.arrived.offsets(name).len() == 100
        })
        .await;
        assert_eq!(way.arrived.offsets(name), (0..100).collect::<Vec<_>>(), "{name}");
    }
    assert_eq!(way.arrived.lines().len(), 500);
}

async fn only_what_a_node_wants_arrives_there(way: Way) {
    way.wants(&["wanted"]).await;
    way.handoff.hand_off(batch("unwanted", 0));
    way.handoff.hand_off(batch("wanted", 0));
    way.arrived.has("wanted 0").await;
    way.table
        .withdraw(&way.push, &targets(&["wanted"]))
        .await
        .unwrap();
    way.wants(&["marker"]).await;
    way.handoff.hand_off(batch("wanted", 1));
    way.handoff.hand_off(batch("marker", 0));
    way.arrived.has("marker 0").await;
    assert_eq!(way.arrived.lines(), ["wanted 0", "marker 0"]);
}

/// Invariant 6.
async fn a_way_that_is_full_does_not_wait_and_says_what_it_lost(way: Way) {
    way.wants(&["busy"]).await;
    let begun = Instant::now();
    for offset in 0..1000 {
        way.handoff.hand_off(batch("busy", offset));
    }
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "took {:?}",
        begun.elapsed()
    );
    way.arrived.has("lost busy").await;
    let offsets = way.arrived.offsets("busy");
    assert!(offsets.len() < 1000 && offsets.is_sorted(), "{offsets:?}");
}

async fn the_word_that_something_is_lost_is_passed_on(way: Way) {
    way.handoff
        .hand_off(Hint::Lost(support::stream("unknown/to/routes")));
    way.arrived.has("lost unknown/to/routes").await;
    way.handoff.hand_off(Hint::AnyLost);
    way.arrived.has("any lost").await;
}

/// Invariant 6.
#[tokio::test]
async fn a_dispatcher_that_goes_away_is_replaced_and_what_it_had_is_told_as_lost() {
    let mut way = Way::over_links(usual()).await;
    way.wants(&["s/**"]).await;
    way.nodes.remove(0).stop().await;
    way.arrived.has("any lost").await;
    for i in 0..20 {
        way.handoff.hand_off(batch(&format!("s/{i}"), 0));
    }
    for i in 0..20 {
        way.arrived.has(&format!("s/{i} 0")).await;
    }
}

/// Invariant 6.
#[tokio::test]
async fn without_any_dispatcher_hints_are_dropped_and_told_as_lost_when_there_is_one_again() {
    let mut way = Way::over_links(usual()).await;
    way.wants(&["s"]).await;
    way.nodes.remove(0).stop().await;
    way.nodes.remove(0).stop().await;
    eventually("hints go nowhere", || async {
        way.arrived.clear();
        way.handoff.hand_off(batch("s", 0));
        tokio::time::sleep(Duration::from_millis(50)).await;
        way.arrived.lines().is_empty()
    })
    .await;
    let replacement = dispatcher_node(&way.table, usual()).await;
    way.arrived.has("any lost").await;
    eventually("lines arrive again", || async {
        way.handoff.hand_off(batch("s", 1));
        tokio::time::sleep(Duration::from_millis(20)).await;
        way.arrived.offsets("s").contains(&1)
    })
    .await;
    replacement.stop().await;
}

#[tokio::test]
async fn a_collector_that_knows_no_dispatcher_looks_for_one_before_its_lease_is_due() {
    let table: Arc<dyn Table> = Arc::new(MemoryTable::new());
    let collector = Node::listen(0, None, None).await;
    let limits = KeeperLimits {
        renew: Duration::from_secs(3600),
        ..KeeperLimits::default()
    };
    let lease = collector.lease(&[Role::Collect]);
    let (keeper, roster) = Keeper::new(table.clone(), lease, || 0, None, limits);
    collector.spawn(keeper.run(collector.token()));
    assert!(roster.clone().changed().await, "it has looked, and found nobody");
    let links = Links::new(
        collector.id.clone(),
        To::Dispatch,
        secret(),
        LinkLimits::default(),
    );
    collector.spawn(links.clone().run(roster, collector.token()));
    let handoff = RemoteHandoff::new(links);
    let arrived = Recorder::new();
    let dispatcher = Node::listen(0, Some(arrived.clone()), None).await;
    dispatcher.keep(&table, &[Role::Dispatch]);
    eventually("lines arrive", || async {
        handoff.hand_off(batch("s", 0));
        tokio::time::sleep(Duration::from_millis(20)).await;
        !arrived.offsets("s").is_empty()
    })
    .await;
}

/// Routes that cannot be reached.
struct Away;

#[async_trait]
impl Routes for Away {
    async fn announce(&self, _: &NodeId, _: &[Target]) -> Result<(), TableError> {
        Err(TableError::Timeout(Duration::ZERO))
    }
    async fn withdraw(&self, _: &NodeId, _: &[Target]) -> Result<(), TableError> {
        Err(TableError::Timeout(Duration::ZERO))
    }
    async fn nodes_for(&self, _: &StreamName) -> Result<Vec<NodeId>, TableError> {
        Err(TableError::Timeout(Duration::ZERO))
    }
}

/// Invariant 6.
#[tokio::test]
async fn while_routes_cannot_be_looked_up_every_batch_is_told_as_lost() {
    let arrived = Recorder::new();
    let handoff = local_dispatcher(
        Arc::new(Away),
        &NodeId::random(),
        arrived.clone(),
        DispatchLimits::default(),
    );
    handoff.hand_off(batch("s", 0));
    arrived.has("lost s").await;
    assert_eq!(arrived.all(), ["lost s"]);
}
