//! HTTP/2: many requests on one connection, with the bounds that one request at a time does not need.
//!
//! A connection may be as long without a request as one of HTTP/1 between two of them, whatever else it says. An answer that
//! nobody takes is given up alone, and not with all others of its connection.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::Executor;
use hyper::server::conn::http2::Builder;
use hyper_util::rt::TokioTimer;
use tokio::sync::watch;
use tokio::time::{Sleep, sleep, timeout};

use crate::patience::Turn;

/// What a connection of HTTP/2 may do. Each field says its default.
#[derive(Debug, Clone, Copy)]
pub struct Http2Limits {
    /// Requests of one connection at once: 100. More are refused, each alone.
    pub requests: u32,
    /// Of a request's body, what may come before it is read, in bytes: 64 KiB. What one request brings in a second is this many
    /// round trips at most.
    pub request_window: u32,
    /// The same of all requests of a connection together: 256 KiB.
    pub connection_window: u32,
    /// Of each answer, what may wait for the client beside the piece that is next, in bytes: 64 KiB.
    pub unsent: usize,
    /// Requests that are taken back before anybody looked at them: 20. More of them end the connection.
    pub taken_back: usize,
    /// Requests that are refused for the client's errors: 128. More of them end the connection.
    pub refused: usize,
    /// Silence after which the client is asked whether it is there: 25 s.
    pub ping_every: Duration,
    /// How long it may take to say so: 10 s. One that is in the middle of a head cannot.
    pub pong_within: Duration,
}

impl Default for Http2Limits {
    fn default() -> Self {
        Self {
            requests: 100,
            request_window: 64 * 1024,
            connection_window: 256 * 1024,
            unsent: 64 * 1024,
            taken_back: 20,
            refused: 128,
            ping_every: Duration::from_secs(25),
            pong_within: Duration::from_secs(10),
        }
    }
}

/// What a connection of HTTP/2 begins with.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long a client that is told goodbye may take nothing, when none of its requests is under way.
const GOODBYE: Duration = Duration::from_secs(1);

impl Http2Limits {
    /// Connections with heads of at most `head_bytes`, whose answers may wait for `stall` to be taken.
    pub(crate) fn builder(&self, head_bytes: usize, stall: Duration) -> Builder<Stalls> {
        let mut builder = Builder::new(Stalls(stall));
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.requests)
            .initial_stream_window_size(self.request_window)
            .initial_connection_window_size(self.connection_window)
            .max_send_buf_size(self.unsent)
            .max_header_list_size(u32::try_from(head_bytes).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(self.taken_back)
            .max_local_error_reset_streams(self.refused)
            .keep_alive_interval(self.ping_every)
            .keep_alive_timeout(self.pong_within);
        builder
    }
}

/// The requests of one connection that are under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requests(watch::Sender<usize>);

impl Requests {
    /// One begins.
    pub(crate) fn begin(&self) -> UnderWay {
        self.0.send_modify(|requests| *requests += 1);
        UnderWay(self.clone())
    }

    /// Until there was none for so long.
    pub(crate) async fn none_for(&self, idle: Duration) {
        let mut requests = self.0.subscribe();
        // The sender is here: neither of these fails.
        while requests.wait_for(|requests| *requests == 0).await.is_ok() {
            // One that begins and ends meanwhile is one.
            if timeout(idle, requests.changed()).await.is_err() {
                return;
            }
        }
    }

    /// Until none is left, and the client, who is told goodbye, takes nothing more. It need not say so; what it takes slowly
    /// it may take for `stall`.
    pub(crate) async fn ended(&self, turn: &Turn, stall: Duration) {
        self.none_for(Duration::ZERO).await;
        let taken = async {
            let mut written = turn.written();
            loop {
                self.none_for(GOODBYE).await;
                match turn.written() {
                    now if now == written => return,
                    now => written = now,
                }
            }
        };
        let _ = timeout(stall, taken).await;
    }
}

/// A request that is under way, until this is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay(Requests);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.send_modify(|requests| *requests -= 1);
    }
}

tokio::task_local! {
    /// Of the request whose task it is.
    static GIVEN: Arc<Given>;
}

/// What an answer gave to its connection: how often it was asked for more, shifted by one, and in the last bit whether it had
/// some, which waits to be taken until it is asked again.
#[derive(Debug, Default)]
struct Given(AtomicU64);

/// The answer of the request whose task this is was asked for more, and had some, or had none yet.
pub(crate) fn gave(some: bool) {
    // Without a task of its own there is nobody to heed it.
    let _ = GIVEN.try_with(|given| {
        let asked = given.0.load(Ordering::Relaxed) >> 1;
        given
            .0
            .store((asked + 1) << 1 | u64::from(some), Ordering::Relaxed);
    });
}

/// Gives each request a task, and gives it up when its client takes nothing of what waits for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stalls(Duration);

impl<F> Executor<F> for Stalls
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, request: F) {
        tokio::spawn(Watched {
            request: Box::pin(request),
            given: Arc::default(),
            stall: self.0,
            waiting: None,
        });
    }
}

struct Watched<F> {
    request: Pin<Box<F>>,
    given: Arc<Given>,
    stall: Duration,
    /// What waits to be taken, and until when it may.
    waiting: Option<(u64, Pin<Box<Sleep>>)>,
}

impl<F: Future<Output = ()>> Future for Watched<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let me = &mut *self;
        let request = GIVEN.sync_scope(Arc::clone(&me.given), || me.request.as_mut().poll(cx));
        if request.is_ready() {
            return Poll::Ready(());
        }
        let given = me.given.0.load(Ordering::Relaxed);
        if given & 1 == 0 {
            me.waiting = None;
            return Poll::Pending;
        }
        let stall = me.stall;
        let (_, until) = match &mut me.waiting {
            Some(waiting) if waiting.0 == given => waiting,
            waiting => waiting.insert((given, Box::pin(sleep(stall)))),
        };
        let given_up = until.as_mut().poll(cx);
        if given_up.is_ready() {
            tracing::debug!("an answer was given up: its client takes nothing of it");
        }
        given_up
    }
}
