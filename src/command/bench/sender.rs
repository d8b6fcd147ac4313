//! One connection that sends: composes each request, repeats it until it is answered, and keeps the account of what the
//! answers say.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use tokio::time::{sleep, timeout};

use super::body::Body;
use super::exchange::{Answered, Exchange};
use super::load::{Phase, Turn};
use super::place::{self, DEADLINE, Place};
use super::run::Run;
use super::schedule::Pace;

/// Between attempts, when the server does not say how long.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(200);

/// What requests are like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Requests {
    /// How many are under way at most.
    pub(super) connections: usize,
    /// Lines in each.
    pub(super) lines: usize,
    /// Streams in each.
    pub(super) spread: usize,
    /// What makes a repeat safe.
    pub(super) keys: Keys,
}

/// Whether requests have an `Idempotency-Key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// One each.
    Each,
    /// They have none: what may be stored is not repeated.
    None,
}

/// One connection, and who uses it.
pub(super) struct Sender {
    /// Its place among the senders.
    number: u64,
    /// Requests so far.
    turns: u64,
    run: Arc<Run>,
    requests: Requests,
    place: Place,
    token: String,
    body: Arc<Body>,
    connection: Option<Exchange>,
    /// A request as it is sent.
    request: Vec<u8>,
}

/// What an attempt came to.
enum Answer {
    Stored(Stored),
    /// Repeat it, perhaps not before a while.
    Again {
        why: String,
        after: Duration,
        outcome: Outcome,
    },
    Refused(String),
}

/// What is known of a request that was not answered with 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    NotStored,
    Unknown,
}

/// A request, as often as it is sent.
struct Composed {
    path: String,
    body: Bytes,
    key: Option<String>,
}

#[derive(Deserialize)]
struct Stored {
    accepted: u64,
    #[serde(default)]
    streams: std::collections::BTreeMap<String, Vec<Stretch>>,
}

#[derive(Deserialize)]
struct Stretch {
    first: u64,
    next: u64,
}

impl Sender {
    /// As many as there are connections, spread over the places.
    pub(super) fn all(run: &Arc<Run>, places: &[Place], token: &str, requests: Requests) -> Vec<Self> {
        let body = Arc::new(Body::new(requests.lines, run.line_bytes));
        let numbers = 0..requests.connections as u64;
        let sender = |(number, place): (u64, &Place)| Self {
            number,
            turns: 0,
            run: Arc::clone(run),
            requests,
            place: place.clone(),
            token: token.to_owned(),
            body: Arc::clone(&body),
            connection: None,
            request: Vec::new(),
        };
        numbers.zip(places.iter().cycle()).map(sender).collect()
    }

    /// Takes turns until there are none.
    pub(super) async fn work(mut self, phase: Arc<Phase>) -> Self {
        while let Some(turn) = phase.take().await {
            self.see_through(&phase, &turn).await;
            self.turns += 1;
        }
        self
    }

    /// The number of the first stream that a request goes to. By the clock requests take streams by turns; else each
    /// connection has its own, as far as there are enough.
    fn first_stream(&self, phase: &Phase, turn: &Turn) -> usize {
        let nth = match phase.schedule.pace {
            Pace::Rate(_) => turn.number,
            Pace::Answers => self.number + self.turns * self.requests.connections as u64,
        };
        (nth % self.run.streams.len() as u64) as usize * self.requests.spread % self.run.streams.len()
    }

    /// Where a request goes, and what it says.
    fn compose(&self, phase: &Phase, turn: &Turn) -> Composed {
        let first = self.first_stream(phase, turn);
        let time = self.run.clock.text(turn.due);
        let names = self.run.streams.iter().map(|stream| stream.name.as_str());
        let (path, body) = match self.requests.spread {
            1 => {
                let stream = &self.run.streams[first].name;
                (format!("/v1/lines?stream={stream}"), self.body.at(&time))
            }
            spread => {
                let names = names.cycle().skip(first).take(spread);
                ("/v1/lines".to_owned(), self.body.over(&time, names))
            }
        };
        let key = format!("{}-{}-{}", self.run.id, phase.number, turn.number);
        Composed {
            path,
            body,
            key: (self.requests.keys == Keys::Each).then_some(key),
        }
    }

