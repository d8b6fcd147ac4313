//! The loop over connections: one after another, each going on where the last one ended.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::places::Places;
use super::session::{Session, Trouble};
use super::subscribe::{Plan, Subscription};
use super::wire::{ErrorMessage, Message, Request, Subscribed, Welcome};
use super::{Event, Fault, Follow, From, GapReason, State, TailError};
use crate::backoff::Backoff;
use crate::problem;
use crate::server::{Server, Token, TokenError};

/// What is followed and how far it got, over all connections.
pub(crate) struct Follower {
    server: Server,
    follow: Follow,
    places: Places,
    /// Names and patterns that a server has accepted: they go on by cursors. The others of `follow.streams` begin
    /// where they were asked to.
    known: BTreeSet<String>,
    backoff: Backoff,
    /// The token that the server refused last, until one is accepted.
    refused: Option<Token>,
    phase: Phase,
    /// Told before anything else is done; what one message makes, so a handful. An error is the last.
    ready: VecDeque<Result<Event, TailError>>,
}

enum Phase {
    Dial,
    Wait(Instant),
    Connected(Box<Connected>),
    Over,
}

/// A connection, and how far its subscriptions are.
struct Connected {
    session: Session,
    token: Token,
    since: Instant,
    /// Sent and not answered.
    asked: Vec<Subscription>,
    /// Streams that have not reached their heads. Unused once all had.
    behind: BTreeSet<String>,
    live: bool,
    /// Whether the connection was good for something.
    useful: bool,
}

impl Follower {
    pub(crate) fn new(server: Server, mut follow: Follow) -> Self {
        let mut places = Places::default();
        if let From::Cursors { cursors, epoch } = &follow.from {
            places.cursors.clone_from(cursors);
            places.epoch.clone_from(epoch);
        }
        let mut seen = BTreeSet::new();
        follow.streams.retain(|stream| seen.insert(stream.clone()));
        let backoff = Backoff::new(follow.limits.first_wait, follow.limits.longest_wait);
        Self {
            server,
            follow,
            places,
            known: BTreeSet::new(),
            backoff,
            refused: None,
            phase: Phase::Dial,
            ready: VecDeque::from([Ok(Event::State(State::Connecting))]),
        }
    }

