//! What is asked for again, and from where: other databases, new streams, streams that were taken away.

use std::collections::BTreeMap;

use client::{Follow, From, Offset, StreamName};
use serde_json::json;

use crate::fake::{cursors, subscribed};
use crate::told::{a_from, stay, told};

#[tokio::test]
async fn another_database_is_told_and_followed_from_its_beginning() {
    let told = told(a_from(From::Live), 8, |fake| async move {
        let mut peer = fake.serve_a(5).await;
        peer.lines(5, 6).await;
        drop(peer);
        let mut peer = fake.welcome("e2").await;
        assert_eq!(peer.hear().await["from"], cursors(json!({}), "e2"));
        peer.send(subscribed("1", "e2", &[("a", 0)])).await;
        peer.lines(0, 1).await;
        stay().await;
    })
    .await;
    assert_eq!(
        told[2..],
        [
            "a 5..6 5=5",
            "offline",
            "epoch e1 e2",
            "subscribed a",
            "replaying",
            "a 0..1 0=0"
        ]
    );
}

#[tokio::test]
async fn a_subscription_refused_for_its_epoch_starts_over() {
    let follow = a_from(From::Cursors {
        cursors: BTreeMap::from([(StreamName::parse("a").unwrap(), Offset(7))]),
        epoch: None,
    });
    let told = told(follow, 4, |fake| async move {
        let mut peer = fake.welcome("e1").await;
        assert_eq!(peer.hear().await["from"], cursors(json!({"a": 7}), "e1"));
        peer.send(json!({"type": "error", "id": "1", "code": "wrong_epoch", "epoch": "e2"}))
            .await;
        let mut peer = fake.welcome("e2").await;
        assert_eq!(peer.hear().await["from"], cursors(json!({}), "e2"));
        peer.send(subscribed("1", "e2", &[("a", 0)])).await;
        stay().await;
    })
    .await;
    assert_eq!(told, ["epoch e1 e2", "offline", "subscribed a", "replaying"]);
}

#[tokio::test]
async fn new_streams_of_a_pattern_are_resumed_too_and_unseen_ones_begin_at_their_first_line() {
    let told = told(Follow::new(["**"], From::Live), 5, |fake| async move {
        let mut peer = fake.welcome("e1").await;
        peer.hear().await;
        peer.send(subscribed("1", "e1", &[])).await;
        peer.send(subscribed("1", "e1", &[("a", 0)])).await;
        peer.lines(0, 1).await;
        drop(peer);
        let mut peer = fake.welcome("e1").await;
        let expected = json!({"type": "subscribe", "id": "1", "streams": ["**"], "from": cursors(json!({"a": 1}), "e1")});
        assert_eq!(peer.hear().await, expected);
        stay().await;
    })
    .await;
    assert_eq!(
        told,
        ["subscribed ", "replaying", "live", "subscribed a", "a 0..1 0=0"]
    );
}

#[tokio::test]
async fn streams_that_were_taken_away_are_not_asked_for_again() {
    let dropped =
        |stream: &str| json!({"type": "dropped", "id": "1", "streams": [stream], "reason": "grant"});
    let told = told(Follow::new(["a", "b"], From::Live), 6, |fake| async move {
        let mut peer = fake.welcome("e1").await;
        peer.hear().await;
        peer.send(subscribed("1", "e1", &[("a", 5), ("b", 1)])).await;
        peer.send(dropped("b")).await;
        drop(peer);
        let mut peer = fake.welcome("e1").await;
        let expected =
            json!({"type": "subscribe", "id": "1", "streams": ["a"], "from": cursors(json!({"a": 5}), "e1")});
        assert_eq!(peer.hear().await, expected);
        peer.send(dropped("a")).await;
        stay().await;
    })
    .await;
    assert_eq!(
        told,
        [
            "subscribed a b",
            "replaying",
            "dropped b grant",
            "offline",
            "dropped a grant",
            "error none of the streams may be read any more"
        ]
    );
}

