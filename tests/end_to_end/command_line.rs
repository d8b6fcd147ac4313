//! The commands beside `serve`.

use crate::fixture::{Alone, Cluster, Ran, Running, Token, at, lines, ndjson, tailcast, until};

/// Ten lines that do not match, and then one that does: nothing is missing, and nothing is said.
#[tokio::test]
async fn what_a_filter_leaves_out_is_not_called_missing() {
    let alone = Alone::start().await;
    let token = Token::of_tester();
    let variables = at(alone.url(), &token);
    let sent = tailcast(&["send", "my/app"], &variables, &ndjson(&lines(10))).await;
    assert_eq!(sent.code, Some(0), "{}", sent.err);
    // The feed holds the stream's last batch alone, as that of a busy stream does.
    let mut watching = Running::start(&["tail", "my/app", "--last", "1"], &variables);
    watching.prints(1).await;
    let warning = r#"{"level":"warn","message":"careful"}"#;
    let sent = tailcast(&["send", "my/app"], &variables, warning).await;
    assert_eq!(sent.code, Some(0), "{}", sent.err);
    watching.prints(2).await;
    for streams in ["my/app", "my/*"] {
        let arguments = ["tail", streams, "--filter", "level>=warn", "--last", "100"];
        let mut tail = Running::start(&arguments, &variables);
        let printed = tail.prints(1).await;
        assert!(printed[0].contains("careful"), "{printed:?}");
        assert_eq!(tail.err(), "", "{streams}");
    }
}

#[tokio::test]
async fn on_the_same_machine_commands_use_the_data_folders_key() {
    let alone = Alone::for_the_first_time().await;
    let data = alone.data();
    let variables = [("TAILCAST_URL", alone.url()), ("TAILCAST_DATA", data.as_str())];
    let ran = tailcast(&["send", "my/app"], &variables, "one\ntwo\n").await;
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let mut tail = Running::start(&["tail", "my/app", "--from", "0"], &variables);
    let printed = tail.prints(2).await;
    assert!(
        printed[0].contains("one") && printed[1].contains("two"),
        "{printed:?}"
    );
}

#[tokio::test]
async fn token_prints_a_token_that_may_what_it_was_given() {
    let alone = Alone::start().await;
    let data = alone.data();
    let arguments = [
        "token",
        "--sub",
        "alice",
        "--read",
        "payments/**",
        "--write",
        "payments/api",
        "--ttl",
        "5m",
    ];
    let key = [
        (
            "TAILCAST_KEY",
            "a key that is only good for tests, of 32 bytes and more",
        ),
        ("TAILCAST_DATA", &*data),
    ];
    let ran = tailcast(&arguments, &key, "").await;
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let alice = alone.with(ran.out.trim());
    let sent = alice.send("payments/api", lines(2)).await;
    let mut session = alice
        .subscribe_from("payments/api", serde_json::json!({"last": 2}))
        .await;
    assert_eq!(session.take(2).await, sent);
    let refused = alice
        .post("/v1/lines?stream=orders/api")
        .body("hello")
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status().as_u16(), 403);
}

#[tokio::test]
async fn streams_shows_what_is_there() {
    let alone = Alone::start().await;
    alone.send("payments/api", lines(3)).await;
    alone.send("orders/api", lines(2)).await;
    let token = Token::of("alice").reads("payments/**").text();
    let ran = tailcast(&["streams"], &at(alone.url(), &token), "").await;
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(
        ran.out.contains("payments/api") && !ran.out.contains("orders/api"),
        "{}",
        ran.out
    );
}

