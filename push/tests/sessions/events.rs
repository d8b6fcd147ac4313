//! The same sessions as server-sent events.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::fixture::{Node, until};

const PATIENCE: Duration = Duration::from_secs(20);

/// An event, as an `EventSource` has it.
#[derive(Debug)]
struct Event {
    kind: String,
    data: Value,
    /// Its own, if it has one.
    id: Option<String>,
}

/// A reader that follows the rules of the HTML standard.
struct Reader {
    body: axum::body::BodyDataStream,
    text: String,
    last_id: String,
    retry: Option<String>,
    comments: usize,
}

/// How an answer ended.
#[derive(Debug, PartialEq)]
enum End {
    Whole,
    Broken,
}

fn request(node: &Node, query: &str, last_id: &str) -> Request<Body> {
    let token = node.token("alice", &["app/**"], 600);
    let mut request =
        Request::get(format!("/v1/sse?{query}")).header("authorization", format!("Bearer {token}"));
    if !last_id.is_empty() {
        request = request.header("last-event-id", last_id);
    }
    request.body(Body::empty()).unwrap()
}

async fn ask(node: &Node, request: Request<Body>) -> axum::response::Response {
    push::router(node.push.clone()).oneshot(request).await.unwrap()
}

impl Reader {
    async fn open(node: &Node, query: &str) -> Self {
        Self::again(node, query, "").await
    }

    async fn again(node: &Node, query: &str, last_id: &str) -> Self {
        let answer = ask(node, request(node, query, last_id)).await;
        assert_eq!(answer.status(), StatusCode::OK);
        Self {
            body: answer.into_body().into_data_stream(),
            text: String::new(),
            last_id: last_id.to_owned(),
            retry: None,
            comments: 0,
        }
    }

    /// The next block up to a blank line, or how the answer ended.
    async fn block(&mut self) -> Result<String, End> {
        loop {
            if let Some(at) = self.text.find("\n\n") {
                let rest = self.text.split_off(at + 2);
                return Ok(std::mem::replace(&mut self.text, rest));
            }
            let next = tokio::time::timeout(PATIENCE, self.body.next()).await;
            match next.expect("nothing came for too long") {
                Some(Ok(bytes)) => self.text.push_str(std::str::from_utf8(&bytes).unwrap()),
                Some(Err(_)) => return Err(End::Broken),
                None => return Err(End::Whole),
            }
        }
    }

    async fn try_event(&mut self) -> Result<Event, End> {
        loop {
            let block = self.block().await?;
            let (mut kind, mut data, mut id) = (None, None, None);
            for line in block.lines().filter(|line| !line.is_empty()) {
                match line.split_once(": ").unwrap() {
                    ("", _) => self.comments += 1,
                    ("retry", after) => self.retry = Some(after.to_owned()),
                    ("event", name) => kind = Some(name.to_owned()),
                    ("data", json) => data = Some(serde_json::from_str(json).unwrap()),
                    ("id", text) => id = Some(text.to_owned()),
                    other => panic!("no field of an event: {other:?}"),
                }
            }
            let Some(kind) = kind else { continue };
            let data: Value = data.unwrap();
            assert_eq!(data["type"], *kind, "{data}");
            if let Some(id) = &id {
                self.last_id.clone_from(id);
            }
            return Ok(Event { kind, data, id });
        }
    }

    async fn event(&mut self) -> Event {
        self.try_event().await.unwrap()
    }

    async fn of_kind(&mut self, kind: &str) -> Event {
        loop {
            let event = self.event().await;
            if event.kind == kind {
                return event;
            }
        }
    }

    /// The last event and how the answer ended.
    async fn end(&mut self) -> (Option<Event>, End) {
        let mut last = None;
        loop {
            match self.try_event().await {
                Ok(event) => last = Some(event),
                Err(end) => return (last, end),
            }
        }
    }
}

