//! Every address that the document names, by somebody who may not: with no token, with one of somebody else's making, with
//! one for other streams, with one that reads where writing is asked for; and internal addresses on the public listener.
//!
//! Elsewhere already: that each refuses before it reads a body (src/routes.rs), and that an unreadable stream answers like
//! one that is not there, in all its bytes (access.rs).

use reqwest::Method;
use serde_json::{Value, json};

use super::{Victim, code};
use crate::fixture::{Door, Session, Token, lines};

/// How an address is asked for a stream.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Asked {
    /// To read it.
    Reading(&'static str),
    /// The same, or a pattern, which is silent about what may not be read.
    Following(&'static str),
    /// To write it.
    Writing(&'static str),
}

use Asked::{Following, Reading, Writing};

/// Every address that takes the name of a stream in its query. One that is new needs a row: until then the walk fails.
const OF_STREAMS: &[(&str, &str, Asked)] = &[
    ("GET", "/v1/lines", Reading("?stream=NAME")),
    ("GET", "/v1/lines", Reading("?stream=NAME&filter=the&last=10")),
    ("GET", "/v1/lines", Reading("?stream=NAME&from=0")),
    ("GET", "/v1/counts", Reading("?stream=NAME")),
    ("GET", "/v1/sse", Following("?stream=NAME")),
    ("POST", "/v1/lines", Writing("?stream=NAME")),
    ("POST", "/log", Writing("?service=NAME")),
];

/// What the document says of an address.
struct Listed {
    method: String,
    path: String,
    is_public: bool,
    is_open: bool,
    is_for_nodes: bool,
    is_for_admins: bool,
    takes_a_stream: bool,
}

/// What stands in the streams that nobody may see who attacks here.
const SECRET: &str = "the secret of secrets";

/// Each is meant to be the stream `secrets/api`, or `@bob`, for somebody.
const DISGUISES: &[&str] = &[
    "secrets/api",
    "@bob",
    "@me/../@bob",
    "payments/../secrets/api",
    "payments/..%2Fsecrets/api",
    "payments/%2e%2e/secrets/api",
    "payments%2F..%2Fsecrets%2Fapi",
    "payments/%252e%252e/secrets/api",
    "payments/%00/../../secrets/api",
    "secrets/api%00",
    "secrets/api%00payments/a",
    "./secrets/api",
    "secrets//api",
    "/secrets/api",
    "SECRETS/API",
    "secrets%5Capi",
    "se%E2%80%8Bcrets/api",
    "s%D0%B5crets/api",
    "secrets%EF%BC%8Fapi",
    "%EF%BC%A0bob",
    "%EF%BC%8E%EF%BC%8E/secrets/api",
    "secrets/*",
    "**",
    "@*",
    "%2A%2A",
    "secrets/api&stream=payments/api",
    "payments/api&stream=secrets/api",
    "payments/api%0d%0aX-Stream:%20secrets/api",
];

/// All that there is, as the document has it.
async fn listed(door: &Door) -> Vec<Listed> {
    let answer = door.get("/v1/openapi.json").send().await.unwrap();
    let document: Value = answer.json().await.unwrap();
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, told) in methods.as_object().unwrap() {
            let Some(servers) = told["servers"].as_array() else {
                continue;
            };
            let none = Vec::new();
            let parameters = told["parameters"].as_array().unwrap_or(&none);
            all.push(Listed {
                method: method.to_uppercase(),
                path: path.clone(),
                is_public: servers
                    .iter()
                    .any(|it| it["description"].as_str().unwrap().contains("public")),
                is_open: told["security"] == json!([]),
                is_for_nodes: told["security"] == json!([{"pass": []}]),
                is_for_admins: told["tags"] == json!(["admin"]),
                takes_a_stream: parameters
                    .iter()
                    .any(|it| it["in"] == "query" && (it["name"] == "stream" || it["name"] == "service")),
            });
        }
    }
    all
}

async fn asked(door: &Door, method: &str, path: &str) -> (u16, String) {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let answer = door.request(method, path).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.text().await.unwrap())
}

fn filled(path: &str) -> String {
    let path = path.replace("{id}", "00000000-0000-4000-8000-000000000000");
    path.replace("{name}", "secrets/api")
        .replace("{path}", "nothing")
        .replace("{kid}", "none")
}

/// Under whatever name somebody asks who may read `payments/**` alone.
async fn is_kept_out(alice: &Door, method: &str, at: &str, how: Asked) {
    let (Reading(query) | Following(query) | Writing(query)) = how;
    let is_pattern = |name: &str| name.contains(['*', '&']) || name.contains("%2A");
    let of_alice = ["payments/api", "@alice"];
    let names = DISGUISES
        .iter()
        .filter(|name| !matches!(how, Following(_)) || !is_pattern(name))
        .chain(of_alice.iter().filter(|_| matches!(how, Writing(_))));
    for name in names {
        let (status, said) = asked(alice, method, &format!("{at}{}", query.replace("NAME", name))).await;
        let refused = if matches!(how, Writing(_)) { 403 } else { 404 };
        assert!(
            status == 400 || status == refused,
            "{method} {at} {name}: {status} {said}"
        );
        assert!(!said.contains(SECRET), "{method} {at} {name}");
    }
}

