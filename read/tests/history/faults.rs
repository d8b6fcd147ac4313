//! What history answers when something is not as it should be, and what it holds meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http_body_util::BodyExt;
use lines::Level;
use read::Limits;
use tokio::time::timeout;

use crate::faulty_store::FaultyStore;
use crate::fixture::{Node, line};
use crate::memory_store::MemoryStore;

fn node_with(limits: Limits) -> (Arc<FaultyStore>, Node) {
    let store = Arc::new(FaultyStore::default());
    (Arc::clone(&store), Node::over(store, limits))
}

#[tokio::test]
async fn a_store_that_is_away_or_silent_is_503_and_history_recovers_by_itself() {
    let (store, node) = node_with(Limits::default());
    *store.deadline.lock() = Some(Duration::from_millis(50));
    node.fill("app/api", 10, 5).await;
    let addresses = [
        "/v1/lines?stream=app/api",
        "/v1/lines?stream=app/api&filter=line",
        "/v1/counts?stream=app/api",
        "/v1/streams",
    ];
    for fault in [&store.away, &store.silent] {
        fault.store(true, Ordering::SeqCst);
        for address in addresses {
            let reply = node.get(address).await;
            assert_eq!(
                reply.refusal(),
                (503, "unavailable".into(), String::new()),
                "{address}"
            );
            assert!(reply.headers.contains_key("retry-after"));
        }
        fault.store(false, Ordering::SeqCst);
        assert_eq!(node.get(addresses[0]).await.offsets().len(), 10);
    }
}

#[tokio::test]
async fn an_answer_that_the_store_breaks_off_does_not_look_complete() {
    let (store, node) = node_with(Limits {
        page_bytes: 1,
        ..Limits::default()
    });
    node.fill("app/api", 10, 1).await;
    store.broken_from.store(5, Ordering::SeqCst);
    let response = node.open("/v1/lines?stream=app/api").await;
    assert_eq!(response.status().as_u16(), 200);
    assert!(response.into_body().collect().await.is_err());
    let searched = node.get("/v1/lines?stream=app/api&filter=line").await;
    assert_eq!(searched.refusal().0, 503);
    let counted = node.get("/v1/counts?stream=app/api").await;
    assert_eq!(counted.refusal().0, 503);
}

/// One answer on its way for each subscriber, four for the node, however small.
fn one_each() -> Limits {
    Limits {
        page_bytes: 1,
        sending_bytes: 4,
        small_answer: 0,
        turn: Duration::from_millis(20),
        ..Limits::default()
    }
}

#[tokio::test]
async fn answers_that_nobody_takes_hold_a_few_pages_and_their_readers_share_of_memory_for_a_while() {
    let (store, node) = node_with(Limits {
        stall: Duration::from_millis(300),
        ..one_each()
    });
    node.fill("app/api", 1_000, 1).await;
    let untaken = node.open("/v1/lines?stream=app/api").await;
    let refused = node.get("/v1/lines?stream=app/api").await;
    assert_eq!(refused.refusal(), (429, "busy".into(), String::new()));
    assert!(refused.headers.contains_key("retry-after"));
    assert!(store.reads.load(Ordering::SeqCst) <= 6);
    // Who takes nothing is cut off, and the memory is free again.
    while node.get("/v1/lines?stream=app/api&limit=1").await.status.as_u16() != 200 {}
    assert!(untaken.into_body().collect().await.is_err());
}

#[tokio::test]
async fn what_one_reader_leaves_untaken_is_in_no_other_readers_way() {
    let (_, node) = node_with(one_each());
    node.fill("app/api", 1_000, 1).await;
    let mut untaken = vec![node.open("/v1/lines?stream=app/api").await];
    for _ in 0..40 {
        untaken.push(node.open("/v1/lines?stream=app/api").await);
    }
    let bob = node.token("bob", &["app/**"]);
    for address in ["/v1/lines?stream=app/api&last=1", "/v1/counts?stream=app/api"] {
        let reply = node.ask(address, Some(&bob), None).await;
        assert_eq!(reply.status.as_u16(), 200, "{address}");
    }
}

