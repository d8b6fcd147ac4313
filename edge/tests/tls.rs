//! TLS on real sockets: HTTP inside of it, an upgrade, another certificate while somebody is connected, and who does not get in.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use edge::{Certificate, CertificateError, Http, ServeLimits, Tls, Visitor};
use http::StatusCode;
use http::header::{CONNECTION, UPGRADE};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A certificate of a name, and what a client knows it by.
struct Pair {
    shown: Certificate,
    known: CertificateDer<'static>,
}

fn pem(name: &str, until: i32) -> (CertificateDer<'static>, String, String) {
    let mut wanted = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
    wanted.not_before = rcgen::date_time_ymd(2020, 1, 1);
    wanted.not_after = rcgen::date_time_ymd(until, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = wanted.self_signed(&key).unwrap();
    (certificate.der().clone(), certificate.pem(), key.serialize_pem())
}

impl Pair {
    fn of(name: &str, until: i32) -> Self {
        let (known, certificate, key) = pem(name, until);
        let shown = Certificate::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        Self { shown, known }
    }
}

struct Server {
    address: SocketAddr,
    tls: Tls,
    stop: CancellationToken,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Server {
    async fn with(pair: &Pair, adjust: impl FnOnce(&mut ServeLimits)) -> Self {
        let tls = Tls::new(&pair.shown);
        let mut limits = ServeLimits {
            http: Http::OneAndTwo,
            ..ServeLimits::default()
        };
        limits.accept.tls = Some(tls.clone());
        adjust(&mut limits);
        let router = Router::new()
            .route("/", get(async || "hello"))
            .route("/known", get(known))
            .route("/echo", get(echo));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(edge::serve(listener, router, limits, stop.clone()));
        Self { address, tls, stop }
    }

    async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A client that knows `pair`, and wants `name` and one of these protocols.
    async fn client(
        &self,
        pair: &Pair,
        name: &'static str,
        speaks: &[&str],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(pair.known.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = speaks.iter().map(|name| name.as_bytes().to_vec()).collect();
        let connector = TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from(name).unwrap();
        within(connector.connect(name, self.tcp().await)).await
    }
}

/// Who asks this has shown a good token.
async fn known(Extension(visitor): Extension<Visitor>) -> &'static str {
    visitor.is_known().unwrap();
    "known"
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what)
        .await
        .expect("it takes too long")
}

/// Says everything back, on a runtime of its own as sessions do.
async fn echo(request: Request) -> Response {
    let upgrade = hyper::upgrade::on(request);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(async move {
            let mut socket = edge::upgraded(upgrade).await.unwrap();
            let mut bytes = vec![0; 64 * 1024];
            while let Ok(read @ 1..) = socket.read(&mut bytes).await {
                socket.write_all(&bytes[..read]).await.unwrap();
                socket.flush().await.unwrap();
            }
        });
    });
    let head = [(CONNECTION, "upgrade"), (UPGRADE, "echo")];
    (StatusCode::SWITCHING_PROTOCOLS, head).into_response()
}

/// Asks on a connection, and reads the answer's head and these bytes behind it.
async fn ask(io: &mut (impl AsyncRead + AsyncWrite + Unpin), path: &str, body: usize) -> String {
    let head =
        format!("GET {path} HTTP/1.1\r\nhost: tail.example\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n");
    io.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(within(io.read_u8()).await.unwrap());
    }
    let mut rest = vec![0; body];
    within(io.read_exact(&mut rest)).await.unwrap();
    answer.extend(rest);
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn http_is_spoken_inside_and_browsers_are_told_to_speak_nothing_else() {
    let pair = Pair::of("tail.example", 2100);
    let server = Server::with(&pair, |_| {}).await;
    let mut client = server.client(&pair, "tail.example", &[]).await.unwrap();
    let answer = ask(&mut client, "/", 5).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains("strict-transport-security: max-age=31536000\r\n"),
        "{answer}"
    );
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
}

