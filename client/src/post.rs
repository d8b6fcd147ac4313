//! One request of lines, repeated unchanged under one key until it is answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backoff::Backoff;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use reqwest::Url;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use crate::outcome::{Report, SendError, SendLimits, Tally};
use crate::problem::Problem;
use crate::server::{Server, Token, TokenError, read_body, sentence};

/// Fast but not strong: the network is rarely the narrow place, and the CPU is the sender's own program's.
const ZSTD_LEVEL: i32 = 1;

/// What the server did with a request.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Answer {
    #[serde(default)]
    pub(crate) accepted: u64,
    /// How many of those were too long, and are cut.
    #[serde(default)]
    pub(crate) cut: u64,
    /// How many told a time that is not understood.
    #[serde(default)]
    pub(crate) undated: u64,
    #[serde(default)]
    pub(crate) rejected: Vec<RejectedLine>,
    /// Where the lines are: stretches of offsets in each stream.
    #[serde(default)]
    pub(crate) streams: BTreeMap<String, Vec<Stretch>>,
    /// How many more lines were rejected than `rejected` names, by their code.
    #[serde(default)]
    pub(crate) rejected_more: BTreeMap<String, u64>,
}

/// Lines one after another in a stream.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Stretch {
    first: u64,
    next: u64,
}

impl Answer {
    /// How many lines are in each stream.
    pub(crate) fn stored(&self) -> impl Iterator<Item = (&str, u64)> {
        self.streams.iter().map(|(stream, stretches)| {
            let lines = stretches.iter().map(|at| at.next.saturating_sub(at.first));
            (stream.as_str(), lines.sum())
        })
    }
}

/// A line that was rejected, numbered within the request from 1.
#[derive(Debug, Deserialize)]
pub(crate) struct RejectedLine {
    pub(crate) line: u64,
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) error: String,
}

/// Posts the requests of one sender.
pub(crate) struct Poster {
    server: Server,
    url: Url,
    limits: SendLimits,
    tally: Arc<Tally>,
    /// When everything has to be over, once somebody wants that.
    hurried: watch::Receiver<Option<Instant>>,
    report: Box<dyn Fn(Report) + Send + Sync>,
    /// The one that was good last; asked for again when the server refuses it.
    token: Option<Token>,
    /// Whether a token was ever good: only then it is worth waiting for another one.
    was_let_in: bool,
}

/// How an attempt ended.
enum Attempt {
    Answered(Answer),
    /// Not at all, or with "later".
    Again {
        why: String,
        hint: Option<Duration>,
        outcome: Outcome,
    },
    Unauthorized(Problem),
    Failed(SendError),
}

impl Attempt {
    /// Whether the server, if there is one, certainly stored nothing this time.
    fn stored_nothing(&self) -> bool {
        match self {
            Self::Again { outcome, .. } => *outcome != Outcome::Unknown,
            Self::Unauthorized(_) | Self::Failed(SendError::Refused(_)) => true,
            Self::Answered(_) | Self::Failed(_) => false,
        }
    }
}

/// What an attempt that has to be repeated did.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Nothing: there is no server, or no token for it.
    Away,
    /// Nothing: the server is too busy.
    Refused,
    /// Perhaps everything.
    Unknown,
}

impl Poster {
    pub(crate) fn new(
        server: Server,
        stream: &str,
        limits: SendLimits,
        tally: Arc<Tally>,
        hurried: watch::Receiver<Option<Instant>>,
        report: Box<dyn Fn(Report) + Send + Sync>,
    ) -> Self {
        let mut url = server.at("v1/lines");
        url.query_pairs_mut().append_pair("stream", stream);
        Self {
            server,
            url,
            limits,
            tally,
            hurried,
            report,
            token: None,
            was_let_in: false,
        }
    }

    pub(crate) fn report(&self, report: Report) {
        (self.report)(report);
    }

