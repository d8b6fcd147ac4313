//! A request that brings lines: its head, its body under bounds, its answer.
//!
//! Knows nothing of which protocols there are.

pub(super) mod answer;
mod body;
mod marks;
mod refusal;

use std::sync::Arc;

use ::http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use auth::Subscriber;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{MethodRouter, post};
use lines::Charset;

use super::decode::Format;
use super::protocol::Protocol;
use crate::door::{Door, Identity, Intake, Key, Refused, Settled, Told};

pub(super) use refusal::Refusal;

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    None,
    Gzip,
    Zstd,
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

/// A request's content type; nothing where it has none.
pub(super) fn content_type(headers: &HeaderMap) -> &[u8] {
    headers.get(CONTENT_TYPE).map_or(b"", |name| name.as_bytes())
}

/// The character set that a request's content type declares, when it does.
fn charset(headers: &HeaderMap) -> Result<Option<Charset>, Refusal> {
    let parameters = content_type(headers).split(|&byte| byte == b';').skip(1);
    for parameter in parameters {
        let parameter = String::from_utf8_lossy(parameter);
        let (name, value) = parameter.split_once('=').unwrap_or((&parameter, ""));
        let value = value.trim().trim_matches('"');
        if name.trim().eq_ignore_ascii_case("charset") && !value.is_empty() {
            let unsupported = || Refusal::UnsupportedCharset(value.to_owned());
            return Charset::named(value).ok_or_else(unsupported).map(Some);
        }
    }
    Ok(None)
}

/// The key of a request's header `Idempotency-Key`, when it has one.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<Identity>, Refusal> {
    let mut all = headers.get_all("idempotency-key").iter();
    let Some(value) = all.next() else { return Ok(None) };
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| Refusal::BadKey)?;
    match (Identity::key(text), all.next()) {
        (Some(identity), None) => Ok(Some(identity)),
        _ => Err(Refusal::BadKey),
    }
}

/// Why a request did not come so far that its lines could be stored.
enum NotTaken {
    /// Of the body nothing was read, or all.
    Otherwise(Refusal),
    /// The rest of the body is not read.
    ForItsBody(Refusal),
}

impl<R: Into<Refusal>> From<R> for NotTaken {
    fn from(refusal: R) -> Self {
        Self::Otherwise(refusal.into())
    }
}

struct Way<P> {
    door: Door,
    protocol: P,
}

/// What takes the requests of a protocol that is posted.
pub(super) fn take<P: Protocol>(door: &Door, protocol: P) -> MethodRouter {
    let door = door.clone();
    post(posted::<P>).with_state(Arc::new(Way { door, protocol }))
}

async fn posted<P: Protocol>(
    State(way): State<Arc<Way<P>>>,
    subscriber: Subscriber,
    request: Request,
) -> Response {
    let mut body_is_unread = false;
    let (outcome, memory) = match way.taken(subscriber, request).await {
        Ok(Settled { outcome, memory }) => (outcome.map_err(Refusal::from), memory),
        Err(NotTaken::Otherwise(refusal)) => (Err(refusal), None),
        Err(NotTaken::ForItsBody(refusal)) => {
            body_is_unread = true;
            (Err(refusal), None)
        }
    };
    let mut response = answer::respond(outcome, memory, move |outcome| match outcome {
        Ok(outcome) => way.protocol.answer(&outcome),
        Err(refusal) => way.protocol.refuse(refusal),
    })
    .await;
    if body_is_unread {
        // The connection is of no use after that.
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let status = response.status().as_str().to_owned();
    metrics::counter!("tailcast_ingest_requests_total", "status" => status).increment(1);
    response
}

impl<P: Protocol> Way<P> {
    /// Nothing is read of a body that cannot be taken.
    async fn taken(&self, subscriber: Subscriber, request: Request) -> Result<Settled, NotTaken> {
        let (head, mut body) = request.into_parts();
        let mut intake = self.door.enter(&subscriber, self.protocol.naming(&head)?)?;
        let identity = self.protocol.identity(&head)?;
        let format = self.protocol.format(&head)?;
        let charset = charset(&head.headers)?;
        let told = marks::told(&head.headers)?;
        let encoding = Encoding::of(&head.headers)?;
        let limits = self.door.limits();
        let counting = format.counting(charset);
        let bytes = body::read(&mut body, encoding, counting, limits, intake.memory())
            .await
            .map_err(NotTaken::ForItsBody)?;
        let tag = format.tag(charset);
        let (bytes, told, key) = self.keyed(bytes, tag, told, &subscriber, identity).await?;
        intake.told(told);
        let first = async {
            match decoded(bytes, format, charset, intake).await {
                Ok(intake) => self.door.submit(intake, key.as_ref()).await,
                Err(refused) => refused.into(),
            }
        };
        Ok(self.door.once(key.as_ref(), first).await.settled().await)
    }

    /// A body and what is said of its lines, with what they are known by.
    async fn keyed(
        &self,
        body: Vec<u8>,
        tag: u8,
        told: Told,
        subscriber: &Subscriber,
        identity: Option<Identity>,
    ) -> Result<(Vec<u8>, Told, Option<Key>), Refused> {
        let Some(identity) = identity else {
            return Ok((body, told, None));
        };
        let (door, subscriber) = (self.door.clone(), subscriber.clone());
        aside(body.len(), move || {
            let key = door.key(&subscriber, &identity, tag, &body, &told);
            Ok((body, told, Some(key)))
        })
        .await
    }
}

/// A body that inflates to more than this is parsed on a thread where it holds up nobody else.
const PARSED_IN_PLACE: usize = 64 * 1024;

async fn decoded(
    body: Vec<u8>,
    format: &'static Format,
    charset: Option<Charset>,
    mut intake: Intake,
) -> Result<Intake, Refused> {
    aside(body.len(), move || {
        format.take(&body, charset, &mut intake).map(|()| intake)
    })
    .await
}

/// Does something with so many bytes where it holds up nobody.
async fn aside<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> Result<T, Refused> + Send + 'static,
) -> Result<T, Refused> {
    if bytes <= PARSED_IN_PLACE {
        return work();
    }
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a body could not be parsed");
        Err(Refused::Fault)
    })
}
