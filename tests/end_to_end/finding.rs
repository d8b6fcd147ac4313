//! Finding lines again from a terminal: what is pasted is found, and what is not found is said.

use serde_json::{Value, json};

use crate::fixture::{Alone, Ran, Running, Token, tailcast};

/// An installation, and how its commands reach it.
struct Installation {
    alone: Alone,
    token: String,
}

impl Installation {
    /// With these lines in `my/app`.
    async fn with(lines: &[Value]) -> Self {
        let installation = Self {
            alone: Alone::start().await,
            token: Token::of_tester(),
        };
        let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let ran = tailcast(&["send", "my/app"], &installation.variables(), &lines).await;
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        installation
    }

    fn variables(&self) -> [(&'static str, &str); 2] {
        [
            ("TAILCAST_URL", self.alone.url()),
            ("TAILCAST_TOKEN", &self.token),
        ]
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        tailcast(arguments, &self.variables(), "").await
    }

    fn start(&self, arguments: &[&str]) -> Running {
        Running::start(arguments, &self.variables())
    }
}

fn at(seconds: u32, message: &str) -> Value {
    json!({"ts": format!("2026-01-02T03:04:{seconds:02}Z"), "message": message})
}

fn numbered(count: u32) -> Vec<Value> {
    (0..count).map(|n| at(n % 60, &format!("line {n}"))).collect()
}

fn messages(ran: &Ran) -> Vec<String> {
    let message = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["message"].as_str().unwrap().to_owned()
    };
    ran.out.lines().map(message).collect()
}

