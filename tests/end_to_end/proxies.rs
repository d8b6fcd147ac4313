//! Proxies in front of a node: whom they ask for, and who is believed.

use std::fmt::Write;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::{Alone, Authority, PATIENCE, Token};

/// Three bad tokens of an address are one too many, for a long while.
const FEW: &str = "accept.attempts.burst = 2\naccept.attempts.every = \"1h\"\n";

/// A node with these settings.
async fn node(folder: &TempDir, settings: &str) -> Alone {
    let file = folder.path().join("tailcast.toml");
    std::fs::write(&file, format!("{settings}\n[limits.http]\n{FEW}")).unwrap();
    Alone::with(&["--config", file.to_str().unwrap()]).await
}

/// The status of a request with this token over a connection that begins with `words`.
async fn ask(alone: &Alone, words: &[u8], headers: &str, token: &str) -> Option<u16> {
    let mut head =
        format!("GET /v1/streams HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n");
    write!(head, "{headers}connection: close\r\n\r\n").unwrap();
    let mut connection = TcpStream::connect(alone.address()).await.unwrap();
    connection.write_all(words).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    let read = tokio::time::timeout(PATIENCE, connection.read_exact(&mut answer)).await;
    read.expect("an end").ok()?;
    std::str::from_utf8(&answer[9..]).unwrap().parse().ok()
}

/// Says so many bad tokens with these headers, and the statuses.
async fn bad(alone: &Alone, headers: &[&str]) -> Vec<Option<u16>> {
    let mut statuses = Vec::new();
    for headers in headers {
        statuses.push(ask(alone, b"", headers, "nonsense").await);
    }
    statuses
}

const UNAUTHORIZED: Option<u16> = Some(401);
const SLOWED: Option<u16> = Some(429);

#[tokio::test]
async fn bad_tokens_are_counted_for_who_asks_a_trusted_proxy_whatever_they_write_themselves() {
    let folder = TempDir::new().unwrap();
    let alone = node(&folder, "trusted_proxies = \"127.0.0.1\"").await;
    // The proxy adds the last one; the one before is another each time.
    let of_one = [
        "x-forwarded-for: 198.51.100.1, 192.0.2.1\r\n",
        "x-forwarded-for: 198.51.100.2, 192.0.2.1\r\n",
        "x-forwarded-for: 198.51.100.3, 192.0.2.1\r\n",
        "x-forwarded-for: 198.51.100.4\r\nx-forwarded-for: 192.0.2.1\r\nforwarded: for=198.51.100.4\r\n",
    ];
    assert_eq!(
        bad(&alone, &of_one).await,
        [UNAUTHORIZED, UNAUTHORIZED, SLOWED, SLOWED]
    );
    let another = "x-forwarded-for: 192.0.2.1, 192.0.2.2\r\n";
    assert_eq!(bad(&alone, &[another]).await, [UNAUTHORIZED]);
    // Who is slowed is not locked out.
    let good = ask(&alone, b"", of_one[0], &Token::of_tester()).await;
    assert_eq!(good, Some(200));
}

#[tokio::test]
async fn what_somebody_says_who_is_not_trusted_has_no_effect() {
    let folder = TempDir::new().unwrap();
    let forged = [
        "x-forwarded-for: 192.0.2.1\r\n",
        "forwarded: for=192.0.2.2\r\n",
        "x-forwarded-for: 192.0.2.3\r\nx-real-ip: 192.0.2.3\r\n",
        "forwarded: for=\"[2001:db8::1]\"\r\n",
    ];
    let expected = [UNAUTHORIZED, UNAUTHORIZED, SLOWED, SLOWED];
    for settings in [
        "",
        "trusted_proxies = \"10.0.0.0/8\"",
        "trusted_proxies = \"10.0.0.0/8\"\nforwarded_by = \"forwarded\"",
        "trusted_proxies = \"10.0.0.0/8\"\nforwarded_by = \"proxy-protocol\"",
    ] {
        let alone = node(&folder, settings).await;
        assert_eq!(bad(&alone, &forged).await, expected, "{settings}");
    }
    // A header that the proxy does not write is the client's.
    let alone = node(
        &folder,
        "trusted_proxies = \"127.0.0.1\"\nforwarded_by = \"forwarded\"",
    )
    .await;
    let told = "forwarded: for=192.0.2.1;proto=https\r\n";
    let twice = [
        told,
        "x-forwarded-for: 198.51.100.7\r\nforwarded: for=192.0.2.1\r\n",
        told,
    ];
    assert_eq!(bad(&alone, &twice).await, [UNAUTHORIZED, UNAUTHORIZED, SLOWED]);
    assert!(alone.log().contains("address=192.0.2.1"), "{}", alone.log());
}

/// The PROXY protocol of a connection from an address.
fn introduces(source: [u8; 4]) -> Vec<u8> {
    let mut words = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    words.extend(source);
    words.extend([10, 0, 0, 1, 0x12, 0x34, 0x1d, 0x10]);
    words
}

#[tokio::test]
async fn a_proxy_that_introduces_connections_does_so_for_each_and_from_nobody_else_is_it_heard() {
    let folder = TempDir::new().unwrap();
    let trusting = "trusted_proxies = \"127.0.0.1\"\nforwarded_by = \"proxy-protocol\"";
    let alone = node(&folder, trusting).await;
    let (one, other) = (introduces([192, 0, 2, 1]), introduces([192, 0, 2, 2]));
    for (words, expected) in [
        (&one, UNAUTHORIZED),
        (&one, UNAUTHORIZED),
        (&one, SLOWED),
        (&other, UNAUTHORIZED),
    ] {
        let forged = "x-forwarded-for: 198.51.100.1\r\n";
        assert_eq!(ask(&alone, words, forged, "nonsense").await, expected);
    }
    assert_eq!(ask(&alone, &one, "", &Token::of_tester()).await, Some(200));
    // Without an introduction nobody knows who it is.
    assert_eq!(ask(&alone, b"", "", &Token::of_tester()).await, None);
    assert_eq!(alone.measured("tailcast_proxies_refused_total").await, 1.0);
    // Where it is not spoken, it is no HTTP.
    let plain = node(&folder, "").await;
    assert_ne!(ask(&plain, &one, "", &Token::of_tester()).await, Some(200));
}

#[tokio::test]
async fn an_introduction_comes_before_tls() {
    let files = TempDir::new().unwrap();
    let authority = Authority::new("ours");
    let trusting = "trusted_proxies = \"127.0.0.0/8\"\nforwarded_by = \"proxy-protocol\"\n";
    let alone = Alone::inside_of_tls(files.path(), &authority, trusting).await;
    let mut connection = TcpStream::connect(alone.address()).await.unwrap();
    connection.write_all(&introduces([192, 0, 2, 1])).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(authority.trusting());
    let mut inside = connector
        .connect("localhost".try_into().unwrap(), connection)
        .await
        .unwrap();
    let head = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    inside.write_all(head).await.unwrap();
    let mut answer = [0; 12];
    inside.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer[9..], b"200");
}