#[tokio::test]
async fn nodes_shows_an_admin_who_is_alive() {
    let mut cluster = Cluster::start(&["collect", "dispatch", "push", "read"]).await;
    let internal = cluster.push(0).internal().to_owned();
    let ask = async |token: Token| {
        let token = token.text();
        let variables = [
            ("TAILCAST_INTERNAL_URL", internal.as_str()),
            ("TAILCAST_TOKEN", token.as_str()),
        ];
        tailcast(&["nodes"], &variables, "").await
    };
    let shown = until("all four are shown", async || {
        let ran = ask(Token::of("operator").admin()).await;
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        (ran.out.lines().count() == 5).then_some(ran.out)
    })
    .await;
    for role in ["collect", "dispatch", "push", "read"] {
        let address = cluster
            .node(role, 0)
            .internal()
            .trim_start_matches("http://")
            .to_owned();
        let is_there = shown
            .lines()
            .any(|line| line.contains(role) && line.contains(&address));
        assert!(is_there, "{role} at {address} is missing: {shown}");
    }
    assert_eq!(ask(Token::of("alice").reads("**")).await.code, Some(1));

    cluster.dispatch(0).kill();
    until("the dead one is gone", async || {
        let ran = ask(Token::of("operator").admin()).await;
        (!ran.out.contains("dispatch")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn check_explains_a_good_configuration_and_names_what_is_wrong_in_a_bad_one() {
    let dir = tempfile::TempDir::new().unwrap();
    let data = dir.path().join("data");
    let good = [
        ("TAILCAST_DATA", data.to_str().unwrap()),
        ("TAILCAST_KEY", "a key for these tests, 32 bytes or longer"),
    ];
    let ran = tailcast(&["check"], &good, "").await;
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(
        ran.out.contains("roles") && ran.out.contains("127.0.0.1:7440"),
        "{}",
        ran.out
    );
    assert!(
        !ran.out.contains("32 bytes or longer"),
        "a key is never shown: {}",
        ran.out
    );
    let ran = tailcast(&["check"], &[("TAILCAST_ROLES", "cook")], "").await;
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("cook"), "{}", ran.err);
}

#[tokio::test]
async fn check_works_beside_a_server_that_runs_and_shows_what_nobody_set() {
    let alone = Alone::for_the_first_time().await;
    let data = alone.data();
    let ran = tailcast(&["check"], &[("TAILCAST_DATA", data.as_str())], "").await;
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains("in use by a tailcast that runs"), "{}", ran.out);
    for (setting, text) in [
        ("store", "sqlite"),
        ("routes", "memory"),
        ("advertise", "(the internal listener's address)"),
        ("store_file", "(none)"),
        ("line_too_long", "refuse"),
    ] {
        let is_shown = ran.out.lines().any(|line| {
            let mut words = line.split_whitespace();
            words.next() == Some(setting) && line.contains(text) && line.ends_with("default")
        });
        assert!(is_shown, "{setting}: {}", ran.out);
    }
}

#[tokio::test]
async fn shells_and_manuals_are_told_of_all_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = tailcast(&["completions", shell], &[], "").await;
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
        for word in ["send", "retention", "partial-after"] {
            assert!(ran.out.contains(word), "{shell} knows no {word}");
        }
    }
    assert_eq!(tailcast(&["completions", "cmd"], &[], "").await.code, Some(2));

    let ran = tailcast(&["man", "send"], &[], "").await;
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    for words in [
        ".TH tailcast-send 1  \"tailcast ",
        "tailcast\\-send",
        "[\\fIFILE\\fR]...",
        ".SH NOTES",
        ".SH EXAMPLES",
    ] {
        assert!(ran.out.contains(words), "{words} is missing: {}", ran.out);
    }
    assert!(!ran.out.contains("EXTRA"), "{}", ran.out);
    assert_eq!(tailcast(&["man", "sned"], &[], "").await.code, Some(2));
    let folder = tempfile::TempDir::new().unwrap();
    let pages = folder.path().join("man1");
    let ran = tailcast(&["man", "--to", pages.to_str().unwrap()], &[], "").await;
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    for page in ["tailcast.1", "tailcast-send.1", "tailcast-retention-restore.1"] {
        assert!(pages.join(page).exists(), "{page}");
    }
}