#[tokio::test]
async fn events_are_the_messages_of_the_websocket_and_each_id_says_where_the_reader_stands() {
    let node = Node::start().await;
    node.send("app/a", 3).await;
    let mut reader = Reader::open(&node, "stream=app/a&from=last:2").await;
    let subscribed = reader.event().await;
    assert_eq!(subscribed.kind, "subscribed");
    assert_eq!(
        subscribed.data["streams"],
        json!({"app/a": {"first_available": 0, "next": 3, "cursor": 1}})
    );
    let epoch = subscribed.data["epoch"].as_str().unwrap().to_owned();
    assert_eq!(subscribed.id, Some(format!("{epoch};app/a=1")));
    assert_eq!(reader.retry.as_deref(), Some("1000"));

    let lines = reader.event().await;
    assert_eq!(
        (&lines.data["first"], &lines.data["next"]),
        (&json!(1), &json!(3))
    );
    assert_eq!(lines.data["lines"][1]["message"], "line 2");
    assert_eq!(lines.id, Some(format!("{epoch};app/a=3")));
    let live = reader.event().await;
    assert_eq!(live.data, json!({"type": "live", "stream": "app/a", "next": 3}));
    assert_eq!(live.id, None, "it leads nowhere: the last id stays");

    node.send("app/a", 1).await;
    let lines = reader.event().await;
    assert_eq!(lines.id, Some(format!("{epoch};app/a=4")));
}

#[tokio::test]
async fn the_answer_passes_proxies_at_once_and_a_head_alone_begins_nothing() {
    let node = Node::start().await;
    let mut head = request(&node, "stream=app/a", "");
    *head.method_mut() = Method::HEAD;
    let answer = ask(&node, head).await;
    let header = |name| answer.headers()[name].to_str().unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(header("content-type"), "text/event-stream");
    assert_eq!(header("cache-control"), "no-store, no-transform");
    assert_eq!(header("x-accel-buffering"), "no");
    assert_eq!(node.push.sessions(), 0);
}

#[tokio::test]
async fn a_connection_that_carried_events_carries_nothing_after_them() {
    let node = Node::start().await;
    let answer = ask(&node, request(&node, "stream=app/a", "")).await;
    assert_eq!(answer.headers()["connection"], "close");
    // HTTP/2 ends a stream and not the connection; there the header is forbidden.
    let mut request = request(&node, "stream=app/a", "");
    *request.version_mut() = http::Version::HTTP_2;
    let answer = ask(&node, request).await;
    assert!(!answer.headers().contains_key("connection"));
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_the_first_event() {
    let node = Node::with(|limits| limits.event_id_bytes = 100).await;
    node.send("app/a", 3).await;
    let many: String = (0..10).map(|nth| format!("&stream=app/{nth}")).collect();
    let cases = [
        ("", "", 400, "bad_parameter"),
        ("stream=app/a&form=live", "", 400, "bad_parameter"),
        ("stream=app/a&from=live&from=live", "", 400, "bad_parameter"),
        ("stream=app/a&from=yesterday", "", 400, "bad_parameter"),
        ("stream=app/a&from=last:x", "", 400, "bad_parameter"),
        ("stream=app/a&from=since:noon", "", 400, "bad_parameter"),
        ("stream=app/a&mode=slow", "", 400, "bad_parameter"),
        ("stream=app/a&filter=(", "", 400, "bad_parameter"),
        ("stream=/app", "", 400, "bad_parameter"),
        ("stream=other", "", 404, "stream_not_found"),
        ("stream=app/a", "an id of somebody else", 400, "bad_parameter"),
        ("stream=app/a", "epoch;app/a", 400, "bad_parameter"),
        ("stream=app/a", "epoch;app/a=x", 400, "bad_parameter"),
        ("stream=app/a", "another;app/a=1", 409, "wrong_epoch"),
        (&many[1..], "", 400, "limit"),
    ];
    for (query, last_id, status, code) in cases {
        let answer = ask(&node, request(&node, query, last_id)).await;
        assert_eq!(answer.status().as_u16(), status, "{query} {last_id}");
        let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["code"], code, "{query} {last_id}: {problem}");
    }
    let epoch = Reader::open(&node, "stream=app/a").await.event().await.data["epoch"].clone();
    let ahead = format!("{};app/a=9", epoch.as_str().unwrap());
    let answer = ask(&node, request(&node, "stream=app/a", &ahead)).await;
    let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (&problem["code"], &problem["next"]),
        (&json!("cursor_ahead"), &json!(3))
    );
    until("nobody has a place", || async { node.push.sessions() == 0 }).await;
}

