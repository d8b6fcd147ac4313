//! Saved views, as who keeps and opens them sees the answers, over both stores.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use auth::{Claims, Key, Minter, Verifier};
use axum::Router;
use axum::body::Body;
use futures_util::future::join_all;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use lines::Ledger;
use read::views::{ViewLimits, router};
use serde_json::{Value, json};
use store::mongo::{MongoOptions, MongoStore};
use store::sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;
use tower::ServiceExt;

/// Two nodes on one database.
struct Desk {
    nodes: Vec<Router>,
    minter: Minter,
    _folder: Option<TempDir>,
}

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Reply {
    /// The status, and the code of a refusal.
    fn refusal(&self) -> (u16, &str) {
        (
            self.status.as_u16(),
            self.body["code"].as_str().unwrap_or_default(),
        )
    }

    fn tag(&self) -> String {
        self.headers["etag"].to_str().unwrap().to_owned()
    }
}

impl Desk {
    fn over(ledgers: Vec<Arc<dyn Ledger>>, limits: ViewLimits, folder: Option<TempDir>) -> Self {
        let key = Key::from_text("a key of at least thirty-two bytes").unwrap();
        let verifier = Arc::new(Verifier::hs256(&key, "tailcast"));
        let node = |ledger| router(Arc::clone(&verifier), ledger, limits);
        Self {
            nodes: ledgers.into_iter().map(node).collect(),
            minter: Minter::hs256(&key, "tailcast"),
            _folder: folder,
        }
    }

    async fn sqlite(limits: ViewLimits) -> Self {
        let folder = TempDir::new().unwrap();
        let store: Arc<dyn Ledger> =
            Arc::new(SqliteStore::open(folder.path(), SqliteOptions::default()).unwrap());
        Self::over(vec![Arc::clone(&store), store], limits, Some(folder))
    }

    async fn mongo(limits: ViewLimits) -> Self {
        let servers = std::env::var("TAILCAST_TEST_MONGODB").expect(
            "TAILCAST_TEST_MONGODB names no replica set: run the tests with tests/run, which starts one",
        );
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        let address = match servers.split_once("/?") {
            Some((servers, options)) => format!("{servers}/{name}?{options}"),
            None => format!("{}/{name}", servers.trim_end_matches('/')),
        };
        let mut ledgers: Vec<Arc<dyn Ledger>> = Vec::new();
        for _ in 0..2 {
            let store = MongoStore::connect(&address, MongoOptions::default())
                .await
                .unwrap();
            ledgers.push(Arc::new(store));
        }
        Self::over(ledgers, limits, None)
    }

    async fn ask(
        &self,
        node: usize,
        sub: &str,
        method: Method,
        id: &str,
        tag: Option<&str>,
        body: impl Into<Body>,
    ) -> Reply {
        let mut claims = Claims::new(sub, auth::token::unix_now() + 600);
        claims.admin = sub == "root";
        let token = self.minter.mint(&claims).unwrap();
        let address = if id.is_empty() {
            "/v1/views".to_owned()
        } else {
            format!("/v1/views/{id}")
        };
        let mut request = Request::builder()
            .method(method)
            .uri(address)
            .header("authorization", format!("Bearer {token}"));
        if let Some(tag) = tag {
            request = request.header("if-match", tag);
        }
        let response = self.nodes[node]
            .clone()
            .oneshot(request.body(body.into()).unwrap());
        let (parts, body) = response.await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }

    async fn put(&self, node: usize, sub: &str, id: &str, tag: Option<&str>, view: &Value) -> Reply {
        self.ask(node, sub, Method::PUT, id, tag, view.to_string()).await
    }

    async fn get(&self, node: usize, sub: &str, id: &str) -> Reply {
        self.ask(node, sub, Method::GET, id, None, String::new()).await
    }

    async fn delete(&self, node: usize, sub: &str, id: &str, tag: Option<&str>) -> Reply {
        self.ask(node, sub, Method::DELETE, id, tag, String::new()).await
    }

