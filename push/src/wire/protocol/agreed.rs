//! The messages that server and clients agree on; see tests/wire. Frames of lines are tried on a real connection: a
//! session cuts them (push/tests/sessions/wire.rs).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::message::Begins;
use super::{Message, Request, Seek, Welcome, WelcomeLimits};
use crate::cursors::refusal::{Details, Refusal};
use crate::cursors::subscription::{From, Mode, Subscribe, To};

const MESSAGES: &str = include_str!("../../../../tests/wire/messages.json");
const PROTOCOL: &str = include_str!("../../../../docs/protocol.md");

fn messages(side: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(MESSAGES).unwrap();
    all[side].as_array().unwrap().clone()
}

fn types(side: &str) -> BTreeSet<String> {
    let messages = messages(side);
    messages
        .iter()
        .map(|fixture| text(&fixture["message"], "type").to_owned())
        .collect()
}

fn text<'a>(message: &'a Value, member: &str) -> &'a str {
    message[member].as_str().unwrap()
}

fn maybe(message: &Value, member: &str) -> Option<String> {
    message[member].as_str().map(str::to_owned)
}

fn number(message: &Value, member: &str) -> u64 {
    message[member].as_u64().unwrap()
}

/// The server's words are its own.
fn word(message: &Value, member: &str) -> &'static str {
    Box::leak(text(message, member).to_owned().into_boxed_str())
}

/// A request as it is written in full, but for members that mean nothing when they are absent.
fn in_full(request: Request) -> Value {
    let only = |kind: &str, id: Option<String>| match id {
        Some(id) => json!({"type": kind, "id": id}),
        None => json!({"type": kind}),
    };
    match request {
        Request::Subscribe(subscribe) => subscribe_in_full(subscribe),
        Request::Unsubscribe { id } => only("unsubscribe", Some(id)),
        Request::Pause { id } => only("pause", Some(id)),
        Request::Resume { id } => only("resume", Some(id)),
        Request::Seek(Seek { id, stream, to }) => {
            let to = match to {
                To::Live => json!("live"),
                To::Offset(offset) => json!(offset),
            };
            json!({"type": "seek", "id": id, "stream": stream, "to": to})
        }
        Request::Refresh { id, token } => {
            let mut full = only("refresh", id);
            full["token"] = token.into();
            full
        }
        Request::Ping { id } => only("ping", id),
    }
}

fn subscribe_in_full(subscribe: Subscribe) -> Value {
    let from = match subscribe.from {
        From::Live => json!("live"),
        From::Last(last) => json!({ "last": last }),
        From::Since(since) => {
            // As fixtures have it: without a fraction.
            json!({ "since": since.to_string().replace(".000000000", "") })
        }
        From::Cursors { cursors, epoch } => json!({"cursors": cursors, "epoch": epoch}),
    };
    let mut full =
        json!({"type": "subscribe", "id": subscribe.id, "streams": subscribe.streams, "from": from});
    if let Some(filter) = subscribe.filter {
        full["filter"] = filter.into();
    }
    if subscribe.mode == Mode::Recent {
        full["mode"] = "recent".into();
    }
    full
}

#[test]
fn every_request_is_read_as_it_is_meant() {
    for fixture in messages("client") {
        let read = Request::read(&fixture["message"].to_string()).unwrap();
        let meant = fixture.get("in_full").unwrap_or(&fixture["message"]);
        assert_eq!(&in_full(read), meant, "{}", fixture["name"]);
    }
}

