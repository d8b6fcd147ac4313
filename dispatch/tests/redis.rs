//! What only the table on Redis has to bear: what lies in Redis, and Redis going away, losing everything, or being many.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use dispatch::{Membership, NodeId, RedisOptions, RedisTable, Renewal, Role, Routes};
use support::node::{lease, secret};
use support::{RedisServer, eventually, stream, targets};

async fn table_at(address: &str) -> RedisTable {
    RedisTable::connect(address, secret(), RedisOptions::default())
        .await
        .unwrap()
}

fn push_lease(node: &NodeId) -> dispatch::Lease {
    lease(node, "10.0.0.1:7441", &[Role::Dispatch, Role::Push])
}

async fn living(table: &RedisTable) -> NodeId {
    let node = NodeId::random();
    table.renew(&push_lease(&node)).await.unwrap();
    node
}

/// Waits until a lookup works and gives these nodes.
async fn becomes(table: &RedisTable, name: &str, expected: &[&NodeId]) {
    eventually(&format!("{name} is wanted by {expected:?}"), || async {
        table
            .nodes_for(&stream(name))
            .await
            .is_ok_and(|nodes| nodes.iter().collect::<Vec<_>>() == expected)
    })
    .await;
}

/// Waits until the table works again, and gives what its first renewal found.
async fn renewed(table: &RedisTable, node: &NodeId) -> Renewal {
    let found = std::cell::Cell::new(None);
    eventually("the lease can be renewed", || async {
        found.set(table.renew(&push_lease(node)).await.ok());
        found.get().is_some()
    })
    .await;
    found.get().unwrap()
}

#[tokio::test]
async fn redis_has_what_the_contract_says() {
    let server = RedisServer::start().await;
    let table = table_at(&server.address()).await;
    let node = living(&table).await;
    table
        .announce(&node, &targets(&["@alice", "payments/**"]))
        .await
        .unwrap();

    let id = node.as_str();
    let members = async |key: &str| -> BTreeSet<String> { server.command(&["SMEMBERS", key]).await };
    let mut lease: HashMap<String, String> = server.command(&["HGETALL", &format!("tc:node:{id}")]).await;
    let renewed: u64 = lease.remove("renewed").unwrap().parse().unwrap();
    assert!(renewed > 1_700_000_000_000, "{renewed}");
    assert_eq!(lease.remove("signature").unwrap().len(), 64);
    let expected = [
        ("roles", "dispatch,push"),
        ("address", "10.0.0.1:7441"),
        ("sessions", "0"),
        ("started", "2026-01-02T03:04:05.000000000Z"),
        ("version", "0.1.0"),
    ];
    assert_eq!(
        lease,
        expected
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    );
    let ends_in: u64 = server.command(&["PTTL", &format!("tc:node:{id}")]).await;
    assert!((8_000..=10_000).contains(&ends_in), "{ends_in} ms");
    let listed: HashMap<String, u64> = server
        .command(&["ZRANGE", "tc:nodes", "0", "-1", "WITHSCORES"])
        .await;
    assert!(listed[id] > 1_700_000_000_000, "{listed:?}");
    assert_eq!(members("tc:route:@alice").await, [id.to_owned()].into());
    assert_eq!(members("tc:route:payments/**").await, [id.to_owned()].into());
    assert_eq!(members("tc:patterns").await, ["payments/**".to_owned()].into());
    let held = ["@alice".to_owned(), "payments/**".to_owned()];
    assert_eq!(members(&format!("tc:holds:{id}")).await, held.into());

    table.leave(&node).await.unwrap();
    let keys: Vec<String> = server.command(&["KEYS", "*"]).await;
    assert!(keys.is_empty(), "{keys:?}");
}

#[tokio::test]
async fn a_lookup_that_was_made_before_asks_redis_nothing() {
    let server = RedisServer::start().await;
    let table = table_at(&server.address()).await;
    let node = living(&table).await;
    table.announce(&node, &targets(&["s", "t/*"])).await.unwrap();
    becomes(&table, "s", &[&node]).await;
    becomes(&table, "t/x", &[&node]).await;
    becomes(&table, "nobody/wants/this", &[]).await;
    // Redis' word about our own changes follows its answer, so that a first round may still have to ask.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let calls = async || {
        let info: String = server.command(&["INFO", "commandstats"]).await;
        let counted = ["cmdstat_smembers:", "cmdstat_pttl:"];
        let lines = info
            .lines()
            .filter(|line| counted.iter().any(|name| line.starts_with(name)));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    for name in ["s", "t/x", "nobody/wants/this"] {
        table.nodes_for(&stream(name)).await.unwrap();
    }
    let before = calls().await;
    for _ in 0..100 {
        for name in ["s", "t/x", "nobody/wants/this"] {
            table.nodes_for(&stream(name)).await.unwrap();
        }
    }
    assert_eq!(calls().await, before);
}

