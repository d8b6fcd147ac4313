//! Everything in one process: what a stranger meets first.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fixture::{Alone, Door, Flow, Process, Token, lines, until};

#[tokio::test]
async fn the_first_start_makes_a_key_and_prints_an_address_that_lets_one_in_to_a_terminal() {
    let dir = TempDir::new().unwrap();
    // Gives its command a terminal.
    let mut terminal = Process::new("terminal", Path::new("/usr/bin/script"), dir.path());
    let serve = format!(
        "{} serve --listen 127.0.0.1:0 --internal 127.0.0.1:0 --data {}",
        env!("CARGO_BIN_EXE_tailcast"),
        dir.path().join("data").display()
    );
    terminal.set_arguments(["-qefc", &serve, "/dev/null"]);
    terminal.start();
    let address = |word: &'static str| move |line: &str| Some(line.strip_prefix(word)?.trim().to_owned());
    let internal = terminal.says("its internal address", address("internal  ")).await;
    let viewer = terminal.says("the viewer's address", address("viewer    ")).await;
    let (page, token) = viewer.split_once("#token=").unwrap();

    let seen = reqwest::get(page).await.unwrap();
    assert_eq!(seen.status(), StatusCode::OK);
    let kind = seen.headers()["content-type"].to_str().unwrap();
    assert!(kind.starts_with("text/html"), "{kind}");
    let owner = Door::new(page.trim_end_matches('/').to_owned()).with(token);
    let mut session = owner.subscribe("my/app").await;
    let sent = owner.send("my/app", lines(3)).await;
    assert_eq!(session.take(3).await, sent);
    let nodes = owner.by(&internal).get("/v1/nodes").send().await.unwrap();
    assert_eq!(nodes.status(), StatusCode::FORBIDDEN, "it is no admin's");
}

/// What a service manager or a container keeps as a log.
#[tokio::test]
async fn without_a_terminal_no_token_is_printed_and_nobody_else_can_look_into_the_data_folder() {
    let alone = Alone::for_the_first_time().await;
    let log = alone.log();
    assert!(!log.contains("#token=") && !log.contains("eyJ"), "{log}");
    assert!(log.contains("tailcast token --sub me"), "{log}");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let data = alone.data();
    assert_eq!(mode(data.as_ref()), 0o700);
    for file in std::fs::read_dir(&data).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name == "key" || name.contains("sqlite") {
            assert_eq!(mode(&path), 0o600, "{name}");
        }
    }
}

#[tokio::test]
async fn a_line_arrives_at_everybody_who_watches_in_the_order_it_was_stored() {
    let alone = Alone::start().await;
    let mut alice = alone.subscribe("payments/api").await;
    let mut bob = alone.session().await;
    bob.subscribe(&["payments/**"], json!("live")).await;
    let mut sent = alone.send("payments/api", lines(100)).await;
    sent.extend(alone.send("payments/api", lines(1)).await);
    assert_eq!(alice.take(101).await, sent);
    assert_eq!(bob.take(101).await, sent);
}

#[tokio::test]
async fn who_comes_later_gets_the_last_lines_first_and_then_what_follows() {
    let alone = Alone::start().await;
    let before = alone.send("payments/api", lines(50)).await;
    let mut late = alone.subscribe_from("payments/api", json!({"last": 20})).await;
    assert_eq!(late.take(20).await, before[30..]);
    assert_eq!(late.message_of_type("live").await["next"], 50);
    let after = alone.send("payments/api", lines(5)).await;
    assert_eq!(late.take(5).await, after);
}

/// Invariant 5.
#[tokio::test]
async fn whoever_joins_while_lines_flow_misses_none() {
    let alone = Alone::start().await;
    let flow = alone.keep_sending("payments/api");
    let everything = json!({"cursors": {}, "epoch": epoch(&alone).await});
    let mut joined = Vec::new();
    for from in [everything, json!("live"), json!({"last": 5})]
        .iter()
        .cycle()
        .take(30)
    {
        let mut session = alone.session().await;
        let answer = session.subscribe(&["payments/api"], from.clone()).await;
        let begins = answer["streams"]["payments/api"]["cursor"].as_u64().unwrap();
        joined.push((usize::try_from(begins).unwrap(), session));
    }
    let mut last = joined.pop().unwrap().1;
    last.take(50).await;
    let sent = Flow::stop_all(vec![flow]).await;
    for (begins, session) in &mut joined {
        assert_eq!(session.take(sent.len() - *begins).await, sent[*begins..]);
    }
}

async fn epoch(alone: &Alone) -> Value {
    alone.session().await.welcome()["epoch"].clone()
}

/// Invariant 1, and invariant 3.
#[tokio::test]
async fn after_kill_9_everything_that_was_acknowledged_is_there_under_the_same_offsets() {
    let mut alone = Alone::start().await;
    let flows: Vec<_> = (0..3).map(|_| alone.keep_sending("payments/api")).collect();
    let mut session = alone.subscribe("payments/api").await;
    session.take(30).await;
    alone.kill();
    assert_eq!(session.closed().await, 1006);
    alone.restart().await;
    let mut session = session.resume(&alone).await;
    session.take(30).await;
    let sent = Flow::stop_all(flows).await;
    let stored = alone.history("payments/api", 0).await;
    let stored: Vec<Value> = stored
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let expected: Vec<Value> = (0..)
        .zip(sent)
        .map(|(offset, line)| with_offset(offset, line))
        .collect();
    assert_eq!(stored, expected);
}

fn with_offset(offset: u64, mut line: Value) -> Value {
    line["offset"] = offset.into();
    line
}

