//! Lines from the store: `GET /v1/lines`, one answer after the other.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use backoff::Backoff;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderMap, StatusCode};
use lines::filter::Reading;
use lines::{Offset, StreamName};
use reqwest::Response;
use serde::Deserialize;

use crate::list::AskError;
use crate::problem::Problem;
use crate::server::{Server, read_body, sentence};
use crate::tail::Received;
use crate::tail::split_offset;

/// How long nothing may come of an answer.
const SILENCE: Duration = Duration::from_secs(30);
/// How many lines one question asks for.
const PAGE: u64 = 10_000;
/// How often in a row a question is repeated that the server could not answer.
const ATTEMPTS: u32 = 8;
/// The first and the longest wait before that.
const WAITS: backoff::Limits = backoff::Limits {
    first: Duration::from_millis(200),
    most: Duration::from_secs(10),
};

/// Which lines of a stream.
#[derive(Debug, Clone)]
pub struct Question {
    /// Whose, or `@me`.
    pub stream: String,
    /// From this offset on.
    pub from: Option<Offset>,
    /// Before this one.
    pub to: Option<Offset>,
    /// With this time or a later one, RFC 3339 or Unix time.
    pub since: Option<String>,
    /// With an earlier time than this.
    pub until: Option<String>,
    /// Of all these the last so many.
    pub last: Option<u64>,
    /// Only lines that match.
    pub filter: Option<String>,
}

impl Question {
    /// Everything that is kept of a stream.
    pub fn all(stream: impl Into<String>) -> Self {
        Self {
            stream: stream.into(),
            from: None,
            to: None,
            since: None,
            until: None,
            last: None,
            filter: None,
        }
    }

    /// The stream by its name; nothing for `@me`.
    pub fn name(&self) -> Option<StreamName> {
        StreamName::parse(&self.stream).ok()
    }
}

/// What is in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Past {
    /// A line.
    Line(Received),
    /// Lines that the store has, damaged.
    Damaged(Range<Offset>),
}

/// What was there when it was asked for, in offset order, each line once. Pages follow each other; one that breaks off is
/// gone on with where it did.
pub struct History {
    server: Server,
    question: Question,
    /// Where the end was when the first question was asked: what comes later is not waited for.
    end: Option<Offset>,
    /// Where the next question begins.
    next: Option<Offset>,
    page: Option<Page>,
    /// Found from the end backwards; only of a question for the last lines.
    newest: VecDeque<Past>,
    is_over: bool,
    /// Answers in a row that broke off before a line came.
    broken: u32,
    looked_through: u64,
    reading: Option<Reading>,
}

/// An answer that is being read.
struct Page {
    response: Response,
    buffer: Vec<u8>,
    /// How much of the buffer was taken.
    taken: usize,
    head: Head,
}

/// What an answer says of itself.
#[derive(Debug, Clone, Copy)]
struct Head {
    from: Offset,
    next: Offset,
}

impl Server {
    /// Asks for lines that are stored.
    pub fn history(&self, question: Question) -> History {
        History {
            server: self.clone(),
            next: question.from,
            question,
            end: None,
            page: None,
            newest: VecDeque::new(),
            is_over: false,
            broken: 0,
            looked_through: 0,
            reading: None,
        }
    }
}