/// Invariant 8.
#[tokio::test]
async fn after_redis_lost_everything_the_next_renewal_announces_all_again() {
    let server = RedisServer::start().await;
    let (a, b) = (
        table_at(&server.address()).await,
        table_at(&server.address()).await,
    );
    let node = living(&a).await;
    let names: Vec<String> = (0..2_000).map(|i| format!("s/{i}")).collect();
    let mut held: Vec<&str> = names.iter().map(String::as_str).collect();
    held.push("p/**");
    a.announce(&node, &targets(&held)).await.unwrap();
    becomes(&b, "s/1999", &[&node]).await;
    server.command::<()>(&["FLUSHALL"]).await;
    becomes(&b, "s/1999", &[]).await;
    assert_eq!(a.renew(&push_lease(&node)).await.unwrap(), Renewal::Restored);
    for name in ["s/0", "s/1999", "p/x"] {
        becomes(&b, name, &[&node]).await;
    }
    let holds: usize = server.command(&["SCARD", &format!("tc:holds:{node}")]).await;
    assert_eq!(holds, 2_001);
}

/// Invariant 8.
#[tokio::test]
async fn a_route_that_redis_forgot_is_announced_again_although_the_lease_is_there() {
    let server = RedisServer::start().await;
    let table = table_at(&server.address()).await;
    let node = living(&table).await;
    table.announce(&node, &targets(&["s", "t"])).await.unwrap();
    server.command::<()>(&["DEL", "tc:route:s"]).await;
    server
        .command::<()>(&["SREM", &format!("tc:holds:{node}"), "s"])
        .await;
    becomes(&table, "s", &[]).await;
    assert_eq!(table.renew(&push_lease(&node)).await.unwrap(), Renewal::Restored);
    becomes(&table, "s", &[&node]).await;
    assert_eq!(table.renew(&push_lease(&node)).await.unwrap(), Renewal::Kept);
}

/// Invariant 8.
#[tokio::test]
async fn an_announcement_that_redis_refused_is_made_with_the_next_renewal_which_says_so() {
    let server = RedisServer::start().await;
    let table = table_at(&server.address()).await;
    let node = living(&table).await;
    server.command::<()>(&["CONFIG", "SET", "maxmemory", "1"]).await;
    assert!(table.announce(&node, &targets(&["s"])).await.is_err());
    server.command::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await;
    assert_eq!(table.renew(&push_lease(&node)).await.unwrap(), Renewal::Restored);
    becomes(&table, "s", &[&node]).await;
    assert_eq!(table.renew(&push_lease(&node)).await.unwrap(), Renewal::Kept);
}

#[tokio::test]
async fn a_table_whose_redis_is_not_there_yet_works_when_it_is() {
    let mut server = RedisServer::stopped();
    let table = table_at(&server.address()).await;
    let node = NodeId::random();
    assert!(table.renew(&push_lease(&node)).await.is_err());
    assert!(table.announce(&node, &targets(&["s", "p/*"])).await.is_err());
    assert!(table.nodes_for(&stream("s")).await.is_err());
    server.run().await;
    assert_eq!(renewed(&table, &node).await, Renewal::Restored);
    becomes(&table, "s", &[&node]).await;
    becomes(&table, "p/x", &[&node]).await;
}

#[tokio::test]
async fn a_table_goes_on_when_redis_comes_back_empty() {
    let mut server = RedisServer::start().await;
    let table = table_at(&server.address()).await;
    let node = living(&table).await;
    table.announce(&node, &targets(&["kept", "gone"])).await.unwrap();
    becomes(&table, "kept", &[&node]).await;
    server.kill();
    eventually("lookups fail", || async {
        table.nodes_for(&stream("kept")).await.is_err()
    })
    .await;
    assert!(table.withdraw(&node, &targets(&["gone"])).await.is_err());
    assert!(table.announce(&node, &targets(&["new"])).await.is_err());
    server.run().await;
    assert_eq!(renewed(&table, &node).await, Renewal::Restored);
    becomes(&table, "kept", &[&node]).await;
    becomes(&table, "new", &[&node]).await;
    becomes(&table, "gone", &[]).await;
}

#[tokio::test]
async fn a_redis_that_says_nothing_is_an_error_within_the_deadline() {
    let silent = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("redis://{}", silent.local_addr().unwrap());
    let begun = std::time::Instant::now();
    let table = table_at(&address).await;
    assert!(table.nodes_for(&stream("s")).await.is_err());
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "took {:?}",
        begun.elapsed()
    );
}