#[tokio::test]
async fn what_is_pasted_finds_the_line_that_it_is_from() {
    let said = [
        "call std::vec::Vec::new failed",
        "user=ann took=12ms",
        "GET https://example.org/a?b=1&c=2 ip=2001:db8::1",
        r"path C:\app\x.cs:12",
        "java.lang.NullPointerException: boom",
        r#"payload {"a":1} -> foo(bar) exit -1"#,
    ];
    let lines: Vec<Value> = (0..).zip(said).map(|(n, message)| at(n, message)).collect();
    let installation = Installation::with(&lines).await;
    let table = [
        ("std::vec", 0),
        ("user=ann", 1),
        ("b=1&c=2", 2),
        ("ip=2001:db8::1", 2),
        ("https://example.org/a?b=1&c=2", 2),
        (r"C:\app", 3),
        (r"C:\app\x.cs:12", 3),
        ("java.lang.NullPointerException:", 4),
        ("NullPointerException: boom", 4),
        ("*Exception*", 4),
        ("java AND boom", 4),
        (r#"{"a":1}"#, 5),
        ("foo(bar)", 5),
        ("->", 5),
        ("exit -1", 5),
    ];
    for (filter, expected) in table {
        let ran = installation
            .run(&["get", "my/app", "--json", "--filter", filter])
            .await;
        assert_eq!(
            (messages(&ran), ran.err.as_str()),
            (vec![said[expected].to_owned()], ""),
            "{filter}"
        );
    }
    let ran = installation
        .run(&["get", "my/app", "--json", "--filter", "NOT boom"])
        .await;
    assert_eq!(messages(&ran).len(), said.len() - 1);
}

#[tokio::test]
async fn a_filter_that_finds_nothing_is_told_with_its_reading() {
    let installation = Installation::with(&numbered(1_204)).await;
    let expected = "tailcast: no line of 1,204 matches (read as: the field localhost is \"8080\"; for the text itself: \
                    '\"localhost:8080\"')\n";
    let ran = installation
        .run(&["get", "my/app", "--filter", "localhost:8080"])
        .await;
    assert_eq!(
        (ran.code, ran.out.as_str(), ran.err.as_str()),
        (Some(0), "", expected)
    );
    let mut tail = installation.start(&["tail", "my/app", "--from", "0", "--filter", "localhost:8080"]);
    assert_eq!(tail.complains("matches").await, expected);
    // What comes later is followed as ever.
    let line = json!({"message": "up", "localhost": "8080"}).to_string();
    tailcast(&["send", "my/app"], &installation.variables(), &line).await;
    tail.prints(1).await;
    assert_eq!(tail.err(), expected);

    let mut found = installation.start(&["tail", "my/app", "-f", "-n", "3000", "--filter", "\"line 7\""]);
    found.prints(1).await;
    assert_eq!(found.err(), "");
}

#[tokio::test]
async fn a_stream_that_is_misspelt_is_awaited_aloud_with_the_names_that_are_near() {
    let installation = Installation::with(&numbered(1)).await;
    let mut tail = installation.start(&["tail", "my/apq", "mi/*", "my/app"]);
    tail.complains("mi/* yet").await;
    let err = tail.complains("my/apq has").await;
    let mut said: Vec<&str> = err.lines().collect();
    said.sort_unstable();
    assert_eq!(
        said,
        [
            "tailcast: my/apq has no line yet: waiting for the first one (is my/app meant?)",
            "tailcast: no stream that you may read matches mi/* yet: waiting for the first one (there is my/app)",
        ]
    );
    tail.prints(1).await;
    tailcast(&["send", "my/apq"], &installation.variables(), "come\n").await;
    let printed = tail.prints(2).await;
    assert!(printed[1].contains("come"), "{printed:?}");
}

#[tokio::test]
async fn get_prints_what_is_stored_and_ends() {
    let installation = Installation::with(&numbered(300)).await;
    let all: Vec<String> = (0..300).map(|n| format!("line {n}")).collect();
    let table: [(&[&str], Vec<String>); 8] = [
        (&[], all.clone()),
        (&["--from", "290"], all[290..].to_vec()),
        (&["--from", "5", "--to", "7"], all[5..7].to_vec()),
        (&["--last", "3"], all[297..].to_vec()),
        (
            &["-n", "2", "--filter", "7"],
            vec!["line 287".into(), "line 297".into()],
        ),
        (
            &["--filter", "\"line 12\"", "--to", "120"],
            vec!["line 12".into()],
        ),
        (
            &["--since", "2026-01-02T03:04:59Z"],
            (0..5).map(|n| format!("line {}", n * 60 + 59)).collect(),
        ),
        (
            &["--since", "1767323045", "--until", "1767323046"],
            (0..5).map(|n| format!("line {}", n * 60 + 5)).collect(),
        ),
    ];
    for (arguments, expected) in table {
        let ran = installation
            .run(&[&["get", "my/app", "--json"], arguments].concat())
            .await;
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{arguments:?}");
        assert_eq!(messages(&ran), expected, "{arguments:?}");
    }
    let ran = installation.run(&["get", "my/app", "--utc", "--last", "1"]).await;
    assert_eq!(ran.out, "2026-01-02 03:04:59.000       line 299\n");
    let ran = installation.run(&["get", "my/apq"]).await;
    assert_eq!(ran.code, Some(1));
    assert_eq!(
        ran.err,
        "tailcast: there is no stream my/apq, or your token does not let you read it (stream_not_found); is my/app meant?\n"
    );
    let ran = installation.run(&["get", "my/*"]).await;
    assert_eq!((ran.code, ran.err.lines().count()), (Some(2), 1), "{}", ran.err);
}

#[tokio::test]
async fn colours_and_progress_are_shown_as_a_terminal_would() {
    let progress = at(1, " 1%\r 2%\r 79%");
    let coloured = at(2, "\u{1b}[31mERROR\u{1b}[0m plain\u{1b}[2J");
    let installation = Installation::with(&[progress, coloured]).await;
    let expected = "2026-01-02 03:04:01.000        79%\n2026-01-02 03:04:02.000       ERROR plain\\x1b[2J\n";
    for command in ["get", "tail"] {
        let arguments = [command, "my/app", "--utc", "--last", "2"];
        let mut running = installation.start(&arguments);
        assert_eq!(running.prints(2).await.join("\n") + "\n", expected, "{command}");
        let mut running = installation.start(&[&arguments[..], &["--color", "always"]].concat());
        let printed = running.prints(2).await;
        assert!(
            printed[1].ends_with("\u{1b}[31mERROR\u{1b}[0m plain\\x1b[2J\u{1b}[0m"),
            "{printed:?}"
        );
        let mut running = installation.start(&[&arguments[..], &["--json"]].concat());
        assert!(
            running.prints(2).await[0].contains(r" 1%\r 2%\r 79%"),
            "the bytes are kept"
        );
    }
}

#[tokio::test]
async fn https_to_a_port_without_tls_says_so() {
    let installation = Installation::with(&numbered(1)).await;
    let https = installation.alone.url().replace("http://", "https://");
    for command in ["tail", "get"] {
        let ran = installation.run(&[command, "my/app", "--url", &https]).await;
        let expected = format!(
            "tailcast: {https} does not answer like a Tailcast installation: this port does not speak TLS; is {} meant?\n",
            installation.alone.url()
        );
        assert_eq!((ran.code, ran.err), (Some(1), expected), "{command}");
    }
}

#[tokio::test]
async fn what_finds_no_line_says_why() {
    let installation = Installation::with(&numbered(12)).await;
    let table: [(&[&str], i32, &str); 8] = [
        (
            &["get", "my/app", "--from", "100"],
            1,
            "`from` is beyond the head of my/app, which is 12 (cursor_ahead)",
        ),
        (
            &["get", "my/app", "--from", "12"],
            0,
            "my/app has no line from 12 on yet",
        ),
        (
            &["get", "my/app", "--from", "10", "--to", "5"],
            2,
            "there is nothing from 10 up to 5: --to is the first offset that is not shown, and greater than --from",
        ),
        (
            &["get", "my/app", "--since", "2026-01-03"],
            0,
            "no line of my/app that is kept has such a time (the next one will be 12)",
        ),
        (
            &["get", "my/app", "--since", "1h", "--until", "2h", "--utc"],
            2,
            "--until is later than --since",
        ),
        (
            &["streams", "my/ap"],
            1,
            "there is no stream my/ap, or your token does not let you read it (is my/app meant?)",
        ),
        (
            &["streams", "mi/*"],
            0,
            "no stream that you may read matches mi/*",
        ),
        (
            &["get", "my/app", "--since", "5"],
            2,
            "--since 5: a number is Unix time from 100000000 (in 1973) on; so long ago is 5s, 5m, 5h or 5d, and from the \
             first line on --from 0",
        ),
    ];
    for (arguments, code, told) in table {
        let ran = installation.run(arguments).await;
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (Some(code), ""),
            "{arguments:?}: {}",
            ran.err
        );
        assert!(
            ran.err.ends_with(&format!("{told}\n")),
            "{arguments:?}: {}",
            ran.err
        );
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    }
}

