//! TLS as senders, viewers and operators meet it.

use std::io::ErrorKind;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::{Alone, Authority, Door, PATIENCE, Running, Session, Token, at, lines, tailcast, until};

/// How often the node refused connections of this kind.
async fn refused(alone: &Alone, why: &str) -> f64 {
    let name = format!("tailcast_tls_refused_total{{listener=\"public\",why=\"{why}\"}}");
    alone.measured(&name).await
}

/// Waits until new connections are shown a certificate of this authority, and gives a way in.
async fn known_by(alone: &Alone, authority: &Authority) -> Door {
    until("another certificate is shown", async || {
        let door = alone.known_by(Some(authority));
        let answer = door.get("/healthz").send().await.ok()?;
        answer.status().is_success().then_some(door)
    })
    .await
}

#[tokio::test]
async fn lines_go_in_and_out_inside_of_tls_and_sessions_outlive_a_change_of_the_certificate() {
    let files = TempDir::new().unwrap();
    let (first, second) = (Authority::new("the first"), Authority::new("the second"));
    let alone = Alone::inside_of_tls(files.path(), &first, "").await;
    assert!(alone.url().starts_with("https://"));
    let answer = alone.get("/v1/streams").send().await.unwrap();
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    let early = alone.send("payments/api", lines(100)).await;
    let mut session = alone.subscribe_from("payments/api", json!({"last": 100})).await;
    assert_eq!(session.take(100).await, early);

    second.certify(files.path());
    let late = known_by(&alone, &second).await;
    let answer = alone.known_by(Some(&first)).get("/healthz").send().await;
    assert!(answer.is_err(), "the old certificate is still shown: {answer:?}");
    let sent = late.send("payments/api", lines(100)).await;
    assert_eq!(session.take(100).await, sent);
    let mut another = late.subscribe_from("payments/api", json!({"last": 100})).await;
    assert_eq!(another.take(100).await, sent);
    // The connections of before go on as well.
    let more = alone.send("payments/api", lines(10)).await;
    assert_eq!(session.take(10).await, more);
    assert_eq!(another.take(10).await, more);
}

#[tokio::test]
async fn a_bad_new_certificate_is_told_and_the_old_one_goes_on() {
    let files = TempDir::new().unwrap();
    let authority = Authority::new("ours");
    let alone = Alone::inside_of_tls(files.path(), &authority, "").await;
    let mut session = alone.subscribe("payments/api").await;
    std::fs::write(files.path().join("key.pem"), "half of a k").unwrap();
    until("it is told", async || {
        let is_told = alone.log().contains("the new certificate is refused");
        is_told.then_some(())
    })
    .await;
    assert!(
        alone.log().contains("key.pem: there is no key in it"),
        "{}",
        alone.log()
    );
    assert_eq!(alone.measured("tailcast_tls_certificate_refused").await, 1.0);
    // A new connection is shown the old one.
    let sent = known_by(&alone, &authority)
        .await
        .send("payments/api", lines(3))
        .await;
    assert_eq!(session.take(3).await, sent);
    authority.certify(files.path());
    until("it is good again", async || {
        (alone.measured("tailcast_tls_certificate_refused").await == 0.0).then_some(())
    })
    .await;
    let sent = known_by(&alone, &authority)
        .await
        .send("payments/api", lines(3))
        .await;
    assert_eq!(session.take(3).await, sent);
}

#[tokio::test]
async fn who_speaks_in_the_clear_is_told_what_is_spoken_and_who_is_silent_is_let_go() {
    let files = TempDir::new().unwrap();
    let authority = Authority::new("ours");
    let impatient = "[limits.http]\naccept.first_byte = \"2s\"\n";
    let alone = Alone::inside_of_tls(files.path(), &authority, impatient).await;
    let clear = Door::new(format!("http://{}", alone.address()));
    let answer = clear.get("/v1/streams").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "tls_required");
    assert_eq!(Session::open(&clear).await.err(), Some(400));
    assert!(refused(&alone, "clear").await >= 2.0);

    // Nothing at all, and the beginning of a handshake that does not go on.
    for said in [&b""[..], &[0x16, 3, 1, 1, 0, 1]] {
        let mut silent = TcpStream::connect(alone.address()).await.unwrap();
        silent.write_all(said).await.unwrap();
        let read = tokio::time::timeout(PATIENCE, silent.read(&mut [0; 64])).await;
        match read.expect("it is let go") {
            Ok(0) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(refused(&alone, "late").await >= 2.0);
    assert_eq!(
        alone.get("/v1/streams").send().await.unwrap().status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn commands_know_a_server_by_an_authority_of_its_own() {
    let files = TempDir::new().unwrap();
    let authority = Authority::new("ours");
    let alone = Alone::inside_of_tls(files.path(), &authority, "").await;
    let known = authority.write(&files.path().join("ca.pem"));
    let stranger = Authority::new("another").write(&files.path().join("another.pem"));
    let [known, stranger] = [&known, &stranger].map(|path| path.to_str().unwrap());
    let token = Token::of_tester();
    let place = at(alone.url(), &token);
    let with_ca = [place[0], place[1], ("TAILCAST_CA_FILE", known)];

    let mut tail = Running::start(
        &["tail", "my/app", "--json", "--last", "1", "--ca-file", known],
        &place,
    );
    let ran = tailcast(&["send", "my/app"], &with_ca, "one\n").await;
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let came = tail.prints(1).await;
    assert!(came[0].contains("\"one\""), "{came:?}");
    let ran = tailcast(&["get", "my/app"], &with_ca, "").await;
    assert!(ran.code == Some(0) && ran.out.contains("one"), "{ran:?}");

    // Neither the machine's authorities nor another one vouch for it.
    let ran = tailcast(&["streams", "--ca-file", stranger], &place, "").await;
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.err.contains("certificate"), "{}", ran.err);
    for (file, why) in [
        ("/nowhere/ca.pem", "cannot be read"),
        ("/dev/null", "there is no certificate in it"),
    ] {
        let ran = tailcast(&["streams", "--ca-file", file], &place, "").await;
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains(file) && ran.err.contains(why), "{}", ran.err);
    }
    // The port is right, and the scheme is not.
    let clear = format!("http://{}", alone.address());
    let ran = tailcast(&["streams"], &at(&clear, &token), "").await;
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.err.contains("https://"), "{}", ran.err);
}

#[tokio::test]
async fn check_says_whose_the_certificate_is_and_refuses_a_key_of_another() {
    let files = TempDir::new().unwrap();
    let authority = Authority::new("ours");
    authority.certify(files.path());
    let [certificate, key, config] =
        ["certificate.pem", "key.pem", "tailcast.toml"].map(|name| files.path().join(name));
    std::fs::write(
        &config,
        format!("tls_certificate = {certificate:?}\ntls_key = {key:?}\n"),
    )
    .unwrap();
    let check = ["check", "--offline", "--config", config.to_str().unwrap()];
    let good = tailcast(&check, &[], "").await;
    assert_eq!(good.code, Some(0), "{}", good.err);
    assert!(
        good.out.contains("is for localhost, 127.0.0.1, until"),
        "{}",
        good.out
    );
    let other = TempDir::new().unwrap();
    authority.certify(other.path());
    std::fs::copy(other.path().join("key.pem"), &key).unwrap();
    let bad = tailcast(&check, &[], "").await;
    assert_eq!(bad.code, Some(1), "{}", bad.err);
    assert!(bad.err.contains("the key does not belong"), "{}", bad.err);
}