#[tokio::test]
async fn a_stream_that_is_taken_away_and_given_back_goes_on_where_it_was() {
    let dropped = json!({"type": "dropped", "id": "1", "streams": ["a"], "reason": "grant"});
    let told = told(Follow::new(["**"], From::Live), 10, |fake| async move {
        let mut peer = fake.welcome("e1").await;
        peer.hear().await;
        peer.send(subscribed("1", "e1", &[("a", 5)])).await;
        peer.lines(5, 7).await;
        peer.send(dropped.clone()).await;
        peer.send(subscribed("1", "e1", &[("a", 7)])).await;
        peer.lines(7, 8).await;
        peer.send(dropped).await;
        drop(peer);
        let mut peer = fake.welcome("e1").await;
        assert_eq!(peer.hear().await["from"], cursors(json!({"a": 8}), "e1"));
        peer.send(subscribed("1", "e1", &[("a", 8)])).await;
        stay().await;
    })
    .await;
    assert_eq!(
        told[2..],
        [
            "a 5..7 5=5 6=6",
            "dropped a grant",
            "live",
            "subscribed a",
            "a 7..8 7=7",
            "dropped a grant",
            "offline",
            "subscribed a",
        ]
    );
}

#[tokio::test]
async fn streams_that_became_unreadable_while_away_are_left_out_and_the_others_go_on() {
    let refused = |id: &str, stream: &str| json!({"type": "error", "id": id, "code": "stream_not_found", "message": "no such stream", "stream": stream});
    let told = told(Follow::new(["a", "b", "c"], From::Live), 8, |fake| async move {
        let mut peer = fake.welcome("e1").await;
        peer.hear().await;
        peer.send(subscribed("1", "e1", &[("a", 5), ("b", 6), ("c", 7)]))
            .await;
        drop(peer);
        let mut peer = fake.welcome("e1").await;
        peer.hear().await;
        peer.send(refused("1", "b")).await;
        let again = peer.hear().await;
        let expected = json!({"type": "subscribe", "id": "1", "streams": ["a", "c"],
            "from": cursors(json!({"a": 5, "c": 7}), "e1")});
        assert_eq!(again, expected);
        peer.send(refused("1", "c")).await;
        assert_eq!(peer.hear().await["streams"], json!(["a"]));
        peer.send(refused("1", "a")).await;
        stay().await;
    })
    .await;
    assert_eq!(
        told,
        [
            "subscribed a b c",
            "replaying",
            "offline",
            "dropped b grant",
            "dropped c grant",
            "dropped a grant",
            "error none of the streams may be read any more"
        ]
    );
}

/// Cursors of many streams are sent by name, and one name may not be readable any more.
#[tokio::test]
async fn a_pattern_goes_on_without_those_of_its_many_streams_that_became_unreadable() {
    let many: Vec<String> = (0..500)
        .map(|n| format!("many/streams/of/a/pattern/{n}"))
        .collect();
    let gone = many[3].clone();
    let told = told(Follow::new(["many/**"], From::Live), 5, |fake| async move {
        let all: Vec<(&str, u64)> = many.iter().map(|name| (name.as_str(), 1)).collect();
        let mut peer = fake.welcome("e1").await;
        peer.hear().await;
        peer.send(subscribed("1", "e1", &all)).await;
        drop(peer);
        let mut peer = fake.welcome("e1").await;
        let mut asked = vec![peer.hear().await];
        while asked.last().unwrap()["streams"] != json!(["many/**"]) {
            asked.push(peer.hear().await);
        }
        let with = asked
            .iter()
            .find(|one| one["streams"].as_array().unwrap().contains(&json!(many[3])))
            .unwrap();
        peer.send(json!({"type": "error", "id": with["id"], "code": "stream_not_found", "message": "no", "stream": many[3]}))
            .await;
        let again = peer.hear().await;
        assert_eq!(again["id"], with["id"]);
        assert_eq!(again["streams"].as_array().unwrap().len() + 1, with["streams"].as_array().unwrap().len());
        assert_eq!(again["from"]["cursors"][&many[3]], json!(null));
        peer.send(subscribed(again["id"].as_str().unwrap(), "e1", &[(&many[0], 1)]))
            .await;
        stay().await;
    })
    .await;
    assert_eq!(
        told[2..4],
        ["offline".to_owned(), format!("dropped {gone} grant")]
    );
    assert!(told[4].starts_with("subscribed "), "{told:?}");
}