    /// Sends one request until it is answered or time is up.
    async fn see_through(&mut self, phase: &Phase, turn: &Turn) {
        let request = self.compose(phase, turn);
        loop {
            let attempt = timeout(DEADLINE, self.attempt(&request));
            let answer = attempt
                .await
                .unwrap_or_else(|_| unknown(format!("no answer within {DEADLINE:?}")));
            match answer {
                Answer::Stored(stored) => {
                    phase.answered(turn);
                    self.acknowledged(&stored);
                    return;
                }
                Answer::Refused(why) => {
                    phase.fail(why);
                    return;
                }
                Answer::Again { why, after, outcome } => {
                    let might_be_twice = request.key.is_none() && outcome == Outcome::Unknown;
                    if !phase.repeats(why, after, might_be_twice) {
                        return;
                    }
                    sleep(after).await;
                }
            }
        }
    }

    fn acknowledged(&self, stored: &Stored) {
        for (name, stretches) in &stored.streams {
            let Some(stream) = self.run.stream(name) else {
                continue;
            };
            for stretch in stretches {
                self.run.acknowledge(stream, stretch.first, stretch.next);
            }
        }
    }

    async fn attempt(&mut self, request: &Composed) -> Answer {
        let Answered {
            status,
            retry_after,
            body,
        } = match self.post(request).await {
            Ok(answered) => answered,
            Err(error) => return unknown(format!("{error:#}")),
        };
        let lines = self.body.lines as u64;
        match status {
            StatusCode::OK => match serde_json::from_slice::<Stored>(&body) {
                Ok(stored) if stored.lines() == lines && stored.accepted == lines => Answer::Stored(stored),
                Ok(stored) => Answer::Refused(format!(
                    "{} of {lines} lines were accepted, and {} have offsets",
                    stored.accepted,
                    stored.lines()
                )),
                Err(_) => Answer::Refused(format!("{} is no Tailcast listener", self.place.url)),
            },
            _ if place::is_for_now(status) => Answer::Again {
                why: place::refusal(status, &body),
                after: retry_after.unwrap_or(BETWEEN_ATTEMPTS),
                outcome: Outcome::of(&body),
            },
            _ => Answer::Refused(place::refusal(status, &body)),
        }
    }

    async fn post(&mut self, request: &Composed) -> anyhow::Result<Answered> {
        self.request.clear();
        self.place
            .begin(&mut self.request, "POST", &request.path, &self.token);
        self.request
            .extend_from_slice(b"content-type: application/x-ndjson\r\n");
        if let Some(key) = &request.key {
            self.request.extend_from_slice(b"idempotency-key: ");
            self.request.extend_from_slice(key.as_bytes());
            self.request.extend_from_slice(b"\r\n");
        }
        let length = format!("content-length: {}\r\n\r\n", request.body.len());
        self.request.extend_from_slice(length.as_bytes());
        self.request.extend_from_slice(&request.body);
        // Whatever ends this early leaves none behind.
        let mut connection = match self.connection.take() {
            Some(connection) if connection.is_open() => connection,
            _ => Exchange::new(self.place.connect().await?),
        };
        let answered = connection.ask(&self.request).await?;
        self.connection = Some(connection);
        Ok(answered)
    }
}

impl Outcome {
    /// By the code of a refusal. What does not come from a Tailcast server says nothing.
    fn of(refusal: &[u8]) -> Self {
        match place::code(refusal).as_deref() {
            None | Some("unknown_outcome") => Self::Unknown,
            Some(_) => Self::NotStored,
        }
    }
}

