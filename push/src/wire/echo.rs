//! A WebSocket that says everything back, for tests/autobahn: on the handshake, the reader and the frames that sessions
//! have, and with their settings.
//!
//! Knows nothing of sessions, and no program serves it.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use edge::Problem;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::limits::Limits;
use crate::wire::frame;
use crate::wire::handshake::{accept_key, switching};
use crate::wire::socket::{Event, Listen, Socket};

const BINARY: u8 = 0x82;

/// Answers at `/`. Of `limits` those of a connection count: `message_bytes`, `message_fragments`, `queue_bytes` and
/// `close_within`.
pub fn router(limits: Limits) -> Router {
    Router::new().route("/", get(open)).with_state(limits)
}

async fn open(State(limits): State<Limits>, request: Request) -> Result<Response, Problem> {
    let accept = accept_key(&request)?;
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(async move {
        if let Ok(io) = edge::upgraded(upgrade).await {
            echo(io, &limits).await;
        }
    });
    Ok(switching(&accept, None))
}

/// Says everything back that comes, until the other side leaves or breaks the protocol.
pub async fn echo<S: AsyncRead + AsyncWrite + Unpin>(io: S, limits: &Limits) {
    let mut socket = Socket::new(
        io,
        limits.message_bytes,
        limits.message_fragments,
        limits.queue_bytes,
    );
    loop {
        match std::future::poll_fn(|cx| socket.poll_event(cx, Listen::Yes)).await {
            Event::Text(text) => socket.send(frame::text(text.as_bytes())),
            Event::Binary(bytes) => socket.send(frame::frame(BINARY, &bytes)),
            Event::Room | Event::Heard => {}
            Event::Left => break,
            Event::Broken(close) => {
                socket.send(frame::close(close.code, close.reason));
                break;
            }
            Event::Gone => return,
        }
    }
    // A peer that takes nothing any more is left without a goodbye.
    let _ = tokio::time::timeout(limits.close_within, socket.finish()).await;
}