    /// Posts lines until there is an answer, or none to be expected. `marks` is what is said of some of them.
    pub(crate) async fn post(&mut self, lines: Bytes, marks: String) -> Result<Answer, SendError> {
        let request = Request::new(lines, marks, &self.limits);
        let mut backoff = Backoff::new(backoff::Limits {
            first: self.limits.first_wait,
            most: self.limits.longest_wait,
        });
        let began = Instant::now();
        let mut repeated_why: Option<String> = None;
        let mut refused: Option<Token> = None;
        loop {
            let attempt = match in_time(self.hurried.clone(), self.attempt(&request)).await {
                Some(attempt) => attempt,
                None => return Err(gave_up(began, repeated_why.unwrap_or_else(no_answer))),
            };
            let (why, hint, outcome) = match attempt {
                Attempt::Answered(answer) => {
                    if repeated_why.is_some() {
                        self.report(Report::Recovered);
                    }
                    self.was_let_in = true;
                    return Ok(answer);
                }
                Attempt::Failed(error) => return Err(error),
                Attempt::Again { why, hint, outcome } => (why, hint, outcome),
                Attempt::Unauthorized(problem) => {
                    // Once a request: a source that makes a new token each time would never end.
                    let old = self.token.take();
                    if refused.is_none() && self.new_token(old.as_ref()).await? {
                        refused = old;
                        continue;
                    }
                    if !(self.was_let_in && self.server.tokens_may_change()) {
                        return Err(SendError::Refused(problem));
                    }
                    self.token = None;
                    let why = format!("{problem}; waiting for another token");
                    (why, None, Outcome::Away)
                }
            };
            let after = backoff.pause_after(hint);
            if let Some(limit) = self.limits.give_up
                && began.elapsed() + after > limit
            {
                return Err(gave_up(began, why));
            }
            if !self.waits(after, outcome) {
                return Err(gave_up(began, why));
            }
            self.report(Report::Retrying {
                after,
                why: why.clone(),
            });
            let mut hurried = self.hurried.clone();
            let hurry = async { hurried.wait_for(Option::is_some).await.is_ok() };
            tokio::select! {
                () = tokio::time::sleep(after) => {}
                true = hurry, if !self.is_hurried() => {
                    if !self.waits(after, outcome) {
                        return Err(gave_up(began, why));
                    }
                    tokio::time::sleep(after).await;
                }
            }
            repeated_why = Some(why);
        }
    }

    fn is_hurried(&self) -> bool {
        self.hurried.borrow().is_some()
    }

    /// Whether there is time to try again after a while.
    fn waits(&self, after: Duration, outcome: Outcome) -> bool {
        self.hurried
            .borrow()
            .is_none_or(|end| outcome != Outcome::Away && Instant::now() + after < end)
    }