/// Invariants 3 and 6.
#[tokio::test]
async fn a_reader_that_loses_its_connection_again_and_again_gets_every_line_once_and_in_order() {
    for filter in ["", "&filter=1"] {
        let node = Node::start().await;
        let streams = ["app/a", "app/b", "app/later"];
        let mut seen: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let mut next: BTreeMap<String, u64> = BTreeMap::new();
        let mut last_id = String::new();
        let query = format!("stream=app/**&from=live{filter}");
        for round in 0..40 {
            let mut reader = Reader::again(&node, &query, &last_id).await;
            for stream in streams
                .iter()
                .filter(|stream| **stream != "app/later" || round > 10)
            {
                if round % 3 == 0 {
                    node.store(stream, 7).await;
                } else {
                    node.send(stream, 3).await;
                }
            }
            // Whatever it had got by then is all that it knows.
            for _ in 0..round % 5 + 1 {
                take(&mut reader, &mut seen, &mut next).await;
            }
            last_id = reader.last_id;
        }
        let mut reader = Reader::again(&node, &query, &last_id).await;
        for stream in streams {
            let head = node.head(stream).await;
            while next.get(stream).copied().unwrap_or_default() < head {
                take(&mut reader, &mut seen, &mut next).await;
            }
            let wanted = (0..head).filter(|offset| filter.is_empty() || offset.to_string().contains('1'));
            assert_eq!(seen[stream], wanted.collect::<Vec<_>>(), "{stream}{filter}");
        }
    }
}

/// Takes an event, which begins where the last one of its stream ended.
async fn take(reader: &mut Reader, seen: &mut BTreeMap<String, Vec<u64>>, next: &mut BTreeMap<String, u64>) {
    let event = reader.event().await;
    if event.kind != "lines" {
        assert!(["subscribed", "live"].contains(&&*event.kind), "{event:?}");
        return;
    }
    let stream = event.data["stream"].as_str().unwrap();
    let first = event.data["first"].as_u64().unwrap();
    let stands = next.entry(stream.to_owned()).or_default();
    assert_eq!(first, *stands, "{stream}");
    *stands = event.data["next"].as_u64().unwrap();
    assert!(event.id.is_some());
    for line in event.data["lines"].as_array().unwrap() {
        let message = line["message"].as_str().unwrap();
        let offset = message.strip_prefix("line ").unwrap().parse().unwrap();
        seen.entry(stream.to_owned()).or_default().push(offset);
    }
}

#[tokio::test]
async fn what_retention_took_is_an_event() {
    let node = Node::start().await;
    node.send("app/a", 3).await;
    let mut reader = Reader::open(&node, "stream=app/a&from=last:3").await;
    let begun = reader.event().await.id.unwrap();
    drop(reader);
    node.send("app/a", 3).await;
    node.trim_before(3).await;
    let mut reader = Reader::again(&node, "stream=app/a", &begun).await;
    let gap = reader.of_kind("gap").await;
    assert_eq!(
        gap.data,
        json!({"type": "gap", "stream": "app/a", "from": 0, "to": 3, "reason": "retention"})
    );
    let lines = reader.of_kind("lines").await;
    assert_eq!(lines.data["first"], 3);
}