/// Invariant 3.
#[tokio::test]
async fn a_line_has_the_same_bytes_in_every_session_and_in_the_history() {
    let alone = Alone::start().await;
    let mut live = alone.subscribe("odd").await;
    let body =
        "{\"message\":\"a \\u0001 ü \\u2028\",\"n\":1.10e3,\"big\":123456789012345678901234567890}\nplain\n";
    assert_eq!(
        alone
            .post("/v1/lines?stream=odd")
            .body(body)
            .send()
            .await
            .unwrap()
            .status(),
        StatusCode::OK
    );
    let bytes = live.take_bytes(2).await;
    let mut replayed = alone.subscribe_from("odd", json!({"last": 2})).await;
    assert_eq!(replayed.take_bytes(2).await, bytes);
    let history: String = (0..)
        .zip(&bytes)
        .map(|(offset, line)| format!("{{\"offset\":{offset},{}\n", &line[1..]))
        .collect();
    assert_eq!(alone.history("odd", 0).await, history);
}

#[tokio::test]
async fn the_list_of_streams_shows_what_one_may_read() {
    let alone = Alone::start().await;
    alone.send("payments/api", lines(3)).await;
    alone.send("orders/api", lines(1)).await;
    let alice = alone.with(&Token::of("alice").reads("payments/**").text());
    let mut seen: Value = alice
        .get("/v1/streams")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let stream = &mut seen["streams"][0];
    assert!(stream["last_arrival"].take().is_string());
    assert!(stream["lines_per_second"].take().is_number());
    let expected = json!({
        "name": "payments/api", "first_available": 0, "next": 3, "last_arrival": null, "lines_per_second": null
    });
    assert_eq!(seen, json!({"streams": [expected]}));
}

/// Invariant 7.
#[tokio::test]
async fn a_session_that_reads_nothing_for_a_while_holds_nobody_up_and_misses_nothing() {
    let alone = Alone::start().await;
    let mut idle = alone.subscribe("payments/api").await;
    let mut busy = alone.subscribe("payments/api").await;
    let mut sent = Vec::new();
    for _ in 0..40 {
        // Together more than sockets hold between the two ends.
        sent.extend(alone.send("payments/api", lines(2000)).await);
        assert_eq!(busy.take(2000).await, sent[sent.len() - 2000..]);
    }
    assert_eq!(idle.take(sent.len()).await, sent);
}

#[tokio::test]
async fn measurements_are_for_the_internal_listener_and_health_is_for_both() {
    let alone = Alone::start().await;
    alone.send("payments/api", lines(3)).await;
    let inside = Door::new(alone.internal().to_owned()).without_token();
    let metrics = inside.get("/metrics").send().await.unwrap();
    assert_eq!(metrics.status(), StatusCode::OK);
    assert!(metrics.text().await.unwrap().contains("# TYPE tailcast_"));
    assert_eq!(
        alone.get("/metrics").send().await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
    for door in [inside, alone.without_token()] {
        for path in ["/healthz", "/readyz"] {
            assert_eq!(
                door.get(path).send().await.unwrap().status(),
                StatusCode::OK,
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn lines_older_than_the_retention_go_and_whoever_comes_back_is_told_what_is_missing() {
    let alone = Alone::with(&["--retain-age", "1s", "--trim-every", "1s"]).await;
    let mut session = alone.subscribe("payments/api").await;
    alone.send("payments/api", lines(10)).await;
    session.take(5).await;
    let epoch = session.welcome()["epoch"].clone();
    until("the lines are trimmed", async || {
        alone.history("payments/api", 0).await.is_empty().then_some(())
    })
    .await;

    let from = json!({"cursors": {"payments/api": 5}, "epoch": epoch});
    let mut back = alone.subscribe_from("payments/api", from).await;
    let gap = back.message_of_type("gap").await;
    let expected =
        json!({"type": "gap", "stream": "payments/api", "from": 5, "to": 10, "reason": "retention"});
    assert_eq!(gap, expected);
    let after = alone.send("payments/api", lines(2)).await;
    assert_eq!(back.take(2).await, after, "offsets go on where they ended");
}

/// Invariant 10.
#[tokio::test]
async fn a_cursor_of_another_database_is_refused() {
    let (here, elsewhere) = (Alone::start().await, Alone::start().await);
    here.send("payments/api", lines(5)).await;
    let ours = epoch(&here).await;
    let mut session = here.session().await;
    let cursors = json!({"payments/api": 2});
    let foreign = json!({"cursors": cursors, "epoch": epoch(&elsewhere).await});
    let answer = session.try_subscribe(&["payments/api"], foreign).await;
    assert_eq!(
        (&answer["code"], &answer["epoch"]),
        (&json!("wrong_epoch"), &ours)
    );
    let ahead = json!({"cursors": {"payments/api": 6}, "epoch": ours});
    let answer = session.try_subscribe(&["payments/api"], ahead).await;
    assert_eq!(
        (&answer["code"], &answer["next"]),
        (&json!("cursor_ahead"), &json!(5))
    );
}

#[tokio::test]
async fn term_and_int_end_it_cleanly_and_sessions_are_told_to_come_back() {
    for signal in ["TERM", "INT"] {
        let mut alone = Alone::start().await;
        let mut session = alone.subscribe("payments/api").await;
        let sent = alone.send("payments/api", lines(10)).await;
        assert_eq!(session.take(10).await, sent);
        let status = alone.stop_with(signal).await;
        assert_eq!(status.code(), Some(0), "{signal}");
        assert_eq!(session.closed().await, 1012, "{signal}");
        alone.restart().await;
        let mut session = session.resume(&alone).await;
        let after = alone.send("payments/api", lines(1)).await;
        assert_eq!(session.take(1).await, after);
    }
}
