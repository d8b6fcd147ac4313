//! What `GET /v1/streams` answers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http_body_util::BodyExt;
use read::Limits;
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

/// A node whose store takes so long to list its one stream, and which never shares what is older than a question.
async fn slow_to_list(takes: Duration) -> (Arc<FaultyStore>, Node) {
    let store = Arc::new(FaultyStore::default());
    *store.listing_takes.lock() = takes;
    let limits = Limits {
        listing_age: Duration::ZERO,
        ..Limits::default()
    };
    let node = Node::over(store.clone(), limits);
    node.fill("app/api", 1, 1).await;
    (store, node)
}

#[tokio::test(start_paused = true)]
async fn a_listing_goes_on_for_those_who_wait_when_who_asked_first_goes_away() {
    let (store, node) = slow_to_list(Duration::from_secs(1)).await;
    let first = names(&node, "alice", &["app/**"], "");
    let gone = tokio::time::timeout(Duration::from_millis(500), first);
    let (gone, second) = tokio::join!(gone, names(&node, "bob", &["app/**"], ""));
    assert!(gone.is_err());
    assert_eq!(second, ["app/api"]);
    assert_eq!(store.listings.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn who_asks_just_after_a_slow_listing_began_gets_the_next_one_in_time() {
    let (store, node) = slow_to_list(Duration::from_secs(4)).await;
    let late = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        names(&node, "bob", &["app/**"], "").await
    };
    let (first, second) = tokio::join!(names(&node, "alice", &["app/**"], ""), late);
    assert_eq!(
        (first, second),
        (vec!["app/api".to_owned()], vec!["app/api".to_owned()])
    );
    assert_eq!(store.listings.load(Ordering::SeqCst), 2);
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

#[tokio::test]
async fn streams_are_paged_by_limit_and_after_and_every_one_comes_once() {
    let node = Node::over(Arc::new(MemoryStore::default()), Limits::default());
    let want: Vec<String> = (0..25).map(|n| format!("app/{n:02}")).collect();
    for name in &want {
        node.fill(name, 1, 1).await;
        node.fill(&format!("other/{name}"), 1, 1).await;
    }
    for limit in [1, 7, 24, 25, 26, 1_000] {
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let answer = node
                .get_json(&format!("/v1/streams?match=app/*&limit={limit}{after}"))
                .await;
            let streams = answer["streams"].as_array().unwrap();
            assert!(streams.len() <= limit);
            found.extend(
                streams
                    .iter()
                    .map(|stream| stream["name"].as_str().unwrap().to_owned()),
            );
            match answer["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        assert_eq!(found, want, "{limit} at a time");
    }
    let all = node.get_json("/v1/streams").await;
    assert_eq!(
        all["streams"].as_array().unwrap().len(),
        25,
        "without a limit all come"
    );
    assert_eq!(all["next"], Value::Null);
    for (query, name) in [
        ("?limit=0", "limit"),
        ("?limit=x", "limit"),
        ("?after=a//b", "after"),
    ] {
        let reply = node.get(&format!("/v1/streams{query}")).await;
        assert_eq!(
            reply.refusal(),
            (400, "bad_parameter".into(), name.into()),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_list_that_nobody_takes_holds_a_share_and_no_list() {
    let limits = Limits {
        small_bytes: 4,
        turn: Duration::from_millis(20),
        ..Limits::default()
    };
    let node = Node::over(Arc::new(MemoryStore::default()), limits);
    for n in 0..2_000 {
        node.fill(&format!("app/{n:0100}"), 1, 1).await;
    }
    let untaken = node.open("/v1/streams").await;
    assert_eq!(node.get("/v1/streams").await.refusal().0, 429);
    let bob = node.token("bob", &["app/**"]);
    let answer = node.ask("/v1/streams", Some(&bob), None).await;
    assert_eq!(answer.status.as_u16(), 200);
    // A stream that comes meanwhile may be in it or not: all that were there are.
    node.fill("app/zzz", 1, 1).await;
    let body = untaken.into_body().collect().await.unwrap().to_bytes();
    let all: Value = serde_json::from_slice(&body).unwrap();
    assert!(all["streams"].as_array().unwrap().len() >= 2_000);
}
