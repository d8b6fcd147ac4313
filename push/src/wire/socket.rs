//! An upgraded connection: frames go out as the bytes they are, shared with other sessions; what comes in is read by
//! [`incoming`].
//!
//! Knows nothing of sessions. Nothing is copied into a buffer of the connection, so an idle one is small and a large
//! frame leaves no trace (a buffer per connection never shrinks again). Small frames that leave together are joined in a
//! buffer of the thread for the moment of the write: the kernel takes longer for each piece of a vector than the copy.

mod incoming;

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

pub(crate) use self::incoming::Event;
use self::incoming::Incoming;
use crate::session::clock::Vitals;
use crate::wire::frame;

/// Frames that go in one write as a vector, at most.
const AT_ONCE: usize = 32;

/// Bytes that are joined for one write, at most.
const JOINED_BYTES: usize = 64 * 1024;

/// Frames of so many bytes on the average are joined; larger ones go as a vector.
const SMALL_FRAME: usize = 4 * 1024;

/// Bytes of answers to requests that may wait, with what it takes to keep them; beyond it nothing more is read.
const OWN_BYTES: usize = 16 * 1024;

/// What it takes to keep a frame in the queue, beside its bytes: a place, and what the allocator and [`Bytes`] add. A pong
/// has two bytes.
const KEEPING: usize = 128;

