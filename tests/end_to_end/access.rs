//! Who gets in, and what those see who may not.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::fixture::{Alone, Door, Session, Token, lines, ndjson};

#[tokio::test]
async fn without_a_good_token_nobody_gets_in() {
    let alone = Alone::start().await;
    alone.send("payments/api", lines(1)).await;
    let all = || Token::of("mallory").reads("**").writes("**").admin();
    let nobody = [
        ("no token", alone.without_token()),
        ("no token at all, but some text", alone.with("hello")),
        (
            "another's key",
            alone.with(
                &all()
                    .signed_with("another key of at least 32 bytes, not ours")
                    .text(),
            ),
        ),
        ("another's issuer", alone.with(&all().issued_by("another").text())),
        ("an old token", alone.with(&all().expired_for(60).text())),
    ];
    for (what, door) in nobody {
        let requests = [
            door.post("/v1/lines?stream=payments/api").body("hello"),
            door.post("/log?service=api").body("hello"),
            door.get("/v1/lines?stream=payments/api"),
            door.get("/v1/counts?stream=payments/api"),
            door.get("/v1/streams"),
        ];
        for request in requests {
            let answer = request.send().await.unwrap();
            let path = answer.url().path().to_owned();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{what} at {path}");
            assert!(
                answer.headers().contains_key("www-authenticate"),
                "{what} at {path}"
            );
        }
        assert_eq!(Session::open(&door).await.err(), Some(401), "{what} at /v1/ws");
    }
    assert_eq!(
        alone.history("payments/api", 0).await.lines().count(),
        1,
        "nobody's line was stored"
    );
}

#[tokio::test]
async fn a_token_in_the_query_is_refused_even_when_it_is_a_good_one() {
    let alone = Alone::start().await;
    for name in ["token", "access_token", "jwt"] {
        let token = Token::of_tester();
        let answer = alone
            .get("/v1/streams")
            .query(&[(name, &token)])
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        assert_eq!(answer.json::<Value>().await.unwrap()["code"], "token_in_query");
    }
}

/// Invariant 9.
#[tokio::test]
async fn an_unreadable_stream_answers_exactly_like_one_that_does_not_exist() {
    let alone = Alone::start().await;
    alone.send("secrets/api", lines(2)).await;
    alone.send("@bob", lines(2)).await;
    let alice = alone.with(&Token::of("alice").reads("payments/**").text());
    let there = everything_said_of("secrets/api", &alice).await;
    let not_there = everything_said_of("nothing/api", &alice).await;
    assert_eq!(there, not_there);
    assert_eq!(
        everything_said_of("@bob", &alice).await,
        everything_said_of("@eve", &alice).await
    );
    let seen: Value = alice
        .get("/v1/streams")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(seen, json!({"streams": []}));
}

/// All that one can learn about a stream, without its name.
async fn everything_said_of(stream: &str, door: &Door) -> Vec<String> {
    let mut said = Vec::new();
    for (path, more) in [
        ("lines", ""),
        ("lines", "&last=5"),
        ("lines", "&from=0"),
        ("lines", "&from=100"),
        ("lines", "&since=2025-01-01T00:00:00Z"),
        ("counts", ""),
        ("counts", "&from=100"),
        ("counts", "&since=2025-01-01T00:00:00Z&width=1"),
    ] {
        let path = format!("/v1/{path}?stream={stream}{more}");
        let answer = door.get(&path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        let mut headers = answer.headers().clone();
        headers.remove("date");
        said.push(format!("{headers:?} {}", answer.text().await.unwrap()));
    }
    let mut session = door.session().await;
    let epoch = session.welcome()["epoch"].clone();
    for from in [
        json!("live"),
        json!({"last": 5}),
        json!({"cursors": {stream: 0}, "epoch": epoch}),
    ] {
        let mut answer = session.try_subscribe(&[stream], from).await;
        assert_eq!(answer["code"], "stream_not_found");
        answer["id"].take();
        said.push(answer.to_string());
    }
    said.into_iter()
        .map(|text| text.replace(stream, "STREAM"))
        .collect()
}

#[tokio::test]
async fn a_session_ends_with_its_token_and_says_that_a_new_one_is_needed() {
    let alone = Alone::start().await;
    let token = Token::of("alice").reads("payments/**").ends_in(3).text();
    let mut session = alone.with(&token).subscribe("payments/api").await;
    let sent = alone.send("payments/api", lines(1)).await;
    assert_eq!(session.take(1).await, sent);
    assert_eq!(session.message_of_type("closing").await["code"], 4003);
    assert_eq!(session.closed().await, 4003);
}

#[tokio::test]
async fn a_line_sent_to_a_person_arrives_on_all_of_their_devices_and_nowhere_else() {
    let alone = Alone::start().await;
    let alice = alone.with(&Token::of("alice").text());
    let mut laptop = alice.subscribe("@me").await;
    let mut phone = alice.subscribe("@me").await;
    let mut bob = alone.with(&Token::of("bob").text()).subscribe("@me").await;
    let sender = alone.with(&Token::of("billing").writes("@*").text());
    let to_alice = sender.send("@alice", lines(2)).await;
    let to_bob = sender.send("@bob", lines(1)).await;
    assert_eq!(laptop.take(2).await, to_alice);
    assert_eq!(phone.take(2).await, to_alice);
    assert_eq!(bob.take(1).await, to_bob);
}

#[tokio::test]
async fn lines_for_streams_that_may_not_be_written_are_refused_one_by_one() {
    let alone = Alone::start().await;
    let sender = alone.with(&Token::of("api").writes("payments/*").text());
    let body = "{\"message\":\"mine\",\"stream\":\"payments/api\"}\n{\"message\":\"not mine\",\"stream\":\"orders/api\"}\n";
    let answer = sender.post("/v1/lines").body(body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let said: Value = answer.json().await.unwrap();
    assert_eq!(said["accepted"], 1);
    assert_eq!(
        said["streams"],
        json!({"payments/api": [{"first": 0, "next": 1}]})
    );
    assert_eq!(
        (&said["rejected"][0]["line"], &said["rejected"][0]["code"]),
        (&json!(2), &json!("forbidden"))
    );

    let refused = sender
        .post("/v1/lines?stream=orders/api")
        .body(ndjson(&lines(2)))
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "forbidden");
}
