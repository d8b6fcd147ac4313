//! `tailcast send`: what is piped in or named is stored, once, and what becomes of it is said.

use serde_json::Value;

use crate::fixture::{Alone, Running, Token, at, lines, ndjson, tailcast, until};

#[tokio::test]
async fn what_is_piped_into_send_comes_out_of_tail() {
    let alone = Alone::start().await;
    let token = Token::of_tester();
    let variables = at(alone.url(), &token);
    let sent = lines(500);
    let ran = tailcast(&["send", "my/app"], &variables, &ndjson(&sent[..400])).await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{}", ran.err);

    let mut tail = Running::start(&["tail", "my/*", "--last", "1000", "--json"], &variables);
    tail.prints(400).await;
    let mut send = Running::start(&["send", "my/app"], &variables);
    send.write(&ndjson(&sent[400..401])).await;
    let printed = tail.prints(401).await;
    let last: Value = serde_json::from_str(&printed[400]).unwrap();
    assert_eq!(
        last["message"], sent[400]["message"],
        "one line leaves at once, while the input stays open"
    );
    send.write(&ndjson(&sent[401..])).await;
    assert_eq!(send.finish().await.code, Some(0));
    let printed = tail.prints(500).await;
    for (printed, sent) in printed.iter().zip(&sent) {
        let printed: Value = serde_json::from_str(printed).unwrap();
        assert_eq!(
            (&printed["ts"], &printed["message"]),
            (&sent["ts"], &sent["message"])
        );
    }
}

/// What Docker's and Kubernetes' shippers write has a member `stream`, which is no stream of ours.
#[tokio::test]
async fn send_says_where_lines_are_in_right_numbers_of_one_and_many() {
    let alone = Alone::start().await;
    let token = Token::of_tester();
    let variables = at(alone.url(), &token);
    let docker = "{\"log\":\"hello\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-30T05:00:00.123456789Z\"}\n";
    let long = "x".repeat(300_000);
    for (input, outcome) in [
        (
            format!("{docker}{long}\n"),
            "of 2 lines, 1 is stored in docker/api, 1 was rejected (1 line_too_long)",
        ),
        (
            format!("{docker}{long}\n{docker}"),
            "of 3 lines, 2 are stored in docker/api, 1 was rejected (1 line_too_long)",
        ),
    ] {
        let ran = tailcast(&["send", "docker/api"], &variables, &input).await;
        assert_eq!(ran.code, Some(1));
        assert!(ran.err.contains(outcome), "{}", ran.err);
    }
    let ran = tailcast(&["streams"], &variables, "").await;
    assert!(
        ran.out.contains("docker/api") && !ran.out.contains("stdout"),
        "{}",
        ran.out
    );
}

#[tokio::test]
async fn send_and_tail_go_on_when_the_server_comes_back() {
    let mut alone = Alone::start().await;
    let (url, token) = (alone.url().to_owned(), Token::of_tester());
    let variables = at(&url, &token);
    let mut tail = Running::start(&["tail", "my/app", "--from", "0"], &variables);
    let mut send = Running::start(&["send", "my/app"], &variables);
    send.write("before\n").await;
    tail.prints(1).await;
    alone.kill();
    send.write("meanwhile\n").await;
    alone.restart().await;
    send.write("after\n").await;
    let sent = send.finish().await;
    assert_eq!(sent.code, Some(0), "{}", sent.err);
    let printed = tail.prints(3).await;
    for (line, word) in printed.iter().zip(["before", "meanwhile", "after"]) {
        assert!(line.contains(word), "{printed:?}");
    }
}

#[tokio::test]
async fn a_line_that_is_cut_by_a_signal_is_told_and_not_stored() {
    let alone = Alone::start().await;
    let token = Token::of_tester();
    let variables = at(alone.url(), &token);
    for signal in ["TERM", "INT"] {
        let stream = format!("cut/{signal}");
        let mut send = Running::start(&["send", &stream, "--partial-after", "1h"], &variables);
        send.write("one\ntw").await;
        let mut tail = Running::start(&["tail", &stream, "--from", "0", "--json"], &variables);
        tail.prints(1).await;
        send.signal(signal);
        let ran = send.ended().await;
        let told = "tailcast: stopped in the middle of a line, which is not stored (read so far: 2 bytes)\n";
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), told));
        let ran = tailcast(&["send", &stream], &variables, "three").await;
        assert_eq!(
            ran.code,
            Some(0),
            "the end of the input is a line's end, too: {}",
            ran.err
        );
        let printed = tail.prints(2).await;
        assert!(printed[1].contains("three"), "{printed:?}");
    }
}

