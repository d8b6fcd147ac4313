//! A request becomes lines: the HTTP edge of role collect.
//!
//! A request is authenticated, then bounded while it is read, then parsed once, by the file that knows its format;
//! the lines are gathered by stream, and [`append`](crate::append) stores them. Knows nothing of how they are stored,
//! and nothing of who watches.

mod decode;
pub(crate) mod http;

use std::sync::Arc;
use std::time::Duration;

use ::http::header::{ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE};
use ::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use auth::{Need, Subscriber, Verifier};
use axum::Router;
use axum::extract::{Query, Request, State};
use axum::response::Response;
use axum::routing::post;
use edge::Problem;
use lines::{StoreError, StreamName};

use self::http::answer::{self, Answer, Streams};
use self::http::body;
use crate::append::{Appender, NotLetIn, Pending, Run, TooManyStreams};
use crate::door::intake::{self, Intake, Taken};
use crate::door::key::Key;
use crate::door::memory::{Held, Memory};
use crate::door::refused::{Refusal, RejectCode};
use decode::{json, ndjson, text};

/// What the edge needs.
pub struct Parts {
    /// Checks the senders' tokens.
    pub verifier: Arc<Verifier>,
    /// Where lines go.
    pub appender: Appender,
    /// How much is taken.
    pub limits: Limits,
}

/// How much is taken of one request, and of all at once.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a body as it comes.
    pub received: usize,
    /// Bytes of a body once inflated.
    pub inflated: usize,
    /// Lines of a body, blank ones counted.
    pub lines: u32,
    /// Bytes of a line, inflated, without its end.
    pub line: usize,
    /// Bytes that the lines of a body may become. Only a body made to grow gets there, of control characters for
    /// example.
    pub encoded: usize,
    /// Bytes of memory for all bodies that are being read or parsed, and for all answers until they are sent; beyond
    /// that requests are refused as busy, and bodies that come slowly go.
    pub memory: usize,
    /// The same for the requests of one subscriber, beside the first of them. More is lent as long as this much stays free
    /// for others, and called back when they need it.
    pub memory_share: usize,
    /// How fast a body has to come, in bytes a second.
    pub rate: usize,
    /// How long a body may be slower than that at its beginning. Later it may twice as long, when it was as much faster
    /// before: an uplink that stalls is no attack.
    pub silence: Duration,
    /// From a body's first byte to its last.
    pub body: Duration,
    /// For the store's answer. Later than that the outcome is called unknown.
    pub answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            received: 10 * 1024 * 1024,
            inflated: 64 * 1024 * 1024,
            lines: 100_000,
            line: 256 * 1024,
            encoded: 128 * 1024 * 1024,
            memory: 256 * 1024 * 1024,
            memory_share: 64 * 1024 * 1024,
            rate: 1024,
            silence: Duration::from_secs(10),
            body: Duration::from_secs(120),
            answer: Duration::from_secs(30),
        }
    }
}

/// A body that inflates to more than this is parsed on a thread where it holds up nobody else.
const PARSED_IN_PLACE: usize = 64 * 1024;

/// `POST /v1/lines` and `POST /log`. Other methods of `/v1/lines` are left to other roles.
pub fn router(parts: Parts) -> Router {
    let memory = Memory::new(parts.limits.memory, parts.limits.memory_share);
    let edge = Arc::new(Edge { parts, memory });
    let routes = Router::new()
        .route("/v1/lines", post(lines))
        .route("/log", post(log).fallback(only_post))
        .with_state(Arc::clone(&edge));
    auth::guarded(routes, Arc::clone(&edge.parts.verifier), Need::Write)
}

struct Edge {
    parts: Parts,
    memory: Memory,
}

/// How a body is to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Ndjson,
    Json,
    Text,
}

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    None,
    Gzip,
    Zstd,
}

async fn lines(State(edge): State<Arc<Edge>>, subscriber: Subscriber, request: Request) -> Response {
    edge.answer(request, subscriber, Address::Lines).await
}

async fn log(State(edge): State<Arc<Edge>>, subscriber: Subscriber, request: Request) -> Response {
    edge.answer(request, subscriber, Address::Log).await
}

async fn only_post() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "lines are sent here with POST",
    )
    .header(ALLOW, HeaderValue::from_static("POST"))
}

/// Where a request was sent: that decides its stream and its format.
#[derive(Debug, Clone, Copy)]
enum Address {
    Lines,
    Log,
}

impl Address {
    /// The stream that the request names.
    fn stream(self, uri: &Uri) -> Result<Option<String>, Refusal> {
        let Query(parameters) =
            Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| Refusal::BadParameter)?;
        let wanted = match self {
            Self::Lines => "stream",
            Self::Log => "service",
        };
        let given = parameters
            .into_iter()
            .find(|(name, value)| name == wanted && !value.is_empty())
            .map(|(_, value)| value);
        Ok(match self {
            Self::Lines => given,
            Self::Log => Some(format!("log/{}", given.as_deref().unwrap_or("default"))),
        })
    }

    fn format(self, headers: &HeaderMap) -> Result<Format, Refusal> {
        let Self::Lines = self else {
            return Ok(Format::Text);
        };
        let named = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        let essence = named.split(|&byte| byte == b';').next().unwrap_or_default();
        match essence.trim_ascii().to_ascii_lowercase().as_slice() {
            b"" | b"application/x-ndjson" => Ok(Format::Ndjson),
            b"application/json" => Ok(Format::Json),
            b"text/plain" => Ok(Format::Text),
            _ => Err(Refusal::UnsupportedType),
        }
    }
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut named = headers
            .get_all(CONTENT_ENCODING)
            .iter()
            .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
            .map(|name| name.trim_ascii().to_ascii_lowercase())
            .filter(|name| !name.is_empty());
        match (named.next().as_deref(), named.next()) {
            (None, _) => Ok(Self::None),
            (Some(b"gzip"), None) => Ok(Self::Gzip),
            (Some(b"zstd"), None) => Ok(Self::Zstd),
            _ => Err(Refusal::UnsupportedEncoding),
        }
    }
}

