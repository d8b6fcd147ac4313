//! What every session has, whatever its wire: cursors, what they wait for, a place among the others, deadlines, an end.
//!
//! A wire asks its session for what goes out ([`Session::fill`]), waits for what happens to it ([`Session::happening`])
//! beside what happens on the wire, and lets it take that in ([`Session::react`]).

pub(crate) mod admission;
pub(crate) mod clock;
pub mod close;
pub(crate) mod rate;

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use auth::{Subscriber, TokenError, Verifier};
use dispatch::NodeId;
use lines::{StreamName, Timestamp};
use metrics::Counter;
use tokio::runtime::Handle;

use self::admission::Admission;
use self::close::{Again, Close};
use crate::Limits;
use crate::cursors::capacity::Capacity;
use crate::cursors::discovery::{Discovered, Discovery, Undiscovered};
use crate::cursors::owed::Owed;
use crate::cursors::sources::Sources;
use crate::cursors::subscribe::Asker;
use crate::cursors::subscription::Started;
use crate::cursors::{Cursors, Fetch, Fetched, FilterPass, Filtered, Freed, Step};
use crate::feeds::pages::pause_before;
use crate::feeds::view::Encoding;
use crate::feeds::wake::{Ending, Wake};

/// Readers that come back at once after an end are spread over this time.
const COME_BACK_WITHIN: Duration = Duration::from_secs(1);

/// Pieces of a stream that a filter looks through in vain before other sessions get their turn.
const LOOKS_AT_ONCE: u32 = 4;

/// What serves the sessions of a node.
pub(crate) struct Host {
    pub(crate) node: NodeId,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) sources: Arc<Sources>,
    pub(crate) delivered: Delivered,
    /// Where they run.
    pub(crate) fan_out: Handle,
}

/// What went out to sessions. Counters of the hot path, looked up once.
pub(crate) struct Delivered {
    frames: Counter,
    lines: Counter,
}

/// The outgoing side of a wire.
pub(crate) trait Outbound {
    /// Whether more may be put into it.
    fn has_room(&self) -> bool;

    /// Takes what the reader is owed, in this order. `cursors` say where it stands once it has all of it.
    fn put(&mut self, owed: &mut Vec<Owed>, cursors: &Cursors);
}

/// A subscriber's cursors, and what they wait for.
pub(crate) struct Session {
    host: Arc<Host>,
    /// Who reads. Changes with a new token.
    pub(crate) subscriber: Subscriber,
    pub(crate) cursors: Cursors,
    reads: Reads,
    wake: Arc<Wake>,
    /// The streams that are being met. Goes on between requests, so that neither overtakes the other.
    meeting: Option<Waiting<Result<Discovered, Undiscovered>>>,
    /// The read of the store under way.
    fetch: Option<Fetch>,
    /// The pass of a filter under way.
    pass: Option<FilterPass>,
    /// Streams that patterns met, and that are not joined yet.
    met: HashSet<StreamName>,
    /// More were met than could be told: list the store.
    list: bool,
    /// Failed attempts to join what was met, in a row.
    attempts: u32,
    /// A filter has more to look through, after others had their turn.
    again: bool,
}

/// How a wire reads.
#[derive(Clone, Copy)]
pub(crate) struct Reads {
    /// In which bytes it takes lines.
    pub(crate) encoding: Encoding,
    /// How many streams a session over it may have.
    pub(crate) capacity: Capacity,
}

/// Something that a session waits for.
pub(crate) type Waiting<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What can happen to a session, its wire aside.
pub(crate) enum Happened {
    /// Its streams have something new, or it is told to leave.
    News,
    Met(Result<Discovered, Undiscovered>),
    Fetched(Fetched),
    Filtered(Filtered),
    /// Others had their turn.
    Again,
}

/// Whether streams that patterns met may be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meet {
    Yes,
    /// A request under way may bring the pattern that a stream was offered for.
    Later,
}

impl Host {
    /// Ends the session of everybody whose token is taken back. Never ends itself.
    pub(crate) async fn heed_revocations(&self) {
        let mut news = self.verifier.news();
        loop {
            self.admission
                .revoke(|subscriber| self.verifier.stands(subscriber) != Err(TokenError::Revoked));
            if news.changed().await.is_err() {
                // Nobody is left who could take anything back.
                return std::future::pending().await;
            }
        }
    }
}

impl Delivered {
    pub(crate) fn new() -> Self {
        Self {
            frames: metrics::counter!("tailcast_frames_sent_total"),
            lines: metrics::counter!("tailcast_lines_delivered_total"),
        }
    }

    fn count(&self, owed: &[Owed]) {
        // What a filter left nothing of goes in the write of something else, and is no work to speak of.
        for owed in owed {
            let (frames, lines) = match owed {
                Owed::Lines(chunk) => (1, chunk.lines),
                Owed::Joined(piece) => (piece.frames, piece.lines),
                _ => continue,
            };
            self.frames.increment(frames);
            self.lines.increment(lines);
        }
    }
}

impl Session {
    /// Without a subscription yet. Is told of news by `wake`.
    pub(crate) fn new(host: Arc<Host>, subscriber: Subscriber, wake: Arc<Wake>, reads: Reads) -> Self {
        Self {
            cursors: Cursors::new(
                Arc::clone(&host.sources),
                Arc::clone(&wake),
                &subscriber,
                reads.capacity,
            ),
            host,
            subscriber,
            reads,
            wake,
            meeting: None,
            fetch: None,
            pass: None,
            met: HashSet::new(),
            list: false,
            attempts: 0,
            again: false,
        }
    }

