//! Somebody else can write to the same Redis: what he can do, and what not.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::io::ErrorKind;
use std::net::TcpListener;
use std::sync::Arc;

use dispatch::link::{LinkLimits, Links, To};
use dispatch::{Membership, NodeId, RedisOptions, RedisTable, Renewal, Role, Roster, Routes, TableError};
use support::hints::Recorder;
use support::node::{Node, Table, lease, secret, secret_of};
use support::{RedisServer, eventually, stream, targets};

async fn table_with(address: &str, options: RedisOptions) -> RedisTable {
    RedisTable::connect(address, secret(), options).await.unwrap()
}

async fn table_at(address: &str) -> RedisTable {
    table_with(address, RedisOptions::default()).await
}

/// A lease as it was before leases were signed, and as a stranger would write it.
async fn write_lease(server: &RedisServer, id: &str, address: &str, more: &[&str]) {
    let key = format!("tc:node:{id}");
    let mut command = vec![
        "HSET",
        &key,
        "roles",
        "dispatch,push",
        "address",
        address,
        "sessions",
        "0",
        "started",
        "x",
        "version",
        "9",
    ];
    command.extend(more);
    server.command::<()>(&command).await;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let now = now.as_millis().to_string();
    server.command::<()>(&["ZADD", "tc:nodes", &now, id]).await;
}

/// A node that follows the members of a cluster.
fn follow(node: &Node, roster: &Roster) -> Arc<Links> {
    let links = Links::new(node.id.clone(), To::Push, secret(), LinkLimits::default());
    node.spawn(links.clone().run(roster.clone(), node.token()));
    links
}

#[tokio::test]
async fn nobody_connects_to_an_address_that_no_node_signed() {
    let server = RedisServer::start().await;
    let table: Arc<dyn Table> = Arc::new(table_at(&server.address()).await);
    let trap = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    trap.set_nonblocking(true).unwrap();
    let address = trap.local_addr().unwrap().to_string();
    let now = "1700000000000";
    write_lease(&server, "unsigned", &address, &[]).await;
    write_lease(
        &server,
        "forged",
        &address,
        &["renewed", now, "signature", &"ab".repeat(32)],
    )
    .await;
    let other = secret_of("a secret that this cluster does not have");
    let other = RedisTable::connect(&server.address(), other, RedisOptions::default()).await;
    let stranger = lease(&NodeId::random(), &address, &[Role::Push]);
    other.unwrap().renew(&stranger).await.unwrap();
    // A true one whose address was changed.
    let victim = NodeId::random();
    table
        .renew(&lease(&victim, "127.0.0.1:1", &[Role::Push]))
        .await
        .unwrap();
    let key = format!("tc:node:{victim}");
    server.command::<()>(&["HSET", &key, "address", &address]).await;

    let arrived = Recorder::new();
    let friend = Node::listen(0, None, Some(arrived.clone())).await;
    friend.keep(&table, &[Role::Push]);
    let node = Node::listen(0, None, None).await;
    let membership = node.keep(&table, &[Role::Dispatch]);
    let _links = follow(&node, &membership);

    // Whoever is signed is found, and by then the others had been seen many times.
    arrived.has("any lost").await;
    let mut looks = membership.clone();
    for _ in 0..10 {
        assert!(looks.changed().await);
    }
    let mut known: Vec<_> = membership
        .nodes()
        .iter()
        .map(|lease| lease.node.clone())
        .collect();
    known.sort();
    let mut expected = vec![friend.id.clone(), node.id.clone()];
    expected.sort();
    assert_eq!(known, expected);
    let visitor = trap.accept();
    assert!(
        matches!(&visitor, Err(error) if error.kind() == ErrorKind::WouldBlock),
        "{visitor:?}"
    );
}