thread_local! {
    /// What is written at the moment. Empty, but for its room of [`JOINED_BYTES`], whenever nothing is.
    static JOINED: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// One end of a WebSocket.
pub(crate) struct Socket<S> {
    io: S,
    incoming: Incoming,
    queue: VecDeque<Waiting>,
    /// Bytes in the queue.
    queued: usize,
    /// What of it is this connection's own, with what it takes to keep that.
    own: usize,
    /// So much of the first frame is written.
    written: usize,
    /// Where the queue has room, in bytes.
    room: usize,
    /// When it was last empty or got shorter.
    progress: Instant,
    /// Nothing is read at the moment, so nothing can be heard.
    deaf: bool,
}

struct Waiting {
    bytes: Bytes,
    kind: Kind,
}

impl Waiting {
    /// What it counts of what a connection may have of its own.
    fn own(&self) -> usize {
        match self.kind {
            Kind::Lines => 0,
            Kind::Own | Kind::Ping => self.bytes.len() + KEEPING,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Shared with others.
    Lines,
    /// Made for this connection.
    Own,
    /// Such a one too, which asks for a sign of life.
    Ping,
}

/// Whether new messages are wanted at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listen {
    /// Read.
    Yes,
    /// Write only: the peer waits, by TCP's own means.
    No,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Messages have at most `message_bytes`, in at most `fragments`. The queue has room while less than `room` bytes
    /// wait.
    pub(crate) fn new(io: S, message_bytes: usize, fragments: usize, room: usize) -> Self {
        Self {
            io,
            incoming: Incoming::new(message_bytes, fragments),
            queue: VecDeque::new(),
            queued: 0,
            own: 0,
            written: 0,
            room,
            progress: Instant::now(),
            deaf: false,
        }
    }

    /// Whether another frame of lines may be queued.
    pub(crate) fn has_room(&self) -> bool {
        self.queued < self.room
    }

    /// What the connection waits for. Every poll may change it.
    pub(crate) fn vitals(&self) -> Vitals {
        match self.incoming.asked {
            _ if !self.queue.is_empty() => Vitals::Full(self.progress),
            Some(asked) if !self.deaf => Vitals::Asked(asked),
            _ => Vitals::Well,
        }
    }

    /// Queues shared lines.
    pub(crate) fn send_lines(&mut self, frame: Bytes) {
        self.push(frame, Kind::Lines);
    }

    /// Queues a frame of this connection's own.
    pub(crate) fn send(&mut self, frame: Bytes) {
        self.push(frame, Kind::Own);
    }

    /// Queues a ping: whatever comes in after it was written answers it.
    pub(crate) fn ping(&mut self) {
        self.push(frame::ping(), Kind::Ping);
    }

    fn push(&mut self, bytes: Bytes, kind: Kind) {
        if self.queue.is_empty() {
            self.progress = Instant::now();
        }
        let waiting = Waiting { bytes, kind };
        self.queued += waiting.bytes.len();
        self.own += waiting.own();
        self.queue.push_back(waiting);
    }

    /// Forgets the lines that were not begun to be written, and what stands behind them: the client will ask again
    /// from its cursors, and must not hear of later ones.
    pub(crate) fn discard_lines(&mut self) {
        let begun = usize::from(self.written > 0);
        let lines = self
            .queue
            .iter()
            .skip(begun)
            .position(|waiting| waiting.kind == Kind::Lines);
        let keep = lines.map_or(self.queue.len(), |at| begun + at);
        for waiting in self.queue.drain(keep..) {
            self.queued -= waiting.bytes.len();
            self.own -= waiting.own();
        }
    }

    /// Writes everything that waits, then ends the sending side, then waits for the peer to do the same.
    pub(crate) async fn finish(&mut self) {
        if std::future::poll_fn(|cx| self.poll_flush(cx)).await.is_err() {
            return;
        }
        if std::future::poll_fn(|cx| Pin::new(&mut self.io).poll_shutdown(cx))
            .await
            .is_err()
        {
            return;
        }
        // Bytes of the peer that nobody reads would reset the connection, and take the close frame with them.
        let mut rest = [0; 512];
        let drained = std::future::poll_fn(|cx| {
            loop {
                let mut rest = ReadBuf::new(&mut rest);
                ready!(Pin::new(&mut self.io).poll_read(cx, &mut rest))?;
                if rest.filled().is_empty() {
                    return Poll::Ready(io::Result::Ok(()));
                }
            }
        });
        // Its end is all that was waited for.
        let _ = drained.await;
    }

    /// Writes what waits, and reads while `listen` says so.
    pub(crate) fn poll_event(&mut self, cx: &mut Context<'_>, listen: Listen) -> Poll<Event> {
        loop {
            let was_full = !self.has_room();
            match self.poll_flush(cx) {
                Poll::Ready(Err(_)) => return Poll::Ready(Event::Gone),
                Poll::Ready(Ok(())) | Poll::Pending if was_full && self.has_room() => {
                    return Poll::Ready(Event::Room);
                }
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
            if listen == Listen::No || self.own > OWN_BYTES {
                self.deaf = true;
                return Poll::Pending;
            }
            if std::mem::take(&mut self.deaf) {
                // Nobody listened to an answer: it has all its time from now on.
                self.incoming.asked = self.incoming.asked.map(|_| Instant::now());
            }
            let event = ready!(self.incoming.poll(&mut self.io, cx));
            if matches!(event, Some(Event::Left)) {
                self.discard_lines();
            }
            let replies = std::mem::take(&mut self.incoming.replies);
            if !replies.is_empty() {
                self.send(replies.into());
            }
            if let Some(event) = event {
                return Poll::Ready(event);
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.queue.is_empty() {
            let written = ready!(self.poll_write(cx))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        // An empty queue keeps no room: getting some takes nothing beside a write, and most sessions are idle.
        if self.queue.capacity() > 0 {
            self.queue = VecDeque::new();
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// Writes some of what waits, as many frames at once as there are.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let io = Pin::new(&mut self.io);
        let mut skip = self.written;
        let mut waiting = self.queue.iter().map(|waiting| {
            let rest = &waiting.bytes[skip..];
            skip = 0;
            rest
        });
        if self.queue.len() == 1 {
            // Mostly.
            return io.poll_write(cx, waiting.next().unwrap_or_default());
        }
        if self.queued <= self.queue.len() * SMALL_FRAME {
            let mut joined = JOINED.take();
            for rest in waiting {
                let room = JOINED_BYTES - joined.len();
                joined.extend_from_slice(&rest[..rest.len().min(room)]);
            }
            let written = io.poll_write(cx, &joined);
            joined.clear();
            JOINED.set(joined);
            return written;
        }
        let mut slices = [IoSlice::new(&[]); AT_ONCE];
        let mut count = 0;
        for (slice, rest) in slices.iter_mut().zip(waiting) {
            *slice = IoSlice::new(rest);
            count += 1;
        }
        io.poll_write_vectored(cx, &slices[..count])
    }

    fn advance(&mut self, written: usize) {
        self.progress = Instant::now();
        self.written += written;
        while let Some(waiting) = self.queue.front() {
            let length = waiting.bytes.len();
            if self.written < length {
                break;
            }
            self.written -= length;
            self.queued -= length;
            self.own -= waiting.own();
            if waiting.kind == Kind::Ping {
                self.incoming.asked.get_or_insert(self.progress);
            }
            self.queue.pop_front();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_queue_that_was_written_keeps_no_room() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let mut socket = Socket::new(ours, 1024, 4, 64 * 1024);
        for _ in 0..100 {
            socket.send(Bytes::from_static(b"frame"));
        }
        std::future::poll_fn(|cx| socket.poll_flush(cx)).await.unwrap();
        assert_eq!(socket.queue.capacity(), 0);
        socket.send(Bytes::from_static(b"another"));
        std::future::poll_fn(|cx| socket.poll_flush(cx)).await.unwrap();
        drop(socket);
        let mut written = String::new();
        theirs.read_to_string(&mut written).await.unwrap();
        assert_eq!(written, "frame".repeat(100) + "another");
    }

    #[tokio::test]
    async fn a_client_that_pings_and_reads_nothing_makes_few_pongs_wait() {
        let (ours, mut theirs) = tokio::io::duplex(1_024);
        let mut socket = Socket::new(ours, 16 * 1024, 4, 1024);
        tokio::spawn(async move { while theirs.write_all(&[0x89, 0x80, 0, 0, 0, 0]).await.is_ok() {} });
        while !socket.deaf {
            let _ =
                std::future::poll_fn(|cx| Poll::Ready(socket.poll_event(cx, Listen::Yes).is_ready())).await;
            tokio::task::yield_now().await;
        }
        assert!(
            socket.queue.len() <= OWN_BYTES / KEEPING,
            "{}",
            socket.queue.len()
        );
    }
}