    /// When it ends with its token, RFC 3339.
    pub(crate) fn expires_at(&self) -> String {
        let nanos = self.subscriber.expires_at().saturating_mul(1_000_000_000);
        Timestamp::from_nanos(nanos).to_string()
    }

    /// Puts out what the cursors are owed, while there is room.
    pub(crate) fn fill(&mut self, to: &mut impl Outbound) {
        let (mut owed, mut looked) = (Vec::new(), 0);
        while to.has_room() && looked < LOOKS_AT_ONCE {
            match self.cursors.next(&mut owed) {
                Step::Sent => {
                    self.host.delivered.count(&owed);
                    to.put(&mut owed, &self.cursors);
                }
                Step::Looked => looked += 1,
                Step::Idle => break,
            }
        }
        self.again = looked >= LOOKS_AT_ONCE;
        if !to.has_room() {
            self.cursors.lag();
        }
    }

    /// Begins what waits for the store or for a filter, one of each kind at a time.
    pub(crate) fn begin_waiting(&mut self, has_room: bool, meet: Meet) {
        if self.fetch.is_none() {
            self.fetch = self.cursors.fetch();
        }
        if self.pass.is_none() && has_room {
            self.pass = self.cursors.pass();
        }
        if self.meeting.is_none() && meet == Meet::Yes && (self.list || !self.met.is_empty()) {
            self.meet();
        }
    }

    fn meet(&mut self) {
        let (cursors, list) = (&self.cursors, std::mem::take(&mut self.list));
        let streams: Vec<_> = self.met.drain().filter(|of| !cursors.has_stream(of)).collect();
        let covers = self.cursors.covers();
        if covers.is_empty() || (streams.is_empty() && !list) {
            return;
        }
        let have = if list { self.cursors.streams() } else { Vec::new() };
        let discovery = Discovery {
            sources: Arc::clone(&self.host.sources),
            asker: self.asker_with(have),
            covers,
            streams,
            list,
            pause: self.attempts.checked_sub(1).map(pause_before),
        };
        self.meeting = Some(Box::pin(discovery.run()));
    }

    /// Who subscribes, as things are.
    pub(crate) fn asker(&self) -> Asker {
        self.asker_with(self.cursors.streams())
    }

    /// The same, where no more of its streams than these could be come upon.
    fn asker_with(&self, have: Vec<StreamName>) -> Asker {
        Asker {
            subscriber: self.subscriber.clone(),
            wake: Arc::clone(&self.wake),
            have: have.into_iter().collect(),
            held: self.cursors.held(),
            encoding: self.reads.encoding,
            capacity: self.reads.capacity,
        }
    }

    /// The next thing that happens. Cancel-safe: what was begun goes on at the next call.
    pub(crate) async fn happening(&mut self, meet: Meet) -> Happened {
        tokio::select! {
            () = self.wake.woken() => Happened::News,
            met = running(&mut self.meeting), if meet == Meet::Yes => Happened::Met(met),
            fetched = running(&mut self.fetch) => Happened::Fetched(fetched),
            filtered = running(&mut self.pass) => Happened::Filtered(filtered),
            () = tokio::task::yield_now(), if self.again => Happened::Again,
        }
    }

    /// Takes in what happened. The answer says how it ends, if the session was told to.
    pub(crate) fn react(&mut self, happened: Happened, owed: &mut Vec<Owed>) -> Option<Ending> {
        match happened {
            Happened::News => {
                let news = self.wake.take(&mut self.cursors.ready);
                self.list |= news.too_many_offers;
                self.met.extend(news.offers);
                return news.ending;
            }
            Happened::Met(met) => self.have_met(met, owed),
            Happened::Fetched(fetched) => {
                self.fetch = None;
                self.cursors.fetched(fetched, owed);
            }
            Happened::Filtered(filtered) => {
                self.pass = None;
                self.cursors.filtered(filtered);
            }
            Happened::Again => {}
        }
        None
    }

    fn have_met(&mut self, met: Result<Discovered, Undiscovered>, owed: &mut Vec<Owed>) {
        self.meeting = None;
        match met {
            Ok(met) => {
                self.attempts = 0;
                let again = self.cursors.add_met(met, &self.subscriber, owed);
                self.met.extend(again);
            }
            Err(unmet) => {
                self.attempts += 1;
                self.met.extend(unmet.streams);
                self.list |= unmet.list;
            }
        }
    }

    /// Adds a subscription.
    pub(crate) fn add(&mut self, started: Started, owed: &mut Vec<Owed>) {
        self.cursors.add(started, owed);
    }

    /// Ends a subscription; patterns of others meet what it leaves. Whether there was one.
    pub(crate) fn remove(&mut self, id: &str, owed: &mut Vec<Owed>) -> bool {
        let Some(Freed { handed, left_out }) = self.cursors.remove(id, owed) else {
            return false;
        };
        self.met.extend(handed);
        self.list |= left_out;
        true
    }

    /// Reads for this subscriber from now on: the same one, with another token. What that does not allow ends at once.
    pub(crate) fn regrant(&mut self, subscriber: Subscriber, owed: &mut Vec<Owed>) {
        self.subscriber = subscriber;
        self.cursors.regrant(&self.subscriber, owed);
        // Patterns may cover more now.
        self.list = true;
    }
}

/// When a reader should come back that is told to: not all at once.
pub(crate) fn come_back_after(close: &Close) -> Option<Duration> {
    let within = Duration::ZERO..COME_BACK_WITHIN;
    (close.again == Again::ComeBack).then(|| rand::random_range(within))
}

/// The end of a future that may not be there.
pub(crate) async fn running<T>(future: &mut Option<Waiting<T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