/// A half quote, a lone parenthesis, an expression with a slip: the whole input in quotes is one copy away.
#[tokio::test]
async fn a_filter_that_cannot_be_read_offers_the_text_itself() {
    let message = "(/app err=\"dial tcp: (refused";
    let installation = Installation::with(&[at(1, message)]).await;
    for filter in [
        "(/app",
        "err=\"dial tcp",
        "(refused",
        "level>=loud",
        ")",
        "a OR",
        message,
    ] {
        let ran = installation.run(&["get", "my/app", "--filter", filter]).await;
        let mut tail = installation.start(&["tail", "my/app", "--filter", filter]);
        let refused = tail.ended().await;
        assert_eq!((ran.code, refused.code), (Some(1), Some(1)), "{filter}");
        let offered = |err: &str| {
            let (_, offered) = err.trim_end().split_once("; for the text itself: '").unwrap();
            offered.strip_suffix('\'').unwrap().to_owned()
        };
        assert_eq!(offered(&ran.err), offered(&refused.err), "{filter}");
        let ran = installation
            .run(&["get", "my/app", "--json", "--filter", &offered(&ran.err)])
            .await;
        let expected: Vec<String> = message
            .contains(filter)
            .then(|| message.to_owned())
            .into_iter()
            .collect();
        assert_eq!(messages(&ran), expected, "{filter}");
    }
}
