//! Lines that are damaged in the store: an answer names them, and has all others.

use std::sync::Arc;

use read::Limits;
use serde_json::{Value, json};

use crate::faulty_store::FaultyStore;
use crate::fixture::Node;

/// Lines 0 to 9 in batches of two, of which those from 2 to 6 are spoilt; small pages, so that answers are of many.
async fn node() -> Node {
    let store = Arc::new(FaultyStore::default());
    let limits = Limits {
        page_bytes: 1,
        ..Limits::default()
    };
    let node = Node::over(Arc::clone(&store) as _, limits);
    node.fill("app/api", 10, 2).await;
    for (from, to) in [(2, 4), (4, 6)] {
        store.damaged.lock().push(("app/api".to_owned(), from, to));
    }
    node
}

/// An answer's objects: offsets of lines, and the ends of gaps.
fn told(objects: &[Value]) -> Vec<(u64, u64)> {
    let told = |object: &Value| {
        let offset = object["offset"].as_u64().unwrap();
        match object.get("gap") {
            None => (offset, offset + 1),
            Some(gap) => {
                assert_eq!(gap, "damaged");
                (offset, object["next"].as_u64().unwrap())
            }
        }
    };
    objects.iter().map(told).collect()
}

#[tokio::test]
async fn lines_around_damage_are_answered_and_the_damage_stands_where_they_would() {
    let node = node().await;
    let around = [(0, 1), (1, 2), (2, 4), (4, 6), (6, 7), (7, 8), (8, 9), (9, 10)];
    let reply = node.get("/v1/lines?stream=app/api").await;
    assert_eq!((told(&reply.lines()), reply.next()), (around.to_vec(), 10));
    let reply = node.get("/v1/lines?stream=app/api&filter=line").await;
    assert_eq!((told(&reply.lines()), reply.next()), (around.to_vec(), 10));
    let reply = node.get("/v1/lines?stream=app/api&from=3&to=5").await;
    assert_eq!((told(&reply.lines()), reply.next()), (vec![(3, 4), (4, 5)], 5));
}

#[tokio::test]
async fn the_last_lines_are_counted_without_the_damaged_ones() {
    let node = node().await;
    let reply = node.get("/v1/lines?stream=app/api&last=5&filter=line").await;
    let around = vec![(1, 2), (2, 6), (6, 7), (7, 8), (8, 9), (9, 10)];
    assert_eq!((told(&reply.lines()), reply.next()), (around, 10));
    let reply = node.get("/v1/lines?stream=app/api&last=2&filter=line").await;
    assert_eq!(told(&reply.lines()), [(8, 9), (9, 10)]);
}

#[tokio::test]
async fn json_names_the_damage_behind_the_lines() {
    let node = node().await;
    for address in ["/v1/lines?stream=app/api", "/v1/lines?stream=app/api&filter=line"] {
        let answer = node.get_json(address).await;
        let lines = answer["lines"].as_array().unwrap();
        assert_eq!(lines.len(), 6);
        assert!(lines.iter().all(|line| line.get("gap").is_none()));
        assert_eq!(answer["damaged"], json!([{"from": 2, "to": 6}]), "{address}");
    }
    let sound = node.get_json("/v1/lines?stream=app/api&from=6").await;
    assert!(sound.get("damaged").is_none());
}

#[tokio::test]
async fn counts_are_of_the_sound_lines_and_name_the_damage() {
    let node = node().await;
    let answer = node.get_json("/v1/counts?stream=app/api&width=86400").await;
    let lines: u64 = answer["buckets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bucket| bucket["lines"].as_u64().unwrap())
        .sum();
    assert_eq!((lines, &answer["next"]), (6, &json!(10)));
    assert_eq!(answer["damaged"], json!([{"from": 2, "to": 6}]));
}
