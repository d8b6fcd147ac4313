//! The conversations that every client is held to; see tests/wire.

use client::{Event, Fault, FixedToken, Follow, From, GapReason, Server, State, Tail};
use futures_util::SinkExt;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;

use crate::fake::{Fake, subscribed};

#[derive(Deserialize)]
struct Conversation {
    name: String,
    filter: bool,
    cursor: u64,
    /// As they stand there: the order of members means something.
    says: Vec<Box<RawValue>>,
    told: Vec<String>,
    cursor_after: Option<u64>,
}

/// What the reader is told until the connection ends, and where the client goes on.
async fn hold(conversation: &Conversation) -> (Vec<String>, Option<u64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (cursor, says) = (conversation.cursor, conversation.says.clone());
    let server = tokio::spawn(async move {
        let fake = Fake { listener };
        let mut peer = fake.serve_a(cursor).await;
        for message in says {
            peer.socket.send(Message::text(message.get())).await.unwrap();
        }
        drop(peer);
        let mut peer = fake.welcome("e1").await;
        let cursor = peer.hear().await["from"]["cursors"]["a"].as_u64();
        peer.send(subscribed("1", "e1", &[("a", 0)])).await;
        (peer, cursor)
    });
    let mut follow = Follow::new(["a"], From::Live);
    follow.filter = conversation.filter.then(|| "level>=warn".to_owned());
    let server_of = Server::new(&url, Arc::new(FixedToken("token".into()))).unwrap();
    let mut tail = Tail::follow(server_of, follow);
    let mut told: Vec<String> = Vec::new();
    loop {
        match tail.next().await.unwrap().unwrap() {
            Event::Lines(lines) if !lines.lines.is_empty() => {
                let offsets = lines.lines.iter().map(|line| format!(" {}", line.offset));
                told.push(format!("lines{}", offsets.collect::<String>()));
            }
            Event::Gap { from, to, reason, .. } => {
                told.push(format!("gap {from} {to} {}", on_the_wire(&reason)));
            }
            Event::Fault(Fault::Hole { expected, found, .. }) => {
                told.push(format!("fault missing {expected} {found}"));
            }
            Event::Fault(Fault::Repeat { found, .. }) => told.push(format!("fault repeated {found}")),
            Event::Fault(_) => told.push("fault nonsense".to_owned()),
            Event::State(State::Offline { .. }) => break,
            _ => {}
        }
    }
    let next = async { while tail.next().await.is_some() {} };
    let cursor = tokio::select! {
        ended = server => ended.unwrap().1,
        () = next => panic!("following ended"),
    };
    (told, cursor)
}

fn on_the_wire(reason: &GapReason) -> &str {
    match reason {
        GapReason::Retention => "retention",
        GapReason::Skipped => "skipped",
        GapReason::Damaged => "damaged",
        GapReason::Other(other) => other,
    }
}

#[tokio::test]
async fn the_client_keeps_count_in_every_conversation() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/wire/conversations.json");
    let conversations: Vec<Conversation> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    for conversation in conversations {
        let (told, cursor) = hold(&conversation).await;
        assert_eq!(told, conversation.told, "{}", conversation.name);
        if conversation.cursor_after.is_some() {
            assert_eq!(cursor, conversation.cursor_after, "{}", conversation.name);
        }
    }
}
