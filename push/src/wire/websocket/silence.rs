//! Peers that say little and take little: that a session ends at the right time, and that waiting costs it nothing.
//! On a wire of its own and in virtual time, so that every moment is exact.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use auth::{Claims, Key, Minter, Verifier};
use dispatch::{MemoryTable, NodeId};
use edge::sieve::{Sieve, SieveLimits};
use lines::{Epoch, Hint, HintSink, LogStore};
use parking_lot::Mutex;
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::WebSocket;
use crate::memory_store::MemoryStore;
use crate::testing::batch;
use crate::{Limits, Parts, Push};

const PONG_WITHIN: Duration = Duration::from_secs(10);
const PROGRESS_WITHIN: Duration = Duration::from_secs(30);

/// A connection, seen from its other end.
#[derive(Clone)]
pub(super) struct Wire(pub(super) Arc<Mutex<End>>);

pub(super) struct End {
    /// So many bytes the peer takes before it takes no more.
    room: usize,
    /// What it said.
    said: VecDeque<u8>,
    /// Whether it pings without a moment of silence.
    floods: bool,
    pub(super) taken: Vec<u8>,
    /// In so many writes.
    pub(super) writes: usize,
    reading: Option<Waker>,
    writing: Option<Waker>,
    /// Since when bytes wait that it does not take.
    full: Option<Instant>,
    /// When a ping reached it that it did not react to.
    asked: Option<Instant>,
    /// So often the session was polled.
    polls: usize,
}

