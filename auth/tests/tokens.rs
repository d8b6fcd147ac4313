//! What a token must be to be accepted, and where a request may carry it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use auth::{
    Action, Claims, ClusterSecret, Gate, Grants, Key, Minter, PassError, Subscriber, TokenError, Verifier,
    authenticate, may, token::unix_now,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use edge::Problem;
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL, UPGRADE, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode, Uri};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use lines::StreamName;
use serde_json::{Value, json};

const KEY: &str = "an installation's key of 32 bytes or more";

fn verifier() -> Verifier {
    Verifier::hs256(&Key::from_text(KEY).unwrap(), "tailcast")
}

fn sign(claims: &Value) -> String {
    sign_with(&Header::new(Algorithm::HS256), claims, KEY)
}

fn sign_with(header: &Header, claims: &Value, key: &str) -> String {
    jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(key.as_bytes())).unwrap()
}

/// With a header that the library would not write.
fn sign_with_header(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let key = EncodingKey::from_secret(KEY.as_bytes());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

fn good() -> Value {
    json!({"sub": "alice", "iss": "tailcast", "aud": "tailcast", "exp": unix_now() + 60, "read": ["payments/**"]})
}

fn with(change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> String {
    let mut claims = good();
    change(claims.as_object_mut().unwrap());
    sign(&claims)
}

#[test]
fn a_minted_token_says_who_and_what() {
    let minter = Minter::hs256(&Key::from_text(KEY).unwrap(), "tailcast");
    let end = unix_now() + 60;
    let claims = Claims {
        read: vec!["a/*".into()],
        write: vec!["a/b".into()],
        ..Claims::new("ann@example.org", end)
    };
    let ann = verifier().check(&minter.mint(&claims).unwrap()).unwrap();
    assert_eq!((ann.sub(), ann.expires_at()), ("ann@example.org", end));
    assert_eq!(ann.personal().as_str(), "@ann~40example.org");
    assert!(ann.token_id().is_some());
    assert!(!ann.grants().admin);
    let may = |action, stream| may(&ann, action, &StreamName::parse(stream).unwrap());
    assert!(may(Action::Read, "a/b") && may(Action::Read, "a/c") && may(Action::Write, "a/b"));
    assert!(!may(Action::Read, "a/b/c") && !may(Action::Write, "a/c"));
    assert!(
        may(Action::Read, "@ann~40example.org"),
        "one's own personal stream can always be read"
    );
    assert!(
        !may(Action::Write, "@ann~40example.org"),
        "and written only by who was granted it"
    );
}

#[test]
fn a_token_that_falls_short_is_refused_for_its_own_reason() {
    let remove = |claim: &'static str| with(move |claims| drop(claims.remove(claim)));
    let cases: Vec<(String, TokenError)> = vec![
        ("".into(), TokenError::Malformed),
        ("a.b.c".into(), TokenError::Malformed),
        ("x".repeat(20_000), TokenError::Malformed),
        (
            with(|c| drop(c.insert("exp".into(), json!(unix_now() - 11)))),
            TokenError::Expired,
        ),
        (
            with(|c| drop(c.insert("nbf".into(), json!(unix_now() + 30)))),
            TokenError::NotYet,
        ),
        (
            with(|c| drop(c.insert("iss".into(), json!("somebody")))),
            TokenError::WrongIssuer,
        ),
        (
            with(|c| drop(c.insert("aud".into(), json!("other")))),
            TokenError::WrongAudience,
        ),
        (remove("aud"), TokenError::BadClaim("aud".into())),
        (remove("iss"), TokenError::BadClaim("iss".into())),
        (remove("exp"), TokenError::BadClaim("exp".into())),
        (remove("sub"), TokenError::BadClaim("sub".into())),
        (
            with(|c| drop(c.insert("read".into(), json!(["@me"])))),
            TokenError::GrantForMe,
        ),
        (
            sign_with(
                &Header::new(Algorithm::HS256),
                &good(),
                "another key that is long enough, too",
            ),
            TokenError::BadSignature,
        ),
        (
            sign_with(&Header::new(Algorithm::HS384), &good(), KEY),
            TokenError::BadSignature,
        ),
    ];
    for (token, expected) in cases {
        assert_eq!(verifier().check(&token).unwrap_err(), expected, "{token}");
    }
    let bad_grant = with(|c| drop(c.insert("read".into(), json!(["a//b"]))));
    assert!(
        matches!(verifier().check(&bad_grant), Err(TokenError::BadGrant { grant, .. }) if grant == "a//b")
    );
    let empty_sub = with(|c| drop(c.insert("sub".into(), json!(""))));
    assert!(matches!(
        verifier().check(&empty_sub),
        Err(TokenError::BadSubject(_))
    ));
}

#[test]
fn an_unsigned_token_is_refused() {
    let encode = |value: &Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    let token = format!(
        "{}.{}.",
        encode(&json!({"alg": "none", "typ": "JWT"})),
        encode(&good())
    );
    assert!(verifier().check(&token).is_err());
}

#[test]
fn clocks_may_differ_by_ten_seconds_and_an_audience_may_be_one_of_a_list() {
    for token in [
        with(|c| drop(c.insert("exp".into(), json!(unix_now() - 8)))),
        with(|c| drop(c.insert("exp".into(), json!(unix_now() as f64 + 60.5)))),
        with(|c| drop(c.insert("nbf".into(), json!(unix_now() + 8)))),
        with(|c| drop(c.insert("aud".into(), json!(["other", "tailcast"])))),
    ] {
        assert_eq!(verifier().check(&token).unwrap().sub(), "alice");
    }
}

#[test]
fn a_token_that_was_good_is_good_again_and_nothing_that_only_looks_like_it() {
    let token = sign(&good());
    let ours = verifier();
    for _ in 0..3 {
        assert_eq!(ours.check(&token).unwrap().sub(), "alice");
    }
    let (message, signature) = token.rsplit_once('.').unwrap();
    let other = with(|claims| drop(claims.insert("sub".into(), "mallory".into())));
    let (forged, _) = other.rsplit_once('.').unwrap();
    for forged in [
        format!("{forged}.{signature}"),
        format!("{message}."),
        format!("{message}.{}", signature.to_lowercase()),
        format!("{token} "),
    ] {
        assert!(ours.check(&forged).is_err(), "{forged}");
    }
    let another_key = Key::from_text("another key of at least 32 bytes, as well").unwrap();
    let theirs = Verifier::hs256(&another_key, "tailcast");
    assert_eq!(theirs.check(&token).unwrap_err(), TokenError::BadSignature);
    let elsewhere = Verifier::hs256(&Key::from_text(KEY).unwrap(), "elsewhere");
    assert_eq!(elsewhere.check(&token).unwrap_err(), TokenError::WrongIssuer);
}

#[test]
fn a_minter_refuses_what_no_verifier_would_accept() {
    let minter = Minter::hs256(&Key::from_text(KEY).unwrap(), "tailcast");
    let claims = |read: &str| Claims {
        read: vec![read.into()],
        ..Claims::new("alice", unix_now() + 60)
    };
    assert_eq!(minter.mint(&claims("@me")).unwrap_err(), TokenError::GrantForMe);
    assert!(matches!(
        minter.mint(&claims("a b")),
        Err(TokenError::BadGrant { .. })
    ));
    assert!(matches!(
        minter.mint(&Claims::new(&"x".repeat(300), 0)),
        Err(TokenError::BadSubject(_))
    ));
}

fn headers(pairs: &[(http::HeaderName, String)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (name.clone(), value.parse().unwrap()))
        .collect()
}

/// RFC 7515 §4.1.11, and what others fell for: none of these is looked at, so none may be there.
#[test]
fn a_header_that_wants_to_be_checked_otherwise_is_refused_though_the_signature_is_good() {
    let verifier = verifier();
    for name in ["crit", "b64", "jku", "jwk", "x5u", "x5c"] {
        let header = json!({"alg": "HS256", "typ": "JWT", name: ["exp"]});
        let token = sign_with_header(&header, &good());
        assert_eq!(verifier.check(&token).unwrap_err(), TokenError::BadHeader(name));
        let secret = Arc::new(ClusterSecret::from_text(KEY).unwrap());
        assert_eq!(Gate::new(secret, "node").admit(&token), Err(PassError::Foreign));
    }
    let plain = json!({"alg": "HS256", "typ": "JWT", "kid": "1"});
    assert!(verifier.check(&sign_with_header(&plain, &good())).is_ok());
}

#[tokio::test]
async fn a_token_is_found_where_senders_and_browsers_put_it() {
    let token = sign(&good());
    let uri = Uri::from_static("/v1/ws?stream=a");
    let basic = STANDARD.encode(format!("anybody:{token}"));
    let places = [
        headers(&[(AUTHORIZATION, format!("Bearer {token}"))]),
        headers(&[(AUTHORIZATION, format!("bearer  {token}"))]),
        headers(&[(AUTHORIZATION, format!("Basic {basic}"))]),
        headers(&[
            (UPGRADE, "websocket".into()),
            (SEC_WEBSOCKET_PROTOCOL, format!("tailcast.v1, bearer.{token}")),
        ]),
    ];
    for place in places {
        assert_eq!(
            authenticate(&verifier(), &place, &uri).await.unwrap().sub(),
            "alice",
            "{place:?}"
        );
    }
}

#[tokio::test]
async fn without_a_good_token_the_answer_is_401_with_a_challenge() {
    let uri = Uri::from_static("/v1/lines");
    let cases = [
        (headers(&[]), "no_token"),
        (headers(&[(AUTHORIZATION, "Digest x".into())]), "no_token"),
        (headers(&[(AUTHORIZATION, "Bearer nonsense".into())]), "bad_token"),
        (headers(&[(AUTHORIZATION, "Basic !!".into())]), "no_token"),
        // A subprotocol counts only where a WebSocket is asked for.
        (
            headers(&[(SEC_WEBSOCKET_PROTOCOL, format!("bearer.{}", sign(&good())))]),
            "no_token",
        ),
    ];
    for (headers, code) in cases {
        let problem = Problem::from(authenticate(&verifier(), &headers, &uri).await.unwrap_err());
        assert_eq!(
            (problem.status(), problem.code()),
            (StatusCode::UNAUTHORIZED, code)
        );
        let response = axum::response::IntoResponse::into_response(problem);
        assert!(
            response.headers()[WWW_AUTHENTICATE]
                .to_str()
                .unwrap()
                .starts_with("Bearer ")
        );
    }
}

#[tokio::test]
async fn a_token_in_the_query_is_refused_even_beside_a_good_one() {
    let good = headers(&[(AUTHORIZATION, format!("Bearer {}", sign(&good())))]);
    for query in [
        "token=x",
        "stream=a&access_token=",
        "jwt=1",
        "%74oken=x",
        "Token=x",
    ] {
        let uri: Uri = format!("/v1/lines?{query}").parse().unwrap();
        for headers in [&good, &HeaderMap::new()] {
            let problem = Problem::from(authenticate(&verifier(), headers, &uri).await.unwrap_err());
            assert_eq!(
                (problem.status(), problem.code()),
                (StatusCode::BAD_REQUEST, "token_in_query"),
                "{query}"
            );
        }
    }
}

#[test]
fn a_link_opens_for_no_subscriber_and_a_pass_is_no_token() {
    let ours = Arc::new(ClusterSecret::from_text(KEY).unwrap());
    let gate = Gate::new(Arc::clone(&ours), "node-2");
    let pass = ours.issue("node-1", "node-2").unwrap();
    assert!(
        verifier().check(&pass).is_err(),
        "although key and secret are the same"
    );
    assert_eq!(gate.admit(&sign(&good())), Err(PassError::Foreign));
    assert_eq!(gate.admit(&pass).as_deref(), Ok("node-1"));
}

#[test]
fn me_is_the_subscriber_of_the_request() {
    let alice = Subscriber::new("alice", Grants::default(), 0, None).unwrap();
    assert_eq!(alice.names("@me").unwrap().as_str(), "@alice");
    assert_eq!(alice.names("a/b").unwrap().as_str(), "a/b");
}