/// Invariant 8.
#[tokio::test]
async fn what_a_dead_node_announced_is_swept_and_a_living_ones_is_not() {
    let server = RedisServer::start().await;
    let options = RedisOptions {
        lease: Duration::from_millis(300),
        targets_per_call: 10,
        ..RedisOptions::default()
    };
    let dead = RedisTable::connect(&server.address(), secret(), options)
        .await
        .unwrap();
    let sweeper = RedisTable::connect(&server.address(), secret(), options)
        .await
        .unwrap();
    let (node, other) = (living(&dead).await, living(&sweeper).await);
    let names: Vec<String> = (0..95).map(|i| format!("s/{i}")).collect();
    let mut held: Vec<&str> = names.iter().map(String::as_str).collect();
    held.extend(["only/dead/*", "both/*"]);
    dead.announce(&node, &targets(&held)).await.unwrap();
    sweeper
        .announce(&other, &targets(&["s/0", "both/*"]))
        .await
        .unwrap();
    drop(dead);
    eventually("only the living node's keys are left", || async {
        sweeper.renew(&push_lease(&other)).await.unwrap();
        sweeper.nodes().await.unwrap();
        let keys: BTreeSet<String> = server.command(&["KEYS", "tc:*"]).await;
        let expected = [
            format!("tc:node:{other}"),
            format!("tc:holds:{other}"),
            "tc:nodes".to_owned(),
            "tc:patterns".to_owned(),
            "tc:route:s/0".to_owned(),
            "tc:route:both/*".to_owned(),
        ];
        keys == expected.into()
    })
    .await;
    let patterns: Vec<String> = server.command(&["SMEMBERS", "tc:patterns"]).await;
    assert_eq!(patterns, ["both/*"]);
    let nodes: Vec<String> = server.command(&["ZRANGE", "tc:nodes", "0", "-1"]).await;
    assert_eq!(nodes, [other.as_str()]);
}

/// Invariant 8.
#[tokio::test]
async fn a_node_that_was_swept_while_it_slept_announces_everything_again_twice() {
    let server = RedisServer::start().await;
    let table = table_at(&server.address()).await;
    let node = living(&table).await;
    table.announce(&node, &targets(&["s"])).await.unwrap();
    server.command::<()>(&["FLUSHALL"]).await;
    assert_eq!(table.renew(&push_lease(&node)).await.unwrap(), Renewal::Restored);
    // The last commands of a sweep that began before the renewal.
    server.command::<()>(&["SREM", "tc:route:s", node.as_str()]).await;
    assert_eq!(table.renew(&push_lease(&node)).await.unwrap(), Renewal::Restored);
    becomes(&table, "s", &[&node]).await;
    assert_eq!(table.renew(&push_lease(&node)).await.unwrap(), Renewal::Kept);
}

#[tokio::test]
async fn a_cluster_of_redis_servers_does_the_same() {
    let servers = RedisServer::cluster().await;
    let address = format!("redis+cluster://127.0.0.1:{}", servers[0].port());
    let (a, b) = (table_at(&address).await, table_at(&address).await);
    let (node_a, node_b) = (living(&a).await, living(&b).await);
    let names: Vec<String> = (0..50).map(|i| format!("s/{i}")).collect();
    let held: Vec<&str> = names.iter().map(String::as_str).collect();
    for name in &held {
        becomes(&b, name, &[]).await;
    }
    a.announce(&node_a, &targets(&held)).await.unwrap();
    for name in &held {
        becomes(&b, name, &[&node_a]).await;
    }
    b.announce(&node_b, &targets(&["s/*"])).await.unwrap();
    a.withdraw(&node_a, &targets(&held)).await.unwrap();
    for name in &held {
        becomes(&a, name, &[&node_b]).await;
        becomes(&b, name, &[&node_b]).await;
    }
    assert_eq!(a.nodes().await.unwrap().len(), 2);
    a.announce(&node_a, &targets(&held)).await.unwrap();
    for server in &servers {
        server.command::<()>(&["FLUSHALL"]).await;
    }
    assert_eq!(a.renew(&push_lease(&node_a)).await.unwrap(), Renewal::Restored);
    for name in &held {
        becomes(&b, name, &[&node_a]).await;
    }
    a.leave(&node_a).await.unwrap();
    becomes(&b, "s/0", &[]).await;
}