#[tokio::test]
async fn small_answers_do_not_wait_for_large_ones() {
    let (_, node) = node_with(Limits {
        page_bytes: 5_000,
        small_answer: 3_000,
        small_bytes: 40_000,
        ..one_each()
    });
    node.fill("app/api", 1_000, 1).await;
    let large = node.open("/v1/lines?stream=app/api").await;
    assert_eq!(node.get("/v1/lines?stream=app/api").await.refusal().0, 429);
    for address in [
        "/v1/lines?stream=app/api&last=1",
        "/v1/counts?stream=app/api",
        "/v1/streams",
    ] {
        assert_eq!(node.get(address).await.status.as_u16(), 200, "{address}");
    }
    assert!(large.into_body().collect().await.is_ok());
}

#[tokio::test]
async fn counts_that_nobody_takes_keep_their_memory_until_they_are_taken() {
    let (_, node) = node_with(one_each());
    node.fill("app/api", 10, 5).await;
    let untaken = node.open("/v1/counts?stream=app/api").await;
    assert_eq!(untaken.status().as_u16(), 200);
    for address in ["/v1/counts?stream=app/api", "/v1/lines?stream=app/api"] {
        let refused = node.get(address).await;
        assert_eq!(refused.refusal(), (429, "busy".into(), String::new()));
        assert!(refused.headers.contains_key("retry-after"));
    }
    assert!(untaken.into_body().collect().await.is_ok());
    // It comes free when it is taken, which may be a moment after the last byte.
    let free = async { while node.get("/v1/counts?stream=app/api").await.status.as_u16() != 200 {} };
    timeout(Duration::from_secs(20), free).await.unwrap();
}

#[tokio::test]
async fn a_reader_that_goes_away_gives_its_memory_back() {
    let (_, node) = node_with(Limits {
        turn: Duration::from_secs(5),
        ..one_each()
    });
    node.fill("app/api", 100, 1).await;
    drop(node.open("/v1/lines?stream=app/api").await);
    assert_eq!(node.get("/v1/lines?stream=app/api").await.offsets().len(), 100);
}

#[tokio::test]
async fn a_line_that_the_filter_gives_up_on_is_answered_marked_and_counted_apart() {
    let node = Node::over(Arc::new(MemoryStore::default()), Limits::default());
    // 200,000 times `a` or `b` in no order.
    let mut state = 1u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if state >> 31 == 0 { 'a' } else { 'b' }
    };
    let disorder: String = std::iter::repeat_with(next).take(200_000).collect();
    let messages = ["x".to_owned(), disorder, "aaaaaaaaaaaaaaaaaaz".to_owned()];
    let lines: Vec<_> = messages
        .iter()
        .map(|message| line(0, Level::Info, message))
        .collect();
    node.append("app/api", &lines).await;
    let question = "stream=app/api&filter=/a%5Bab%5D%7B16%7Dz/";
    for last in ["", "&last=5"] {
        let reply = node.get(&format!("/v1/lines?{question}{last}")).await;
        assert_eq!(reply.offsets(), [1, 2]);
        assert_eq!(reply.headers["tailcast-undecided"], "1");
        assert!(reply.body.starts_with("{\"offset\":1,\"undecided\":true,\"ts\":"));
        assert!(!reply.body.lines().last().unwrap().contains("undecided"));
        let json = node.get_json(&format!("/v1/lines?{question}{last}")).await;
        assert_eq!((&json["undecided"], &json["next"]), (&1.into(), &3.into()));
    }
    let counts = node.get_json(&format!("/v1/counts?{question}")).await;
    assert_eq!(counts["undecided"], 1);
    assert_eq!(counts["buckets"][0]["lines"], 1);
    let decided = node.get_json("/v1/counts?stream=app/api&filter=/z$/").await;
    assert!(decided.get("undecided").is_none());
}
