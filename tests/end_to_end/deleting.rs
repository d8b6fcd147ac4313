//! Streams that are deleted: gone on every node, for good, and written again behind their last line.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::fixture::{Alone, Cluster, Door, Token, lines, tailcast, until};

const STREAM: &str = "payments/old";

fn admin(internal: &str) -> Door {
    Door::new(internal.to_owned()).with(&Token::of("root").admin().text())
}

async fn status(door: &Door, path: &str) -> (StatusCode, Value) {
    let answer = door.get(path).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn is_listed(door: &Door, stream: &str) -> bool {
    let (_, listed) = status(door, "/v1/streams").await;
    let streams = listed["streams"].as_array().unwrap();
    streams.iter().any(|info| info["name"] == stream)
}

/// Invariants 2, 3, 6 and 10, over MongoDB and two push nodes.
#[tokio::test]
async fn a_deleted_stream_is_gone_on_every_node_and_goes_on_where_it_ended() {
    let mut cluster = Cluster::start(&["collect", "collect", "dispatch", "push", "push", "read"]).await;
    let mut watchers = Vec::new();
    for index in 0..2 {
        watchers.push(cluster.push(index).subscribe(STREAM).await);
    }
    let mut pattern = cluster.push(1).subscribe("payments/*").await;
    let sent = cluster.collect(0).send(STREAM, lines(5)).await;
    for watcher in watchers.iter_mut().chain([&mut pattern]) {
        assert_eq!(watcher.take(5).await, sent);
    }
    let epoch = watchers[0].welcome()["epoch"].clone();

    let internal = cluster.collect(1).internal().to_owned();
    let address = format!("/v1/streams/{STREAM}");
    let may_not = Door::new(internal.clone()).with(&Token::of("eve").reads("**").text());
    let refused = may_not.request(Method::DELETE, &address).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let deleted = admin(&internal)
        .request(Method::DELETE, &address)
        .send()
        .await
        .unwrap();
    assert_eq!(deleted.status(), StatusCode::OK);
    assert_eq!(
        deleted.json::<Value>().await.unwrap(),
        json!({"stream": STREAM, "from": 0, "next": 5})
    );

    let history = format!("/v1/lines?stream={STREAM}");
    let (code, problem) = status(cluster.read(0), &history).await;
    assert_eq!(
        (code, &problem["code"]),
        (StatusCode::NOT_FOUND, &json!("stream_not_found"))
    );
    until("it is in no list", async || {
        (!is_listed(cluster.read(0), STREAM).await).then_some(())
    })
    .await;
    // These nodes hold its lines in memory, for those who followed it before.
    for index in 0..2 {
        let late = cluster
            .push(index)
            .subscribe_from(STREAM, json!({"last": 200}))
            .await;
        assert_eq!(late.cursor_of(STREAM), 5);
        watchers.push(late);
    }
    let again = admin(&internal)
        .request(Method::DELETE, &address)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), StatusCode::NOT_FOUND);

    // The collector that wrote it before, and believes to know where it ends.
    let (first, mut written) = cluster.collect(0).append(STREAM, lines(2)).await;
    assert_eq!(first, 5);
    let (first, more) = cluster.collect(1).append(STREAM, lines(1)).await;
    assert_eq!(first, 7);
    written.extend(more);
    for watcher in watchers.iter_mut().chain([&mut pattern]) {
        assert_eq!(watcher.take(3).await, written);
    }
    let mut behind = cluster.push(1).session().await;
    behind
        .subscribe(&[STREAM], json!({"cursors": {STREAM: 2}, "epoch": epoch}))
        .await;
    let gap = behind.message_of_type("gap").await;
    assert_eq!(
        (&gap["from"], &gap["to"], &gap["reason"]),
        (&json!(2), &json!(5), &json!("retention"))
    );
    assert_eq!(behind.take(3).await, written);

    cluster.collect(1).kill();
    cluster.collect(1).restart().await;
    let page = cluster.read(0).history(STREAM, 0).await;
    let offsets: Vec<Value> = page
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["offset"].clone())
        .collect();
    assert_eq!(offsets, [json!(5), json!(6), json!(7)]);
    until("it is listed again", async || {
        is_listed(cluster.read(0), STREAM).await.then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_command_shows_what_would_go_and_asks_before_it_goes() {
    let alone = Alone::start().await;
    for stream in ["tmp/a", "tmp/b", "kept"] {
        alone.send(stream, lines(3)).await;
    }
    let url = alone.internal().to_owned();
    let token = Token::of("root").admin().text();
    let variables = [("TAILCAST_TOKEN", &*token), ("TAILCAST_INTERNAL_URL", &*url)];
    let delete = async |arguments: &[&str]| {
        let arguments: Vec<&str> = ["streams", "delete"].iter().chain(arguments).copied().collect();
        tailcast(&arguments, &variables, "").await
    };
    let shown = delete(&["tmp/**", "--dry-run"]).await;
    assert_eq!(shown.code, Some(0), "{}", shown.err);
    assert!(
        shown.out.contains("tmp/a")
            && shown.out.contains("tmp/b")
            && shown.out.contains("Nothing was deleted"),
        "{}",
        shown.out
    );
    assert!(!shown.out.contains("kept"), "{}", shown.out);
    let unasked = delete(&["tmp/**"]).await;
    assert_eq!(unasked.code, Some(2));
    assert!(
        unasked.err.contains("2 streams") && unasked.err.contains("--yes"),
        "{}",
        unasked.err
    );
    assert_eq!(alone.history("tmp/a", 0).await.lines().count(), 3);

    // As whoever said yes to two lines, when a third one had come.
    let door = admin(alone.internal());
    let seen = |next: u64| format!("/v1/streams/tmp/a?next={next}");
    let grown = door.request(Method::DELETE, &seen(2)).send().await.unwrap();
    assert_eq!(grown.status(), StatusCode::PRECONDITION_FAILED);
    assert_eq!(grown.json::<Value>().await.unwrap()["code"], "stream_changed");
    assert_eq!(alone.history("tmp/a", 0).await.lines().count(), 3);

    let gone = delete(&["tmp/**", "--yes"]).await;
    assert_eq!(
        (gone.code, &*gone.out),
        (Some(0), "deleted tmp/a: 3 lines\ndeleted tmp/b: 3 lines\n"),
        "{}",
        gone.err
    );
    let (code, _) = status(&alone, "/v1/lines?stream=tmp/a").await;
    assert_eq!(code, StatusCode::NOT_FOUND);
    assert_eq!(alone.history("kept", 0).await.lines().count(), 3);
    let nothing = delete(&["tmp/**", "--yes"]).await;
    assert_eq!(nothing.code, Some(1));
    assert!(
        nothing.err.contains("there is no stream tmp/**"),
        "{}",
        nothing.err
    );
    assert_eq!(alone.append("tmp/a", lines(1)).await.0, 3);
}