#[tokio::test]
async fn every_address_of_the_document_keeps_out_who_may_not() {
    let victim = Victim::start().await;
    let secret = vec![json!({"ts": "2026-01-01T00:00:00Z", "message": SECRET}); 2];
    victim.node.send("secrets/api", secret.clone()).await;
    victim.node.send("@bob", secret).await;
    victim.node.send("payments/api", lines(2)).await;
    let internal = victim.node.by(victim.node.internal());
    let of = |token: &Token| (victim.node.with(&token.text()), internal.with(&token.text()));
    let (alice, alice_inside) = of(&Token::of("alice").reads("payments/**"));
    let (forged, forged_inside) = of(&Token::of("alice")
        .admin()
        .reads("**")
        .signed_with("another key of at least 32 bytes, not ours"));

    let there = listed(&victim.node).await;
    assert!(there.len() > 30, "the document has all");
    for Listed {
        method,
        path,
        is_public,
        is_open,
        is_for_nodes,
        is_for_admins,
        takes_a_stream,
    } in &there
    {
        let what = format!("{method} {path}");
        let at = filled(path);
        if !is_public {
            // Not even to an admin: it is not there.
            let (status, said) = asked(&victim.node, method, &at).await;
            assert!(
                matches!(status, 404 | 405),
                "{what} on the public listener: {status} {said}"
            );
        }
        let [forged, alice] = if *is_public {
            [&forged, &alice]
        } else {
            [&forged_inside, &alice_inside]
        };
        let rows: Vec<_> = OF_STREAMS
            .iter()
            .filter(|row| row.0 == *method && row.1 == *path)
            .collect();
        assert_eq!(
            rows.is_empty(),
            !takes_a_stream,
            "{what} needs a row in OF_STREAMS, or has one too many"
        );
        if *is_open {
            continue;
        }
        for nobody in [&forged.without_token(), forged] {
            let status = asked(nobody, method, &at).await.0;
            // A lone node has no place for links.
            assert!(
                status == 401 || (status == 404 && *is_for_nodes),
                "{what}: {status}"
            );
        }
        if *is_for_admins {
            assert_eq!(asked(alice, method, &at).await.0, 403, "{what}");
        }
        for (_, _, how) in rows {
            is_kept_out(alice, method, &at, *how).await;
        }
    }
    let before = victim.node.history("secrets/api", 0).await;
    assert_eq!(
        before.lines().count(),
        2,
        "nothing was added, and nothing is gone"
    );
    victim.goes_on_unharmed().await;
}

#[tokio::test]
async fn a_session_reaches_no_stream_by_any_name_that_its_token_does_not_grant() {
    let victim = Victim::start().await;
    let secret = vec![json!({"ts": "2026-01-01T00:00:00Z", "message": SECRET}); 2];
    victim.node.send("secrets/api", secret.clone()).await;
    victim.node.send("@bob", secret).await;
    let alice = victim.node.with(&Token::of("alice").reads("payments/**").text());
    let epoch = alice.session().await.welcome()["epoch"].clone();
    for name in DISGUISES {
        for name in [(*name).to_owned(), decoded(name)] {
            let mut session: Session = alice.session().await;
            for from in [
                json!({"last": 10}),
                json!({"cursors": {&*name: 0}, "epoch": epoch}),
            ] {
                let answer = session.try_subscribe(&[&name], from).await;
                let is_pattern = answer["type"] == "subscribed" && answer["streams"] == json!({});
                let refused = ["stream_not_found", "bad_stream", "bad_from", "duplicate_stream"];
                let is_refused = refused.iter().any(|code| answer["code"] == *code);
                assert!(is_pattern || is_refused, "{name:?}: {answer}");
            }
            session.ask(json!({"type": "ping", "id": "so far"})).await;
            assert_eq!(session.arrived(), Vec::<String>::new(), "{name:?}");
        }
    }
    victim.goes_on_unharmed().await;
}

/// As whoever decodes it once would read it.
fn decoded(name: &str) -> String {
    let uri = reqwest::Url::parse(&format!("http://x/?name={}", name.replace('&', "%26"))).unwrap();
    uri.query_pairs().next().unwrap().1.into_owned()
}

/// Nobody gets nearer to anything by saying whence they come, or which address they mean.
#[tokio::test]
async fn headers_that_proxies_set_are_worth_nothing_from_others() {
    let victim = Victim::start().await;
    let forged = Token::of("alice")
        .admin()
        .signed_with("another key of at least 32 bytes, not ours")
        .text();
    for (name, value) in [
        ("x-forwarded-for", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1;host=127.0.0.1:7441;proto=https"),
        ("x-real-ip", "127.0.0.1"),
        ("x-original-url", "/metrics"),
        ("x-rewrite-url", "/v1/nodes"),
        ("x-http-method-override", "DELETE"),
        ("x-forwarded-user", "tester"),
        ("x-forwarded-host", "127.0.0.1:7441"),
    ] {
        let ask = |door: Door, path: &str| door.get(path).header(name, value).send();
        let streams = ask(victim.node.with(&forged), "/v1/streams").await.unwrap();
        assert!(matches!(streams.status().as_u16(), 401 | 429), "{name}");
        let nodes = ask(victim.node.with(&Token::of_tester()), "/v1/nodes")
            .await
            .unwrap();
        assert_eq!(nodes.status().as_u16(), 404, "{name}");
        let healthy = ask(victim.node.without_token(), "/healthz").await.unwrap();
        assert!(!healthy.text().await.unwrap().contains("tailcast_"), "{name}");
        assert_eq!(
            code(
                &ask(victim.node.without_token(), "/v1/me")
                    .await
                    .unwrap()
                    .text()
                    .await
                    .unwrap()
            ),
            "no_token"
        );
    }
    victim.goes_on_unharmed().await;
}
