//! What every route table does: the behaviours run against each implementation, with two nodes.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use dispatch::{Lease, MemoryTable, NodeId, RedisOptions, RedisTable, Renewal, Role};
use support::node::{Table, secret};
use support::{RedisServer, eventually, stream, targets};

/// Two nodes and the tables they use: the same one in memory, one each on Redis.
struct Cluster {
    a: Arc<dyn Table>,
    b: Arc<dyn Table>,
    server: Option<RedisServer>,
}

impl Cluster {
    fn in_memory() -> Self {
        let table = Arc::new(MemoryTable::new());
        Self {
            a: table.clone(),
            b: table,
            server: None,
        }
    }

    async fn on_redis() -> Self {
        let server = RedisServer::start().await;
        let options = RedisOptions::default();
        Self {
            a: Arc::new(
                RedisTable::connect(&server.address(), secret(), options)
                    .await
                    .unwrap(),
            ),
            b: Arc::new(
                RedisTable::connect(&server.address(), secret(), options)
                    .await
                    .unwrap(),
            ),
            server: Some(server),
        }
    }

    /// Lets every lease run out: by the clock in memory, which the test has in its hand, and early on Redis.
    async fn leases_end(&self) {
        let Some(server) = &self.server else {
            tokio::time::advance(Duration::from_secs(11)).await;
            return;
        };
        for key in server.command::<Vec<String>>(&["KEYS", "tc:node:*"]).await {
            server.command::<bool>(&["PEXPIRE", &key, "1"]).await;
        }
        eventually("no lease is left", || async {
            server
                .command::<Vec<String>>(&["KEYS", "tc:node:*"])
                .await
                .is_empty()
        })
        .await;
    }
}

fn lease_of(node: &NodeId) -> Lease {
    Lease {
        node: node.clone(),
        roles: [Role::Dispatch, Role::Push].into(),
        address: "10.0.0.1:7441".to_owned(),
        sessions: 3,
        started: "2026-01-02T03:04:05.000000000Z".to_owned(),
        version: "0.1.0".to_owned(),
    }
}

async fn living(table: &dyn Table) -> NodeId {
    let node = NodeId::random();
    assert_eq!(table.renew(&lease_of(&node)).await.unwrap(), Renewal::Kept);
    node
}

async fn found(table: &dyn Table, name: &str) -> Vec<NodeId> {
    let mut nodes = table.nodes_for(&stream(name)).await.unwrap();
    nodes.sort();
    nodes
}

/// Another node's cache hears of a change a moment later than the node that made it.
async fn becomes(table: &dyn Table, name: &str, mut expected: Vec<NodeId>) {
    expected.sort();
    let expected = &expected;
    eventually(&format!("{name} is wanted by {expected:?}"), || async move {
        found(table, name).await == *expected
    })
    .await;
}

/// Runs each behaviour on each implementation.
macro_rules! behaviours {
    ($($name:ident,)*) => {
        mod memory {
            $(#[tokio::test(start_paused = true)]
            async fn $name() {
                super::$name(super::Cluster::in_memory()).await;
            })*
        }
        mod redis_server {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Cluster::on_redis().await).await;
            })*
        }
    };
}

behaviours! {
    an_announced_stream_finds_its_nodes,
    a_pattern_finds_its_node_once_for_every_stream_it_covers,
    a_withdrawn_route_is_gone_and_others_stay,
    a_dead_node_is_not_a_destination,
    a_node_that_leaves_is_gone_at_once_with_its_routes,
    a_node_that_lost_its_lease_is_found_again_after_its_renewal,
    what_was_announced_without_a_lease_counts_with_the_first_one,
    the_living_are_listed_with_what_they_say_of_themselves,
    announcing_and_withdrawing_at_once_leaves_what_was_said_last,
}

async fn an_announced_stream_finds_its_nodes(cluster: Cluster) {
    let (a, b) = (&*cluster.a, &*cluster.b);
    let (node_a, node_b) = (living(a).await, living(b).await);
    assert_eq!(found(a, "payments/api").await, []);
    a.announce(&node_a, &targets(&["payments/api", "@alice"]))
        .await
        .unwrap();
    assert_eq!(found(a, "payments/api").await, vec![node_a.clone()]);
    becomes(b, "@alice", vec![node_a.clone()]).await;
    b.announce(&node_b, &targets(&["payments/api"])).await.unwrap();
    becomes(a, "payments/api", vec![node_a.clone(), node_b.clone()]).await;
    becomes(b, "payments/api", vec![node_a, node_b]).await;
    assert_eq!(found(a, "payments/web").await, []);
}

async fn a_pattern_finds_its_node_once_for_every_stream_it_covers(cluster: Cluster) {
    let (a, b) = (&*cluster.a, &*cluster.b);
    let node = living(a).await;
    assert_eq!(found(b, "payments/api").await, []);
    a.announce(&node, &targets(&["payments/**", "*/api", "payments/api"]))
        .await
        .unwrap();
    for name in ["payments/api", "payments", "payments/eu/api", "orders/api"] {
        becomes(b, name, vec![node.clone()]).await;
    }
    assert_eq!(found(b, "orders/web").await, []);
    assert_eq!(found(b, "@alice").await, []);
    a.withdraw(&node, &targets(&["payments/**"])).await.unwrap();
    becomes(b, "payments/eu/api", vec![]).await;
    assert_eq!(found(b, "orders/api").await, [node]);
}