impl Edge {
    async fn answer(&self, request: Request, subscriber: Subscriber, address: Address) -> Response {
        let response = match self.read(request, subscriber, address).await {
            Err(problem) => answer::respond(Err(problem), None).await,
            Ok((taken, mut memory, sender)) => {
                let outcome = self.store(taken, &sender, &mut memory).await;
                answer::respond(outcome.map_err(Problem::from), Some(memory)).await
            }
        };
        let status = response.status().as_str().to_owned();
        metrics::counter!("tailcast_ingest_requests_total", "status" => status).increment(1);
        response
    }

    /// Nothing is read of a body that cannot be taken.
    async fn read(
        &self,
        request: Request,
        subscriber: Subscriber,
        address: Address,
    ) -> Result<(Taken, Held, Subscriber), Problem> {
        let limits = &self.parts.limits;
        let (head, mut body) = request.into_parts();
        let stream = address.stream(&head.uri)?;
        if let Some((RejectCode::Forbidden, detail)) = stream
            .as_deref()
            .and_then(|name| intake::writable(name, &subscriber).err())
        {
            return Err(Refusal::Forbidden(detail).into());
        }
        let key = Key::of(&head.headers, &subscriber)?;
        let format = address.format(&head.headers)?;
        let encoding = Encoding::of(&head.headers)?;
        let mut memory = self.memory.hold(subscriber.sub());
        let bytes = body::read(&mut body, encoding, format, limits, &mut memory)
            .await
            .map_err(unread)?;
        let intake = Intake::new(subscriber.clone(), stream.as_deref(), *limits, memory);
        let (taken, memory) = parsed(bytes, format, intake, key).await?;
        if taken.accepted > 0 {
            return Ok((taken, memory, subscriber));
        }
        Err(match taken.rejected.is_empty() {
            true => Refusal::Empty,
            false => Refusal::NothingAccepted(taken.rejected),
        }
        .into())
    }

    /// What is to be known is asked before anything is stored.
    async fn store(&self, taken: Taken, sender: &Subscriber, memory: &mut Held) -> Result<Answer, Refusal> {
        let Parts { appender, limits, .. } = &self.parts;
        let answer_bytes = taken.answer_bytes();
        let half = taken.can_be_half_stored();
        let Taken {
            mut runs,
            rejected,
            accepted,
        } = taken;
        let names: Vec<StreamName> = runs.iter().map(|run| run.stream.clone()).collect();
        if half {
            let prior = appender.look_back(&runs).await.map_err(not_asked)?;
            answer::refuse_reused(&names, prior)?;
        }
        appender
            .charge(sender.sub(), &mut runs)
            .await
            .map_err(|refused| match refused {
                TooManyStreams::AtOnce { most } => {
                    Refusal::TooLarge(format!("the lines make more than {most} new streams"))
                }
                TooManyStreams::ForNow { again } => Refusal::TooManyStreams(again),
                TooManyStreams::Store(error) => not_asked(error),
            })?;
        let pending = submit(appender, sender, runs).await?;
        // From here on the appender counts the lines.
        memory.shrink(answer_bytes);
        Ok(Answer {
            accepted,
            rejected: rejected.told,
            rejected_more: rejected.more,
            streams: answer::answered(names, pending, limits.answer).await?,
        })
    }
}

/// Runs of more streams are let in from a thread where that holds up nobody else.
const LET_IN_IN_PLACE: usize = 1000;

async fn submit(appender: &Appender, sender: &Subscriber, runs: Vec<Run>) -> Result<Pending, Refusal> {
    let let_in = match runs.len() > LET_IN_IN_PLACE {
        false => appender.submit(sender.sub(), runs),
        true => {
            let (appender, sender) = (appender.clone(), sender.clone());
            tokio::task::spawn_blocking(move || appender.submit(sender.sub(), runs))
                .await
                .map_err(|_| Refusal::Unknown(Streams::default()))?
        }
    };
    let_in.map_err(|refused| match refused {
        NotLetIn::Busy => Refusal::Busy,
        NotLetIn::Closed => Refusal::Closed,
    })
}

/// The store said nothing before it was given anything.
fn not_asked(error: StoreError) -> Refusal {
    tracing::warn!(%error, "a request could not be compared with what is stored");
    Refusal::NotStored(Streams::default())
}

/// The rest of the body is not read: the connection is of no use after that.
fn unread(refusal: Refusal) -> Problem {
    Problem::from(refusal).header(CONNECTION, HeaderValue::from_static("close"))
}

async fn parsed(
    body: Vec<u8>,
    format: Format,
    mut intake: Intake,
    key: Option<Key>,
) -> Result<(Taken, Held), Refusal> {
    let heavy = body.len() > PARSED_IN_PLACE;
    let parse = move || {
        match format {
            Format::Ndjson => ndjson::parse(&body, &mut intake)?,
            Format::Json => json::parse(&body, &mut intake)?,
            Format::Text => text::parse(&body, &mut intake)?,
        }
        let keyed = key.map(|key| key.with(&body, format));
        Ok(intake.finish(keyed.as_ref()))
    };
    match heavy {
        false => parse(),
        true => tokio::task::spawn_blocking(parse).await.unwrap_or_else(|error| {
            tracing::error!(%error, "a body could not be parsed");
            Err(Refusal::Fault)
        }),
    }
}
