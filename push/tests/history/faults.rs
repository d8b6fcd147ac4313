//! What history answers when something is not as it should be, and what it holds meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http_body_util::BodyExt;
use push::history::Limits;
use tokio::time::timeout;

use crate::faulty_store::FaultyStore;
use crate::fixture::Node;

fn node_with(limits: Limits) -> (Arc<FaultyStore>, Node) {
    let store = Arc::new(FaultyStore::default());
    (Arc::clone(&store), Node::over(store, limits))
}

#[tokio::test]
async fn a_store_that_is_away_or_silent_is_503_and_history_recovers_by_itself() {
    let (store, node) = node_with(Limits {
        store_deadline: Duration::from_millis(50),
        ..Limits::default()
    });
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

#[tokio::test]
async fn answers_that_nobody_takes_hold_a_few_pages_and_a_bounded_number_of_places() {
    let (store, node) = node_with(Limits {
        page_bytes: 1,
        answers: 2,
        turn: Duration::from_millis(20),
        stall: Duration::from_millis(300),
        ..Limits::default()
    });
    node.fill("app/api", 1_000, 1).await;
    let untaken = [
        node.open("/v1/lines?stream=app/api").await,
        node.open("/v1/lines?stream=app/api").await,
    ];
    let refused = node.get("/v1/lines?stream=app/api").await;
    assert_eq!(refused.refusal(), (429, "busy".into(), String::new()));
    assert!(refused.headers.contains_key("retry-after"));
    assert!(store.reads.load(Ordering::SeqCst) <= 6);
    // Who takes nothing is cut off, and the place is free again.
    while node.get("/v1/lines?stream=app/api&limit=1").await.status.as_u16() != 200 {}
    for response in untaken {
        assert!(response.into_body().collect().await.is_err());
    }
}

#[tokio::test]
async fn counts_that_nobody_takes_keep_their_place_until_they_are_taken() {
    let (_, node) = node_with(Limits {
        answers: 1,
        turn: Duration::from_millis(20),
        ..Limits::default()
    });
    node.fill("app/api", 10, 5).await;
    let untaken = node.open("/v1/counts?stream=app/api").await;
    assert_eq!(untaken.status().as_u16(), 200);
    for address in ["/v1/counts?stream=app/api", "/v1/lines?stream=app/api"] {
        let refused = node.get(address).await;
        assert_eq!(refused.refusal(), (429, "busy".into(), String::new()));
        assert!(refused.headers.contains_key("retry-after"));
    }
    assert!(untaken.into_body().collect().await.is_ok());
    // Its place comes free when it is taken, which may be a moment after the last byte.
    let free = async { while node.get("/v1/counts?stream=app/api").await.status.as_u16() != 200 {} };
    timeout(Duration::from_secs(20), free).await.unwrap();
}

#[tokio::test]
async fn a_reader_that_goes_away_gives_its_place_back() {
    let (_, node) = node_with(Limits {
        page_bytes: 1,
        answers: 1,
        turn: Duration::from_secs(5),
        ..Limits::default()
    });
    node.fill("app/api", 100, 1).await;
    drop(node.open("/v1/lines?stream=app/api").await);
    assert_eq!(node.get("/v1/lines?stream=app/api").await.offsets().len(), 100);
}