    async fn names(&self, node: usize, sub: &str) -> Vec<String> {
        let listed = self.get(node, sub, "").await;
        assert_eq!(listed.status, StatusCode::OK);
        let views = listed.body["views"].as_array().unwrap();
        let mut names: Vec<_> = views
            .iter()
            .map(|view| view["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }
}

/// One as the page makes them.
fn id(seed: u8) -> String {
    format!("{seed:04}{}", "aZ9-_a".repeat(3))
}

fn view(name: &str) -> Value {
    json!({"name": name, "streams": ["payments/**", "@me"], "filter": "level>=warn"})
}

fn shared(name: &str) -> Value {
    let mut shared = view(name);
    shared["shared"] = true.into();
    shared
}

async fn a_view_is_kept_for_its_owner_and_read_back_on_every_node(desk: Desk) {
    let whole = json!({
        "name": "errors", "shared": false, "streams": ["a/*", "b"], "filter": "-x", "hidden": ["a/c"], "find": "boom",
        "columns": [{"path": "user.id", "width": 12}, {"path": "status"}], "at": {"stream": "a/b", "offset": 7},
    });
    let kept = desk.put(0, "ann", &id(1), None, &whole).await;
    assert_eq!(kept.status, StatusCode::CREATED);
    for (node, seen) in [
        (0, desk.get(0, "ann", &id(1)).await),
        (1, desk.get(1, "ann", &id(1)).await),
    ] {
        assert_eq!(
            (seen.status, seen.tag()),
            (StatusCode::OK, kept.tag()),
            "node {node}"
        );
        assert_eq!(seen.body, kept.body);
    }
    let mut told = whole;
    told["id"] = id(1).into();
    told["version"] = kept.tag().trim_matches('"').into();
    told["own"] = true.into();
    assert_eq!(kept.body, told);
    assert_eq!(desk.names(1, "ann").await, ["errors"]);
    assert_eq!(desk.names(0, "bob").await, [""; 0]);

    assert_eq!(
        desk.delete(1, "ann", &id(1), None).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        desk.get(0, "ann", &id(1)).await.refusal(),
        (404, "view_not_found")
    );
    assert_eq!(
        desk.delete(0, "ann", &id(1), None).await.refusal(),
        (404, "view_not_found")
    );
}

async fn of_two_who_change_one_version_the_second_is_told(desk: Desk) {
    let first = desk.put(0, "ann", &id(1), None, &view("one")).await;
    assert_eq!(
        desk.put(1, "ann", &id(1), None, &view("two")).await.refusal(),
        (409, "view_exists")
    );
    let second = desk.put(1, "ann", &id(1), Some(&first.tag()), &view("two")).await;
    assert_eq!(second.status, StatusCode::OK);
    assert_ne!(second.tag(), first.tag());
    let late = desk
        .put(0, "ann", &id(1), Some(&first.tag()), &view("three"))
        .await;
    assert_eq!(late.refusal(), (412, "view_changed"));
    assert_eq!(
        desk.delete(0, "ann", &id(1), Some(&first.tag())).await.refusal(),
        (412, "view_changed")
    );
    let repeated = desk.put(0, "ann", &id(1), Some(&first.tag()), &view("two")).await;
    assert_eq!(
        (repeated.status, repeated.tag()),
        (StatusCode::OK, second.tag()),
        "who was not told asks again"
    );
    assert_eq!(
        desk.put(0, "ann", &id(1), None, &view("two")).await.status,
        StatusCode::OK
    );
    assert_eq!(desk.names(0, "ann").await, ["two"]);
    assert_eq!(
        desk.delete(0, "ann", &id(1), Some(&second.tag())).await.status,
        StatusCode::NO_CONTENT
    );
    let gone = desk
        .put(0, "ann", &id(1), Some(&second.tag()), &view("four"))
        .await;
    assert_eq!(
        gone.refusal(),
        (412, "view_changed"),
        "nothing that was deleted comes back"
    );

    let racing = (0..8).map(|n| {
        let (desk, name) = (&desk, format!("racer {n}"));
        async move { desk.put(n % 2, "ann", &id(2), None, &view(&name)).await.status }
    });
    let made = join_all(racing).await;
    assert_eq!(
        made.iter()
            .filter(|status| **status == StatusCode::CREATED)
            .count(),
        1,
        "{made:?}"
    );
}

async fn only_a_view_that_is_shared_is_there_for_others(desk: Desk) {
    let private = desk.put(0, "ann", &id(1), None, &view("mine")).await;
    let absent = desk.get(1, "bob", &id(9)).await;
    let hidden = desk.get(1, "bob", &id(1)).await;
    assert_eq!(hidden.refusal(), (404, "view_not_found"));
    assert_eq!(hidden.body, absent.body, "it answers as one that does not exist");

    let open = desk
        .put(0, "ann", &id(1), Some(&private.tag()), &shared("mine"))
        .await;
    let seen = desk.get(1, "bob", &id(1)).await;
    assert_eq!((seen.status, &seen.body["own"]), (StatusCode::OK, &json!(false)));
    assert_eq!(
        seen.body["streams"],
        json!(["payments/**", "@me"]),
        "@me stays whoever reads"
    );
    assert_eq!(desk.names(1, "bob").await, [""; 0]);
    for refused in [
        desk.put(1, "bob", &id(1), Some(&open.tag()), &shared("his"))
            .await,
        desk.delete(1, "bob", &id(1), Some(&open.tag())).await,
    ] {
        assert!(refused.status.is_client_error());
    }
    assert_eq!(
        desk.put(1, "bob", &id(1), None, &shared("his")).await.refusal(),
        (409, "view_exists")
    );
    assert_eq!(desk.get(1, "bob", &id(1)).await.body["name"], "mine");

    let closed = desk.put(0, "ann", &id(1), Some(&open.tag()), &view("mine")).await;
    assert_eq!(
        desk.get(1, "bob", &id(1)).await.refusal(),
        (404, "view_not_found")
    );
    desk.put(0, "ann", &id(1), Some(&closed.tag()), &shared("mine"))
        .await;
    assert_eq!(desk.get(1, "bob", &id(1)).await.status, StatusCode::OK);
    desk.delete(0, "ann", &id(1), None).await;
    assert_eq!(
        desk.get(1, "bob", &id(1)).await.refusal(),
        (404, "view_not_found")
    );
}

async fn a_link_that_was_shared_leads_to_nobody_else_ever_after(desk: Desk) {
    let open = desk.put(0, "ann", &id(1), None, &shared("hers")).await;
    let closed = desk.put(0, "ann", &id(1), Some(&open.tag()), &view("hers")).await;
    assert_eq!(
        desk.put(1, "mallory", &id(1), None, &shared("a trap"))
            .await
            .refusal(),
        (409, "view_exists"),
        "not after it is shared no more"
    );
    assert_eq!(
        desk.get(1, "bob", &id(1)).await.refusal(),
        (404, "view_not_found")
    );
    let again = desk
        .put(0, "ann", &id(1), Some(&closed.tag()), &shared("hers"))
        .await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(desk.get(1, "bob", &id(1)).await.body["name"], "hers");

    desk.delete(1, "ann", &id(1), None).await;
    assert_eq!(
        desk.put(1, "mallory", &id(1), None, &shared("a trap"))
            .await
            .refusal(),
        (409, "view_exists"),
        "nor after it is deleted"
    );
    // One of one's own is nobody else's business.
    assert_eq!(
        desk.put(1, "mallory", &id(1), None, &view("his")).await.status,
        StatusCode::CREATED
    );
    assert_eq!(
        desk.get(0, "bob", &id(1)).await.refusal(),
        (404, "view_not_found")
    );
    let anew = desk.put(1, "ann", &id(1), None, &shared("hers, anew")).await;
    assert_eq!(anew.status, StatusCode::CREATED);
    assert_eq!(desk.get(0, "bob", &id(1)).await.body["name"], "hers, anew");
    assert_eq!(desk.names(0, "mallory").await, ["his"]);
}

async fn of_links_that_were_left_the_oldest_are_anybodys_again(desk: Desk) {
    let many = |n: u16| format!("{n:04}{}", "aZ9-_a".repeat(3));
    for n in 0..=3 {
        desk.put(0, "ann", &many(n), None, &shared("hers")).await;
        let gone = desk.delete(1, "ann", &many(n), None).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(
        desk.put(1, "bob", &many(0), None, &shared("his")).await.status,
        StatusCode::CREATED
    );
    assert_eq!(
        desk.put(1, "bob", &many(1), None, &shared("his")).await.refusal(),
        (409, "view_exists")
    );
}

async fn an_administrator_takes_back_what_another_shares_and_nothing_else(desk: Desk) {
    let open = desk.put(0, "ann", &id(1), None, &shared("shared")).await;
    desk.put(0, "ann", &id(2), None, &view("private")).await;
    assert_eq!(
        desk.delete(1, "bob", &id(1), None).await.refusal(),
        (404, "view_not_found")
    );
    assert_eq!(
        desk.delete(1, "root", &id(2), None).await.refusal(),
        (404, "view_not_found"),
        "nobody is told of what is not shared"
    );
    assert_eq!(
        desk.delete(1, "root", &id(1), Some("\"1000\"")).await.refusal(),
        (412, "view_changed")
    );
    let seen = desk.get(1, "root", &id(1)).await;
    assert_eq!(seen.tag(), open.tag());
    assert_eq!(
        desk.delete(1, "root", &id(1), Some(&seen.tag())).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        desk.get(0, "bob", &id(1)).await.refusal(),
        (404, "view_not_found")
    );
    assert_eq!(desk.names(0, "ann").await, ["private"], "it counts no more");
}

async fn a_view_that_does_not_come_in_time_is_not_waited_for(desk: Desk) {
    let never = futures_util::stream::pending::<Result<&str, std::io::Error>>();
    let reply = desk
        .ask(0, "ann", Method::PUT, &id(1), None, Body::from_stream(never))
        .await;
    assert_eq!(reply.refusal(), (408, "too_slow"));
    assert_eq!(reply.headers["connection"], "close");
    assert_eq!(desk.names(0, "ann").await, [""; 0]);
}

async fn there_are_never_more_than_so_many_of_one_subscriber(desk: Desk) {
    let puts = (1..=12).map(|n| {
        let desk = &desk;
        async move {
            desk.put(usize::from(n % 2), "ann", &id(n), None, &view(&format!("{n}")))
                .await
        }
    });
    let made = join_all(puts).await;
    let kept = made
        .iter()
        .filter(|reply| reply.status == StatusCode::CREATED)
        .count();
    assert_eq!(kept, 5);
    assert!(
        made.iter()
            .filter(|reply| reply.status != StatusCode::CREATED)
            .all(|reply| reply.refusal() == (409, "too_many_views"))
    );
    assert_eq!(desk.names(0, "ann").await.len(), 5);
    assert_eq!(
        desk.put(0, "bob", &id(1), None, &view("his")).await.status,
        StatusCode::CREATED
    );
    let some = made
        .iter()
        .find(|reply| reply.status == StatusCode::CREATED)
        .unwrap();
    desk.delete(1, "ann", some.body["id"].as_str().unwrap(), None)
        .await;
    assert_eq!(
        desk.put(0, "ann", &id(20), None, &view("more")).await.status,
        StatusCode::CREATED
    );
    assert_eq!(
        desk.put(0, "ann", &id(21), None, &view("more")).await.refusal(),
        (409, "too_many_views")
    );
}

async fn what_is_no_view_is_refused_with_the_reason(desk: Desk) {
    for (id, body, refusal) in [
        ("short", view("x").to_string(), (400, "bad_view")),
        (&id(1), "{}".to_owned(), (400, "bad_view")),
        (&id(1), "not json".to_owned(), (400, "bad_view")),
        (
            &id(1),
            json!({"name": "x", "streams": ["a"], "grants": ["**"]}).to_string(),
            (400, "bad_view"),
        ),
        (
            &id(1),
            view(&"x".repeat(20_000)).to_string(),
            (413, "view_too_large"),
        ),
    ] {
        let reply = desk.ask(0, "ann", Method::PUT, id, None, body).await;
        assert_eq!(reply.refusal(), refusal, "{}", reply.body);
    }
    let odd = desk.put(0, "ann", &id(1), Some("W/\"1\""), &view("x")).await;
    assert_eq!(odd.refusal(), (400, "bad_view"));
    assert_eq!(
        desk.get(0, "ann", "short").await.refusal(),
        (404, "view_not_found")
    );
    assert_eq!(desk.names(0, "ann").await, [""; 0]);
}

async fn who_changes_too_often_is_told_when_to_come_again_and_nobody_else_is(desk: Desk) {
    let mut replies = Vec::new();
    for n in 0..12 {
        replies.push(desk.delete(0, "ann", &id(n), None).await);
    }
    let busy = replies
        .iter()
        .find(|reply| reply.status == StatusCode::TOO_MANY_REQUESTS)
        .unwrap();
    assert_eq!(busy.refusal(), (429, "busy"));
    assert!(busy.headers.contains_key("retry-after"));
    assert_eq!(desk.names(0, "ann").await, [""; 0], "reading goes on");
    assert_eq!(
        desk.put(0, "bob", &id(1), None, &view("his")).await.status,
        StatusCode::CREATED
    );
}

macro_rules! over_both {
    ($($name:ident($limits:expr);)*) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Desk::sqlite($limits).await).await;
            })*
        }
        mod mongo {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Desk::mongo($limits).await).await;
            })*
        }
    };
}

over_both! {
    a_view_is_kept_for_its_owner_and_read_back_on_every_node(Default::default());
    of_two_who_change_one_version_the_second_is_told(Default::default());
    only_a_view_that_is_shared_is_there_for_others(Default::default());
    a_link_that_was_shared_leads_to_nobody_else_ever_after(Default::default());
    of_links_that_were_left_the_oldest_are_anybodys_again(super::ViewLimits { links_left: 3, ..Default::default() });
    an_administrator_takes_back_what_another_shares_and_nothing_else(Default::default());
    a_view_that_does_not_come_in_time_is_not_waited_for(super::ViewLimits { body_within: std::time::Duration::from_millis(100), ..Default::default() });
    there_are_never_more_than_so_many_of_one_subscriber(super::ViewLimits { of_subscriber: 5, ..Default::default() });
    what_is_no_view_is_refused_with_the_reason(Default::default());
    who_changes_too_often_is_told_when_to_come_again_and_nobody_else_is(super::ViewLimits { burst: 10, ..Default::default() });
}