impl History {
    /// The next line; nothing at the end.
    pub async fn next(&mut self) -> Result<Option<Past>, AskError> {
        if self.end.is_none() {
            self.begin().await?;
        }
        loop {
            if let Some(past) = self.newest.pop_front() {
                return Ok(Some(past));
            }
            if self.is_over {
                return Ok(None);
            }
            if self.page.is_none() {
                self.turn().await?;
            }
            let Some(page) = &mut self.page else {
                continue;
            };
            match page.past(&self.server).await {
                Ok(Some(past)) => {
                    self.broken = 0;
                    self.next = Some(past.end());
                    return Ok(Some(past));
                }
                Ok(None) => {
                    let next = page.head.next;
                    self.leave(next);
                }
                // The next question begins where it broke off.
                Err(AskError::Unreachable { .. }) if self.broken < ATTEMPTS => {
                    self.broken += 1;
                    let next = self.next.unwrap_or_default();
                    self.leave(next);
                    tokio::time::sleep(backoff::pause(WAITS, self.broken)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Is done with an answer, up to there.
    fn leave(&mut self, next: Offset) {
        if let Some(page) = self.page.take() {
            self.looked_through += next.since(page.head.from);
            self.next = Some(next);
        }
    }

    /// How many lines were looked through so far.
    pub fn looked_through(&self) -> u64 {
        self.looked_through
    }

    /// Where the stream ended when this began; nothing before.
    pub fn end(&self) -> Option<Offset> {
        self.end
    }

    /// How the filter was read, where there is one.
    pub fn reading(&self) -> Option<&Reading> {
        self.reading.as_ref()
    }

    /// Settles where all of it ends, and finds the last lines where they are asked for.
    async fn begin(&mut self) -> Result<(), AskError> {
        let mut parameters = vec![("limit", "0".to_owned()), ("last", "0".to_owned())];
        // Beyond the head it is refused.
        parameters.extend(self.question.from.map(|from| ("from", from.to_string())));
        let head = self.ask(&parameters, false).await?.head;
        let end = self.question.to.map_or(head.next, |to| to.min(head.next));
        self.end = Some(end);
        if let Some(last) = self.question.last {
            self.collect(last, end).await?;
            self.is_over = true;
        }
        Ok(())
    }

    /// Goes back from the end until so many lines are found.
    async fn collect(&mut self, last: u64, end: Offset) -> Result<(), AskError> {
        let mut to = end;
        let mut wanted = last;
        while wanted > 0 {
            let mut parameters = vec![("to", to.to_string()), ("last", wanted.min(PAGE).to_string())];
            parameters.extend(self.question.from.map(|from| ("from", from.to_string())));
            let mut page = self.ask(&parameters, true).await?;
            let mut found = VecDeque::new();
            while let Some(past) = page.past(&self.server).await? {
                found.push_back(past);
            }
            self.looked_through += page.head.next.since(page.head.from);
            let lines = found.iter().filter(|past| matches!(past, Past::Line(_))).count() as u64;
            wanted = wanted.saturating_sub(lines);
            found.append(&mut self.newest);
            self.newest = found;
            if page.head.from >= to {
                break;
            }
            to = page.head.from;
        }
        Ok(())
    }

    /// Asks for what follows, or finds that nothing does.
    async fn turn(&mut self) -> Result<(), AskError> {
        let (next, end) = (self.next, self.end.unwrap_or_default());
        if next.is_some_and(|next| next >= end) {
            self.is_over = true;
            return Ok(());
        }
        let mut parameters = vec![("to", end.to_string()), ("limit", PAGE.to_string())];
        parameters.extend(next.map(|next| ("from", next.to_string())));
        let page = self.ask(&parameters, true).await?;
        // Looking ended before it began, and would again.
        self.is_over = next == Some(page.head.next) || page.head.next == page.head.from;
        self.next = Some(page.head.from);
        self.page = (!self.is_over).then_some(page);
        Ok(())
    }

    /// One question, repeated while the server says that it cannot answer now. `filtered` with all that is asked of lines.
    async fn ask(&mut self, parameters: &[(&str, String)], filtered: bool) -> Result<Page, AskError> {
        let mut url = self.server.at("v1/lines");
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("stream", &self.question.stream);
            for (name, value) in parameters {
                query.append_pair(name, value);
            }
            let asked = [
                ("since", &self.question.since),
                ("until", &self.question.until),
                ("filter", &self.question.filter),
            ];
            for (name, value) in asked.into_iter().filter(|_| filtered) {
                if let Some(value) = value {
                    query.append_pair(name, value);
                }
            }
        }
        let mut backoff = Backoff::new(WAITS);
        let mut attempts = 0;
        let response = loop {
            let token = self.server.token(SILENCE).await?;
            let request = self.server.http().get(url.clone());
            let request = request
                .header(AUTHORIZATION, token.header())
                .header(ACCEPT, "application/x-ndjson");
            let answer = tokio::time::timeout(SILENCE, request.send()).await;
            let answer =
                answer.map_err(|_| self.server.unreachable(format!("no answer within {SILENCE:?}")))?;
            let response = answer.map_err(|error| self.server.not_reached(error))?;
            let status = response.status();
            if status == StatusCode::OK {
                break response;
            }
            let headers = response.headers().clone();
            let body = read_body(response)
                .await
                .map_err(|why| self.server.unreachable(why))?;
            let problem = Problem::read(status, &headers, &body);
            attempts += 1;
            let is_passing = matches!(
                status,
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
            );
            if !is_passing || attempts >= ATTEMPTS {
                return Err(AskError::Refused(problem));
            }
            tokio::time::sleep(backoff.pause_after(problem.retry_after)).await;
        };
        let headers = response.headers();
        let place = |name: &str| number(headers, name).map(Offset);
        let (Some(from), Some(next)) = (place("tailcast-from"), place("tailcast-next")) else {
            return Err(self
                .server
                .not_tailcast("its answer does not say what it is of".to_owned()));
        };
        if let Some(words) = decoded(headers, "tailcast-filter-reading") {
            let literal = decoded(headers, "tailcast-filter-literal");
            self.reading = Some(Reading { words, literal });
        }
        Ok(Page {
            response,
            buffer: Vec::new(),
            taken: 0,
            head: Head { from, next },
        })
    }
}

impl Past {
    /// Where the next one begins.
    fn end(&self) -> Offset {
        match self {
            Self::Line(line) => line.offset.plus(1),
            Self::Damaged(hole) => hole.end,
        }
    }
}

impl Page {
    async fn past(&mut self, server: &Server) -> Result<Option<Past>, AskError> {
        loop {
            let rest = &self.buffer[self.taken..];
            if let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
                let line = std::str::from_utf8(&rest[..end]).ok().and_then(past);
                self.taken += end + 1;
                return match line {
                    Some(past) => Ok(Some(past)),
                    None => Err(server.not_tailcast("a line of its answer is none".to_owned())),
                };
            }
            self.buffer.drain(..self.taken);
            self.taken = 0;
            let chunk = tokio::time::timeout(SILENCE, self.response.chunk()).await;
            let chunk = chunk.map_err(|_| server.unreachable(format!("nothing came for {SILENCE:?}")))?;
            match chunk.map_err(|error| server.unreachable(sentence(&error.without_url())))? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }
}

fn past(line: &str) -> Option<Past> {
    #[derive(Deserialize)]
    struct Gap {
        offset: Offset,
        #[allow(dead_code, reason = "it tells a gap from a line")]
        gap: String,
        next: Offset,
    }
    // A line of the store begins with its time.
    if line.starts_with("{\"offset\":") && line.contains(",\"gap\":\"") && !line.contains("\"ts\":") {
        let Gap { offset, next, .. } = serde_json::from_str(line).ok()?;
        return Some(Past::Damaged(offset..next));
    }
    split_offset(line).map(Past::Line)
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// A header's text, percent signs decoded.
fn decoded(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).ok()
}
