//! One subscriber's connection, from `welcome` to `closing`: a loop over all that can happen to it.
//!
//! Requests are done one after the other, and nothing is read while one waits for the store: so a client cannot make
//! the server keep a queue of them. Lines go on meanwhile.

mod requests;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod silence;

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use auth::Subscriber;
use lines::{StreamName, Timestamp};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};

use self::requests::Answer;
use crate::Push;
use crate::cursors::discovery::{Discovered, Discovery, Undiscovered};
use crate::cursors::subscribe::Asker;
use crate::cursors::{Cursors, Fetch, Fetched, FilterPass, Filtered, Outgoing, Step};
use crate::feeds::pages;
use crate::feeds::wake::Wake;
use crate::session::clock::{Alarm, Clock};
use crate::session::close::{self, Again, Close};
use crate::wire::frame;
use crate::wire::inbound_rate::InboundRate;
use crate::wire::protocol::{Message, Refusal, Welcome, WelcomeLimits};
use crate::wire::socket::{Event, Listen, Socket};

/// Clients that come back at once after a close are spread over this time.
const COME_BACK_WITHIN_MS: u64 = 1_000;

/// Pieces of a stream that a filter looks through in vain before other sessions get their turn.
const LOOKS_AT_ONCE: u32 = 4;

/// One connection's loop and what it needs.
pub(crate) struct Session<S> {
    push: Arc<Push>,
    subscriber: Subscriber,
    epoch: String,
    socket: Socket<S>,
    wake: Arc<Wake>,
    cursors: Cursors,
    /// The request under way.
    request: Option<InHand>,
    /// The streams that are being met. Goes on between requests, so that neither overtakes the other.
    meeting: Option<UnderWay>,
    /// The read of the store under way.
    fetch: Option<Fetch>,
    /// The look through lines under way.
    look: Option<FilterPass>,
    /// Streams that patterns met, and that are not joined yet.
    met: HashSet<StreamName>,
    /// More were met than could be told: list the store.
    list: bool,
    /// Failed attempts to join what was met, in a row.
    attempts: u32,
    /// A filter has more to look through, after others had their turn.
    again: bool,
    clock: Clock,
    inbound_rate: InboundRate,
}

type InHand = Pin<Box<dyn Future<Output = Answer> + Send>>;

type UnderWay = Pin<Box<dyn Future<Output = Result<Discovered, Undiscovered>> + Send>>;

/// All that can happen to a session.
enum Happened {
    Socket(Event),
    News,
    Answered(Answer),
    Met(Result<Discovered, Undiscovered>),
    Fetched(Fetched),
    Sifted(Filtered),
    Alarm,
    /// Others had their turn.
    Again,
}