#[tokio::test]
async fn send_with_the_server_away_ends_at_the_first_signal_and_says_what_is_not_stored() {
    let mut alone = Alone::start().await;
    let (url, token) = (alone.url().to_owned(), Token::of_tester());
    alone.kill();
    let mut send = Running::start(&["send", "my/app"], &at(&url, &token));
    send.write("one\ntwo\n").await;
    send.complains("cannot be reached").await;
    send.signal("TERM");
    let ran = send.ended().await;
    assert_eq!(ran.code, Some(1));
    let last = ran.err.lines().last().unwrap();
    assert!(last.starts_with("tailcast: given up after "), "{last}");
    assert!(
        last.ends_with("; of 2 lines, 0 are stored, 2 are not stored"),
        "{last}"
    );
}

/// It takes connections and never answers.
#[tokio::test]
async fn send_says_at_a_signal_how_many_lines_are_not_acknowledged_and_ends_at_the_second() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let token = Token::of_tester();
    let mut send = Running::start(&["send", "my/app"], &at(&url, &token));
    send.write("one\n").await;
    let (_connection, _) = silent.accept().await.unwrap();
    send.write("two\nthree\n").await;
    until("all are read", async || {
        send.signal("TERM");
        let err = send.err();
        err.contains("stopping: ").then_some(())
    })
    .await;
    let told = send.err();
    assert!(told.contains("not acknowledged yet; "), "{told}");
    assert!(
        told.contains("given up within 10 s, or at once when told again"),
        "{told}"
    );
    send.signal("TERM");
    let ran = send.ended().await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("may be stored or not"), "{}", ran.err);
}

#[tokio::test]
async fn send_takes_files_in_order_in_utf_16_too_and_what_cannot_be_read_is_told_first() {
    let alone = Alone::start().await;
    let token = Token::of_tester();
    let variables = at(alone.url(), &token);
    let dir = tempfile::TempDir::new().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let utf16: Vec<u8> = "\u{feff}zwei: ä\r\ndrei"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let (first, second) = (file("1.log", b"\xef\xbb\xbfeins"), file("2.log", &utf16));
    let missing = dir.path().join("missing").to_str().unwrap().to_owned();
    let ran = tailcast(&["send", "my/app", &first, &missing], &variables, "").await;
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.err.contains(&format!("{missing} cannot be read")),
        "{}",
        ran.err
    );

    let ran = tailcast(
        &["send", "my/app", &first, "-", &second],
        &variables,
        "\0\0between\n",
    )
    .await;
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let mut tail = Running::start(&["tail", "my/app", "--from", "0", "--json"], &variables);
    let printed = tail.prints(4).await;
    let messages: Vec<Value> = printed
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["message"].clone())
        .collect();
    assert_eq!(messages, ["eins", "between", "zwei: ä", "drei"]);
}

#[tokio::test]
async fn a_line_whose_end_does_not_come_is_sent_alone_with_a_mark() {
    let alone = Alone::start().await;
    let token = Token::of_tester();
    let variables = at(alone.url(), &token);
    let mut tail = Running::start(&["tail", "my/app", "--from", "0", "--json"], &variables);
    let mut send = Running::start(&["send", "my/app"], &variables);
    send.write("one\nPassword: ").await;
    tail.prints(2).await;
    send.write("later\n").await;
    let printed = tail.prints(3).await;
    let told: Vec<(Value, Value)> = printed
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|line| (line["message"].clone(), line["fields"]["_partial"].clone()))
        .collect();
    let expected = [
        ("one", Value::Null),
        ("Password: ", Value::Bool(true)),
        ("later", Value::Null),
    ];
    assert_eq!(told, expected.map(|(text, partial)| (Value::from(text), partial)));
}

/// Whoever forgets the stream's name would wait for ever for what the file has.
#[tokio::test]
async fn a_file_that_is_named_in_the_streams_place_is_told() {
    let alone = Alone::start().await;
    let token = Token::of_tester();
    let variables = at(alone.url(), &token);
    // The command's folder has files of these names.
    let ran = tailcast(&["send", "out"], &variables, "one\n").await;
    let told = "tailcast: reading lines for out from standard input; the file out is sent with: tailcast send STREAM out\n";
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), told));
    let ran = tailcast(&["send", "./out"], &variables, "").await;
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.err
            .ends_with("; the file ./out is sent with: tailcast send STREAM ./out\n"),
        "{}",
        ran.err
    );
    // A pipe, and no such file: nothing to say.
    let ran = tailcast(&["send", "my/app"], &variables, "one\n").await;
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
}
