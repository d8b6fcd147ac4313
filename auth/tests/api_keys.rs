//! API keys: made, shown once, rotated, ended: `/v1/api-keys`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod book;
mod node;

use std::sync::Arc;
use std::time::Duration;

use auth::api_keys::{ApiKeyLimits, Secret};
use auth::revoked::{Mark, Revocable};
use auth::token::unix_now;
use auth::{Claims, TokenError};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use book::Silence;
use node::{Node, of, root, shipper, text, token};

#[tokio::test]
async fn a_key_is_shown_once_and_opens_what_it_allows() {
    let node = Node::start().await;
    let (status, made) = node.post(&root(), "/v1/api-keys", &shipper()).await;
    assert_eq!(status, StatusCode::OK);
    let (id, key) = (text(&made["id"]), text(&made["key"]));
    let created = made["created_at"].as_i64().unwrap();
    assert!(key.starts_with(&format!("tck_{id}")) && key.len() == 84);
    let listed = json!({
        "id": id, "name": "shipper of app", "sub": "shipper", "read": [], "write": ["app/*"], "introspect": false,
        "mint": false, "created_at": created, "created_by": "root", "expires_at": created + 3_600,
    });
    let mut shown = listed.clone();
    shown["key"] = json!(key);
    assert_eq!(made, shown);
    assert_eq!(node.list(&root()).await, [listed]);
    node.judges(&key, Ok(())).await;

    let (_, me) = node.ask(&key, Method::GET, "/v1/me", None).await;
    let expected = json!({
        "sub": "shipper", "personal": "@shipper", "by": "api_key", "client_id": format!("tck_{id}"),
        "expires_at": created + 3_600, "read": [], "write": ["app/*"], "admin": false, "introspect": false, "mint": false,
    });
    assert_eq!(me, expected);
    // Nothing that opens anything is kept.
    for entry in node.book.entries() {
        let value = String::from_utf8(entry.value.to_vec()).unwrap();
        assert!(!value.contains(&key[12..40]), "{value}");
    }
}