/// Why a session ends.
enum End {
    /// We close it.
    Close(&'static Close),
    /// The client said goodbye; the answer is queued.
    Left,
    /// Nobody is there any more.
    Gone,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(crate) fn new(
        push: Arc<Push>,
        subscriber: Subscriber,
        epoch: String,
        wake: Arc<Wake>,
        io: S,
    ) -> Self {
        let limits = &push.limits;
        let now = Instant::now();
        Self {
            socket: Socket::new(
                io,
                limits.message_bytes,
                limits.message_fragments,
                limits.queue_bytes,
            ),
            cursors: Cursors::new(Arc::clone(&push), Arc::clone(&wake), &subscriber),
            request: None,
            meeting: None,
            fetch: None,
            look: None,
            met: HashSet::new(),
            list: false,
            attempts: 0,
            again: false,
            clock: Clock::new(limits, subscriber.expires_at(), now),
            inbound_rate: InboundRate::new(limits, now),
            subscriber,
            epoch,
            wake,
            push,
        }
    }

    /// Serves the session until it ends. Boxed, and its end apart, because futures are moved: what is moved has its
    /// place in each of them, and an idle session is little more than this.
    pub(crate) async fn run(mut self: Box<Self>, id: &str) {
        self.welcome(id);
        let mut alarm = std::pin::pin!(tokio::time::sleep_until(self.clock.next(self.socket.vitals())));
        let end = loop {
            self.fill();
            self.begin_waiting();
            let happened = self.happening(alarm.as_mut()).await;
            if let Err(end) = self.react(happened) {
                break end;
            }
        };
        Box::pin(self.end(end)).await;
    }

    fn welcome(&mut self, id: &str) {
        let limits = &self.push.limits;
        let expires_at = self.expires_at();
        let welcome = Message::Welcome(Welcome {
            session: id,
            node: self.push.node.as_str(),
            subscriber: self.subscriber.sub(),
            epoch: &self.epoch,
            expires_at: &expires_at,
            heartbeat_ms: u64::try_from(limits.heartbeat.as_millis()).unwrap_or(u64::MAX),
            limits: WelcomeLimits {
                subscriptions: limits.subscriptions,
                streams: limits.streams,
                message_bytes: limits.message_bytes,
                messages_per_second: limits.messages_per_second,
            },
            requests: &["ping"],
        });
        self.socket.send(welcome.frame());
    }

    /// RFC 3339.
    fn expires_at(&self) -> String {
        let nanos = self.subscriber.expires_at().saturating_mul(1_000_000_000);
        Timestamp::from_nanos(nanos).to_string()
    }

    /// Queues what the cursors are owed, while there is room.
    fn fill(&mut self) {
        let (mut out, mut looked) = (Vec::new(), 0);
        while self.socket.has_room() && looked < LOOKS_AT_ONCE {
            match self.cursors.next(&mut out) {
                Step::Sent => self.send(&mut out),
                Step::Looked => looked += 1,
                Step::Idle => break,
            }
        }
        self.again = looked >= LOOKS_AT_ONCE;
        if !self.socket.has_room() {
            self.cursors.lag();
        }
    }

    /// Begins what waits for the store, one of each kind at a time.
    fn begin_waiting(&mut self) {
        if self.fetch.is_none() {
            self.fetch = self.cursors.fetch();
        }
        if self.look.is_none() && self.socket.has_room() {
            self.look = self.cursors.look();
        }
        // A `subscribe` under way may bring the pattern that a stream was offered for.
        if self.meeting.is_none() && self.request.is_none() && (self.list || !self.met.is_empty()) {
            self.meet();
        }
    }

    fn meet(&mut self) {
        let covers = self.cursors.covers();
        let streams = self.met.drain().collect();
        let list = std::mem::take(&mut self.list);
        if covers.is_empty() {
            return;
        }
        let meeting = Discovery {
            push: Arc::clone(&self.push),
            asker: self.asker(),
            covers,
            streams,
            list,
            pause: self.attempts.checked_sub(1).map(pages::pause_before),
        };
        self.meeting = Some(Box::pin(meeting.run()));
    }

    fn asker(&self) -> Asker {
        Asker {
            subscriber: self.subscriber.clone(),
            wake: Arc::clone(&self.wake),
            have: self.cursors.streams().cloned().collect(),
        }
    }

    async fn happening(&mut self, mut alarm: Pin<&mut Sleep>) -> Happened {
        let free = self.request.is_none();
        let listen = if free { Listen::Yes } else { Listen::No };
        let word_at = self.word_at();
        let (socket, clock) = (&mut self.socket, &self.clock);
        let wire_or_time = std::future::poll_fn(move |cx| {
            if let Poll::Ready(event) = socket.poll_event(cx, listen) {
                return Poll::Ready(Happened::Socket(event));
            }
            // Only now, for what was written or read just now moves the deadlines. An alarm that is too early costs
            // less than setting it anew for every frame.
            let due = clock.next(socket.vitals());
            let due = word_at.map_or(due, |word_at| due.min(word_at));
            if due < alarm.deadline() || alarm.is_elapsed() {
                alarm.as_mut().reset(due);
            }
            alarm.as_mut().poll(cx).map(|()| Happened::Alarm)
        });
        tokio::select! {
            () = self.wake.woken() => Happened::News,
            happened = wire_or_time => happened,
            answer = running(&mut self.request) => Happened::Answered(answer),
            met = running(&mut self.meeting), if free => Happened::Met(met),
            fetched = running(&mut self.fetch) => Happened::Fetched(fetched),
            sifted = running(&mut self.look) => Happened::Sifted(sifted),
            () = tokio::task::yield_now(), if self.again => Happened::Again,
        }
    }

    /// When the client is owed a word on what it does not get, unless more waits for it already.
    fn word_at(&self) -> Option<Instant> {
        self.cursors.word_at().filter(|_| self.socket.has_room())
    }

    fn react(&mut self, happened: Happened) -> Result<(), End> {
        match happened {
            Happened::News => {
                let news = self.wake.take(&mut self.cursors.ready);
                self.list |= news.too_many_offers;
                self.met.extend(news.offers);
                if let Some(at) = news.leave_at {
                    self.clock.leave(at);
                }
            }
            Happened::Socket(Event::Text(text)) => self.read(&text)?,
            Happened::Socket(Event::Binary(_)) => return Err(End::Close(&close::BINARY)),
            Happened::Socket(Event::Room | Event::Heard) => {}
            Happened::Socket(Event::Left) => return Err(End::Left),
            Happened::Socket(Event::Broken(close)) => return Err(End::Close(close)),
            Happened::Socket(Event::Gone) => return Err(End::Gone),
            Happened::Answered(answer) => self.answered(answer),
            Happened::Met(met) => self.have_met(met),
            Happened::Fetched(fetched) => {
                self.fetch = None;
                let mut out = Vec::new();
                self.cursors.fetched(fetched, &mut out);
                self.send(&mut out);
            }
            Happened::Sifted(sifted) => {
                self.look = None;
                self.cursors.sifted(sifted);
            }
            Happened::Alarm => self.alarm()?,
            Happened::Again => {}
        }
        Ok(())
    }

    fn alarm(&mut self) -> Result<(), End> {
        let now = Instant::now();
        if self.word_at().is_some_and(|at| at <= now) {
            let mut out = Vec::new();
            self.cursors.words(&mut out);
            self.send(&mut out);
        }
        match self.clock.due(self.socket.vitals(), now) {
            Some(Alarm::Ping) => self.socket.ping(),
            Some(Alarm::Expiring) => {
                let expires_at = self.expires_at();
                self.socket.send(
                    Message::Expiring {
                        expires_at: &expires_at,
                    }
                    .frame(),
                );
            }
            Some(Alarm::Close(close)) => return Err(End::Close(close)),
            None => {}
        }
        Ok(())
    }

    fn have_met(&mut self, met: Result<Discovered, Undiscovered>) {
        self.meeting = None;
        let mut out = Vec::new();
        match met {
            Ok(met) => {
                self.attempts = 0;
                let again = self.cursors.add_met(met, &self.subscriber, &self.epoch, &mut out);
                self.met.extend(again);
            }
            Err(unmet) => {
                self.attempts += 1;
                self.met.extend(unmet.streams);
                self.list |= unmet.list;
            }
        }
        self.send(&mut out);
    }

    /// Queues all of it, and counts it.
    fn send(&mut self, out: &mut Vec<Outgoing>) {
        let (mut frames, mut lines) = (0, 0);
        for outgoing in out.drain(..) {
            match outgoing {
                Outgoing::Lines(frame) => {
                    // One without lines goes in the write of another, and is no work to speak of.
                    frames += u64::from(frame.lines > 0);
                    lines += frame.lines;
                    self.socket.send_lines(frame.bytes);
                }
                Outgoing::Own(message) => self.socket.send(message),
            }
        }
        if frames > 0 {
            self.push.feeds.tick.wrote(frames);
            self.push.counters.frames.increment(frames);
            self.push.counters.lines.increment(lines);
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.socket.send(Message::Error(refusal).frame());
    }

    /// Says why, closes, and gives the other side a moment. The session's places in feeds are free before that.
    async fn end(self: Box<Self>, end: End) {
        let Self {
            mut socket,
            cursors,
            request,
            meeting,
            fetch,
            look,
            push,
            ..
        } = *self;
        drop((cursors, request, meeting, fetch, look));
        match end {
            End::Gone => return,
            End::Left => {}
            End::Close(close) => {
                metrics::counter!("tailcast_sessions_closed_total", "reason" => close.reason).increment(1);
                socket.discard_lines();
                let closing = Message::Closing {
                    code: close.code,
                    reason: close.reason,
                    retry_after_ms: (close.again == Again::ComeBack)
                        .then(|| rand::random_range(0..COME_BACK_WITHIN_MS)),
                };
                socket.send(closing.frame());
                socket.send(frame::close(close.code, close.reason));
            }
        }
        // A peer that takes nothing any more is left without a goodbye.
        let _ = tokio::time::timeout(push.limits.close_within, socket.finish()).await;
    }
}

/// The end of a future that may not be there.
async fn running<T>(future: &mut Option<Pin<Box<dyn Future<Output = T> + Send>>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
