//! Saved views: `/v1/views`. What a reader looks at, under a name, kept on the server; and shown to whoever has its link, when
//! its owner shares it.
//!
//! A view says what to ask for and gives no right to it: whoever opens one asks as themselves. It is kept for the page that
//! reads it, and this module understands no more of it than its bounds.
//!
//! Knows the ledger, and neither lines nor streams.

mod book;
mod links;
mod view;

use std::sync::Arc;
use std::time::Duration;

use auth::{Need, Subscriber, Verifier};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use edge::body::{Unread, whole};
use edge::{CutOff, Outlet, Pace, Problem, Share, Shares};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use lines::Ledger;
use lines::ledger::Revision;

use self::book::{Book, Kept, Refusal, Version};
use self::view::{View, ViewId};
use crate::outcome::counted;

/// How much readers may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewLimits {
    /// Views of a subscriber: 200.
    pub of_subscriber: u64,
    /// Ids of a subscriber's deleted views that are nobody else's, where they were shared: 500.
    pub links_left: usize,
    /// Of one view, as it is sent, in bytes: 16 KiB. The ledger takes no more than 64 KiB.
    pub bytes: usize,
    /// Changes that a subscriber may make at once: 60 …
    pub burst: u32,
    /// … and in a minute: 60.
    pub per_minute: u32,
    /// Lists on their way, in bytes; a quarter of it for one subscriber: 64 MiB.
    pub listing_bytes: usize,
    /// How long a reader may take nothing of a list before it is cut off: 30 s.
    pub stall: Duration,
    /// From a request's head to the last byte of the view: 5 s.
    pub body_within: Duration,
}

impl Default for ViewLimits {
    fn default() -> Self {
        Self {
            of_subscriber: 200,
            links_left: 500,
            bytes: 16 * 1024,
            burst: 60,
            per_minute: 60,
            listing_bytes: 64 * 1024 * 1024,
            stall: Duration::from_secs(30),
            body_within: Duration::from_secs(5),
        }
    }
}

/// `/v1/views` and `/v1/views/{id}`, and no other path.
pub fn router(verifier: Arc<Verifier>, ledger: Arc<dyn Ledger>, limits: ViewLimits) -> Router {
    let routes = Router::new()
        .route("/v1/views", get(list))
        .route("/v1/views/{id}", get(read).put(write).delete(delete))
        .with_state(Arc::new(Room {
            book: Book::new(ledger, limits.of_subscriber, limits.links_left),
            pace: Pace::new(limits.burst, limits.per_minute),
            lists: Shares::new(limits.listing_bytes, limits.listing_bytes / PARTS),
            limits,
        }));
    auth::guarded(routes, verifier, Need::Token)
}

/// One subscriber may hold one of so many parts of the memory for lists.
const PARTS: usize = 4;
/// How long a list waits for its memory.
const TURN: Duration = Duration::from_secs(5);

/// What all requests share.
struct Room {
    book: Book,
    pace: Pace,
    lists: Arc<Shares>,
    limits: ViewLimits,
}

type Views = State<Arc<Room>>;

async fn list(State(room): Views, subscriber: Subscriber) -> Response {
    counted("views", room.list(&subscriber).await)
}

async fn read(State(room): Views, subscriber: Subscriber, Path(id): Path<String>) -> Response {
    counted("views", room.read(&subscriber, &id).await)
}

async fn write(
    State(room): Views,
    subscriber: Subscriber,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    counted("views", room.write(&subscriber, &id, request).await)
}

async fn delete(
    State(room): Views,
    subscriber: Subscriber,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    counted("views", room.delete(&subscriber, &id, &headers).await)
}

impl Room {
    async fn list(&self, subscriber: &Subscriber) -> Result<Response, Problem> {
        let most = usize::try_from(self.limits.of_subscriber).unwrap_or(usize::MAX);
        let most = most.saturating_mul(self.limits.bytes);
        let held = self.lists.take(
            subscriber.sub(),
            most.min(self.limits.listing_bytes / PARTS),
            TURN,
        );
        let held = held.await.ok_or_else(|| busy(Duration::from_secs(1)))?;
        let views = self.book.of(subscriber.personal()).await?;
        let (outlet, body) = Outlet::new(self.limits.stall);
        tokio::spawn(async move {
            if let Err(CutOff) = pour(held, &views, outlet).await {
                tracing::debug!("a list of views was not taken to its end");
            }
        });
        Ok(json(Response::new(body)))
    }

    async fn read(&self, subscriber: &Subscriber, id: &str) -> Result<Response, Problem> {
        let id = ViewId::parse(id).ok_or_else(not_found)?;
        let kept = self.book.find(subscriber.personal(), &id).await?;
        Ok(answer(StatusCode::OK, &kept.ok_or_else(not_found)?))
    }

