//! One session: connects, subscribes to one stream, and looks at the frames that come, for as long as it lasts.
//!
//! A task and about two KiB. Nothing is parsed but the numbers and two times of a frame, and the bytes are read into
//! the thread's stack.

use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use http::StatusCode;
use http::header::{CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE};
use http_body_util::Empty;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::continuity::Continuity;
use super::place::{self, DEADLINE, Place};
use super::run::{Run, Seat, Stream};
use super::wire::{self, Kind, Message, Reader};

/// How much is read at once: more than the server has in a frame.
const READ_BYTES: usize = 64 * 1024;

/// A server may let sessions in one after the other: one that is told to come later comes again for so long.
const OPEN_WITHIN: Duration = Duration::from_secs(60);

/// A session that is subscribed.
pub(super) struct Session {
    io: TcpStream,
    incoming: Incoming,
}

/// What comes in.
struct Incoming {
    run: Arc<Run>,
    /// The seat's number.
    seat: usize,
    reader: Reader,
    continuity: Continuity,
    subscribed: bool,
    /// Frames to be sent, all of them pongs.
    replies: Vec<u8>,
}

/// The messages beside lines that say something to us.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Notice {
    Subscribed {
        streams: std::collections::HashMap<String, Begins>,
    },
    Gap {
        to: u64,
    },
    Error {
        code: String,
        message: String,
    },
    Closing {
        code: u16,
        reason: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Begins {
    cursor: u64,
}

impl Session {
    /// Connects and subscribes.
    pub(super) async fn open(run: Arc<Run>, seat: usize, place: &Place, token: &str) -> anyhow::Result<Self> {
        let (io, early) = upgrade(place, token).await?;
        let incoming = Incoming {
            reader: Reader::new(run.line_bytes),
            run,
            seat,
            continuity: Continuity::default(),
            subscribed: false,
            replies: Vec::new(),
        };
        let mut session = Self { io, incoming };
        session.incoming.take(&early)?;
        let name = &session.incoming.stream().name;
        let subscribe = format!(r#"{{"type":"subscribe","id":"b","streams":["{name}"],"from":"live"}}"#);
        session.io.write_all(&masked(1, subscribe.as_bytes())).await?;
        let subscribed = timeout(DEADLINE, async {
            while !session.incoming.subscribed {
                session.read().await?;
            }
            Ok(())
        });
        match subscribed.await {
            Ok(ended) => ended.map(|()| session),
            Err(_) => Err(anyhow!("a subscription was not answered within {DEADLINE:?}")),
        }
    }

    /// Looks at what comes until the connection ends.
    pub(super) async fn follow(mut self) {
        let why = loop {
            if let Err(error) = self.read().await {
                break format!("{error:#}");
            }
        };
        let Incoming { run, seat, .. } = self.incoming;
        // It is the only one that says so.
        let _ = run.seats[seat].ended.set(why);
    }

    /// Reads what is there, once there is anything, and answers what wants an answer.
    async fn read(&mut self) -> anyhow::Result<()> {
        std::future::poll_fn(|cx| self.poll_read(cx)).await?;
        if !self.incoming.replies.is_empty() {
            let replies = std::mem::take(&mut self.incoming.replies);
            timeout(DEADLINE, self.io.write_all(&replies)).await??;
        }
        Ok(())
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<anyhow::Result<()>> {
        let mut room = [MaybeUninit::uninit(); READ_BYTES];
        let mut buffer = ReadBuf::uninit(&mut room);
        let read = ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer));
        Poll::Ready(match read {
            Err(error) => Err(error).context("the connection broke"),
            Ok(()) if buffer.filled().is_empty() => Err(anyhow!("the connection was closed")),
            Ok(()) => self.incoming.take(buffer.filled()),
        })
    }
}

impl Incoming {
    fn stream(&self) -> &Stream {
        &self.run.streams[self.run.seats[self.seat].stream]
    }

    fn take(&mut self, mut bytes: &[u8]) -> anyhow::Result<()> {
        let now = Instant::now();
        let (run, continuity) = (&self.run, &mut self.continuity);
        let seat = &run.seats[self.seat];
        let stream = &run.streams[seat.stream];
        while let Some(message) = self.reader.next(&mut bytes)? {
            seat.bytes.fetch_add(message.wire_bytes, Relaxed);
            match message.kind {
                Kind::Text => match wire::lines(message.start, &stream.opening) {
                    Some(lines) => {
                        continuity.take(lines.first, lines.next);
                        measure(run, seat, &message, &lines, now);
                    }
                    None => self.subscribed |= heed(message.start, stream, seat, continuity)?,
                },
                Kind::Ping => self.replies.extend(masked(10, message.start)),
                Kind::Pong => {}
                Kind::Close => bail!("the connection was closed"),
            }
        }
        seat.cursor.store(continuity.cursor, Relaxed);
        seat.lost.store(continuity.lost, Relaxed);
        seat.repeated.store(continuity.repeated, Relaxed);
        seat.out_of_order.store(continuity.out_of_order, Relaxed);
        Ok(())
    }
}

/// Counts a frame, and how old its lines are: the first and the last one speak for all.
fn measure(run: &Run, seat: &Seat, message: &Message<'_>, lines: &wire::Lines<'_>, now: Instant) {
    let count = lines.next.saturating_sub(lines.first);
    seat.frames.fetch_add(1, Relaxed);
    let line_bytes = run.line_bytes as u64;
    // A comma between two lines, and `]}` at the end.
    let whole = lines.prefix_bytes + count * line_bytes + count.saturating_sub(1) + 2;
    let first = run.clock.since(lines.first_time, now);
    let last = run.clock.since(message.last_time, now);
    match (first, last) {
        (Some(first), Some(last)) if message.bytes == whole => {
            run.latency.add(first, count.div_ceil(2));
            run.latency.add(last, count / 2);
        }
        _ => {
            seat.damaged.fetch_add(count.max(1), Relaxed);
        }
    }
}

/// Takes a message that is no lines. Whether it says that the subscription stands.
fn heed(text: &[u8], stream: &Stream, seat: &Seat, continuity: &mut Continuity) -> anyhow::Result<bool> {
    let notice = serde_json::from_slice(text).map_err(|_| {
        anyhow!(
            "a message of the server is not understood: {:.80}",
            String::from_utf8_lossy(text)
        )
    })?;
    match notice {
        Notice::Subscribed { streams } => {
            let begins = streams
                .get(&stream.name)
                .context("another stream was subscribed")?;
            *continuity = Continuity::at(begins.cursor);
            seat.begin.store(begins.cursor, Relaxed);
            return Ok(true);
        }
        // Retention took them: lost all the same.
        Notice::Gap { to } => continuity.take(to, to),
        Notice::Error { code, message } => bail!("{message} ({code})"),
        Notice::Closing { code, reason } => bail!("the server closed it with {code} ({reason})"),
        Notice::Other => {}
    }
    Ok(false)
}

/// The connection, and what came behind the handshake's answer.
async fn upgrade(place: &Place, token: &str) -> anyhow::Result<(TcpStream, Bytes)> {
    let until = Instant::now() + OPEN_WITHIN;
    loop {
        let answer = timeout(DEADLINE, handshake(place, token)).await;
        let (why, after) = match answer.map_err(|_| anyhow!("no session within {DEADLINE:?}"))?? {
            Answer::Open(upgraded) => {
                let parts = upgraded
                    .downcast::<TokioIo<TcpStream>>()
                    .map_err(|_| anyhow!("the connection is none that this command made"))?;
                return Ok((parts.io.into_inner(), parts.read_buf));
            }
            Answer::Later { why, after } => (why, after),
        };
        if Instant::now() + after > until {
            bail!(why);
        }
        sleep(after).await;
    }
}

/// What a handshake came to, when it may be well in the end.
enum Answer {
    Open(Upgraded),
    Later { why: String, after: Duration },
}

async fn handshake(place: &Place, token: &str) -> anyhow::Result<Answer> {
    let io = TokioIo::new(place.connect().await?);
    let (mut requests, connection) = hyper::client::conn::http1::handshake(io).await?;
    tokio::spawn(connection.with_upgrades());
    let request = place
        .request("/v1/ws", token)
        .header(CONNECTION, "upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        // Any 16 bytes: no cache stands between.
        .header(SEC_WEBSOCKET_KEY, "dGFpbGNhc3QgYmVuY2ghIQ==")
        .header(SEC_WEBSOCKET_PROTOCOL, "tailcast.v1")
        .body(Empty::<Bytes>::new())?;
    let response = requests.send_request(request).await?;
    let status = response.status();
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Answer::Open(hyper::upgrade::on(response).await?));
    }
    let after = place::retry_after(response.headers());
    let why = place::refusal(status, &place::body(response).await?);
    match after {
        Some(after) if place::is_for_now(status) => Ok(Answer::Later { why, after }),
        _ => bail!(why),
    }
}

/// A frame from a client. The mask protects proxies from what a page in a browser sends; this is none.
fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match u8::try_from(payload.len()) {
        Ok(length @ 0..126) => frame.push(0x80 | length),
        _ => {
            frame.push(0x80 | 126);
            frame.extend((payload.len() as u16).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend_from_slice(payload);
    frame
}