/// As `$(pidof tailcast)` has it while somebody sends.
#[tokio::test]
async fn bench_measures_servers_alone_among_the_processes_that_it_is_given() {
    let mut alone = Alone::start().await;
    let token = Token::of_tester();
    let url = alone.url().to_owned();
    let variables = at(&url, &token);
    let send = Running::start(&["send", "my/app"], &variables);
    let (server, sender) = (alone.pid().to_string(), send.pid().to_string());
    let arguments = [
        "--sessions",
        "1",
        "--rate",
        "10",
        "--seconds",
        "1",
        "--pid",
        &server,
        &sender,
    ];
    let ran = tailcast(&[&["bench"], &arguments[..]].concat(), &variables, "").await;
    assert!(
        ran.err
            .contains("is `tailcast send` and no server: it is not measured"),
        "{}",
        ran.err
    );
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains("server memory"), "{}", ran.out);
    assert_eq!(send.finish().await.code, Some(0));
}

#[tokio::test]
async fn a_command_that_cannot_do_its_work_says_why_and_fails() {
    let alone = Alone::start().await;
    let bad = at(alone.url(), "hello");
    for arguments in [["send", "my/app"].as_slice(), &["tail", "my/app"], &["streams"]] {
        let ran: Ran = tailcast(arguments, &bad, "line\n").await;
        assert_eq!(ran.code, Some(1), "{arguments:?}: {ran:?}");
        assert_eq!(
            ran.err.trim_end().lines().count(),
            1,
            "{arguments:?}: {}",
            ran.err
        );
    }
    let token = Token::of_tester();
    let ran = tailcast(&["tail", "a//b"], &at(alone.url(), &token), "").await;
    assert_ne!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("a//b"), "{}", ran.err);
}

#[tokio::test]
async fn tail_ends_with_its_token_and_does_not_come_back_with_it() {
    let alone = Alone::start().await;
    let token = Token::of("alice").reads("**").ends_in(2).text();
    let mut tail = Running::start(&["tail", "my/app"], &at(alone.url(), &token));
    let ran = tail.ended().await;
    assert_eq!(ran.code, Some(1));
    assert_eq!(
        ran.err,
        "tailcast: my/app has no line yet: waiting for the first one (there is no stream yet)\n\
         tailcast: the token has ended, and there is no other: get a new one\n"
    );
}

#[tokio::test]
async fn a_token_file_is_read_anew_when_its_token_ends() {
    let alone = Alone::start().await;
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("token");
    let path = file.to_str().unwrap();
    let ends_in = |seconds| Token::of("alice").reads("**").ends_in(seconds).text();
    std::fs::write(&file, ends_in(2) + "\n").unwrap();
    let url = [("TAILCAST_URL", alone.url())];
    let mut tail = Running::start(&["tail", "my/app", "--token-file", path], &url);
    tail.complains("waiting for another token").await;
    std::fs::write(&file, ends_in(600)).unwrap();
    tail.complains("connected again").await;
    alone.send("my/app", lines(1)).await;
    tail.prints(1).await;
    assert!(
        tail.err().lines().count() <= 4,
        "it does not come again and again: {}",
        tail.err()
    );

    let streams = tailcast(
        &["streams"],
        &[("TAILCAST_URL", alone.url()), ("TAILCAST_TOKEN_FILE", path)],
        "",
    )
    .await;
    assert_eq!(streams.code, Some(0), "{}", streams.err);
    let gone = dir.path().join("nowhere");
    let ran = tailcast(&["streams", "--token-file", gone.to_str().unwrap()], &url, "").await;
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(
        ran.err.starts_with("tailcast: the token file ") && ran.err.contains("nowhere cannot be read"),
        "{}",
        ran.err
    );
    let both = [("TAILCAST_TOKEN", "a"), ("TAILCAST_TOKEN_FILE", path)];
    let ran = tailcast(&["streams"], &both, "").await;
    assert_eq!(
        (ran.code, ran.err.contains("set one of them")),
        (Some(2), true),
        "{}",
        ran.err
    );
}