    /// The next event; an error is the last one.
    pub(crate) async fn next(&mut self) -> Option<Result<Event, TailError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let result = match &mut self.phase {
                Phase::Over => return None,
                Phase::Wait(until) => {
                    tokio::time::sleep_until(*until).await;
                    self.phase = Phase::Dial;
                    self.tell(Event::State(State::Connecting));
                    continue;
                }
                Phase::Dial => self.dial().await,
                Phase::Connected(connected) => {
                    let patience = connected.patience(self.follow.limits.subscribe);
                    match connected.session.read(patience).await {
                        Ok(text) => self.heard(&text).await,
                        Err(trouble) => Err(trouble),
                    }
                }
            };
            if let Err(trouble) = result
                && let Err(error) = self.trouble(trouble)
            {
                self.phase = Phase::Over;
                self.ready.push_back(Err(error));
            }
        }
    }

    fn tell(&mut self, event: Event) {
        self.ready.push_back(Ok(event));
    }

    async fn dial(&mut self) -> Result<(), Trouble> {
        let limits = &self.follow.limits;
        let token = match self.server.token(limits.answer).await {
            Ok(token) => token,
            Err(error @ TokenError::Unavailable(_)) => return Err(Trouble::again(error.to_string())),
            Err(error) => return Err(Trouble::Over(error.into())),
        };
        let opened = Session::open(&self.server, &token, limits).await;
        if let Err(Trouble::Unauthorized(problem)) = opened {
            // One attempt with another token: a source that makes a new one each time would never end.
            return match self.refused.replace(token.clone()) {
                Some(_) => Err(Trouble::Over(TailError::Refused(problem))),
                None => {
                    self.renew(&token, Trouble::Over(TailError::Refused(problem)))
                        .await
                }
            };
        }
        let (session, welcome) = opened?;
        self.refused = None;
        self.check_epoch(&welcome.epoch);
        let mut connected = Box::new(Connected {
            session,
            token,
            since: Instant::now(),
            asked: self.plan(&welcome),
            behind: BTreeSet::new(),
            live: false,
            useful: false,
        });
        for subscription in &connected.asked {
            let request = subscription.request(self.follow.filter.as_deref());
            connected.session.send(&request).await?;
        }
        self.phase = Phase::Connected(connected);
        Ok(())
    }

    /// Whether it is worth dialling again at once after the server refused `old`.
    async fn renew(&mut self, old: &Token, otherwise: Trouble) -> Result<(), Trouble> {
        match self.server.token(self.follow.limits.answer).await {
            Ok(token) if token != *old => Ok(()),
            Ok(_) => Err(otherwise),
            Err(error @ TokenError::Unavailable(_)) => Err(Trouble::again(error.to_string())),
            Err(error) => Err(Trouble::Over(error.into())),
        }
    }

    /// A cursor of another database is worth nothing: everything there is new, and begins at its first kept line.
    fn check_epoch(&mut self, epoch: &str) {
        let old = self.places.epoch.replace(epoch.to_owned());
        if let Some(old) = old.filter(|old| old != epoch) {
            self.start_over(old, epoch.to_owned());
        }
    }

    fn start_over(&mut self, old: String, new: String) {
        self.places.start_over(Some(new.clone()));
        if matches!(self.follow.from, From::Cursors { .. }) {
            self.follow.from = From::beginning();
        }
        self.tell(Event::EpochChanged { old, new });
    }

    fn plan(&self, welcome: &Welcome) -> Vec<Subscription> {
        let (known, new): (Vec<String>, Vec<String>) = self
            .follow
            .streams
            .iter()
            .cloned()
            .partition(|stream| self.known.contains(stream));
        let plan = Plan {
            places: &self.places,
            epoch: &welcome.epoch,
            filter: self.follow.filter.as_deref(),
            message_bytes: welcome.limits.message_bytes,
        };
        plan.subscriptions(&known, &new, &self.follow.from)
    }

    async fn heard(&mut self, text: &str) -> Result<(), Trouble> {
        let Phase::Connected(connected) = &mut self.phase else {
            return Ok(());
        };
        let message = match Message::parse(text, self.follow.filter.is_some()) {
            Ok(message) => message,
            Err(why) => {
                // What it said is not known, so the only way on is from the cursors.
                let trouble = Trouble::again(format!("a message made no sense: {why}"));
                self.tell(Event::Fault(Fault::BadMessage { why }));
                return Err(trouble);
            }
        };
        match message {
            Message::Lines(mut lines) => {
                connected.useful = true;
                let fault = self.places.advance(&mut lines);
                self.ready.extend(fault.map(|fault| Ok(Event::Fault(fault))));
                self.tell(Event::Lines(lines));
            }
            Message::Gap(gap) => {
                let fault = self.places.skip(&gap.stream, gap.from, gap.to);
                self.ready.extend(fault.map(|fault| Ok(Event::Fault(fault))));
                self.tell(Event::Gap {
                    stream: gap.stream,
                    from: gap.from,
                    to: gap.to,
                    reason: match gap.reason.as_str() {
                        "retention" => GapReason::Retention,
                        "skipped" => GapReason::Skipped,
                        _ => GapReason::Other(gap.reason),
                    },
                });
            }
            Message::Subscribed(subscribed) => self.subscribed(subscribed),
            Message::Live(live) => {
                connected.behind.remove(&live.stream);
                self.check_live();
            }
            Message::Dropped(dropped) => return self.dropped(dropped.streams, dropped.reason),
            Message::Expiring => return self.refresh().await,
            Message::Error(error) => return self.refusal(error),
            Message::Closing(closing) => connected.session.closing(closing),
            Message::Welcome(_) | Message::Other => {}
        }
        Ok(())
    }

    fn subscribed(&mut self, subscribed: Subscribed) {
        let Phase::Connected(connected) = &mut self.phase else {
            return;
        };
        for (stream, start) in &subscribed.streams {
            self.places.announced(stream, start.cursor);
        }
        let asked = &mut connected.asked;
        let mut answered = false;
        if let Some(at) = asked.iter().position(|asked| asked.id == subscribed.id) {
            self.known.extend(asked.swap_remove(at).streams);
            connected.behind.extend(subscribed.streams.keys().cloned());
            answered = asked.is_empty();
        }
        self.tell(Event::Subscribed {
            epoch: subscribed.epoch,
            streams: subscribed.streams,
        });
        if answered {
            self.tell(Event::State(State::Replaying));
        }
        self.check_live();
    }

    fn check_live(&mut self) {
        if let Phase::Connected(connected) = &mut self.phase
            && !connected.live
            && connected.asked.is_empty()
            && connected.behind.is_empty()
        {
            connected.live = true;
            self.tell(Event::State(State::Live));
        }
    }

    fn dropped(&mut self, streams: Vec<String>, reason: String) -> Result<(), Trouble> {
        for stream in &streams {
            self.places.cursors.remove(stream);
            self.follow.streams.retain(|followed| followed != stream);
            if let Phase::Connected(connected) = &mut self.phase {
                connected.behind.remove(stream);
            }
        }
        self.tell(Event::Dropped { streams, reason });
        match self.follow.streams.is_empty() {
            true => Err(Trouble::Over(TailError::NothingLeft)),
            false => {
                self.check_live();
                Ok(())
            }
        }
    }

    /// The token is about to end. Where there is no other, the server will close, and then is the time to say so.
    async fn refresh(&mut self) -> Result<(), Trouble> {
        let Ok(token) = self.server.token(self.follow.limits.answer).await else {
            return Ok(());
        };
        let Phase::Connected(connected) = &mut self.phase else {
            return Ok(());
        };
        if connected.token == token {
            return Ok(());
        }
        let request = Request::Refresh {
            token: token.text().to_owned(),
        };
        connected.token = token;
        connected.session.send(&request).await
    }

    fn refusal(&mut self, error: ErrorMessage) -> Result<(), Trouble> {
        let Phase::Connected(connected) = &self.phase else {
            return Ok(());
        };
        let of_subscription = connected
            .asked
            .iter()
            .any(|asked| error.id.as_ref() == Some(&asked.id));
        if !of_subscription {
            self.tell(Event::Warning {
                code: error.code,
                message: error.message,
            });
            return Ok(());
        }
        match error.code.as_str() {
            "unavailable" | "rate_limited" => Err(Trouble::Again {
                why: format!("{} ({})", error.message, error.code),
                hint: error.retry_after_ms.map(problem::hint),
            }),
            "wrong_epoch" => {
                let old = self.places.epoch.clone().unwrap_or_default();
                if let Some(new) = error.epoch {
                    self.start_over(old, new);
                }
                Err(Trouble::again(error.message))
            }
            _ => Err(Trouble::Over(TailError::Subscription {
                stream: error.stream,
                code: error.code,
                message: error.message,
            })),
        }
    }

    /// Plans the next attempt, or says that there is none.
    fn trouble(&mut self, trouble: Trouble) -> Result<(), TailError> {
        let (why, hint) = match trouble {
            Trouble::Again { why, hint } => (why, hint),
            Trouble::Unauthorized(problem) => return Err(TailError::Refused(problem)),
            Trouble::Over(error) => return Err(error),
        };
        if let Phase::Connected(connected) = &self.phase
            && (connected.useful || connected.since.elapsed() >= self.follow.limits.good_after)
        {
            self.backoff.reset();
        }
        let retry_in = self.backoff.after_failure(hint);
        self.phase = Phase::Wait(Instant::now() + retry_in);
        self.tell(Event::State(State::Offline { retry_in, why }));
        Ok(())
    }
}

impl Connected {
    /// How long to wait for the next message: for an answer, not longer than the server may take for it.
    fn patience(&self, answer: Duration) -> Duration {
        match self.asked.is_empty() {
            true => Duration::MAX,
            false => (self.since + answer).saturating_duration_since(Instant::now()),
        }
    }
}
