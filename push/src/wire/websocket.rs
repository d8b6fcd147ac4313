//! A session over a WebSocket, from `welcome` to `closing`: a loop over all that can happen to it.
//!
//! Requests are done one after the other, and nothing is read while one waits for the store: so a client cannot make
//! the server keep a queue of them. Lines go on meanwhile.

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod gathered;
mod requests;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod silence;
#[cfg(test)]
mod size;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use auth::Subscriber;
use futures_util::FutureExt;
use lines::Epoch;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};
use uuid::Uuid;

use self::requests::Answer;
use crate::cursors::Cursors;
use crate::cursors::capacity::Capacity;
use crate::cursors::owed::Owed;
use crate::cursors::refusal::Refusal;
use crate::session::admission::Place;
use crate::session::clock::{Alarm, Clock};
use crate::session::close::{self, Close};
use crate::session::{self, Host, Meet, Outbound, Reads, Session, Waiting, running};
use crate::wire::frame::{self, FRAMES};
use crate::wire::inbound_rate::InboundRate;
use crate::wire::protocol::{Message, Told, Welcome, WelcomeLimits};
use crate::wire::socket::{Event, Listen, Socket};

/// Frames that are heard before others have their turn, and the session looks at what else there is.
const HEARD_AT_ONCE: u32 = 64;

/// A session, its WebSocket, and what its client asked for.
pub(crate) struct WebSocket<S> {
    host: Arc<Host>,
    /// What it is called among the sessions of the node.
    id: Uuid,
    session: Session,
    out: Out<S>,
    clock: Clock,
    /// The request under way.
    request: Option<Waiting<Answer>>,
    inbound_rate: InboundRate,
    /// What the wire brought without a moment of silence.
    at_once: u32,
}

/// The socket, and the database that its cursors belong to.
struct Out<S> {
    socket: Socket<S>,
    epoch: Epoch,
}

/// All that can happen.
enum Happened {
    Socket(Event),
    Session(session::Happened),
    Answered(Answer),
    Alarm,
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

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    pub(crate) fn new(host: Arc<Host>, subscriber: Subscriber, epoch: Epoch, place: &Place, io: S) -> Self {
        let limits = &host.limits;
        let now = Instant::now();
        let socket = Socket::new(
            io,
            limits.message_bytes,
            limits.message_fragments,
            limits.queue_bytes,
        );
        let reads = Reads {
            encoding: FRAMES,
            capacity: Capacity {
                streams: limits.streams,
                place_bytes: None,
            },
        };
        Self {
            out: Out { socket, epoch },
            clock: Clock::new(Arc::clone(limits), subscriber.expires_at(), now),
            request: None,
            inbound_rate: InboundRate::new(limits, now),
            at_once: 0,
            session: Session::new(Arc::clone(&host), subscriber, Arc::clone(place.wake()), reads),
            id: place.id(),
            host,
        }
    }

    /// Serves the session until it ends. Boxed, and its end apart, because futures are moved: what is moved has its
    /// place in each of them, and an idle session is little more than this.
    pub(crate) async fn run(mut self: Box<Self>) {
        let mut alarm = std::pin::pin!(tokio::time::sleep_until(
            self.clock.next(self.out.socket.vitals())
        ));
        let end = loop {
            self.session.fill(&mut self.out);
            let meet = self.meet();
            self.session.begin_waiting(self.out.has_room(), meet);
            let happened = self.happening(alarm.as_mut()).await;
            if let Err(end) = self.react(happened) {
                break end;
            }
        };
        Box::pin(self.end(end)).await;
    }