#[tokio::test]
async fn a_cluster_that_was_away_is_used_again() {
    let mut servers = RedisServer::cluster().await;
    let address = format!("redis+cluster://127.0.0.1:{}", servers[0].port());
    let table = table_at(&address).await;
    let node = living(&table).await;
    table.announce(&node, &targets(&["s"])).await.unwrap();
    becomes(&table, "s", &[&node]).await;
    for server in &mut servers {
        server.kill();
    }
    eventually("lookups fail", || async {
        table.nodes_for(&stream("s")).await.is_err()
    })
    .await;
    for server in &mut servers {
        server.run().await;
    }
    assert_eq!(renewed(&table, &node).await, Renewal::Restored);
    becomes(&table, "s", &[&node]).await;
}

#[tokio::test]
async fn sentinels_say_where_redis_is() {
    let master = RedisServer::start().await;
    let sentinel = RedisServer::sentinel_of(master.port()).await;
    let table = table_at(&format!("redis+sentinel://127.0.0.1:{}/main", sentinel.port())).await;
    let other = table_at(&master.address()).await;
    let node = living(&table).await;
    becomes(&other, "s", &[]).await;
    table.announce(&node, &targets(&["s"])).await.unwrap();
    becomes(&other, "s", &[&node]).await;
    let elsewhere = living(&other).await;
    other.announce(&elsewhere, &targets(&["t"])).await.unwrap();
    becomes(&table, "t", &[&elsewhere]).await;
}

/// Invariant 8.
#[tokio::test]
async fn after_a_failover_a_node_is_found_at_the_new_master() {
    let mut master = RedisServer::start().await;
    let port = master.port().to_string();
    let replica = RedisServer::start_with(&[
        "--replicaof",
        "127.0.0.1",
        &port,
        "--repl-diskless-sync-delay",
        "0",
    ])
    .await;
    let sentinel = RedisServer::sentinel_of(master.port()).await;
    sentinel
        .command::<()>(&["SENTINEL", "SET", "main", "down-after-milliseconds", "500"])
        .await;
    sentinel
        .command::<()>(&["SENTINEL", "SET", "main", "failover-timeout", "1000"])
        .await;
    let table = table_at(&format!("redis+sentinel://127.0.0.1:{}/main", sentinel.port())).await;
    let node = living(&table).await;
    table.announce(&node, &targets(&["s"])).await.unwrap();
    eventually("the replica follows and the sentinel knows it", || async {
        let follows: String = replica.command(&["INFO", "replication"]).await;
        let known: String = sentinel.command(&["INFO", "sentinel"]).await;
        follows.contains("master_link_status:up") && known.contains("slaves=1")
    })
    .await;
    // What the old master had not passed on yet.
    replica
        .command::<()>(&["CONFIG", "SET", "replica-read-only", "no"])
        .await;
    replica.command::<()>(&["DEL", "tc:route:s"]).await;
    master.kill();
    eventually("lookups fail", || async {
        table.nodes_for(&stream("t")).await.is_err()
    })
    .await;
    assert_eq!(renewed(&table, &node).await, Renewal::Restored);
    becomes(&table, "s", &[&node]).await;
    let at_replica: Vec<String> = replica.command(&["SMEMBERS", "tc:route:s"]).await;
    assert_eq!(at_replica, [node.as_str()]);
}

/// The users that docker-compose.yml gives to Redis.
#[tokio::test]
async fn the_user_of_the_example_may_do_what_a_node_does_and_nobody_else_anything() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("secrets");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/make-secrets");
    let made = std::process::Command::new(script).arg(&secrets).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let users = secrets.join("redis-users");
    let server = RedisServer::start_with(&["--aclfile", users.to_str().unwrap()]).await;
    let address = std::fs::read_to_string(secrets.join("routes")).unwrap();
    let address = address
        .trim()
        .replace("redis:6379", &format!("127.0.0.1:{}", server.port()));

    let table = table_at(&address).await;
    let node = living(&table).await;
    table.announce(&node, &targets(&["s", "t/*"])).await.unwrap();
    becomes(&table, "t/x", &[&node]).await;
    assert_eq!(table.nodes().await.unwrap(), [push_lease(&node)]);
    // Tracking works for it, too.
    table.withdraw(&node, &targets(&["t/*"])).await.unwrap();
    becomes(&table, "t/x", &[]).await;
    table.leave(&node).await.unwrap();

    for (who, command) in [
        (&*server.address(), vec!["GET", "tc:anything"]),
        (&address, vec!["GET", "another:key"]),
        (&address, vec!["FLUSHALL"]),
        (&address, vec!["CONFIG", "GET", "*"]),
    ] {
        let client = redis::Client::open(who).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut asked = redis::cmd(command[0]);
        asked.arg(&command[1..]);
        let refused = asked
            .query_async::<redis::Value>(&mut connection)
            .await
            .unwrap_err();
        let code = refused.code().unwrap_or_default().to_owned();
        assert!(["NOAUTH", "NOPERM"].contains(&&*code), "{command:?}: {refused}");
    }
}