    async fn write(&self, subscriber: &Subscriber, id: &str, request: Request) -> Result<Response, Problem> {
        let id = ViewId::parse(id).ok_or_else(|| {
            bad("the id of a view is 22 letters, digits, `-` and `_`: 128 random bits in base64url")
        })?;
        let before = precondition(request.headers())?;
        self.pace.take(subscriber.sub()).map_err(busy)?;
        // Only now, when there is nothing else against it.
        let body = whole(request.into_body(), self.limits.bytes, self.limits.body_within).await;
        let body = body.map_err(|unread| unread.refuse(self.unread(unread)))?;
        let view = View::read(&body).map_err(|sentence| bad(&sentence))?;
        let (kept, is_new) = self.book.put(subscriber.personal(), id, view, before).await?;
        let status = if is_new {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        Ok(answer(status, &kept))
    }

    async fn delete(
        &self,
        subscriber: &Subscriber,
        id: &str,
        headers: &HeaderMap,
    ) -> Result<Response, Problem> {
        let id = ViewId::parse(id).ok_or_else(not_found)?;
        let before = precondition(headers)?;
        self.pace.take(subscriber.sub()).map_err(busy)?;
        match self.book.delete(subscriber.personal(), &id, before).await {
            // What somebody shared who is gone, or should not have, only an administrator can take back.
            Err(Refusal::NotFound) if subscriber.grants().admin => {
                let owner = self.book.take_back(&id, before).await?;
                tracing::info!(%owner, admin = subscriber.sub(), "a shared view was taken back");
            }
            done => done?,
        }
        Ok(StatusCode::NO_CONTENT.into_response())
    }

    fn unread(&self, unread: Unread) -> Problem {
        match unread {
            Unread::TooLarge => Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "view_too_large",
                format!("a view has at most {} bytes", self.limits.bytes),
            ),
            Unread::TooSlow => Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "too_slow",
                "the view did not come in time: send it at once",
            ),
            Unread::BrokenOff => bad("the request broke off"),
        }
    }
}

/// Writes them, one at a time.
async fn pour(held: Share, views: &[Kept], outlet: Outlet) -> Result<(), CutOff> {
    let _held = held;
    let mut out = br#"{"views":["#.to_vec();
    for (at, kept) in views.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&kept.to_json());
        outlet.put(std::mem::take(&mut out).into()).await?;
    }
    out.extend_from_slice(b"]}\n");
    outlet.put(out.into()).await?;
    outlet.close().await
}

fn answer(status: StatusCode, kept: &Kept) -> Response {
    let mut response = json(Response::new(kept.to_json().into()));
    *response.status_mut() = status;
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", kept.version)) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

fn json(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What a change is to be made to.
fn precondition(headers: &HeaderMap) -> Result<Version, Problem> {
    let text = |name| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default().trim())
    };
    match (text(&IF_MATCH), text(&IF_NONE_MATCH)) {
        (None, None) => Ok(Version::Unsaid),
        (None, Some("*")) => Ok(Version::None),
        (Some(tag), None) => {
            let number = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            let number = number.and_then(|number| number.parse().ok());
            let version = number.ok_or_else(|| bad("`If-Match` is the `ETag` of the view, in its quotes"))?;
            Ok(Version::At(Revision(version)))
        }
        _ => Err(bad(
            "say `If-Match` with the view's `ETag`, or `If-None-Match: *` for a new one",
        )),
    }
}

fn bad(sentence: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad_view", sentence)
}

fn not_found() -> Problem {
    let sentence = "there is no such view, or its owner does not share it";
    Problem::new(StatusCode::NOT_FOUND, "view_not_found", sentence)
}

fn busy(after: Duration) -> Problem {
    let sentence = "so many views are not read and changed at once: repeat the request later";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "busy", sentence).retry_after(after)
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound => not_found(),
            Refusal::Exists => Problem::new(
                StatusCode::CONFLICT,
                "view_exists",
                "there is a view with this id: change it with `If-Match` and its `ETag`, or make another id",
            ),
            Refusal::Changed => Problem::new(
                StatusCode::PRECONDITION_FAILED,
                "view_changed",
                "the view was changed or deleted since you read it: read it again",
            ),
            Refusal::TooMany(most) => Problem::new(
                StatusCode::CONFLICT,
                "too_many_views",
                format!("there are {most} views already, which is as many as one may have: delete one first"),
            ),
            Refusal::Away(error) => {
                tracing::warn!(%error, "a view could not be read or kept");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "unavailable",
                    "the store does not answer: repeat the request later",
                )
                .retry_after(Duration::from_secs(2))
            }
            Refusal::Damaged(what) => {
                tracing::error!(what, "the store holds something that is no view");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "store_damaged",
                    "the store holds something that cannot be right: the log of this node says what",
                )
            }
        }
    }
}