    /// Queues the first message: what the client may rely on, and the session's name.
    pub(crate) fn welcome(&mut self) {
        let limits = &self.host.limits;
        let expires_at = self.session.expires_at();
        let id = self.id.simple().to_string();
        let welcome = Message::Welcome(Welcome {
            session: &id,
            node: self.host.node.as_str(),
            subscriber: self.session.subscriber.sub(),
            epoch: self.out.epoch.as_str(),
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
        self.out.socket.send(welcome.frame());
    }

    fn meet(&self) -> Meet {
        if self.request.is_none() {
            Meet::Yes
        } else {
            Meet::Later
        }
    }

    async fn happening(&mut self, mut alarm: Pin<&mut Sleep>) -> Happened {
        let meet = self.meet();
        if self.at_once >= HEARD_AT_ONCE
            && let Some(happened) = self.beside_the_wire(meet).await
        {
            return happened;
        }
        let listen = match meet {
            Meet::Yes => Listen::Yes,
            Meet::Later => Listen::No,
        };
        let word_at = self.word_at();
        let (socket, clock) = (&mut self.out.socket, &self.clock);
        let mut wire_or_time = move |cx: &mut Context<'_>| {
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
        };
        let (session, request) = (&mut self.session, &mut self.request);
        let mut within = std::pin::pin!(async move {
            tokio::select! {
                happened = session.happening(meet) => Happened::Session(happened),
                answer = running(request) => Happened::Answered(answer),
            }
        });
        // What was put out leaves first. Who is woken after that is mostly woken for lines, and finds nothing on the wire.
        let mut waited = false;
        std::future::poll_fn(move |cx| {
            if waited && let Poll::Ready(happened) = within.as_mut().poll(cx) {
                return Poll::Ready(happened);
            }
            if let Poll::Ready(happened) = wire_or_time(cx) {
                return Poll::Ready(happened);
            }
            if std::mem::replace(&mut waited, true) {
                return Poll::Pending;
            }
            within.as_mut().poll(cx)
        })
        .await
    }

    /// What happened elsewhere meanwhile, after others had their turn: a client that never stops speaking puts off neither
    /// them nor its end.
    async fn beside_the_wire(&mut self, meet: Meet) -> Option<Happened> {
        self.at_once = 0;
        tokio::task::yield_now().await;
        if self.due() <= Instant::now() {
            return Some(Happened::Alarm);
        }
        // Asked again before anybody waits for it, so that nothing is lost of what it would wake.
        self.session.happening(meet).now_or_never().map(Happened::Session)
    }

    /// When the clock, or a word that is owed, is to be looked at.
    fn due(&self) -> Instant {
        let due = self.clock.next(self.out.socket.vitals());
        self.word_at().map_or(due, |word_at| due.min(word_at))
    }

    /// When the client is owed a word on what it does not get, unless more waits for it already.
    fn word_at(&self) -> Option<Instant> {
        self.session.cursors.word_at().filter(|_| self.out.has_room())
    }

    fn react(&mut self, happened: Happened) -> Result<(), End> {
        self.at_once = match happened {
            Happened::Socket(_) => self.at_once + 1,
            _ => 0,
        };
        match happened {
            Happened::Session(happened) => {
                let mut owed = Vec::new();
                if let Some(ending) = self.session.react(happened, &mut owed) {
                    self.clock.end(ending, Instant::now());
                }
                self.put(&mut owed);
            }
            Happened::Socket(Event::Text(text)) => self.read(&text)?,
            Happened::Socket(Event::Binary(_)) => return Err(End::Close(&close::BINARY)),
            Happened::Socket(Event::Room | Event::Heard) => {}
            Happened::Socket(Event::Left) => return Err(End::Left),
            Happened::Socket(Event::Broken(close)) => return Err(End::Close(close)),
            Happened::Socket(Event::Gone) => return Err(End::Gone),
            Happened::Answered(answer) => self.answered(answer)?,
            Happened::Alarm => self.alarm()?,
        }
        Ok(())
    }

    fn alarm(&mut self) -> Result<(), End> {
        let now = Instant::now();
        if self.word_at().is_some_and(|at| at <= now) {
            let mut owed = Vec::new();
            self.session.cursors.words(&mut owed);
            self.put(&mut owed);
        }
        match self.clock.due(self.out.socket.vitals(), now) {
            Some(Alarm::Ping) => self.out.socket.ping(),
            Some(Alarm::Expiring) => {
                let expires_at = self.session.expires_at();
                let expiring = Message::Expiring {
                    expires_at: &expires_at,
                };
                self.out.socket.send(expiring.frame());
            }
            Some(Alarm::Close(close)) => return Err(End::Close(close)),
            None => {}
        }
        Ok(())
    }

    fn put(&mut self, owed: &mut Vec<Owed>) {
        self.out.put(owed, &self.session.cursors);
    }

    fn refuse(&mut self, refusal: &Refusal) {
        self.out.socket.send(Message::from(refusal).frame());
    }

    /// Says why, closes, and gives the other side a moment. The session's places in feeds are free before that.
    async fn end(self: Box<Self>, end: End) {
        let Self {
            host,
            session,
            out: Out { mut socket, .. },
            request,
            ..
        } = *self;
        drop((session, request));
        match end {
            End::Gone => return,
            End::Left => {}
            End::Close(close) => {
                close.count();
                socket.discard_lines();
                socket.send(Message::closing(close, session::come_back_after(close)).frame());
                socket.send(frame::close(close.code, close.reason));
            }
        }
        // A peer that takes nothing any more is left without a goodbye.
        let _ = tokio::time::timeout(host.limits.close_within, socket.finish()).await;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Outbound for Out<S> {
    fn has_room(&self) -> bool {
        self.socket.has_room()
    }

    fn put(&mut self, owed: &mut Vec<Owed>, _: &Cursors) {
        for owed in owed.drain(..) {
            match Told::of(&owed, self.epoch.as_str()) {
                Told::Lines(bytes) => self.socket.send_lines(bytes.clone()),
                Told::Looked(message) => self.socket.send_lines(message.frame()),
                Told::Own(message) => self.socket.send(message.frame()),
            }
        }
    }
}
