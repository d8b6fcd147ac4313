//! `POST /v1/revoke` (RFC 7009), over a ledger that several write to.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod book;

use std::sync::Arc;
use std::time::Duration;

use auth::revoked::{Mark, MarkLimits, Marks, NEVER, Revocable};
use auth::service::Limits;
use auth::service::revoke::{Parts, router};
use auth::token::unix_now;
use auth::{Claims, Key, Minter, Staleness, TokenError, Verifier};
use axum::body::{Body, to_bytes};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use book::{Book, Silence};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

fn key() -> Key {
    Key::from_text(&"k".repeat(32)).unwrap()
}

fn token(claims: &Claims) -> String {
    Minter::hs256(&key(), "tailcast").mint(claims).unwrap()
}

fn of(sub: &str) -> Claims {
    Claims::new(sub, unix_now() + 600)
}

fn admin() -> String {
    token(&Claims {
        admin: true,
        ..of("root")
    })
}

/// A node of role `auth`, and what it writes to.
struct Node {
    book: Arc<Book>,
    verifier: Arc<Verifier>,
    marks: Arc<Marks>,
}

impl Node {
    async fn start() -> Self {
        Self::with(Arc::default(), MarkLimits::default()).await
    }

    async fn with(book: Arc<Book>, limits: MarkLimits) -> Self {
        let verifier = Arc::new(Verifier::hs256(&key(), "tailcast"));
        verifier.look_first(Staleness {
            after: Duration::from_secs(600),
            refuse: false,
        });
        tokio::spawn(auth::follow(book.clone(), verifier.clone()));
        let marks = Arc::new(Marks::new(book.clone(), verifier.clone(), limits));
        let node = Self {
            book,
            verifier,
            marks,
        };
        node.judges(&token(&of("anybody")), Ok(())).await;
        node
    }