#[tokio::test]
async fn what_is_nearly_a_key_opens_nothing() {
    let node = Node::start().await;
    let (id, key) = node.make(&shipper()).await;
    // Right in form, with the id of one that there is.
    let other = Secret::random().unwrap().text().to_owned();
    let (head, last) = key.split_at(83);
    let flipped = format!("{head}{}", if last == "0" { "1" } else { "0" });
    for wrong in [
        &other,
        &flipped,
        &format!("tck_{id}"),
        "tck_",
        &key.to_uppercase(),
        &format!("{key}0"),
    ] {
        let (status, answer) = node.ask(wrong, Method::GET, "/v1/me", None).await;
        assert_eq!(
            (status, &answer["code"]),
            (StatusCode::UNAUTHORIZED, &json!("bad_token")),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn a_maker_gives_nothing_that_it_has_not_and_is_an_admin() {
    let node = Node::start().await;
    let order = |change: Value| {
        let mut order = shipper();
        order
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        order
    };
    for (change, status) in [
        (json!({"write": ["app/**"]}), 200),
        (json!({"write": ["**"]}), 403),
        (json!({"read": ["app/a"], "write": ["apps/a"]}), 403),
        (json!({"read": ["@*"]}), 403),
        (json!({"introspect": true, "mint": true}), 200),
        (json!({"admin": true}), 400),
        (json!({"name": ""}), 400),
        (json!({"name": "a\nb"}), 400),
        (json!({"sub": ""}), 400),
        (json!({"write": ["a//b"]}), 400),
        (json!({"read": ["@me"]}), 400),
        (json!({"lifetime": 0}), 400),
        (json!({"lifetime": 366 * 86_400}), 200),
        (json!({"lifetime": 366 * 86_400 + 1}), 400),
        (json!({"lifetime": -1}), 400),
    ] {
        let (answered, _) = node.post(&root(), "/v1/api-keys", &order(change.clone())).await;
        assert_eq!(answered.as_u16(), status, "{change}");
    }
    let (_, key) = node.make(&order(json!({"mint": true}))).await;
    let all_but_admin = token(&Claims {
        mint: true,
        write: vec!["**".into()],
        ..of("shipper")
    });
    for caller in [&key, &all_but_admin] {
        let (status, answer) = node.post(caller, "/v1/api-keys", &shipper()).await;
        assert_eq!(
            (status, &answer["code"]),
            (StatusCode::FORBIDDEN, &json!("forbidden"))
        );
    }
}

#[tokio::test]
async fn one_sees_and_ends_ones_own_keys_and_those_of_others_are_not_there() {
    let node = Node::start().await;
    let (id, key) = node.make(&shipper()).await;
    let path = format!("/v1/api-keys/{id}");
    let (mallory, owner) = (token(&of("mallory")), token(&of("shipper")));
    assert!(node.list(&mallory).await.is_empty());
    for (method, path) in [
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/rotate")),
    ] {
        let (status, answer) = node.ask(&mallory, method, &path, None).await;
        assert_eq!(
            (status, &answer["code"]),
            (StatusCode::NOT_FOUND, &json!("api_key_not_found"))
        );
    }
    // A token of the owner that may less than the key gets no new secret of it.
    let (status, _) = node
        .ask(&owner, Method::POST, &format!("{path}/rotate"), None)
        .await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(node.list(&owner).await.len(), 1);
    let (status, answer) = node.ask(&owner, Method::DELETE, &path, None).await;
    assert_eq!((status, answer), (StatusCode::OK, json!({"deleted": id})));
    node.judges(&key, Err(TokenError::NoSuchApiKey)).await;
    assert_eq!(
        node.ask(&owner, Method::DELETE, &path, None).await.0,
        StatusCode::NOT_FOUND
    );
    for id in ["..", "a%2Fb", "%00", &"x".repeat(600)] {
        let (status, _) = node
            .ask(&root(), Method::DELETE, &format!("/v1/api-keys/{id}"), None)
            .await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{id}");
    }
}

#[tokio::test]
async fn who_is_in_by_a_key_that_is_deleted_has_to_go_and_so_has_who_shows_what_it_was_exchanged_for() {
    let node = Node::start().await;
    let (id, key) = node.make(&shipper()).await;
    let exchanged = text(&node.exchange(&key).await.1["access_token"]);
    let in_by = [&key, &exchanged].map(|shown| node.verifier.check(shown).unwrap());
    for subscriber in &in_by {
        assert_eq!(node.verifier.stands(subscriber), Ok(()));
    }
    let path = format!("/v1/api-keys/{id}");
    assert_eq!(
        node.ask(&root(), Method::DELETE, &path, None).await.0,
        StatusCode::OK
    );
    node.judges(&key, Err(TokenError::NoSuchApiKey)).await;
    node.judges(&exchanged, Err(TokenError::Revoked)).await;
    for subscriber in &in_by {
        assert_eq!(node.verifier.stands(subscriber), Err(TokenError::Revoked));
    }
}

#[tokio::test]
async fn a_rotated_key_opens_by_both_secrets_for_a_while_and_then_by_the_new_one() {
    let node = Node::start().await;
    let (id, first) = node.make(&shipper()).await;
    let path = format!("/v1/api-keys/{id}/rotate");
    // By itself.
    let (status, rotated) = node.post(&first, &path, &json!({"overlap": 2})).await;
    assert_eq!(status, StatusCode::OK, "{rotated}");
    let second = text(&rotated["key"]);
    assert_eq!(
        (text(&rotated["id"]), rotated["overlaps_until"].is_i64()),
        (id, true)
    );
    node.judges(&second, Ok(())).await;
    let in_by_first = node.verifier.check(&first).unwrap();
    let mut news = node.verifier.news();
    node.judges(&first, Err(TokenError::Expired)).await;
    // Whoever holds it hears of it.
    let until = async {
        while node.verifier.stands(&in_by_first).is_ok() {
            news.changed().await.unwrap()
        }
    };
    tokio::time::timeout(Duration::from_secs(20), until)
        .await
        .expect("nobody tells that it ended");
    assert_eq!(node.verifier.stands(&in_by_first), Err(TokenError::Revoked));

    // At once, with a longer life, which an admin alone gives.
    let order = json!({"overlap": 0, "lifetime": 7_200});
    assert_eq!(node.post(&second, &path, &order).await.0, StatusCode::FORBIDDEN);
    let (_, again) = node.post(&root(), &path, &order).await;
    assert!(again["expires_at"].as_i64() > rotated["expires_at"].as_i64());
    node.judges(&second, Err(TokenError::NoSuchApiKey)).await;
    node.judges(&text(&again["key"]), Ok(())).await;
}

/// Who had it for a moment keeps nothing of it.
#[tokio::test]
async fn what_a_secret_was_exchanged_for_ends_with_that_secret_and_gets_no_new_one() {
    let node = Node::start().await;
    for by_mark in [false, true] {
        let (id, key) = node.make(&shipper()).await;
        let path = format!("/v1/api-keys/{id}/rotate");
        let stolen = text(&node.exchange(&key).await.1["access_token"]);
        node.judges(&stolen, Ok(())).await;
        assert_eq!(
            node.post(&stolen, &path, &json!({"overlap": 0})).await.0,
            StatusCode::FORBIDDEN
        );
        if by_mark {
            let owner = node.verifier.check(&key).unwrap();
            let mark = Mark::of_token(&owner, "root", unix_now()).unwrap();
            assert_eq!(
                mark.until,
                auth::revoked::NEVER,
                "a key may be made to last longer"
            );
            node.book.put(&mark);
        } else {
            assert_eq!(
                node.post(&root(), &path, &json!({"overlap": 0})).await.0,
                StatusCode::OK
            );
        }
        node.judges(&stolen, Err(TokenError::Revoked)).await;
    }
}

/// Whoever did not hear that it was done does it again.
#[tokio::test]
async fn a_rotation_that_is_repeated_takes_away_nothing_that_was_promised() {
    let node = Node::start().await;
    let (id, first) = node.make(&shipper()).await;
    let path = format!("/v1/api-keys/{id}/rotate");
    for _ in 0..3 {
        let (_, again) = node.post(&root(), &path, &json!({"overlap": 86_400})).await;
        node.judges(&text(&again["key"]), Ok(())).await;
    }
    node.judges(&first, Ok(())).await;
    assert_eq!(
        node.post(&root(), &path, &json!({})).await.0,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        node.post(&root(), &path, &json!({"overlap": 0})).await.0,
        StatusCode::OK
    );
    node.judges(&first, Err(TokenError::NoSuchApiKey)).await;
}

#[tokio::test]
async fn what_a_subscriber_was_issued_before_is_taken_back_with_their_keys() {
    let node = Node::start().await;
    let (_, key) = node.make(&shipper()).await;
    let mark = Mark::new(Revocable::Subscriber("shipper".into()), "root", unix_now());
    node.book.put(&mark);
    node.judges(&key, Err(TokenError::Revoked)).await;
}

#[tokio::test(start_paused = true)]
async fn the_last_use_is_told_to_the_minute_and_not_written_for_each() {
    let node = Node::start().await;
    let (id, key) = node.make(&shipper()).await;
    let (unused, _) = node.make(&shipper()).await;
    let before = node.book.revision();
    for _ in 0..100 {
        node.verifier.check(&key).unwrap();
    }
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert!(node.book.revision() <= before + 1, "one commit");
    let listed = node.list(&root()).await;
    let of = |id: &str| listed.iter().find(|key| key["id"] == *id).unwrap();
    assert!((of(&id)["last_used"].as_i64().unwrap() - unix_now()).abs() < 60);
    // Of one that is deleted nothing stays.
    for id in [&id, &unused] {
        node.verifier.check(&key).ok();
        let path = format!("/v1/api-keys/{id}");
        assert_eq!(
            node.ask(&root(), Method::DELETE, &path, None).await.0,
            StatusCode::OK
        );
    }
    tokio::time::sleep(Duration::from_secs(121)).await;
    assert_eq!(node.book.entries(), []);
}

#[tokio::test]
async fn a_key_of_which_nobody_heard_that_it_was_made_is_told_made_or_unknown_and_never_wrong() {
    let node = Node::start().await;
    node.book.is_silent(Some(Silence::Done));
    let (status, made) = node.post(&root(), "/v1/api-keys", &shipper()).await;
    assert_eq!(status, StatusCode::OK, "it is looked at: {made}");
    node.book.is_silent(Some(Silence::Undone));
    let (status, answer) = node.post(&root(), "/v1/api-keys", &shipper()).await;
    assert_eq!(
        (status, &answer["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("unknown_outcome"))
    );
    node.book.is_silent(None);
    node.book.away(true);
    let (status, answer) = node.post(&root(), "/v1/api-keys", &shipper()).await;
    assert_eq!(
        (status, &answer["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable"))
    );
    node.book.away(false);
    assert_eq!(node.list(&root()).await.len(), 1);
    node.judges(&text(&made["key"]), Ok(())).await;
}

#[tokio::test]
async fn there_are_so_many_keys() {
    let limits = ApiKeyLimits {
        keys: 2,
        ..ApiKeyLimits::default()
    };
    let node = Node::with(Arc::default(), limits).await;
    for _ in 0..2 {
        node.make(&shipper()).await;
    }
    let (status, answer) = node.post(&root(), "/v1/api-keys", &shipper()).await;
    assert_eq!(
        (status, &answer["code"]),
        (StatusCode::CONFLICT, &json!("too_many_api_keys"))
    );
}
