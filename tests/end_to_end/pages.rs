//! Pages in browsers: whose may ask, and what they are told.

use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::{Alone, PATIENCE, Token, lines};

const LISTED: &str = "https://logs.example.org";

/// The status of a WebSocket's handshake with these headers, beside those that every one has.
async fn handshake(alone: &Alone, more: &str) -> u16 {
    let token = Token::of_tester();
    let head = format!(
        "GET /v1/ws HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: tailcast.v1, bearer.{token}\r\n{more}\r\n"
    );
    let mut connection = TcpStream::connect(alone.address()).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    let read = tokio::time::timeout(PATIENCE, connection.read_exact(&mut answer)).await;
    read.expect("an answer").unwrap();
    std::str::from_utf8(&answer[9..]).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_page_that_shows_a_token_may_come_from_anywhere_until_pages_are_listed() {
    let [open, listing] = [Alone::start().await, Alone::with(&["--origins", LISTED]).await];
    let cases = [
        ("", 101, 101),
        ("origin: http://HERE\r\n", 101, 101),
        ("origin: https://LOGS.example.org:443\r\n", 101, 101),
        ("origin: https://evil.example\r\n", 101, 403),
        ("origin: https://logs.example.org.evil.example\r\n", 101, 403),
        ("origin: http://logs.example.org\r\n", 101, 403),
        ("origin: null\r\n", 101, 403),
        (
            "origin: https://logs.example.org\r\norigin: https://logs.example.org\r\n",
            400,
            400,
        ),
    ];
    for (origin, of_open, of_listing) in cases {
        for (alone, expected) in [(&open, of_open), (&listing, of_listing)] {
            let origin = origin.replace("HERE", &alone.address());
            let head = format!("host: {}\r\n{origin}", alone.address());
            assert_eq!(handshake(alone, &head).await, expected, "{head}");
        }
    }
}

#[tokio::test]
async fn a_listed_page_reads_over_http_and_another_one_is_not_told_that_it_may() {
    let alone = Alone::with(&["--origins", LISTED]).await;
    alone.send("payments/api", lines(2)).await;
    let ask = async |origin: &str| {
        let preflight = alone
            .request(Method::OPTIONS, "/v1/lines")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization");
        let read = alone
            .get("/v1/lines?stream=payments/api")
            .header("origin", origin);
        (preflight.send().await.unwrap(), read.send().await.unwrap())
    };
    let (preflight, read) = ask(LISTED).await;
    assert_eq!(preflight.status(), StatusCode::NO_CONTENT);
    for answer in [&preflight, &read] {
        assert_eq!(answer.headers()["access-control-allow-origin"], LISTED);
        assert_eq!(answer.headers()["vary"], "origin");
        assert!(!answer.headers().contains_key("access-control-allow-credentials"));
    }
    assert_eq!(read.text().await.unwrap().lines().count(), 2);
    let (preflight, read) = ask("https://evil.example").await;
    assert_eq!(preflight.status(), StatusCode::FORBIDDEN);
    for answer in [&preflight, &read] {
        assert!(!answer.headers().contains_key("access-control-allow-origin"));
        assert_eq!(answer.headers()["vary"], "origin");
    }
    // The library is for every page, as before.
    let library = alone
        .get("/client/v1/tailcast.js")
        .header("origin", "https://evil.example");
    let library = library.send().await.unwrap();
    assert_eq!(library.headers()["access-control-allow-origin"], "*");
}

#[tokio::test]
async fn a_lone_node_on_this_machine_is_not_asked_by_names_that_others_make_to_mean_it() {
    let alone = Alone::with(&["--hosts", "logs.example.org"]).await;
    let port = alone.address().rsplit_once(':').unwrap().1.to_owned();
    for (host, expected) in [
        (format!("localhost:{port}"), 200),
        (format!("127.0.0.1:{port}"), 200),
        ("logs.example.org".to_owned(), 200),
        (format!("evil.example:{port}"), 421),
    ] {
        for path in ["/", "/healthz", "/v1/streams", "/nothing"] {
            let answer = alone.get(path).header("host", &host).send().await.unwrap();
            let status = answer.status().as_u16();
            match path {
                "/nothing" if expected == 200 => assert_eq!(status, 404, "{host}"),
                _ => assert_eq!(status, expected, "{path} at {host}"),
            }
            if status == 421 {
                assert_eq!(answer.json::<Value>().await.unwrap()["code"], "wrong_host");
            }
        }
        let metrics = alone.by(alone.internal()).get("/metrics").header("host", &host);
        assert_eq!(
            metrics.send().await.unwrap().status().as_u16(),
            expected,
            "{host}"
        );
    }
    assert_eq!(handshake(&alone, "host: evil.example\r\n").await, 421);
    assert_eq!(
        handshake(&alone, "host: localhost\r\nhost: localhost\r\n").await,
        400
    );
    // Without a list programs may call it as they like, and pages may not: also where a proxy is on this machine.
    for behind in [
        Alone::start().await,
        Alone::with(&["--proxies", "127.0.0.1"]).await,
    ] {
        assert_eq!(handshake(&behind, "host: evil.example\r\n").await, 421);
        let request = behind.get("/v1/streams").header("host", "logs.example.org");
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
        let page = behind.get("/v1/streams").header("host", "evil.example");
        let page = page.header("origin", "http://evil.example").send().await.unwrap();
        assert_eq!(page.status().as_u16(), 421);
    }
}
