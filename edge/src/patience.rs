//! The bytes of one connection, and how long its peer may take: for the head of a request, between requests, and to take
//! an answer. What belongs to a body is the business of who reads it, and an upgraded connection is nobody's here.
//!
//! The HTTP library has one time for a head and for the wait before it. They are two: a browser keeps a connection for a
//! minute, and nobody needs a minute for a head.
//!
//! Where many requests are under way at once (HTTP/2) there are no turns: what remains here is the time to take an answer,
//! and [`http2`](crate::http2) has the rest.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::http2::{self, UnderWay};

/// How long a peer may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// From the beginning to the first byte: inside of TLS, where none is there yet.
    pub(crate) first: Duration,
    /// From the first byte of a head to its last.
    pub(crate) head: Duration,
    /// From an answer to the first byte of the next head.
    pub(crate) idle: Duration,
    /// Without taking a byte of what waits to be sent.
    pub(crate) stall: Duration,
}

/// Whose turn it is, told by those who answer.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    now: AtomicU32,
    /// The connection, which waits for nothing while it is our turn.
    waits: Mutex<Option<Waker>>,
    /// Bytes that the peer has been given; the connection counts them.
    written: AtomicU64,
}

/// The peer's turn is an even number, ours an odd one: another one each time.
const OURS: u32 = 1;

/// Nobody's turn any more.
const UPGRADED: u32 = u32::MAX;

/// Requests come and are answered at any time, which is as good as our turn: an odd number that no count of turns reaches.
const NO_TURNS: u32 = u32::MAX - 2;

impl Turn {
    /// A head is there. It is our turn until the exchange is over.
    pub(crate) fn ours(self: &Arc<Self>) -> Arc<Exchange> {
        let ours = self.change(|turn| match turn + 1 + (turn & OURS) {
            NO_TURNS => OURS,
            next => next,
        });
        let turn = Arc::clone(self);
        Arc::new(Exchange::InTurn { turn, ours })
    }

    /// There are no turns: the peer is waited for by somebody else.
    pub(crate) fn no_more(&self) {
        self.now.store(NO_TURNS, Ordering::Release);
    }

    /// The connection is something else from now on.
    pub(crate) fn nobodys(&self) {
        self.now.store(UPGRADED, Ordering::Release);
    }

    /// Changes it, and says what it is then. An upgraded connection stays one.
    fn change(&self, change: impl Fn(u32) -> u32) -> u32 {
        let changed = |turn| (turn != UPGRADED).then(|| change(turn));
        match self
            .now
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, changed)
        {
            Ok(turn) => change(turn),
            Err(turn) => turn,
        }
    }

    fn now(&self) -> u32 {
        self.now.load(Ordering::Acquire)
    }

    /// Bytes that the peer has been given.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

/// A request and its answer. It is over when nobody has either any more: what still comes of a body is no head.
pub(crate) enum Exchange {
    /// The only one of its connection: then it is the peer's turn.
    InTurn {
        turn: Arc<Turn>,
        /// Another one may have begun meanwhile, whose turn this does not end.
        ours: u32,
    },
    /// One of many.
    AmongOthers { _under_way: UnderWay },
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let Self::InTurn { turn, ours } = self else { return };
        turn.change(|now| if now == *ours { now + 1 } else { now });
        // From now on it waits for the peer.
        if let Some(connection) = turn.waits.lock().take() {
            connection.wake();
        }
    }
}

/// An answer's body, until it is sent or given up.
pub(crate) struct Answer<B> {
    body: B,
    _exchange: Arc<Exchange>,
}

impl<B> Answer<B> {
    pub(crate) fn new(body: B, exchange: Arc<Exchange>) -> Self {
        Self {
            body,
            _exchange: exchange,
        }
    }
}

impl<B: Body + Unpin> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        http2::gave(frame.is_ready());
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection whose peer may not take for ever.
pub(crate) struct Patient<S> {
    io: S,
    /// What was read to see what it is, and is still to be read.
    seen: Vec<u8>,
    patience: Patience,
    turn: Arc<Turn>,
    /// The turn of the peer that is waited for.
    waited_for: Option<u32>,
    /// When it ends.
    until: Instant,
    /// Whether a byte of the head is there.
    in_head: bool,
    /// Whether it has not waited yet.
    is_first: bool,
    timer: Option<Pin<Box<Sleep>>>,
    /// Since when the peer takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(crate) fn new(io: S, patience: Patience, turn: Arc<Turn>) -> Self {
        Self {
            io,
            seen: Vec::new(),
            patience,
            turn,
            waited_for: None,
            until: Instant::now(),
            in_head: false,
            is_first: true,
            timer: None,
            stalled: None,
        }
    }

    /// The connection itself, once nobody has to be patient with it any more.
    pub(crate) fn into_inner(self) -> S {
        self.io
    }

    /// Something came, or nothing did. Ready with an error when the peer has taken too long.
    fn wait(&mut self, cx: &mut Context<'_>, came: bool) -> Poll<io::Error> {
        let mut turn = self.turn.now();
        if turn & OURS == OURS && turn != UPGRADED && !came {
            *self.turn.waits.lock() = Some(cx.waker().clone());
            // It may have ended before somebody could be told.
            turn = self.turn.now();
        }
        if turn & OURS == OURS {
            self.waited_for = None;
            return Poll::Pending;
        }
        if self.waited_for != Some(turn) {
            self.waited_for = Some(turn);
            self.in_head = false;
            let patience = if std::mem::take(&mut self.is_first) {
                self.patience.first
            } else {
                self.patience.idle
            };
            self.until = Instant::now() + patience;
            self.timer = None;
        }
        if came && !self.in_head {
            self.in_head = true;
            self.until = Instant::now() + self.patience.head;
            self.timer = None;
        }
        // What is there is read, and the timer is not needed: until it is too late.
        if came {
            return if Instant::now() >= self.until {
                Poll::Ready(io::ErrorKind::TimedOut.into())
            } else {
                Poll::Pending
            };
        }
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(self.until)));
        timer.as_mut().poll(cx).map(|()| io::ErrorKind::TimedOut.into())
    }

    /// The outcome of a write, unless none was possible for too long.
    fn written(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = outcome {
            self.turn.written.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        if outcome.is_ready() || self.turn.now() == UPGRADED {
            self.stalled = None;
            return outcome;
        }
        let stall = self.patience.stall;
        let timer = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + stall)));
        timer
            .as_mut()
            .poll(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> Patient<S> {
    /// Whether the connection begins with `preface`, as far as it takes to see it. It has the time of a head; what was seen is
    /// read again.
    pub(crate) async fn begins_with(&mut self, preface: &[u8]) -> io::Result<bool> {
        let mut seen = Vec::with_capacity(preface.len());
        while seen.len() < preface.len() && preface.starts_with(&seen) {
            let mut rest = (&mut *self).take((preface.len() - seen.len()) as u64);
            if rest.read_buf(&mut seen).await? == 0 {
                break;
            }
        }
        let begins = seen == preface;
        self.seen = seen;
        Ok(begins)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.seen.is_empty() {
            let next = self.seen.len().min(buffer.remaining());
            buffer.put_slice(&self.seen[..next]);
            self.seen.drain(..next);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buffer);
        let came = match &read {
            Poll::Pending => false,
            Poll::Ready(Ok(())) if buffer.filled().len() > before => true,
            Poll::Ready(_) => return read,
        };
        match self.wait(cx, came) {
            Poll::Ready(too_late) => Poll::Ready(Err(too_late)),
            Poll::Pending => read,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.written(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.written(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