#[tokio::test]
async fn streams_whose_places_do_not_fit_into_an_id_are_left_out_with_a_word() {
    let node = Node::with(|limits| limits.event_id_bytes = 45).await;
    node.send("app/a", 1).await;
    let mut reader = Reader::open(&node, "stream=app/**").await;
    for stream in ["app/b", "app/c"] {
        node.send(stream, 1).await;
    }
    let (mut refused, mut lines) = (0, 0);
    while refused + lines < 2 {
        let event = reader.event().await;
        refused += usize::from(event.kind == "error" && event.data["code"] == "limit");
        lines += usize::from(event.kind == "lines");
    }
    assert_eq!((refused, lines), (1, 1));
    assert_eq!(reader.last_id.matches("app/").count(), 2, "{}", reader.last_id);

    // An id that was given is never refused for what came beside it.
    let last_id = reader.last_id.clone();
    node.send("app/0", 1).await;
    let mut again = Reader::again(&node, "stream=app/**", &last_id).await;
    let subscribed = again.event().await;
    assert_eq!(subscribed.kind, "subscribed");
    assert_eq!(again.last_id, last_id);
    assert_eq!(again.of_kind("error").await.data["code"], "limit");
    node.send("app/a", 1).await;
    let lines = again.of_kind("lines").await;
    assert_eq!(
        (&lines.data["stream"], &lines.data["first"]),
        (&json!("app/a"), &json!(1))
    );
}

#[tokio::test]
async fn a_node_that_stops_tells_its_readers_when_to_come_back() {
    let node = Node::start().await;
    let mut reader = Reader::open(&node, "stream=app/a").await;
    reader.of_kind("live").await;
    let drained = node.push.drain(Duration::ZERO);
    let (_, (last, end)) = tokio::join!(drained, reader.end());
    let closing = last.unwrap();
    assert_eq!(
        (&closing.data["code"], &closing.data["reason"]),
        (&json!(1012), &json!("draining"))
    );
    assert_eq!(end, End::Whole);
    assert!(reader.retry.unwrap().parse::<u64>().unwrap() < 1_000);
    let answer = ask(&node, request(&node, "stream=app/a", "")).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_session_ends_with_its_token_after_a_word_of_that() {
    let node = Node::start().await;
    let mut asked = request(&node, "stream=app/a", "");
    let token = node.token("alice", &["app/**"], 1);
    let authorization = format!("Bearer {token}").parse().unwrap();
    asked.headers_mut().insert("authorization", authorization);
    let answer = ask(&node, asked).await;
    let mut reader = Reader {
        body: answer.into_body().into_data_stream(),
        text: String::new(),
        last_id: String::new(),
        retry: None,
        comments: 0,
    };
    reader.of_kind("expiring").await;
    let (last, end) = reader.end().await;
    assert_eq!(last.unwrap().data["reason"], "token_expired");
    assert_eq!(end, End::Whole);
}

#[tokio::test]
async fn a_reader_is_kept_by_comments_and_its_place_is_free_when_it_goes() {
    let node = Node::with(|limits| limits.heartbeat = Duration::from_millis(10)).await;
    let mut reader = Reader::open(&node, "stream=app/a").await;
    while reader.comments < 3 {
        let block = reader.block().await.unwrap();
        reader.comments += usize::from(block == ": ping\n\n");
    }
    assert_eq!(node.push.sessions(), 1);
    drop(reader);
    until("its place is free", || async { node.push.sessions() == 0 }).await;
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut_off_and_one_that_goes_on_gets_all_of_it() {
    let node = Node::with(|limits| {
        limits.progress_within = Duration::from_millis(300);
        limits.close_within = Duration::from_millis(10);
    })
    .await;
    let mut idle = Reader::open(&node, "stream=app/a&from=last:1000").await;
    let mut keen = Reader::open(&node, "stream=app/a&from=last:1000").await;
    let reading = tokio::spawn(async move {
        let mut next = 0;
        while next < 20 * 100 {
            let event = keen.of_kind("lines").await;
            assert_eq!(event.data["first"], next);
            next = event.data["next"].as_u64().unwrap();
        }
        keen
    });
    for _ in 0..20 {
        let batch = node.store_lines("app/a", 100, &"x".repeat(100)).await;
        lines::HintSink::hand_off(&*node.push, lines::Hint::Batch(batch));
    }
    let keen = reading.await.unwrap();
    until("who takes nothing is gone", || async {
        node.push.sessions() == 1
    })
    .await;
    let (_, end) = idle.end().await;
    assert_eq!(end, End::Broken, "nobody takes a part for the whole");
    drop(keen);
}
