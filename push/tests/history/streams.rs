//! What `GET /v1/streams` answers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use push::history::Limits;
use serde_json::{Value, json};

use crate::faulty_store::FaultyStore;
use crate::fixture::{Given, Node, second};
use crate::memory_store::MemoryStore;

async fn names(node: &Node, sub: &str, read: &[&str], query: &str) -> Vec<String> {
    let reply = node
        .ask(&format!("/v1/streams{query}"), Some(&node.token(sub, read)), None)
        .await;
    let answer: Value = serde_json::from_str(&reply.body).unwrap();
    let name = |stream: &Value| stream["name"].as_str().unwrap().to_owned();
    answer["streams"].as_array().unwrap().iter().map(name).collect()
}

async fn node(given: &Given) -> Node {
    let node = given.node();
    for stream in ["app/web", "app/api", "app", "db", "@alice", "@bob"] {
        node.fill(stream, 12, 5).await;
    }
    node
}

pub(crate) async fn a_stream_is_listed_with_what_is_kept_of_it(given: &Given) {
    let node = node(given).await;
    node.trim_before(6).await;
    assert_eq!(
        node.get_json("/v1/streams?match=app/api").await,
        json!({"streams": [{
            "name": "app/api",
            "first_available": 5,
            "next": 12,
            "last_arrival": second(11),
            "lines_per_second": 0.0,
        }]})
    );
}

pub(crate) async fn an_emptied_stream_is_listed_without_a_last_arrival(given: &Given) {
    let node = node(given).await;
    node.trim_before(600).await;
    let listed = node.get_json("/v1/streams?match=app/api").await;
    assert_eq!(listed["streams"][0]["first_available"], 12);
    assert_eq!(listed["streams"][0]["last_arrival"], Value::Null);
}

/// Invariant 9.
pub(crate) async fn only_what_may_be_read_is_listed_by_name(given: &Given) {
    let node = node(given).await;
    let table: [(&str, &[&str], &str, &[&str]); 9] = [
        ("alice", &["app/**"], "", &["@alice", "app", "app/api", "app/web"]),
        ("bob", &["db"], "", &["@bob", "db"]),
        ("bob", &["**"], "", &["@bob", "app", "app/api", "app/web", "db"]),
        ("root", &["@*"], "", &["@alice", "@bob"]),
        ("nobody", &[], "", &[]),
        ("alice", &["app/**"], "?match=app/*", &["app/api", "app/web"]),
        ("alice", &["app/**"], "?match=db", &[]),
        ("alice", &["app/**"], "?match=@me", &["@alice"]),
        ("alice", &["app/**"], "?match=@*", &["@alice"]),
    ];
    for (sub, read, query, expected) in table {
        assert_eq!(names(&node, sub, read, query).await, expected, "{sub} {query}");
    }
}

pub(crate) async fn a_bad_or_unknown_parameter_is_named(given: &Given) {
    let node = node(given).await;
    for (query, name) in [
        ("?match=a//b", "match"),
        ("?match=", "match"),
        ("?pattern=a", "pattern"),
    ] {
        let reply = node.get(&format!("/v1/streams{query}")).await;
        assert_eq!(
            reply.refusal(),
            (400, "bad_parameter".into(), name.into()),
            "{query}"
        );
    }
    assert_eq!(node.ask("/v1/streams", None, None).await.status.as_u16(), 401);
}

#[tokio::test]
async fn requests_at_the_same_time_share_one_listing() {
    let store = Arc::new(FaultyStore::default());
    let limits = Limits {
        listing_age: Duration::from_secs(3600),
        ..Limits::default()
    };
    let node = Node::over(store.clone(), limits);
    node.fill("app/api", 1, 1).await;
    let ask = || names(&node, "alice", &["app/**"], "");
    let answers = futures_util::future::join_all((0..20).map(|_| ask())).await;
    assert_eq!(answers, vec![vec!["app/api".to_owned()]; 20]);
    assert_eq!(store.listings.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_listing_that_is_old_is_made_again() {
    let limits = Limits {
        listing_age: Duration::ZERO,
        ..Limits::default()
    };
    let node = Node::over(Arc::new(MemoryStore::default()), limits);
    assert_eq!(names(&node, "alice", &["app/**"], "").await, Vec::<String>::new());
    node.fill("app/new", 1, 1).await;
    assert_eq!(names(&node, "alice", &["app/**"], "").await, ["app/new"]);
}
