//! One session: connects, subscribes to its streams, and looks at the frames that come, for as long as it lasts.
//!
//! A task, about two KiB, and 32 bytes for each stream. Nothing is parsed but the numbers and two times of a frame, and the bytes are read into
//! the thread's stack.

use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
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
use super::run::{Got, Run};
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
    Live {},
    Gap {
        stream: String,
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
            replies: Vec::new(),
        };
        let mut session = Self { io, incoming };
        session.incoming.take(&early)?;
        for (nth, streams) in session.incoming.run.plan.asks(seat).into_iter().enumerate() {
            let streams = serde_json::to_string(&streams)?;
            let subscribe =
                format!(r#"{{"type":"subscribe","id":"b{nth}","streams":{streams},"from":"live"}}"#);
            session.io.write_all(&masked(1, subscribe.as_bytes())).await?;
        }
        let subscribed = timeout(DEADLINE, async {
            while !session.incoming.is_live() {
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
    /// Whether the session follows all its streams at their heads.
    fn is_live(&self) -> bool {
        let seat = &self.run.seats[self.seat];
        let got = seat.got.lock();
        got.live >= seat.followed.count && got.streams.iter().all(Option::is_some)
    }

    fn take(&mut self, mut bytes: &[u8]) -> anyhow::Result<()> {
        let now = Instant::now();
        let (run, seat) = (&*self.run, &self.run.seats[self.seat]);
        let mut got = seat.got.lock();
        while let Some(message) = self.reader.next(&mut bytes)? {
            got.bytes += message.wire_bytes;
            match message.kind {
                Kind::Text => match wire::lines(message.start) {
                    Some(lines) => {
                        let place = run.stream(lines.stream).and_then(|nth| seat.followed.place(nth));
                        got.frame(run, place, &message, &lines, now);
                    }
                    None => heed(message.start, run, self.seat, &mut got)?,
                },
                Kind::Ping => {
                    got.pings += 1;
                    self.replies.extend(masked(10, message.start));
                }
                Kind::Pong => {}
                Kind::Close => bail!("the connection was closed"),
            }
        }
        Ok(())
    }
}

impl Got {
    /// Counts a frame of the stream at that place, and how old its lines are: the first and the last one speak for all.
    fn frame(
        &mut self,
        run: &Run,
        place: Option<usize>,
        message: &Message<'_>,
        lines: &wire::Lines<'_>,
        now: Instant,
    ) {
        self.frames += 1;
        let count = lines.next.saturating_sub(lines.first);
        let line_bytes = run.line_bytes as u64;
        // A comma between two lines, and `]}` at the end.
        let whole = lines.prefix_bytes + count * line_bytes + count.saturating_sub(1) + 2;
        let seen = place.and_then(|place| self.streams[place].as_mut());
        let first = run.clock.since(lines.first_time, now);
        let last = run.clock.since(message.last_time, now);
        match (seen, first, last) {
            (Some(seen), Some(first), Some(last)) if message.bytes == whole => {
                seen.take(lines.first, lines.next);
                run.latency.add(first, count.div_ceil(2));
                run.latency.add(last, count / 2);
            }
            (seen, ..) => {
                seen.into_iter()
                    .for_each(|seen| seen.take(lines.first, lines.next));
                self.damaged += count.max(1);
            }
        }
    }
}

/// Takes a message that is no lines.
fn heed(text: &[u8], run: &Run, seat: usize, got: &mut Got) -> anyhow::Result<()> {
    let notice = serde_json::from_slice(text).map_err(|_| {
        anyhow!(
            "a message of the server is not understood: {:.80}",
            String::from_utf8_lossy(text)
        )
    })?;
    let followed = run.seats[seat].followed;
    let place = |name: &str| {
        let place = run.stream(name).and_then(|nth| followed.place(nth));
        place.with_context(|| format!("{name} was subscribed, and nobody asked for it"))
    };
    match notice {
        Notice::Subscribed { streams } => {
            for (name, begins) in streams {
                got.streams[place(&name)?] = Some(Continuity::at(begins.cursor));
            }
        }
        Notice::Live {} => got.live += 1,
        // Retention took them: lost all the same.
        Notice::Gap { stream, to } => {
            if let Some(seen) = &mut got.streams[place(&stream)?] {
                seen.take(to, to);
            }
        }
        Notice::Error { code, message } => bail!("{message} ({code})"),
        Notice::Closing { code, reason } => bail!("the server closed it with {code} ({reason})"),
        Notice::Other => {}
    }
    Ok(())
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