impl Stored {
    /// Lines whose offsets it tells.
    fn lines(&self) -> u64 {
        let stretches = self.streams.values().flatten();
        stretches
            .map(|stretch| stretch.next.saturating_sub(stretch.first))
            .sum()
    }
}

fn unknown(why: String) -> Answer {
    Answer::Again {
        why,
        after: BETWEEN_ATTEMPTS,
        outcome: Outcome::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::super::follow::{By, Plan};
    use super::super::schedule::Schedule;
    use super::*;

    /// The streams that the senders' first requests go to, as their paths or lines name them.
    async fn composed(pace: Pace, streams: usize, requests: Requests, count: usize) -> Vec<String> {
        let run = Run::new("r".into(), Plan::new("r", streams, 1, By::Name), 0, 200);
        let place = Place::find("http://127.0.0.1:1").await.unwrap();
        let mut senders = Sender::all(&Arc::new(run), &[place], "t", requests);
        let schedule = Schedule::new(pace, requests.lines as u64, Duration::from_secs(1));
        let phase = Phase::new(1, schedule, requests.lines as u64);
        let mut all = Vec::new();
        for number in 0..count {
            let nth = number % senders.len();
            let turn = Turn {
                number: number as u64,
                due: tokio::time::Instant::now(),
            };
            let request = senders[nth].compose(&phase, &turn);
            senders[nth].turns += 1;
            all.push(match request.path.split_once("?stream=bench/r/") {
                Some((_, stream)) => stream.to_owned(),
                None => {
                    let body = std::str::from_utf8(&request.body).unwrap();
                    let stream = |line| {
                        Some(
                            serde_json::from_str::<serde_json::Value>(line).ok()?["stream"]
                                .as_str()?
                                .to_owned(),
                        )
                    };
                    let streams: Vec<_> = body
                        .lines()
                        .map(|line| stream(line).unwrap().replace("bench/r/", ""))
                        .collect();
                    streams.join(" ")
                }
            });
        }
        all
    }

    #[tokio::test]
    async fn requests_take_the_streams_by_turns() {
        let requests = |connections, lines, spread| Requests {
            connections,
            lines,
            spread,
            keys: Keys::None,
        };
        let table = [
            (
                Pace::Rate(1),
                3,
                requests(2, 1, 1),
                vec!["0", "1", "2", "0", "1", "2"],
            ),
            (
                Pace::Rate(1),
                4,
                requests(2, 3, 2),
                vec!["0 1 0", "2 3 2", "0 1 0", "2 3 2"],
            ),
            (
                Pace::Rate(1),
                5,
                requests(1, 2, 2),
                vec!["0 1", "2 3", "4 0", "1 2", "3 4", "0 1"],
            ),
            // Without a clock each connection has streams of its own, when there are enough.
            (Pace::Answers, 2, requests(2, 1, 1), vec!["0", "1", "0", "1"]),
            (
                Pace::Answers,
                4,
                requests(2, 1, 1),
                vec!["0", "1", "2", "3", "0", "1"],
            ),
            (Pace::Answers, 1, requests(2, 1, 1), vec!["0", "0", "0"]),
        ];
        for (pace, streams, requests, want) in table {
            assert_eq!(
                composed(pace, streams, requests, want.len()).await,
                want,
                "{pace:?}, {streams}"
            );
        }
    }

    #[test]
    fn only_what_a_server_says_is_not_stored_may_be_sent_again_without_a_key() {
        let problem = |code: &str| format!(r#"{{"status":503,"code":"{code}","detail":"x"}}"#);
        assert_eq!(Outcome::of(problem("unavailable").as_bytes()), Outcome::NotStored);
        assert_eq!(
            Outcome::of(problem("unknown_outcome").as_bytes()),
            Outcome::Unknown
        );
        assert_eq!(Outcome::of(b"<html>"), Outcome::Unknown);
    }
}
