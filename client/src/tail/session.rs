//! One WebSocket: made, read from, written to, and told apart how it ended.
//!
//! Knows nothing of what is subscribed.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderValue, StatusCode};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{Error as WsError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message as Frame, Utf8Bytes};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::wire::{Closing, Message, Request, Welcome};
use super::{TailError, TailLimits};
use crate::problem::{self, Problem};
use crate::server::{Server, Token};

const SUBPROTOCOL: &str = "tailcast.v1";

/// Read at once from the socket, in bytes. The library's 128 KiB are taken for every connection, at once.
const READ_BUFFER: usize = 16 * 1024;

/// The close code of a session whose token ended.
const TOKEN_EXPIRED: u16 = 4003;

/// The part of the longest silence after which it is told: later than any ping that is on its way.
const OVERDUE: f64 = 0.83;

/// After this part of that time it is told again.
const TOLD_AGAIN: u32 = 6;

/// How long it may take to hand a question for a sign of life to the system.
const ASKING: Duration = Duration::from_millis(100);

/// Why there is no session, or no longer one.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Worth another attempt, not before the hint.
    Again { why: String, hint: Option<Duration> },
    /// The token is not good.
    Unauthorized(Problem),
    /// The token ended, and the session with it: worth another attempt with another token.
    TokenEnded { why: String, hint: Option<Duration> },
    /// Not worth one.
    Over(TailError),
}

impl Trouble {
    pub(crate) fn again(why: impl Into<String>) -> Self {
        Self::Again {
            why: why.into(),
            hint: None,
        }
    }
}

/// What was heard of the server.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A message.
    Text(Utf8Bytes),
    /// For so long nothing, not even a ping, and one was due.
    Nothing(Duration),
    /// Something, after nothing was.
    Again,
}

/// A connection that the server has welcomed.
pub(crate) struct Session {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// How long nothing may come, not even a ping.
    silence: Duration,
    /// After how long it is said that nothing comes, and how often from then on; never before the welcome.
    overdue: Option<Duration>,
    /// When something came last.
    heard: Instant,
    /// How often it was said since then that nothing comes.
    told: u32,
    /// A message that came after that, to be told behind it.
    kept: Option<Utf8Bytes>,
    /// How long a write may take.
    write: Duration,
    /// What the server announced before it closes.
    closing: Option<Closing>,
}

impl Session {
    /// Connects and waits for the welcome, all within `limits.answer`.
    pub(crate) async fn open(
        server: &Server,
        token: &Token,
        limits: &TailLimits,
    ) -> Result<(Self, Welcome), Trouble> {
        let opening = async {
            let socket = connect(server, token, limits).await?;
            let mut session = Self {
                socket,
                silence: limits.answer,
                overdue: None,
                heard: Instant::now(),
                told: 0,
                kept: None,
                write: limits.answer,
                closing: None,
            };
            let first = match session.read(limits.answer).await? {
                Heard::Text(text) => Message::parse(&text, false),
                Heard::Nothing(_) | Heard::Again => Err("nothing".to_owned()),
            };
            match first {
                Ok(Message::Welcome(welcome)) => {
                    // Half as much again as the server's own interval, and no less than a moment.
                    let heartbeat = Duration::from_millis(welcome.heartbeat_ms);
                    session.silence = heartbeat.mul_f64(1.5).max(Duration::from_millis(100));
                    // Its pings come up to a fifth later than it says.
                    session.overdue = Some(session.silence.mul_f64(OVERDUE));
                    Ok((session, welcome))
                }
                Ok(Message::Closing(closing)) => {
                    session.closing = Some(closing);
                    match session.read(limits.answer).await {
                        Ok(_) => Err(Trouble::again("the server sent more after its last message")),
                        Err(trouble) => Err(trouble),
                    }
                }
                Ok(_) | Err(_) => Err(not_tailcast(server, "its first message is no welcome")),
            }
        };
        match tokio::time::timeout(limits.answer, opening).await {
            Ok(result) => result,
            Err(_) => Err(Trouble::again(format!(
                "{} did not answer within {:?}",
                server.url(),
                limits.answer
            ))),
        }
    }