impl Wire {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(End {
            room: usize::MAX,
            said: VecDeque::new(),
            floods: false,
            taken: Vec::new(),
            writes: 0,
            reading: None,
            writing: None,
            full: None,
            asked: None,
            polls: 0,
        })))
    }

    /// The peer sends a frame, masked with nothing.
    fn say(&self, opcode: u8, payload: &[u8]) {
        let mut frame = vec![0x80 | opcode, 0x80];
        match payload.len() {
            0..126 => frame[1] |= payload.len() as u8,
            length => {
                frame[1] |= 126;
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        self.say_bytes(&frame);
    }

    fn say_bytes(&self, bytes: &[u8]) {
        let mut end = self.0.lock();
        end.said.extend(bytes);
        if let Some(waker) = end.reading.take() {
            waker.wake();
        }
    }

    /// From now on the peer pings as fast as it is heard.
    fn flood(&self) {
        self.0.lock().floods = true;
        self.say_bytes(&[]);
    }

    /// From now on the peer takes so many bytes more.
    pub(super) fn take(&self, bytes: usize) {
        let mut end = self.0.lock();
        end.room = bytes;
        if let Some(waker) = end.writing.take() {
            waker.wake();
        }
    }

    /// What a session must never outlive.
    fn assert_is_right(&self) {
        let (end, now) = (self.0.lock(), Instant::now());
        match (end.full, end.asked) {
            (Some(full), _) => assert!(now <= full + PROGRESS_WITHIN, "full for {:?}", now - full),
            (None, Some(asked)) => assert!(now <= asked + PONG_WITHIN, "silent for {:?}", now - asked),
            (None, None) => {}
        }
    }

    /// Whether it was told `closing`, and why.
    fn closing(&self) -> Option<&'static str> {
        let end = self.0.lock();
        let told = String::from_utf8_lossy(&end.taken).into_owned();
        ["no_pong", "slow", "token_expired", "protocol"]
            .into_iter()
            .find(|reason| told.contains(&format!(r#""reason":"{reason}""#)))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut end = self.0.lock();
        if end.floods {
            ready!(coop::poll_proceed(cx)).made_progress();
            let pings = [0x89, 0x80, 0, 0, 0, 0].repeat(100);
            end.said.extend(pings);
        }
        if end.said.is_empty() {
            end.reading = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = end.said.len().min(buffer.remaining());
        let bytes: Vec<u8> = end.said.drain(..count).collect();
        buffer.put_slice(&bytes);
        end.asked = None;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut end = self.0.lock();
        let count = bytes.len().min(end.room);
        if count == 0 {
            end.full.get_or_insert_with(Instant::now);
            end.writing = Some(cx.waker().clone());
            return Poll::Pending;
        }
        end.full = (count < bytes.len()).then(Instant::now);
        end.room -= count;
        end.writes += 1;
        end.taken.extend_from_slice(&bytes[..count]);
        if bytes[..count].ends_with(&crate::wire::frame::ping()) {
            end.asked.get_or_insert_with(Instant::now);
        }
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        self.poll_write(cx, &bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A session of alice on a wire, over a stream that grows.
pub(super) struct Story {
    pub(super) push: Arc<Push>,
    pub(super) wire: Wire,
    session: tokio::task::JoinHandle<Instant>,
    began: Instant,
    lines: u64,
}

impl Story {
    pub(super) async fn begin() -> Self {
        let key = Key::from_text("a key of at least thirty-two bytes").unwrap();
        let verifier = Arc::new(Verifier::hs256(&key, "tailcast"));
        let mut claims = Claims::new("alice", auth::token::unix_now() + 1_000_000);
        claims.read = vec!["**".to_owned()];
        let subscriber = verifier
            .check(&Minter::hs256(&key, "tailcast").mint(&claims).unwrap())
            .unwrap();
        let store: Arc<dyn LogStore> = Arc::new(MemoryStore::default());
        let push = Push::new(Parts {
            sieve: Sieve::new(SieveLimits::default()),
            store,
            routes: Arc::new(MemoryTable::default()),
            node: NodeId::from_text("this-node"),
            verifier,
            admission: tokio::sync::watch::channel(crate::AdmissionLimits::default()).1,
            fan_out: tokio::runtime::Handle::current(),
            limits: Limits {
                close_within: Duration::ZERO,
                announce_within: Duration::ZERO,
                message_burst: u32::MAX,
                ..Limits::default()
            },
        });
        let running = Arc::clone(&push);
        tokio::spawn(async move { running.run(CancellationToken::new()).await });
        let wire = Wire::new();
        let (node, io) = (Arc::clone(push.host()), wire.clone());
        let session = tokio::spawn(async move {
            let place = node.admission.enter(&subscriber).ok().unwrap();
            let polls = io.clone();
            let epoch = Epoch::from_text("epoch");
            let mut session = Box::new(WebSocket::new(node, subscriber, epoch, &place, io));
            session.welcome();
            let mut running = std::pin::pin!(session.run());
            std::future::poll_fn(|cx| {
                polls.0.lock().polls += 1;
                running.as_mut().poll(cx)
            })
            .await;
            Instant::now()
        });
        Self {
            push,
            wire,
            session,
            began: Instant::now(),
            lines: 0,
        }
    }

    pub(super) fn ask(&self, request: &str) {
        self.wire.say(1, request.as_bytes());
    }

    /// A line of the stream, which nobody reads from a store.
    fn line(&mut self) {
        self.push.hand_off(Hint::Batch(batch("s", self.lines, 1)));
        self.lines += 1;
    }

    /// Lets time pass, second by second, and holds the session to its rules.
    async fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if !self.session.is_finished() {
                self.wire.assert_is_right();
            }
        }
    }

    /// When the session ended, and why as far as it could say so.
    async fn end(self) -> (Duration, Option<&'static str>) {
        let ended = tokio::time::timeout(Duration::from_secs(1_000), self.session).await;
        (ended.unwrap().unwrap() - self.began, self.wire.closing())
    }
}

const SUBSCRIBE: &str = r#"{"type":"subscribe","id":"a","streams":["s"]}"#;
const FILTERED: &str = r#"{"type":"subscribe","id":"a","streams":["s"],"filter":"nowhere"}"#;
const PAUSE: &str = r#"{"type":"pause","id":"a"}"#;

/// Ping after 20 to 30 s, gone 10 s later, and a second for the roundness of timers.
fn assert_is_silence((after, why): (Duration, Option<&str>)) {
    assert_eq!(why, Some("no_pong"), "after {after:?}");
    assert!((30..=40).contains(&after.as_secs()), "after {after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_session_that_is_silent_is_gone_10_seconds_after_its_ping() {
    let story = Story::begin().await;
    story.pass(41).await;
    assert_is_silence(story.end().await);
}

#[tokio::test(start_paused = true)]
async fn a_silent_session_is_gone_at_the_same_time_however_much_is_written_to_it() {
    for requests in [&[SUBSCRIBE][..], &[FILTERED], &[SUBSCRIBE, PAUSE]] {
        let mut story = Story::begin().await;
        requests.iter().for_each(|request| story.ask(request));
        for _ in 0..41 {
            story.line();
            story.pass(1).await;
        }
        let polls = story.wire.0.lock().polls;
        // A line, a word on what waits, and the timer of each.
        assert!(polls < 41 * 4, "{requests:?}: polled {polls} times in 41 s");
        assert_is_silence(story.end().await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_ping_that_waits_in_the_queue_has_its_10_seconds_from_when_it_is_written() {
    let mut story = Story::begin().await;
    story.ask(SUBSCRIBE);
    story.pass(1).await;
    story.wire.take(0);
    story.line();
    story.pass(28).await;
    // By now a ping may stand behind the line. The next one comes within 30 s.
    story.wire.take(usize::MAX);
    story.pass(41).await;
    let (after, why) = story.end().await;
    assert_eq!(why, Some("no_pong"));
    assert!((39..=69).contains(&after.as_secs()), "after {after:?}");
}

#[tokio::test(start_paused = true)]
async fn whatever_a_client_says_is_a_sign_of_life() {
    let mut story = Story::begin().await;
    story.ask(SUBSCRIBE);
    // No pongs: a message of 100 bytes that comes byte by byte.
    story.wire.say_bytes(&[0x81, 0x80 | 100, 0, 0, 0, 0]);
    for _ in 0..40 {
        story.line();
        story.pass(9).await;
        story.wire.say_bytes(b"x");
    }
    assert!(!story.session.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_stops_speaking_puts_off_neither_its_lines_nor_its_end() {
    let mut story = Story::begin().await;
    story.ask(SUBSCRIBE);
    story.pass(1).await;
    story.wire.flood();
    story.line();
    // Time stands still while anybody has something to do.
    let turns = async || {
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::advance(Duration::from_secs(1)).await;
    turns().await;
    let lines = |end: &End| String::from_utf8_lossy(&end.taken).contains(r#""message":"line"#);
    assert!(lines(&story.wire.0.lock()));
    tokio::time::advance(Duration::from_secs(1_000_001)).await;
    turns().await;
    assert!(story.session.is_finished());
    assert_eq!(story.wire.closing(), Some("token_expired"));
}

#[tokio::test(start_paused = true)]
async fn a_close_with_a_forbidden_code_is_told_so_in_our_words() {
    let story = Story::begin().await;
    story.wire.say(8, &[0x03, 0xe7]);
    let (_, why) = story.end().await;
    assert_eq!(why, Some("protocol"));
}

/// What a peer does, and for how many seconds nothing else happens.
#[derive(Debug, Clone)]
enum Step {
    Line,
    Says,
    Takes(usize),
    TakesAll,
    Asks(&'static str),
}

fn step() -> impl Strategy<Value = (Step, u64)> {
    let step = prop_oneof![
        6 => Just(Step::Line),
        3 => Just(Step::Says),
        2 => (0..2_000usize).prop_map(Step::Takes),
        3 => Just(Step::TakesAll),
        1 => prop::sample::select(vec![
            SUBSCRIBE, FILTERED, PAUSE, r#"{"type":"resume","id":"a"}"#, r#"{"type":"unsubscribe","id":"a"}"#,
            r#"{"type":"ping","id":"p"}"#,
        ]).prop_map(Step::Asks),
    ];
    (step, prop_oneof![3 => 0..2u64, 1 => 0..25u64])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_session_ends_in_time_and_sleeps_meanwhile_whatever_its_peer_does(
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut story = Story::begin().await;
            story.ask(SUBSCRIBE);
            for (step, seconds) in &steps {
                match step {
                    Step::Line => story.line(),
                    Step::Says => story.wire.say(10, b""),
                    Step::Takes(bytes) => story.wire.take(*bytes),
                    Step::TakesAll => story.wire.take(usize::MAX),
                    Step::Asks(request) => story.ask(request),
                }
                story.pass(*seconds).await;
            }
            let lived = story.began.elapsed().as_secs() as usize;
            let polls = story.wire.0.lock().polls;
            assert!(polls < 40 + 8 * steps.len() + 2 * lived, "polled {polls} times in {lived} s");
            // Whatever was asked, a peer that takes nothing and says nothing is gone in the end.
            story.wire.take(0);
            story.pass(75).await;
            assert!(story.session.is_finished());
        });
    }
}
