//! Frames of lines as server and clients agree on them; see tests/wire.

use std::collections::BTreeMap;

use lines::{Level, Line, Lines, LogStore, StreamName, Timestamp, log_store::Draft};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::fixture::Node;

const MESSAGES: &str = include_str!("../../../tests/wire/messages.json");

/// Lines that are in no frame: nothing that a fixture asks for finds them.
fn filler() -> Line {
    Line {
        ts: Timestamp::parse("2026-11-21T09:00:00Z").unwrap(),
        level: None,
        message: "-".into(),
        fields: Vec::new(),
    }
}

fn level(name: &str) -> Level {
    Level::ALL
        .into_iter()
        .find(|level| level.as_str() == name)
        .unwrap()
}

/// A line of a frame as it is sent to a collector.
fn line(of: &Value) -> Line {
    let fields: BTreeMap<String, Box<RawValue>> = match of.get("fields") {
        Some(fields) => serde_json::from_str(&fields.to_string()).unwrap(),
        None => BTreeMap::new(),
    };
    Line {
        ts: Timestamp::parse(of["ts"].as_str().unwrap()).unwrap(),
        level: of["level"].as_str().map(level),
        message: of["message"].as_str().unwrap().into(),
        fields: fields.into_iter().collect(),
    }
}

/// Stores what a frame tells of, and what it stands for.
async fn store(node: &Node, frame: &Value) {
    let (first, next) = (frame["first"].as_u64().unwrap(), frame["next"].as_u64().unwrap());
    let mut stored: Vec<Line> = (0..next).map(|_| filler()).collect();
    for (i, of) in frame["lines"].as_array().unwrap().iter().enumerate() {
        let offset = of["offset"].as_u64().unwrap_or(first + i as u64);
        stored[offset as usize] = line(of);
    }
    let draft = Draft {
        stream: StreamName::parse(frame["stream"].as_str().unwrap()).unwrap(),
        arrived: Some(stored[0].ts),
        lines: Lines::encode(&stored).unwrap(),
        keys: Vec::new(),
    };
    node.store.append(vec![draft]).await.remove(0).unwrap();
}

#[tokio::test]
async fn lines_are_framed_as_they_are_agreed_on() {
    let all: Value = serde_json::from_str(MESSAGES).unwrap();
    let fixtures = all["server"].as_array().unwrap();
    let frames = fixtures
        .iter()
        .filter(|fixture| fixture["message"]["type"] == "lines");
    let mut seen = 0;
    for fixture in frames {
        let frame = &fixture["message"];
        // What a filter gives up on is too long to be agreed on byte by byte: filters.rs has such a line.
        if frame.to_string().contains("undecided") {
            continue;
        }
        let node = Node::start().await;
        store(&node, frame).await;
        let mut reader = node.connect(&node.token("alice", &["**"], 600)).await;
        let (stream, epoch) = (frame["stream"].as_str().unwrap(), &reader.welcome["epoch"]);
        let from = json!({"cursors": {stream: frame["first"]}, "epoch": epoch});
        let mut request = json!({"type": "subscribe", "id": "a", "streams": [stream], "from": from});
        if let Some(filter) = fixture.get("filter") {
            request["filter"] = filter.clone();
        }
        reader.send(request).await;
        assert_eq!(reader.message().await["type"], "subscribed");
        assert_eq!(&reader.message().await, frame, "{}", fixture["name"]);
        seen += 1;
    }
    assert!(seen >= 3);
}
