//! What a tail told, in words, and the script that the server beside it followed.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use client::{
    Event, FixedToken, Follow, From, Server, State, StreamName, Tail, TailError, TailLimits, Tokens,
};
use futures_util::StreamExt;
use tokio::net::TcpListener;

use crate::fake::Fake;

/// Runs the script beside the tail, and gives what the tail told, each event as a few words, until `count` are there or
/// it ended.
pub(crate) async fn told<S: Future<Output = ()> + Send + 'static>(
    follow: Follow,
    count: usize,
    script: impl FnOnce(Fake) -> S,
) -> Vec<String> {
    told_with(follow, Arc::new(FixedToken("token".into())), count, script).await
}

pub(crate) async fn told_with<S: Future<Output = ()> + Send + 'static>(
    mut follow: Follow,
    tokens: Arc<dyn Tokens>,
    count: usize,
    script: impl FnOnce(Fake) -> S,
) -> Vec<String> {
    follow.limits = TailLimits {
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(20),
        ..follow.limits
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let script = tokio::spawn(script(Fake { listener }));
    let tail = Tail::follow(Server::new(&url, tokens).unwrap(), follow);
    let mut events = Box::pin(tail.filter_map(async |event| words(event)).take(count));
    let mut told = Vec::new();
    let all = async {
        while let Some(event) = events.next().await {
            told.push(event);
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(10), all).await;
    if script.is_finished() {
        script.await.unwrap();
    } else {
        script.abort();
    }
    assert!(waited.is_ok(), "no more came than {told:?}");
    told
}

fn words(event: Result<Event, TailError>) -> Option<String> {
    Some(match event {
        Ok(Event::State(State::Connecting)) => return None,
        Ok(Event::State(State::Replaying)) => "replaying".into(),
        Ok(Event::State(State::Live)) => "live".into(),
        Ok(Event::State(State::Overdue { .. })) => "overdue".into(),
        Ok(Event::State(State::Offline { .. })) => "offline".into(),
        Ok(Event::Lines(lines)) => {
            let messages = lines
                .lines
                .iter()
                .map(|line| format!(" {}={}", line.offset, line.line().unwrap().message));
            format!(
                "{} {}..{}{}",
                lines.stream,
                lines.first,
                lines.next,
                messages.collect::<String>()
            )
        }
        Ok(Event::Gap {
            stream,
            from,
            to,
            reason,
        }) => format!("gap {stream} {from}..{to} {reason}"),
        Ok(Event::Subscribed { streams, .. }) => {
            format!("subscribed {}", joined(streams.keys()))
        }
        Ok(Event::EpochChanged { old, new }) => format!("epoch {old} {new}"),
        Ok(Event::Dropped { streams, reason }) => format!("dropped {} {reason}", joined(&streams)),
        Ok(Event::Warning { code, .. }) => format!("warning {code}"),
        Ok(Event::Fault(fault)) => format!("fault {fault}"),
        Err(error) => format!("error {error}"),
    })
}

fn joined<'a>(names: impl IntoIterator<Item = &'a StreamName>) -> String {
    let names: Vec<&str> = names.into_iter().map(StreamName::as_str).collect();
    names.join(" ")
}

pub(crate) fn a_from(from: From) -> Follow {
    Follow::new(["a"], from)
}

/// Keeps the connection until the test is over.
pub(crate) async fn stay() {
    std::future::pending().await
}