    /// The next message. It ends the session when nothing comes for `patience` or for as long as the heartbeat allows;
    /// before that, it says that nothing comes. Cancelled, it loses nothing.
    pub(crate) async fn read(&mut self, patience: Duration) -> Result<Heard, Trouble> {
        if let Some(text) = self.kept.take() {
            return Ok(Heard::Text(text));
        }
        let begun = Instant::now();
        loop {
            let given_up = match begun.checked_add(patience) {
                Some(answer) => answer.min(self.heard + self.silence),
                None => self.heard + self.silence,
            };
            let overdue = self
                .overdue
                .map(|overdue| self.heard + overdue + overdue * self.told / TOLD_AGAIN);
            let until = overdue.map_or(given_up, |overdue| overdue.min(given_up));
            let Ok(frame) = tokio::time::timeout_at(until, self.socket.next()).await else {
                if until < given_up {
                    self.told += 1;
                    self.ask().await;
                    return Ok(Heard::Nothing(self.heard.elapsed()));
                }
                return Err(Trouble::again(if patience < self.silence {
                    "the server did not answer in time".to_owned()
                } else {
                    format!("nothing was heard for {:?}", self.silence)
                }));
            };
            self.heard = Instant::now();
            let is_again = std::mem::take(&mut self.told) > 0;
            match frame {
                Some(Ok(Frame::Text(text))) if is_again => self.kept = Some(text),
                Some(Ok(Frame::Text(text))) => return Ok(Heard::Text(text)),
                // The library answers pings by itself, when it is read from again.
                Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_))) => {}
                Some(Ok(Frame::Binary(_))) => {
                    return Err(Trouble::again("the server sent a binary message"));
                }
                Some(Ok(Frame::Close(frame))) => return Err(self.closed(frame)),
                Some(Err(error)) => return Err(self.broken(&format!("the connection broke: {error}"))),
                None => return Err(self.broken("the connection ended")),
            }
            if is_again {
                return Ok(Heard::Again);
            }
        }
    }

    /// Asks for a sign of life. What becomes of it is seen by what comes.
    async fn ask(&mut self) {
        let ping = self.socket.send(Frame::Ping(Bytes::new()));
        let _ = tokio::time::timeout(ASKING, ping).await;
    }

    /// Sends a message.
    pub(crate) async fn send(&mut self, request: &Request) -> Result<(), Trouble> {
        let text = serde_json::to_string(request).map_err(|error| Trouble::again(error.to_string()))?;
        match tokio::time::timeout(self.write, self.socket.send(Frame::text(text))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.broken(&format!("the connection broke: {error}"))),
            Err(_) => Err(Trouble::again("the server reads nothing")),
        }
    }

    /// Remembers what the server says before it closes.
    pub(crate) fn closing(&mut self, closing: Closing) {
        self.closing = Some(closing);
    }

    fn closed(&self, frame: Option<CloseFrame>) -> Trouble {
        match (frame, &self.closing) {
            (Some(frame), closing) => {
                let announced = closing.as_ref().map(|closing| closing.reason.as_str());
                let reason = Some(frame.reason.as_str()).filter(|reason| !reason.is_empty());
                self.ended(frame.code.into(), reason.or(announced).unwrap_or_default())
            }
            (None, _) => self.broken("the connection was closed without a reason"),
        }
    }

    /// The connection ended without a close frame; the announcement counts for it.
    fn broken(&self, why: &str) -> Trouble {
        match &self.closing {
            Some(closing) => self.ended(closing.code, &closing.reason),
            None => Trouble::again(why),
        }
    }

    fn ended(&self, code: u16, reason: &str) -> Trouble {
        if !means_come_back(code) {
            return Trouble::Over(TailError::Closed {
                code,
                reason: reason.to_owned(),
            });
        }
        let hint = self.closing.as_ref().and_then(|closing| closing.retry_after_ms);
        let hint = hint.map(problem::hint);
        let why = format!("the server closed the connection: {reason} ({code})");
        match code {
            TOKEN_EXPIRED => Trouble::TokenEnded { why, hint },
            _ => Trouble::Again { why, hint },
        }
    }
}

/// What the protocol says of close codes.
fn means_come_back(code: u16) -> bool {
    matches!(code, 1001 | 1012 | 4000..=4499)
}

async fn connect(
    server: &Server,
    token: &Token,
    limits: &TailLimits,
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, Trouble> {
    let mut url = server.at("v1/ws");
    let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
    let port = url.port_or_known_default().unwrap_or(80);
    // Both schemes are special ones, between which a change is always possible.
    let _ = url.set_scheme(scheme);
    let host = url
        .host_str()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .to_owned();
    let mut request = url
        .as_str()
        .into_client_request()
        .map_err(|error| not_tailcast(server, &error.to_string()))?;
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, token.header());
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));

    let unreachable = |why: String| Trouble::again(format!("{} cannot be reached: {why}", server.url()));
    let socket = TcpStream::connect((host.as_str(), port)).await;
    let socket = socket.map_err(|error| unreachable(error.to_string()))?;
    // Without it a small message may wait for the acknowledgement of the one before.
    let _ = socket.set_nodelay(true);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(limits.message_bytes))
        .max_frame_size(Some(limits.message_bytes));
    let connector = server.authorities().map(|known| Connector::Rustls(known.tls()));
    match client_async_tls_with_config(request, socket, Some(config), connector).await {
        Ok((socket, _)) => Ok(socket),
        Err(WsError::Http(response)) => {
            let (parts, body) = response.into_parts();
            let problem = Problem::read(parts.status, &parts.headers, &body.unwrap_or_default());
            Err(refused(parts.status, problem))
        }
        Err(WsError::Protocol(
            error @ (ProtocolError::HandshakeIncomplete | ProtocolError::ResetWithoutClosingHandshake),
        )) => Err(unreachable(error.to_string())),
        Err(WsError::Protocol(error)) => Err(not_tailcast(server, &error.to_string())),
        Err(error) if let Some(why) = server.speaks_no_tls(&error) => Err(not_tailcast(server, &why)),
        Err(error) => Err(unreachable(error.to_string())),
    }
}

fn refused(status: StatusCode, problem: Problem) -> Trouble {
    match status {
        StatusCode::UNAUTHORIZED => Trouble::Unauthorized(problem),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => again(problem),
        status if status.is_server_error() => again(problem),
        _ => Trouble::Over(TailError::Refused(problem)),
    }
}

fn again(problem: Problem) -> Trouble {
    Trouble::Again {
        why: problem.to_string(),
        hint: problem.retry_after,
    }
}

fn not_tailcast(server: &Server, why: &str) -> Trouble {
    Trouble::Over(TailError::NotTailcast {
        url: server.url().to_owned(),
        why: why.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_codes_mean_what_the_protocol_says() {
        let back = [1001, 1012, 4000, 4001, 4002, 4003, 4499];
        let not = [
            1000, 1002, 1003, 1005, 1007, 1009, 1011, 4500, 4501, 4502, 4503, 3000,
        ];
        assert!(back.into_iter().all(means_come_back));
        assert!(!not.into_iter().any(means_come_back));
    }
}