    async fn ask(&self, caller: &str, kind: &str, body: impl Into<Body>) -> (StatusCode, Value) {
        let parts = Parts {
            verifier: self.verifier.clone(),
            marks: self.marks.clone(),
            limits: Limits::default(),
        };
        let request = Request::post("/v1/revoke")
            .header("content-type", kind)
            .header("authorization", format!("Bearer {caller}"));
        let answer = router(parts).oneshot(request.body(body.into()).unwrap()).await;
        let answer = answer.unwrap();
        let status = answer.status();
        if status == StatusCode::OK {
            assert_eq!(answer.headers()["cache-control"], "no-store");
        }
        let body = to_bytes(answer.into_body(), 65_536).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn form(&self, caller: &str, token: &str) -> (StatusCode, Value) {
        self.ask(
            caller,
            FORM,
            format!("token={token}&token_type_hint=access_token"),
        )
        .await
    }

    async fn order(&self, caller: &str, order: &Value) -> (StatusCode, Value) {
        self.ask(caller, JSON, order.to_string()).await
    }

    /// Waits until a token is judged so.
    async fn judges(&self, token: &str, expected: Result<(), TokenError>) {
        let mut news = self.verifier.news();
        let until = async {
            while self.verifier.check(token).map(|_| ()) != expected {
                let _ = news.changed().await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(60), until).await;
        assert!(found.is_ok(), "it is not judged {expected:?}");
    }

    fn written(&self) -> Vec<Mark> {
        let entries = self.book.entries();
        let marks = entries.iter().map(|entry| serde_json::from_slice(&entry.value));
        marks.collect::<Result<_, _>>().unwrap()
    }
}

fn done() -> (StatusCode, Value) {
    (StatusCode::OK, json!({"revoked": true}))
}

fn nothing() -> (StatusCode, Value) {
    (StatusCode::OK, json!({"revoked": false}))
}

#[tokio::test]
async fn a_token_that_is_taken_back_is_refused_and_others_of_its_subscriber_are_not() {
    let node = Node::start().await;
    let (lost, kept) = (token(&of("alice")), token(&of("alice")));
    assert_eq!(node.form(&kept, &lost).await, done());
    node.judges(&lost, Err(TokenError::Revoked)).await;
    node.judges(&kept, Ok(())).await;
    let [mark] = &node.written()[..] else {
        panic!("{:?}", node.written())
    };
    assert!(
        mark.until >= unix_now() + 600,
        "it is kept for as long as its token lasts"
    );
    assert_eq!(mark.by, "alice");
    // Again, by itself, and by one that is taken back.
    assert_eq!(node.form(&kept, &lost).await, done());
    assert_eq!(node.book.revision(), 1, "nothing is written twice");
    assert_eq!(node.form(&kept, &kept).await, done());
    node.judges(&kept, Err(TokenError::Revoked)).await;
    assert_eq!(node.form(&kept, &lost).await.0, StatusCode::UNAUTHORIZED);
}

/// RFC 7009 §2.2: else whoever scans for tokens is helped.
#[tokio::test]
async fn somebody_elses_token_is_taken_back_by_admins_alone_and_looks_like_nonsense_to_others() {
    let node = Node::start().await;
    let alice = token(&of("alice"));
    let expired = token(&Claims::new("bob", unix_now() - 60));
    let forged = Minter::hs256(&Key::from_text(&"x".repeat(32)).unwrap(), "tailcast");
    let forged = forged.mint(&of("bob")).unwrap();
    let long = "x".repeat(15_000);
    let bob = token(&Claims {
        read: vec!["**".into(), "@*".into()],
        write: vec!["**".into()],
        introspect: true,
        ..of("bob")
    });
    for foreign in [&alice, &expired, &forged, "nonsense", "", "a.b.c", &long] {
        assert_eq!(node.form(&bob, foreign).await, nothing(), "{foreign}");
        assert_eq!(node.order(&bob, &json!({"token": foreign})).await, nothing());
    }
    assert_eq!(node.book.revision(), 0);
    assert_eq!(node.form(&admin(), &alice).await, done());
    node.judges(&alice, Err(TokenError::Revoked)).await;
}

#[tokio::test]
async fn a_subscriber_an_issuer_a_key_and_an_id_are_taken_back_by_admins() {
    let node = Node::start().await;
    let (alice, bob) = (token(&of("alice")), token(&of("bob")));
    let answer = node.order(&admin(), &json!({"subscriber": "alice"})).await;
    let before = answer.1["before"].as_i64().unwrap();
    assert_eq!(
        answer,
        (StatusCode::OK, json!({"revoked": true, "before": before}))
    );
    assert!((unix_now() - before).abs() <= 60);
    node.judges(&alice, Err(TokenError::Revoked)).await;
    node.judges(&bob, Ok(())).await;

    let id = node.verifier.check(&bob).unwrap().token_id().unwrap().to_owned();
    let other = json!({"token_id": {"id": id, "issuer": "another"}});
    assert_eq!(node.order(&admin(), &other).await, done());
    node.judges(&bob, Ok(())).await;
    let order = json!({"token_id": {"id": id, "expires_at": unix_now() + 700}});
    assert_eq!(node.order(&admin(), &order).await, done());
    node.judges(&bob, Err(TokenError::Revoked)).await;

    assert_eq!(
        node.order(&admin(), &json!({"key": "k1"})).await.0,
        StatusCode::OK
    );
    let root = admin();
    assert_eq!(
        node.order(&root, &json!({"issuer": "tailcast"})).await.0,
        StatusCode::OK
    );
    node.judges(&root, Err(TokenError::Revoked)).await;
    let mut until: Vec<i64> = node.written().iter().map(|mark| mark.until).collect();
    until.sort_unstable();
    assert_eq!(until.len(), 5);
    assert!(
        until[0] < unix_now() + 1_000 && until[1..] == [NEVER; 4],
        "{until:?}"
    );
}

#[tokio::test]
async fn who_is_no_admin_takes_back_all_of_their_own_and_nothing_else() {
    let node = Node::start().await;
    let alice = token(&of("alice"));
    for order in [
        json!({"subscriber": "bob"}),
        json!({"issuer": "tailcast"}),
        json!({"key": "k1"}),
        json!({"token_id": {"id": "x"}}),
    ] {
        let (status, answer) = node.order(&alice, &order).await;
        assert_eq!(
            (status, &answer["code"]),
            (StatusCode::FORBIDDEN, &json!("forbidden"))
        );
    }
    assert_eq!(node.book.revision(), 0);
    let other = token(&of("alice"));
    assert_eq!(
        node.order(&alice, &json!({"subscriber": "alice"})).await.0,
        StatusCode::OK
    );
    node.judges(&other, Err(TokenError::Revoked)).await;
}

#[tokio::test]
async fn what_says_not_exactly_one_thing_is_refused_and_does_nothing() {
    let node = Node::start().await;
    let alice = token(&of("alice"));
    let past = format!(
        r#"{{"token_id": {{"id": "x", "expires_at": {}}}}}"#,
        unix_now() - 1
    );
    let long = format!(r#"{{"key": "{}"}}"#, "k".repeat(1_025));
    let long_sub = format!(r#"{{"subscriber": "{}"}}"#, "k".repeat(1_025));
    for (kind, body) in [
        (FORM, ""),
        (FORM, "tok=1"),
        (FORM, "token=a&token=b"),
        ("text/plain", "token=a"),
        (JSON, ""),
        (JSON, "{}"),
        (JSON, "[]"),
        (JSON, r#""subscriber""#),
        (JSON, r#"{"subscriber": "alice", "issuer": "tailcast"}"#),
        (JSON, r#"{"subscriber": "alice", "subscriber": "bob"}"#),
        (JSON, r#"{"subscriber": ["alice"]}"#),
        (JSON, r#"{"subscriber": {"$ne": ""}}"#),
        (JSON, r#"{"subscriber": null}"#),
        (JSON, r#"{"subscriber": ""}"#),
        (JSON, r#"{"user": "alice"}"#),
        (JSON, r#"{"issuer": ""}"#),
        (JSON, r#"{"token_id": "x"}"#),
        (JSON, r#"{"token_id": {"id": "x", "id": "y"}}"#),
        (JSON, r#"{"token_id": {"id": "x", "until": 1}}"#),
        (JSON, r#"{"token_id": {"id": "x", "expires_at": 1e400}}"#),
        (JSON, &past),
        (JSON, &long),
        (JSON, &long_sub),
    ] {
        let (status, answer) = node.ask(&admin(), kind, body.to_owned()).await;
        assert_eq!(
            (status, &answer["code"]),
            (StatusCode::BAD_REQUEST, &json!("bad_request")),
            "{kind} {body}"
        );
    }
    let large = format!("token={}", "x".repeat(16 * 1024));
    let (status, _) = node.form(&alice, &large).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(node.book.revision(), 0);
}

/// A name is a name: it ends no line of a log, and is no other name.
#[tokio::test]
async fn names_with_anything_in_them_are_taken_back_as_they_are() {
    let node = Node::start().await;
    for sub in ["a\nb\u{0}", "$where", "../root", "ä\u{308}"] {
        let of_this = token(&of(sub));
        node.judges(&of_this, Ok(())).await;
        let order = json!({"subscriber": sub});
        assert_eq!(node.order(&admin(), &order).await.0, StatusCode::OK, "{sub:?}");
        node.judges(&of_this, Err(TokenError::Revoked)).await;
    }
    node.judges(&token(&of("root2")), Ok(())).await;
}

#[tokio::test]
async fn a_year_beyond_all_years_is_one() {
    let node = Node::start().await;
    for end in [253_402_300_799, i64::MAX] {
        let alice = token(&Claims::new("alice", end));
        assert_eq!(node.form(&alice, &alice).await, done());
        node.judges(&alice, Err(TokenError::Revoked)).await;
        let order = json!({"token_id": {"id": "x", "expires_at": end}});
        assert_eq!(node.order(&admin(), &order).await, done());
    }
    assert_eq!(node.marks.sweep(unix_now() + 86_400_000).await.unwrap(), 0);
}

#[tokio::test]
async fn two_admins_at_once_are_both_heard() {
    let node = Arc::new(Node::start().await);
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..40 {
        let node = node.clone();
        asking.spawn(async move {
            let order = json!({"subscriber": format!("sub{}", number % 2)});
            node.order(&admin(), &order).await.0
        });
    }
    while let Some(status) = asking.join_next().await {
        assert_eq!(status.unwrap(), StatusCode::OK);
    }
    assert_eq!(node.written().len(), 2);
    // One whose clock is behind makes nothing good again.
    let later = Mark {
        before: unix_now() + 50,
        ..Mark::new(Revocable::Subscriber("sub0".into()), "root", 0)
    };
    node.book.put(&later);
    assert_eq!(
        node.order(&admin(), &json!({"subscriber": "sub0"})).await.1["before"],
        later.before
    );
    assert!(node.written().contains(&later));
}

#[tokio::test]
async fn who_is_not_told_that_it_is_done_is_told_that_nobody_knows() {
    let node = Node::start().await;
    let alice = token(&of("alice"));
    for (silence, code) in [
        (Silence::Undone, "unknown_outcome"),
        (Silence::Done, "unknown_outcome"),
    ] {
        node.book.is_silent(Some(silence));
        let (status, answer) = node.form(&alice, &token(&of("alice"))).await;
        assert_eq!(
            (status, &answer["code"]),
            (StatusCode::SERVICE_UNAVAILABLE, &json!(code))
        );
    }
    node.book.is_silent(None);
    node.book.away(true);
    let (status, answer) = node.form(&alice, &alice).await;
    assert_eq!(
        (status, &answer["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable"))
    );
    node.book.away(false);
    assert_eq!(node.form(&alice, &alice).await, done());
    node.judges(&alice, Err(TokenError::Revoked)).await;
}

#[tokio::test]
async fn there_are_so_many_and_nobody_fills_the_places_of_all() {
    let limits = MarkLimits {
        marks: 4,
        own_marks: 2,
    };
    let node = Node::with(Arc::default(), limits).await;
    let (alice, bob) = (token(&of("alice")), token(&of("bob")));
    for _ in 0..2 {
        let lost = token(&of("alice"));
        assert_eq!(node.form(&alice, &lost).await, done());
        node.judges(&lost, Err(TokenError::Revoked)).await;
    }
    let full = async |caller: &str, of_sub: &str| {
        let (status, answer) = node.form(caller, &token(&of(of_sub))).await;
        (status, answer["code"].clone())
    };
    let too_many = (StatusCode::CONFLICT, json!("too_many_revocations"));
    assert_eq!(full(&alice, "alice").await, too_many);
    assert_eq!(full(&bob, "bob").await.0, StatusCode::OK);
    for sub in ["x", "y"] {
        let order = json!({"subscriber": sub});
        let seen = Mark::new(Revocable::Subscriber("z".into()), "root", unix_now());
        node.book.put(&seen);
        node.judges(&token(&of("z")), Err(TokenError::Revoked)).await;
        node.book.delete(&seen);
        node.judges(&token(&of("z")), Ok(())).await;
        let (status, _) = node.order(&admin(), &order).await;
        let expected = if sub == "x" {
            StatusCode::OK
        } else {
            StatusCode::CONFLICT
        };
        assert_eq!(status, expected, "{sub}");
    }
    assert_eq!(node.written().len(), 4);
    // What there is already needs no place.
    assert_eq!(
        node.order(&admin(), &json!({"subscriber": "x"})).await.0,
        StatusCode::OK
    );
}

#[tokio::test]
async fn marks_are_forgotten_a_day_after_all_that_they_are_about_has_ended() {
    let node = Node::start().await;
    let now = unix_now();
    for number in 0..70 {
        let what = Revocable::Bytes(format!("{number}"));
        node.book.put(&Mark::new(what, "root", now).ending(now + 100));
    }
    let for_good = Mark::new(Revocable::Subscriber("mallory".into()), "root", now);
    node.book.put(&for_good);
    assert_eq!(node.marks.sweep(now + 110 + 86_400).await.unwrap(), 0);
    assert_eq!(node.marks.sweep(now + 111 + 86_400).await.unwrap(), 70);
    assert_eq!(node.written(), [for_good]);
}

/// Its `nbf` is ahead: it would be good later.
#[tokio::test]
async fn a_token_whose_time_has_not_come_can_be_taken_back() {
    let node = Node::start().await;
    let claims = json!({
        "sub": "alice", "iss": "tailcast", "aud": "tailcast", "exp": unix_now() + 600, "nbf": unix_now() + 300,
    });
    let signing = jsonwebtoken::EncodingKey::from_secret("k".repeat(32).as_bytes());
    let later = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &signing).unwrap();
    node.judges(&later, Err(TokenError::NotYet)).await;
    assert_eq!(node.form(&token(&of("alice")), &later).await, done());
    let [mark] = &node.written()[..] else {
        panic!("{:?}", node.written())
    };
    assert!(matches!(mark.what, Revocable::Bytes(_)), "it has no `jti`");
}
