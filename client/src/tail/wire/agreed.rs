//! The messages that server and clients agree on; see tests/wire.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{Begin, Closing, Dropped, ErrorMessage, Gap, Live, Message, Request, Subscribed, Welcome};
use crate::tail::{Received, Run};

const MESSAGES: &str = include_str!("../../../../tests/wire/messages.json");

/// What the server says and this client has no use for.
const PASSED_OVER: [&str; 2] = ["behind", "done"];
/// What it asks for. The others are for readers who steer.
const ASKED_FOR: [&str; 2] = ["subscribe", "refresh"];

#[derive(Deserialize)]
struct Agreed {
    client: Vec<Fixture>,
    server: Vec<Fixture>,
}

#[derive(Deserialize)]
struct Fixture {
    name: String,
    /// That of the subscription.
    filter: Option<String>,
    /// As it is on the wire: the order of a line's members matters.
    message: Box<RawValue>,
}

impl Fixture {
    fn value(&self) -> Value {
        serde_json::from_str(self.message.get()).unwrap()
    }
}

fn agreed() -> Agreed {
    serde_json::from_str(MESSAGES).unwrap()
}

/// What is kept of a message, as it was on the wire; nothing of one that is passed over.
fn kept(message: Message) -> Option<Value> {
    Some(match message {
        Message::Welcome(Welcome {
            epoch,
            heartbeat_ms,
            limits,
        }) => {
            json!({"type": "welcome", "epoch": epoch, "heartbeat_ms": heartbeat_ms,
                "limits": {"message_bytes": limits.message_bytes}})
        }
        Message::Subscribed(Subscribed {
            id,
            epoch,
            streams,
            filter,
        }) => {
            let streams: Map<_, _> = streams
                .into_iter()
                .map(|(name, start)| {
                    let place = json!({"first_available": start.first_available, "next": start.next, "cursor": start.cursor});
                    (name.to_string(), place)
                })
                .collect();
            let mut kept = json!({"type": "subscribed", "id": id, "epoch": epoch, "streams": streams});
            if let Some(filter) = filter {
                kept["filter"] = json!(filter);
            }
            kept
        }
        Message::Lines(Run {
            stream,
            first,
            next,
            lines,
        }) => {
            let lines: Vec<Value> = lines.into_iter().map(written).collect();
            json!({"type": "lines", "stream": stream, "first": first, "next": next, "lines": lines})
        }
        Message::Live(Live { stream, next }) => json!({"type": "live", "stream": stream, "next": next}),
        Message::Gap(Gap {
            stream,
            from,
            to,
            reason,
        }) => json!({"type": "gap", "stream": stream, "from": from, "to": to, "reason": reason}),
        Message::Dropped(Dropped { streams, reason }) => {
            json!({"type": "dropped", "streams": streams, "reason": reason})
        }
        Message::Expiring => json!({"type": "expiring"}),
        Message::Error(ErrorMessage {
            code,
            message,
            id,
            stream,
            retry_after_ms,
            epoch,
        }) => {
            let all = json!({"type": "error", "code": code, "message": message, "id": id, "stream": stream,
                "retry_after_ms": retry_after_ms, "epoch": epoch});
            present(all)
        }
        Message::Closing(Closing {
            code,
            reason,
            retry_after_ms,
        }) => present(
            json!({"type": "closing", "code": code, "reason": reason, "retry_after_ms": retry_after_ms}),
        ),
        Message::Other => return None,
    })
}

/// A line as the client hands it on: the stored bytes, and beside them its offset and its mark.
fn written(line: Received) -> Value {
    let mut written: Value = serde_json::from_str(&line.json).unwrap();
    written["offset"] = line.offset.0.into();
    if line.undecided {
        written["undecided"] = true.into();
    }
    written
}

fn present(mut message: Value) -> Value {
    message
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    message
}

/// Without a filter lines have their offsets by their place.
fn with_offsets(mut message: Value) -> Value {
    let first = message["first"].as_u64();
    if let (Some(first), Some(lines)) = (first, message.get_mut("lines").and_then(Value::as_array_mut)) {
        for (offset, line) in (first..).zip(lines) {
            line.as_object_mut()
                .unwrap()
                .entry("offset")
                .or_insert(offset.into());
        }
    }
    message
}

/// Whether all that was kept stands in the message, as it is there.
fn stands_in(kept: &Value, message: &Value) -> bool {
    match (kept, message) {
        (Value::Object(kept), Value::Object(message)) => kept
            .iter()
            .all(|(name, value)| message.get(name).is_some_and(|there| stands_in(value, there))),
        _ => kept == message,
    }
}

#[test]
fn what_the_server_says_is_understood() {
    for fixture in agreed().server {
        let (name, value) = (&fixture.name, fixture.value());
        let message = Message::parse(fixture.message.get(), fixture.filter.is_some());
        let message = message.unwrap_or_else(|error| panic!("{name}: {error}"));
        let kind = value["type"].as_str().unwrap();
        let Some(kept) = kept(message) else {
            assert!(
                PASSED_OVER.contains(&kind),
                "{name}: nobody has understood {value}"
            );
            continue;
        };
        let message = with_offsets(value.clone());
        assert_eq!(kept["type"], kind, "{name}");
        assert!(
            stands_in(&kept, &message),
            "{name}: {kept} is not what {message} says"
        );
    }
}

/// How this client asks for it; nothing where it never does.
fn asked(message: &Value) -> Option<Request> {
    let text = |member: &str| message[member].as_str().map(str::to_owned);
    match message["type"].as_str().unwrap() {
        "refresh" if message.get("id").is_none() => Some(Request::Refresh {
            token: text("token").unwrap(),
        }),
        "subscribe" if message.get("mode").is_none() => Some(Request::Subscribe {
            id: text("id").unwrap(),
            streams: serde_json::from_value(message["streams"].clone()).unwrap(),
            from: begin(&message["from"])?,
            filter: text("filter"),
        }),
        _ => None,
    }
}

fn begin(from: &Value) -> Option<Begin> {
    Some(match from {
        Value::String(word) if word == "live" => Begin::Live,
        Value::Object(from) if from.contains_key("last") => Begin::Last(from["last"].as_u64()?),
        Value::Object(from) if from.contains_key("since") => Begin::Since(from["since"].as_str()?.to_owned()),
        Value::Object(from) => Begin::Cursors {
            cursors: serde_json::from_value(from["cursors"].clone()).ok()?,
            epoch: serde_json::from_value(from["epoch"].clone()).ok()?,
        },
        _ => return None,
    })
}

#[test]
fn what_the_client_asks_for_is_written_as_agreed_on() {
    let mut seen = Vec::new();
    for fixture in agreed().client {
        let message = fixture.value();
        let Some(request) = asked(&message) else {
            continue;
        };
        let written = serde_json::to_value(&request).unwrap();
        assert_eq!(written, message, "{}", fixture.name);
        seen.push(written["type"].as_str().unwrap().to_owned());
    }
    assert!(
        ASKED_FOR.iter().all(|kind| seen.iter().any(|seen| seen == kind)),
        "{seen:?}"
    );
}
