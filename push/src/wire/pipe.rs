//! What waits between a session and an answer that is sent as it is made.
//!
//! Knows nothing of sessions, nor of what it carries but that it comes in events.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::Stream;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::session::clock::Vitals;

/// What waits between a session and its connection. Bounded by who puts: nothing is put while there is no room, small
/// things of the session's own aside.
pub(super) struct Pipe {
    room: usize,
    state: Mutex<Waiting>,
    /// Told when there is room again, when nothing waits any more, and when the reader is gone.
    changed: Notify,
}

struct Waiting {
    queue: VecDeque<Event>,
    bytes: usize,
    /// Whether somebody wants to know when nothing waits.
    emptying: bool,
    /// When it was last empty or got shorter.
    progress: Instant,
    /// The connection, which waits for more.
    reader: Option<Waker>,
    ended: Option<Ended>,
    gone: bool,
}

/// What is shared of it, and how it ends for this session.
struct Event {
    shared: Bytes,
    end: Bytes,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Lines,
    Own,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// All that was put is taken.
    Whole,
    /// It is not, and the reader should see that.
    Broken,
}

impl Pipe {
    pub(super) fn new(room: usize) -> Arc<Self> {
        Arc::new(Self {
            room,
            state: Mutex::new(Waiting {
                queue: VecDeque::new(),
                bytes: 0,
                emptying: false,
                progress: Instant::now(),
                reader: None,
                ended: None,
                gone: false,
            }),
            changed: Notify::new(),
        })
    }

    pub(super) fn has_room(&self) -> bool {
        self.state.lock().bytes < self.room
    }

    pub(super) fn put(&self, shared: Bytes, end: Bytes, kind: Kind) {
        let mut state = self.state.lock();
        if state.queue.is_empty() {
            state.progress = Instant::now();
        }
        let event = Event { shared, end, kind };
        state.bytes += event.length();
        state.queue.push_back(event);
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Forgets what waits, from the first lines on. What is taken already is whole.
    pub(super) fn discard(&self) {
        let mut state = self.state.lock();
        let keep = state.queue.iter().position(|event| event.kind == Kind::Lines);
        if let Some(keep) = keep {
            state.queue.truncate(keep);
            state.bytes = state.queue.iter().map(Event::length).sum();
        }
    }

    pub(super) fn end(&self, ended: Ended) {
        let mut state = self.state.lock();
        state.ended = Some(ended);
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
    }

    /// What the connection takes, as the body of an answer.
    pub(super) fn taken(self: &Arc<Self>) -> Taken {
        Taken {
            pipe: Arc::clone(self),
            end: Bytes::new(),
        }
    }

    /// Judged by what the connection takes: it takes nothing while it has enough to write.
    pub(super) fn vitals(&self) -> Vitals {
        let state = self.state.lock();
        if state.queue.is_empty() {
            Vitals::Well
        } else {
            Vitals::Full(state.progress)
        }
    }

    /// Ends when something has changed. Whether the reader is gone.
    pub(super) async fn changed(&self) -> bool {
        self.changed.notified().await;
        self.state.lock().gone
    }

    /// Ends when nothing waits, or nobody takes it any more.
    pub(super) async fn emptied(&self) {
        loop {
            {
                let mut state = self.state.lock();
                if state.gone || state.queue.is_empty() {
                    return;
                }
                state.emptying = true;
            }
            self.changed.notified().await;
        }
    }
}

/// What the connection takes.
pub(super) struct Taken {
    pipe: Arc<Pipe>,
    /// The end of the event that was taken last.
    end: Bytes,
}

impl Stream for Taken {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !self.end.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.end))));
        }
        let pipe = Arc::clone(&self.pipe);
        let mut state = pipe.state.lock();
        let Some(event) = state.queue.pop_front() else {
            return match state.ended {
                Some(Ended::Whole) => Poll::Ready(None),
                Some(Ended::Broken) => Poll::Ready(Some(Err(io::Error::other("the reader takes nothing")))),
                None => {
                    state.reader = Some(cx.waker().clone());
                    Poll::Pending
                }
            };
        };
        let had_room = state.bytes < pipe.room;
        state.bytes -= event.length();
        state.progress = Instant::now();
        let is_news = (!had_room && state.bytes < pipe.room) || (state.emptying && state.queue.is_empty());
        drop(state);
        if is_news {
            pipe.changed.notify_one();
        }
        self.end = event.end;
        Poll::Ready(Some(Ok(event.shared)))
    }
}

impl Event {
    fn length(&self) -> usize {
        self.shared.len() + self.end.len()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.pipe.state.lock().gone = true;
        self.pipe.changed.notify_one();
    }
}