    /// Whether another token than `old` could be had.
    async fn new_token(&mut self, old: Option<&Token>) -> Result<bool, SendError> {
        match self.server.token(self.limits.answer).await {
            Ok(token) => {
                let new = old != Some(&token);
                self.token = Some(token);
                Ok(new)
            }
            Err(TokenError::Unavailable(_)) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    async fn attempt(&mut self, request: &Request) -> Attempt {
        let token = match &self.token {
            Some(token) => token.clone(),
            None => match self.server.token(self.limits.answer).await {
                Ok(token) => self.token.insert(token).clone(),
                Err(error @ TokenError::Unavailable(_)) => {
                    return Attempt::Again {
                        why: error.to_string(),
                        hint: None,
                        outcome: Outcome::Away,
                    };
                }
                Err(error) => return Attempt::Failed(error.into()),
            },
        };
        // Whoever is stopped meanwhile does not know what became of it.
        let before = self.tally.perhaps_stored(true);
        let attempt = self.exchange(request, &token).await;
        if attempt.stored_nothing() {
            self.tally.perhaps_stored(before);
        }
        attempt
    }

    async fn exchange(&self, request: &Request, token: &Token) -> Attempt {
        let again = |why, outcome| Attempt::Again {
            why,
            hint: None,
            outcome,
        };
        let sent = request.send(&self.server, &self.url, token, self.limits.answer);
        let response = match sent.await {
            Ok(response) => response,
            Err(error) => {
                let outcome = if error.is_connect() {
                    Outcome::Away
                } else {
                    Outcome::Unknown
                };
                let why = sentence(&error.without_url());
                return again(format!("{} cannot be reached: {why}", self.server.url()), outcome);
            }
        };
        let (status, headers) = (response.status(), response.headers().clone());
        match read_body(response).await {
            Ok(body) => self.judge(status, &headers, &body),
            Err(why) => again(format!("the answer broke off: {why}"), Outcome::Unknown),
        }
    }

    fn judge(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Attempt {
        let not_tailcast = |why: String| {
            Attempt::Failed(SendError::NotTailcast {
                url: self.server.url().to_owned(),
                why,
            })
        };
        if status == StatusCode::OK {
            return match serde_json::from_slice(body) {
                Ok(answer) => Attempt::Answered(answer),
                Err(error) => not_tailcast(error.to_string()),
            };
        }
        let problem = Problem::read(status, headers, body);
        let later = matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY
        );
        if later || status.is_server_error() {
            return Attempt::Again {
                why: problem.to_string(),
                hint: problem.retry_after,
                outcome: if status.is_server_error() {
                    Outcome::Unknown
                } else {
                    Outcome::Refused
                },
            };
        }
        if status == StatusCode::UNAUTHORIZED {
            return Attempt::Unauthorized(problem);
        }
        if !status.is_client_error() {
            return not_tailcast(format!("HTTP status {status}"));
        }
        // Nothing in the request was a line, or none was kept: the lines' fault, and others follow.
        let lines_alone = problem.is("empty") || problem.is("nothing_accepted");
        match serde_json::from_slice(body) {
            Ok(answer) if lines_alone => Attempt::Answered(answer),
            _ if status == StatusCode::CONFLICT => Attempt::Failed(SendError::KeyReused(problem)),
            _ => Attempt::Failed(SendError::Refused(problem)),
        }
    }
}

fn gave_up(began: Instant, why: String) -> SendError {
    SendError::GaveUp {
        after: began.elapsed(),
        why,
    }
}

fn no_answer() -> String {
    "no answer came".to_owned()
}

/// What comes of `work`, unless everything has to be over before.
async fn in_time<T>(
    mut hurried: watch::Receiver<Option<Instant>>,
    work: impl Future<Output = T>,
) -> Option<T> {
    let over = async {
        let end = match hurried.wait_for(Option::is_some).await {
            Ok(end) => *end,
            Err(_) => None,
        };
        match end {
            Some(end) => tokio::time::sleep_until(end).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        done = work => Some(done),
        () = over => None,
    }
}

/// A request as it goes over the wire, each time the same.
struct Request {
    key: String,
    body: Bytes,
    encoding: Option<&'static str>,
    /// The header that says something of lines; nothing where there is nothing to say.
    marks: String,
}

impl Request {
    fn new(lines: Bytes, marks: String, limits: &SendLimits) -> Self {
        let key = Uuid::new_v4().simple().to_string();
        if lines.len() >= limits.compress_from
            && let Ok(small) = zstd::bulk::compress(&lines, ZSTD_LEVEL)
            && small.len() < lines.len()
        {
            return Self {
                key,
                body: small.into(),
                encoding: Some("zstd"),
                marks,
            };
        }
        Self {
            key,
            body: lines,
            encoding: None,
            marks,
        }
    }

    async fn send(
        &self,
        server: &Server,
        url: &Url,
        token: &Token,
        deadline: Duration,
    ) -> Result<reqwest::Response, reqwest::Error> {
        // NDJSON for everything: a line that is no JSON object is kept as the message, as it came.
        let mut request = server
            .http()
            .post(url.clone())
            .timeout(deadline)
            .header(AUTHORIZATION, token.header())
            .header(CONTENT_TYPE, "application/x-ndjson")
            .header("idempotency-key", &self.key);
        if let Some(encoding) = self.encoding {
            request = request.header(CONTENT_ENCODING, encoding);
        }
        if !self.marks.is_empty() {
            request = request.header("tailcast-marks", &self.marks);
        }
        request.body(self.body.clone()).send().await
    }
}
