//! The listening end of links.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use auth::{ClusterSecret, Gate, PassError};
use axum::Router;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, Query, State};
use axum::response::{IntoResponse, Response};
use edge::{Problem, Visitor};
use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use lines::{Hint, HintSink};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::codec::{self, MAX_MESSAGE_BYTES};
use super::{LinkLimits, PATH, READ_BUFFER_BYTES, To};
use crate::NodeId;

/// What the listening end needs.
pub struct Inbound {
    /// This node: passes are made for one.
    pub me: NodeId,
    /// The cluster's: who does not know it gets 401.
    pub secret: Arc<ClusterSecret>,
    /// This node's dispatcher, for the hints of collectors.
    pub dispatch: Option<Arc<dyn HintSink>>,
    /// This node's push role, for the hints of dispatchers.
    pub push: Option<Arc<dyn HintSink>>,
    /// Bounds.
    pub limits: LinkLimits,
    /// Ends the links.
    pub stop: CancellationToken,
    /// Has a task for each link that is open.
    pub tasks: TaskTracker,
}

/// The route of the internal listener at which links arrive.
pub fn router(inbound: Inbound) -> Router {
    let shared = Arc::new(Shared {
        gate: Gate::new(inbound.secret.clone(), inbound.me.as_str()),
        inbound,
        refused: AtomicBool::new(false),
    });
    Router::new()
        .route(PATH, axum::routing::get(accept))
        .with_state(shared)
}

struct Shared {
    inbound: Inbound,
    gate: Gate,
    /// Whether a refusal was logged: whoever has a wrong secret tries for ever.
    refused: AtomicBool,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    to: String,
}

async fn accept(
    State(shared): State<Arc<Shared>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    visitor: Option<Extension<Visitor>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let visitor = visitor.map(|Extension(visitor)| visitor);
    let from = match shared.verify(&headers) {
        Ok(from) => from,
        Err(refusal) => {
            visitor.map_or(Ok(()), |visitor| visitor.showed_a_bad_token())?;
            return Err(refusal);
        }
    };
    visitor.map_or(Ok(()), |visitor| visitor.showed_a_good_token())?;
    let (to, sink) = shared.sink(&asked.to)?;
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return Ok(rejection.into_response()),
    };
    // Held from here: a shutdown waits for the link although the request has ended.
    let token = shared.inbound.tasks.token();
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        // Only pongs are written.
        .write_buffer_size(0)
        .max_write_buffer_size(READ_BUFFER_BYTES);
    Ok(upgrade.on_upgrade(async move |socket| {
        tracing::info!(%from, to = to.as_str(), "link accepted");
        let ended = receive(socket, &*sink, &shared.inbound).await;
        // What was under way is lost, and the last batch of a stream has no successor that would show it.
        sink.hand_off(Hint::AnyLost);
        tracing::info!(%from, to = to.as_str(), why = ended, "link ended");
        drop(token);
    }))
}

impl Shared {
    fn verify(&self, headers: &HeaderMap) -> Result<String, Problem> {
        let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let pass = bearer.and_then(|value| value.strip_prefix("Bearer "));
        let admitted = pass
            .ok_or(PassError::Foreign)
            .and_then(|pass| self.gate.admit(pass));
        admitted.map_err(|error| {
            metrics::counter!("tailcast_links_refused_total").increment(1);
            if !self.refused.swap(true, Ordering::Relaxed) {
                tracing::warn!(%error, "a link was refused for its pass: does every node have the same cluster secret and version?");
            }
            Problem::new(
                StatusCode::UNAUTHORIZED,
                "bad_link",
                "links need a new pass for this node, made with this cluster's secret",
            )
            .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
        })
    }

    fn sink(&self, to: &str) -> Result<(To, Arc<dyn HintSink>), Problem> {
        let role = To::parse(to).ok_or_else(|| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "bad_parameter",
                "`to` is `dispatch` or `push`",
            )
        })?;
        let sink = match role {
            To::Dispatch => self.inbound.dispatch.clone(),
            To::Push => self.inbound.push.clone(),
        };
        let missing = || {
            Problem::new(
                StatusCode::NOT_FOUND,
                "no_such_role",
                format!("this node has no role `{to}`"),
            )
        };
        sink.map(|sink| (role, sink)).ok_or_else(missing)
    }
}

/// Reads until the link ends, and says why it did.
async fn receive(mut socket: WebSocket, sink: &dyn HintSink, inbound: &Inbound) -> &'static str {
    loop {
        let message = tokio::select! {
            message = tokio::time::timeout(inbound.limits.silence, socket.recv()) => message,
            () = inbound.stop.cancelled() => {
                // Best effort: the other side may be gone.
                let close = socket.send(Message::Close(None));
                let _ = tokio::time::timeout(inbound.limits.write, close).await;
                return "this node stops";
            }
        };
        match message {
            Ok(Some(Ok(Message::Binary(frame)))) => match codec::decode(&frame, &inbound.secret) {
                Ok(hint) => sink.hand_off(hint),
                Err(error) => {
                    metrics::counter!("tailcast_links_broken_off_total").increment(1);
                    tracing::warn!(%error, "a link is closed for what came over it");
                    return "it could not be understood";
                }
            },
            // Pings are answered by the library.
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
            Ok(Some(Ok(Message::Text(_)))) => return "it could not be understood",
            Ok(None | Some(Ok(Message::Close(_)))) => return "the other node closed it",
            Ok(Some(Err(_))) => return "it broke",
            Err(_) => return "nothing was heard",
        }
    }
}