#[tokio::test]
async fn both_versions_are_offered_where_both_are_spoken_and_one_where_one_is() {
    let pair = Pair::of("tail.example", 2100);
    let both = Server::with(&pair, |_| {}).await;
    let one = Server::with(&pair, |limits| limits.http = Http::One).await;
    let cases = [
        (&both, ["h2", "http/1.1"], Some("h2")),
        (&both, ["http/1.1", "other"], Some("http/1.1")),
        (&one, ["h2", "http/1.1"], Some("http/1.1")),
    ];
    for (server, speaks, chosen) in cases {
        let client = server.client(&pair, "tail.example", &speaks).await.unwrap();
        let (_, session) = client.get_ref();
        assert_eq!(session.alpn_protocol(), chosen.map(str::as_bytes));
    }
    let two = both.client(&pair, "tail.example", &["h2"]).await.unwrap();
    let (client, connection) = h2::client::handshake(two).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("https://tail.example/").body(()).unwrap();
    let (answer, _) = client.ready().await.unwrap().send_request(request, true).unwrap();
    assert_eq!(within(answer).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn an_upgraded_connection_goes_on_inside_of_tls_on_the_runtime_of_who_took_it() {
    let pair = Pair::of("tail.example", 2100);
    let server = Server::with(&pair, |_| {}).await;
    let mut client = server.client(&pair, "tail.example", &[]).await.unwrap();
    let answer = ask(&mut client, "/echo", 0).await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    // More than waits anywhere on the way, so that both ends have to go on reading.
    let sent: Vec<u8> = (0..2_000_000_u32).map(|n| n as u8).collect();
    let (mut read, mut write) = tokio::io::split(client);
    let bytes = sent.clone();
    let sending = tokio::spawn(async move {
        write.write_all(&bytes).await.unwrap();
        write.flush().await.unwrap();
        write
    });
    let mut got = vec![0; sent.len()];
    within(read.read_exact(&mut got)).await.unwrap();
    assert!(got == sent, "other bytes came back");
    drop(sending.await.unwrap());
}

#[tokio::test]
async fn another_certificate_is_for_those_who_come_and_nobody_has_to_go_for_it() {
    let (old, new) = (Pair::of("tail.example", 2100), Pair::of("tail.example", 2101));
    let server = Server::with(&old, |_| {}).await;
    let mut before = server.client(&old, "tail.example", &[]).await.unwrap();
    ask(&mut before, "/", 5).await;
    server.tls.show(&new.shown);
    assert!(server.client(&old, "tail.example", &[]).await.is_err());
    let mut after = server.client(&new, "tail.example", &[]).await.unwrap();
    for client in [&mut before, &mut after] {
        assert!(ask(client, "/", 5).await.ends_with("hello"));
    }
}

#[tokio::test]
async fn who_speaks_in_the_clear_is_told_so_even_after_a_long_request() {
    let pair = Pair::of("tail.example", 2100);
    let server = Server::with(&pair, |_| {}).await;
    let mut client = server.tcp().await;
    let request = format!(
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 30000\r\n\r\n{}",
        "x".repeat(30_000)
    );
    client.write_all(request.as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    let mut answer = String::new();
    within(client.read_to_string(&mut answer)).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
    assert!(
        head.contains(&format!("content-length: {}", body.len())),
        "{head}"
    );
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["code"], "tls_required");
    assert!(!head.contains("strict-transport-security"), "{head}");
}

#[tokio::test]
async fn a_handshake_that_does_not_come_to_its_end_is_given_up_and_its_place_is_free() {
    let pair = Pair::of("tail.example", 2100);
    let server = Server::with(&pair, |limits| {
        limits.accept.first_byte = Duration::from_millis(300);
        limits.accept.connections.total = 3;
    })
    .await;
    // One says nothing, one begins and stops, one sends what is no handshake at all.
    for begins in [
        &b""[..],
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"\x16\x03\x01\x00\x05hello",
    ] {
        let mut client = server.tcp().await;
        client.write_all(begins).await.unwrap();
        let mut all = Vec::new();
        let _ = within(client.read_to_end(&mut all)).await;
        assert!(all.len() < 16, "{all:?}");
    }
    let mut good = server.client(&pair, "tail.example", &[]).await.unwrap();
    assert!(ask(&mut good, "/", 5).await.ends_with("hello"));
}

#[tokio::test]
async fn a_thousand_that_connect_and_say_nothing_keep_nobody_out() {
    let pair = Pair::of("tail.example", 2100);
    let server = Server::with(&pair, |limits| limits.accept.connections.total = 200).await;
    let mut silent = Vec::new();
    for number in 0..1_000 {
        let mut client = server.tcp().await;
        if number % 2 == 0 {
            // It may be closed already, for those who came after it.
            let _ = client.write_all(b"\x16\x03\x01\x02\x00").await;
        }
        silent.push(client);
    }
    let mut good = server.client(&pair, "tail.example", &[]).await.unwrap();
    assert!(ask(&mut good, "/", 5).await.ends_with("hello"));
}

#[tokio::test]
async fn a_client_refuses_what_has_ended_and_what_is_for_another_name() {
    let (good, ended) = (Pair::of("tail.example", 2100), Pair::of("tail.example", 2021));
    let server = Server::with(&good, |_| {}).await;
    let error = server.client(&good, "other.example", &[]).await.unwrap_err();
    assert!(error.to_string().contains("not valid for name"), "{error}");
    server.tls.show(&ended.shown);
    let error = server.client(&ended, "tail.example", &[]).await.unwrap_err();
    assert!(error.to_string().contains("expired"), "{error}");
    assert!(good.shown.holds_at(1_800_000_000) && !ended.shown.holds_at(1_800_000_000));
}

#[test]
fn a_key_that_is_another_certificates_is_no_key() {
    let ((_, certificate, _), (_, _, other)) = (pem("tail.example", 2100), pem("tail.example", 2100));
    let error = Certificate::from_pem(certificate.as_bytes(), other.as_bytes()).unwrap_err();
    assert!(matches!(error, CertificateError::KeyDoesNotFit), "{error}");
}

#[tokio::test]
async fn who_shakes_hands_and_says_nothing_is_let_go_as_soon_as_who_says_nothing_at_all() {
    let pair = Pair::of("tail.example", 2100);
    let soon = |limits: &mut ServeLimits| limits.accept.first_byte = Duration::from_secs(2);
    let server = Server::with(&pair, soon).await;
    for speaks in [&["http/1.1"][..], &["h2"]] {
        let mut silent = server.client(&pair, "tail.example", speaks).await.unwrap();
        // Long before the time between two requests is over.
        let read = within(silent.read(&mut [0; 64])).await;
        assert!(!matches!(read, Ok(1..)), "{speaks:?}");
    }
}

#[tokio::test]
async fn where_tls_is_spoken_who_does_not_get_in_is_told_nothing_in_the_clear() {
    let pair = Pair::of("tail.example", 2100);
    let server = Server::with(&pair, |limits| limits.accept.connections.total = 1).await;
    let mut first = server.client(&pair, "tail.example", &["http/1.1"]).await.unwrap();
    let head = b"GET /known HTTP/1.1\r\nhost: tail.example\r\n\r\n";
    within(first.write_all(head)).await.unwrap();
    let mut status = [0; 12];
    within(first.read_exact(&mut status)).await.unwrap();
    assert_eq!(&status[9..], b"200");
    let mut refused = server.tcp().await;
    let read = within(refused.read(&mut [0; 64])).await;
    assert!(!matches!(read, Ok(1..)), "{read:?}");
}