/// Invariant 8.
async fn a_withdrawn_route_is_gone_and_others_stay(cluster: Cluster) {
    let (a, b) = (&*cluster.a, &*cluster.b);
    let (node_a, node_b) = (living(a).await, living(b).await);
    let both = targets(&["s", "p/*"]);
    a.announce(&node_a, &both).await.unwrap();
    b.announce(&node_b, &both).await.unwrap();
    a.withdraw(&node_a, &both).await.unwrap();
    for name in ["s", "p/x"] {
        assert_eq!(found(a, name).await, vec![node_b.clone()], "{name}");
        becomes(b, name, vec![node_b.clone()]).await;
    }
    a.withdraw(&node_a, &targets(&["never/announced"])).await.unwrap();
}

/// Invariant 8.
async fn a_dead_node_is_not_a_destination(cluster: Cluster) {
    let (a, b) = (&*cluster.a, &*cluster.b);
    let (node_a, node_b) = (living(a).await, living(b).await);
    a.announce(&node_a, &targets(&["s"])).await.unwrap();
    b.announce(&node_b, &targets(&["s"])).await.unwrap();
    becomes(b, "s", vec![node_a, node_b.clone()]).await;
    cluster.leases_end().await;
    becomes(b, "s", vec![]).await;
    b.renew(&lease_of(&node_b)).await.unwrap();
    becomes(b, "s", vec![node_b.clone()]).await;
    assert_eq!(b.nodes().await.unwrap(), [lease_of(&node_b)]);
}

async fn a_node_that_leaves_is_gone_at_once_with_its_routes(cluster: Cluster) {
    let (a, b) = (&*cluster.a, &*cluster.b);
    let node = living(a).await;
    a.announce(&node, &targets(&["s", "p/**"])).await.unwrap();
    becomes(b, "p/x", vec![node.clone()]).await;
    a.leave(&node).await.unwrap();
    assert_eq!(found(a, "s").await, []);
    becomes(b, "p/x", vec![]).await;
    assert_eq!(b.nodes().await.unwrap(), []);
    assert_eq!(a.renew(&lease_of(&node)).await.unwrap(), Renewal::Kept);
    assert_eq!(found(a, "s").await, []);
}

/// Invariant 8.
async fn a_node_that_lost_its_lease_is_found_again_after_its_renewal(cluster: Cluster) {
    let (a, b) = (&*cluster.a, &*cluster.b);
    let node = living(a).await;
    a.announce(&node, &targets(&["s", "p/*"])).await.unwrap();
    cluster.leases_end().await;
    assert_eq!(found(b, "s").await, []);
    assert_eq!(a.renew(&lease_of(&node)).await.unwrap(), Renewal::Restored);
    becomes(b, "s", vec![node.clone()]).await;
    becomes(b, "p/x", vec![node]).await;
}

async fn what_was_announced_without_a_lease_counts_with_the_first_one(cluster: Cluster) {
    let (a, b) = (&*cluster.a, &*cluster.b);
    let node = NodeId::random();
    a.announce(&node, &targets(&["s"])).await.unwrap();
    assert_eq!(found(b, "s").await, []);
    assert_eq!(a.renew(&lease_of(&node)).await.unwrap(), Renewal::Restored);
    becomes(b, "s", vec![node.clone()]).await;
    assert_eq!(a.renew(&lease_of(&node)).await.unwrap(), Renewal::Kept);
}

async fn the_living_are_listed_with_what_they_say_of_themselves(cluster: Cluster) {
    let (a, b) = (&*cluster.a, &*cluster.b);
    let (node_a, node_b) = (living(a).await, living(b).await);
    let mut listed = b.nodes().await.unwrap();
    listed.sort_by(|one, other| one.node.cmp(&other.node));
    assert_eq!(listed, [lease_of(&node_a), lease_of(&node_b)]);
    let busier = Lease {
        sessions: 50_000,
        ..lease_of(&node_a)
    };
    assert_eq!(a.renew(&busier).await.unwrap(), Renewal::Kept);
    assert!(b.nodes().await.unwrap().contains(&busier));
}

async fn announcing_and_withdrawing_at_once_leaves_what_was_said_last(cluster: Cluster) {
    let node = living(&*cluster.a).await;
    let mut calls = tokio::task::JoinSet::new();
    for i in 0..50 {
        let (table, node) = (cluster.a.clone(), node.clone());
        calls.spawn(async move {
            let name = format!("s/{i}");
            let target = targets(&[&name]);
            for _ in 0..5 {
                table.announce(&node, &target).await.unwrap();
                table.withdraw(&node, &target).await.unwrap();
            }
            if i % 2 == 0 {
                table.announce(&node, &target).await.unwrap();
            }
        });
    }
    while let Some(call) = calls.join_next().await {
        call.unwrap();
    }
    for i in 0..50 {
        let expected = if i % 2 == 0 { vec![node.clone()] } else { vec![] };
        assert_eq!(found(&*cluster.a, &format!("s/{i}")).await, expected, "s/{i}");
    }
}