/// What the server would say; nothing for lines.
fn said(message: &Value) -> Option<Message<'_>> {
    Some(match text(message, "type") {
        "welcome" => Message::Welcome(welcome(message)),
        "subscribed" => Message::Subscribed {
            id: text(message, "id"),
            epoch: text(message, "epoch"),
            streams: begins(&message["streams"]),
            patterns: list(&message["patterns"]),
            filter: serde_json::from_value(message["filter"].clone()).unwrap(),
        },
        "done" => Message::Done {
            id: message["id"].as_str(),
            request: word(message, "request"),
        },
        "live" => Message::Live {
            stream: text(message, "stream"),
            next: number(message, "next"),
        },
        "gap" => Message::Gap {
            stream: text(message, "stream"),
            from: number(message, "from"),
            to: number(message, "to"),
            reason: word(message, "reason"),
        },
        "behind" => Message::Behind {
            id: text(message, "id"),
            stream: text(message, "stream"),
            count: number(message, "count"),
        },
        "dropped" => Message::Dropped {
            id: text(message, "id"),
            streams: list(&message["streams"]),
            reason: word(message, "reason"),
        },
        "expiring" => Message::Expiring {
            expires_at: text(message, "expires_at"),
        },
        "error" => Message::from(&*Box::leak(Box::new(refusal(message)))),
        "closing" => Message::Closing {
            code: number(message, "code") as u16,
            reason: word(message, "reason"),
            retry_after_ms: message["retry_after_ms"].as_u64(),
        },
        "lines" => return None,
        other => panic!("the server says no {other:?}"),
    })
}

fn list(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one.as_str().unwrap())
        .collect()
}

fn begins(streams: &Value) -> BTreeMap<&str, Begins> {
    let of = |stream: &Value| Begins {
        first_available: number(stream, "first_available"),
        next: number(stream, "next"),
        cursor: number(stream, "cursor"),
    };
    let streams = streams.as_object().unwrap();
    streams
        .iter()
        .map(|(name, stream)| (name.as_str(), of(stream)))
        .collect()
}

fn welcome(message: &Value) -> Welcome<'_> {
    let limits = &message["limits"];
    assert_eq!(message["requests"], json!(["ping"]));
    Welcome {
        session: text(message, "session"),
        node: text(message, "node"),
        subscriber: text(message, "subscriber"),
        epoch: text(message, "epoch"),
        expires_at: text(message, "expires_at"),
        heartbeat_ms: number(message, "heartbeat_ms"),
        limits: WelcomeLimits {
            subscriptions: number(limits, "subscriptions") as usize,
            streams: number(limits, "streams") as usize,
            message_bytes: number(limits, "message_bytes") as usize,
            messages_per_second: number(limits, "messages_per_second") as u32,
        },
        requests: &["ping"],
    }
}

fn refusal(message: &Value) -> Refusal {
    let details = Details {
        stream: maybe(message, "stream"),
        next: message["next"].as_u64(),
        epoch: maybe(message, "epoch"),
        position: message["position"].as_u64().map(|position| position as usize),
        retry_after_ms: message["retry_after_ms"].as_u64(),
    };
    Refusal {
        code: word(message, "code"),
        message: text(message, "message").to_owned(),
        id: maybe(message, "id"),
        details: Box::new(details),
    }
}

#[test]
fn the_server_says_its_messages_as_they_are_agreed_on() {
    for fixture in messages("server") {
        let Some(message) = said(&fixture["message"]) else {
            continue;
        };
        let written = serde_json::to_string(&message).unwrap();
        assert!(written.starts_with("{\"type\":"), "{written}");
        let written: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(written, fixture["message"], "{}", fixture["name"]);
    }
}

#[test]
fn every_message_of_the_document_is_agreed_on_and_no_other() {
    let examples = PROTOCOL.split("\"type\":\"").skip(1);
    let mut told: BTreeSet<String> = examples
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    let (_, table) = PROTOCOL.split_once("| message | says |\n|---|---|\n").unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    told.extend(rows.map(|row| row.split('`').nth(1).unwrap().to_owned()));
    let agreed: BTreeSet<String> = types("client").into_iter().chain(types("server")).collect();
    assert_eq!(agreed, told);
}

#[test]
fn every_request_that_the_server_knows_is_agreed_on() {
    let refusal = Request::read(r#"{"type":"?"}"#).unwrap_err();
    let (_, known) = refusal.message.split_once("it knows ").unwrap();
    let known: BTreeSet<String> = known
        .replace(" and ", ", ")
        .split(", ")
        .map(str::to_owned)
        .collect();
    assert_eq!(types("client"), known);
}