#[tokio::test]
async fn keys_of_the_wrong_type_are_made_anew_by_whoever_owns_them() {
    let server = RedisServer::start().await;
    let table = table_at(&server.address()).await;
    let node = NodeId::random();
    let mine = lease(&node, "10.0.0.1:7441", &[Role::Push]);
    let (held, route) = (format!("tc:holds:{node}"), "tc:route:s");
    let lease_key = format!("tc:node:{node}");
    for key in [
        &*lease_key,
        "tc:nodes",
        "tc:patterns",
        &held,
        route,
        "tc:route:t/*",
    ] {
        server.command::<()>(&["SET", key, "nonsense"]).await;
    }
    table.renew(&mine).await.unwrap();
    table.announce(&node, &targets(&["s", "t/*"])).await.unwrap();
    for name in ["s", "t/x"] {
        assert_eq!(
            table.nodes_for(&stream(name)).await.unwrap(),
            std::slice::from_ref(&node),
            "{name}"
        );
    }
    assert_eq!(table.nodes().await.unwrap(), std::slice::from_ref(&mine));

    // And when it happens to a node that lives.
    for key in [&*lease_key, "tc:nodes", &held] {
        server.command::<()>(&["SET", key, "nonsense"]).await;
    }
    assert_eq!(table.renew(&mine).await.unwrap(), Renewal::Restored);
    assert_eq!(table.nodes().await.unwrap(), [mine]);
    table.leave(&node).await.unwrap();
}

#[tokio::test]
async fn a_route_that_holds_something_else_is_no_answer_and_harms_no_other() {
    let server = RedisServer::start().await;
    let table = table_at(&server.address()).await;
    let node = NodeId::random();
    table
        .renew(&lease(&node, "10.0.0.1:7441", &[Role::Push]))
        .await
        .unwrap();
    table.announce(&node, &targets(&["good"])).await.unwrap();
    server.command::<()>(&["SET", "tc:route:bad", "nonsense"]).await;
    let bad = table.nodes_for(&stream("bad")).await;
    assert!(
        matches!(&bad, Err(TableError::Damaged(key)) if key == "tc:route:bad"),
        "{bad:?}"
    );
    assert_eq!(table.nodes_for(&stream("good")).await.unwrap(), [node]);
}

#[tokio::test]
async fn sets_are_read_up_to_a_bound_and_names_that_are_none_are_passed_over() {
    let server = RedisServer::start().await;
    let options = RedisOptions {
        nodes: 3,
        patterns: 3,
        ..RedisOptions::default()
    };
    let table = table_with(&server.address(), options).await;
    let node = NodeId::random();
    let mine = lease(&node, "10.0.0.1:7441", &[Role::Push]);
    table.renew(&mine).await.unwrap();
    table.announce(&node, &targets(&["s", "t/*"])).await.unwrap();
    let long = "x".repeat(100_000);
    server
        .command::<()>(&["SADD", "tc:route:s", &long, "not a\nname"])
        .await;
    server
        .command::<()>(&["SADD", "tc:patterns", &long, "no//pattern"])
        .await;
    server
        .command::<()>(&["ZADD", "tc:nodes", "1", &long, "2", "not a\nname"])
        .await;
    // Redis' word for these may follow its answer.
    eventually("what is no name is passed over", || async {
        table
            .nodes_for(&stream("s"))
            .await
            .is_ok_and(|nodes| nodes == [node.clone()])
            && table
                .nodes_for(&stream("t/x"))
                .await
                .is_ok_and(|nodes| nodes == [node.clone()])
    })
    .await;
    assert_eq!(table.nodes().await.unwrap(), std::slice::from_ref(&mine));

    for key in ["tc:route:s", "tc:route:u"] {
        server.command::<()>(&["SADD", key, "a", "b", "c", "d"]).await;
    }
    for name in ["s", "u"] {
        eventually("a crowd is no answer", || async {
            matches!(table.nodes_for(&stream(name)).await, Err(TableError::Damaged(_)))
        })
        .await;
    }
    for i in 0..10 {
        let (score, id) = ((i + 1).to_string(), format!("ghost-{i}"));
        server.command::<()>(&["ZADD", "tc:nodes", &score, &id]).await;
    }
    table.renew(&mine).await.unwrap();
    assert_eq!(table.nodes().await.unwrap(), [mine], "the newest are seen");
}

#[tokio::test]
async fn a_lease_with_a_field_that_is_too_long_is_none() {
    let server = RedisServer::start().await;
    let table = table_at(&server.address()).await;
    write_lease(&server, "huge", &"x".repeat(100_000), &[]).await;
    assert_eq!(table.nodes().await.unwrap(), []);
}
