//! The loop over connections: one after another, each going on where the last one ended.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use backoff::Backoff;
use lines::{Epoch, StreamName};
use tokio::time::Instant;

use super::places::Places;
use super::session::{Heard, Session, Trouble};
use super::subscribe::{Plan, Subscription};
use super::wire::{ErrorMessage, Message, Request, Subscribed, Welcome};
use super::{Event, Fault, Follow, From, State, TailError};
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
    /// The token that the server refused last, or that ended, until another is accepted.
    refused: Option<Refused>,
    /// Whether any token was ever accepted: only then it is worth waiting for another one.
    accepted: bool,
    phase: Phase,
    /// Told before anything else is done; what one message makes, so a handful. An error is the last.
    ready: VecDeque<Result<Event, TailError>>,
}

/// A token that is of no use any more.
struct Refused {
    token: Token,
    /// What following ends with when there is no other.
    error: TailError,
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
    behind: BTreeSet<StreamName>,
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
        let backoff = Backoff::new(backoff::Limits {
            first: follow.limits.first_wait,
            most: follow.limits.longest_wait,
        });
        Self {
            server,
            follow,
            places,
            known: BTreeSet::new(),
            backoff,
            refused: None,
            accepted: false,
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
                        Ok(Heard::Text(text)) => self.heard(&text).await,
                        Ok(Heard::Nothing(silent)) => {
                            self.tell(Event::State(State::Overdue { silent }));
                            Ok(())
                        }
                        Ok(Heard::Again) => {
                            let state = if connected.live {
                                State::Live
                            } else {
                                State::Replaying
                            };
                            self.tell(Event::State(state));
                            Ok(())
                        }
                        Err(trouble) => Err(trouble),
                    }
                }
            };
            if let Err(trouble) = result
                && let Err(error) = self.trouble(trouble).await
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
        if let Some(refused) = self.refused.take_if(|refused| refused.token == token) {
            return Err(self.no_other(refused));
        }
        let opened = Session::open(&self.server, &token, limits).await;
        if let Err(Trouble::Unauthorized(problem)) = opened {
            return self.unauthorized(token, TailError::Refused(problem));
        }
        let (session, welcome) = opened?;
        self.refused = None;
        self.accepted = true;
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

    /// The server takes this token no longer: another one is tried at once. Only one: a source that makes a new one each
    /// time would never end.
    fn unauthorized(&mut self, token: Token, error: TailError) -> Result<(), Trouble> {
        let before = self.refused.replace(Refused { token, error });
        let twice = before.is_some_and(|before| matches!(before.error, TailError::Refused(_)));
        match self.refused.take_if(|_| twice) {
            Some(refused) => Err(self.no_other(refused)),
            None => Ok(()),
        }
    }

    /// There is no other token than one that is of no use: the end, unless another may come by itself.
    fn no_other(&mut self, refused: Refused) -> Trouble {
        if !(self.accepted && self.server.tokens_may_change()) {
            return Trouble::Over(refused.error);
        }
        let why = format!("{}; waiting for another token", refused.error);
        self.refused = Some(refused);
        Trouble::again(why)
    }

    /// A cursor of another database is worth nothing: everything there is new, and begins at its first kept line.
    fn check_epoch(&mut self, epoch: &Epoch) {
        let old = self.places.epoch.replace(epoch.clone());
        if let Some(old) = old.filter(|old| old != epoch) {
            self.start_over(old, epoch.clone());
        }
    }

    fn start_over(&mut self, old: Epoch, new: Epoch) {
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
                    reason: gap.reason.into(),
                });
            }
            Message::Subscribed(subscribed) => self.subscribed(subscribed),
            Message::Live(live) => {
                connected.behind.remove(&live.stream);
                let fault = self.places.live(&live.stream, live.next);
                self.ready.extend(fault.map(|fault| Ok(Event::Fault(fault))));
                self.check_live();
            }
            Message::Dropped(dropped) => return self.dropped(dropped.streams, dropped.reason),
            Message::Expiring => return self.refresh().await,
            Message::Error(error) => return self.refusal(error).await,
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
            filter: subscribed.filter,
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

    fn dropped(&mut self, streams: Vec<StreamName>, reason: String) -> Result<(), Trouble> {
        self.follow
            .streams
            .retain(|followed| !streams.iter().any(|dropped| dropped.as_str() == followed));
        // Under a pattern a stream comes back when the token allows it again, and goes on where it is now.
        let may_come_back = self.follow.streams.iter().any(|followed| followed.contains('*'));
        for stream in &streams {
            if may_come_back {
                self.places.take_away(stream)
            } else {
                self.places.forget(stream)
            }
            if let Phase::Connected(connected) = &mut self.phase {
                connected.behind.remove(stream);
            }
        }
        self.tell(Event::Dropped { streams, reason });
        if self.follow.streams.is_empty() {
            Err(Trouble::Over(TailError::NothingLeft))
        } else {
            self.check_live();
            Ok(())
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

    async fn refusal(&mut self, error: ErrorMessage) -> Result<(), Trouble> {
        let Phase::Connected(connected) = &self.phase else {
            return Ok(());
        };
        let id = error.id.as_ref();
        let Some(at) = connected.asked.iter().position(|asked| id == Some(&asked.id)) else {
            self.tell(Event::Warning {
                code: error.code,
                message: error.message,
            });
            return Ok(());
        };
        match error.code.as_str() {
            "stream_not_found" if let Some(stream) = self.was_followed(error.stream.as_deref()) => {
                return self.ask_without(at, stream).await;
            }
            "unavailable" | "rate_limited" => Err(Trouble::Again {
                why: format!("{} ({})", error.message, error.code),
                hint: error.retry_after_ms.map(problem::hint),
            }),
            "wrong_epoch" => {
                if let (Some(old), Some(new)) = (self.places.epoch.clone(), error.epoch) {
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

    /// The session ended with its token, which the door may still take for a few seconds: nobody comes back with it.
    async fn token_ended(&mut self) -> Result<(), TailError> {
        let Phase::Connected(connected) = &self.phase else {
            return Ok(());
        };
        let token = connected.token.clone();
        if !self.server.tokens_may_change()
            && let Ok(now) = self.server.token(self.follow.limits.answer).await
            && now == token
        {
            return Err(TailError::TokenEnded);
        }
        let error = TailError::TokenEnded;
        self.refused = Some(Refused { token, error });
        Ok(())
    }

    /// A stream that could be read on an earlier connection, and not only was asked for.
    fn was_followed(&self, stream: Option<&str>) -> Option<StreamName> {
        let stream = stream?;
        let seen = self.known.contains(stream) || !self.follow.streams.iter().any(|asked| asked == stream);
        let (name, _) = self.places.cursors.get_key_value(stream).filter(|_| seen)?;
        Some(name.clone())
    }

    /// Asks again for a subscription that was refused, without the stream that may not be read any more: the others go on.
    async fn ask_without(&mut self, at: usize, stream: StreamName) -> Result<(), Trouble> {
        if let Phase::Connected(connected) = &mut self.phase {
            let asked = &mut connected.asked[at];
            asked.forgo(stream.as_str());
            if asked.streams.is_empty() {
                connected.asked.swap_remove(at);
            } else {
                let request = asked.request(self.follow.filter.as_deref());
                connected.session.send(&request).await?;
            }
        }
        self.dropped(vec![stream], "grant".to_owned())
    }

    /// Plans the next attempt, or says that there is none.
    async fn trouble(&mut self, trouble: Trouble) -> Result<(), TailError> {
        let (why, hint) = match trouble {
            Trouble::Again { why, hint } => (why, hint),
            Trouble::TokenEnded { why, hint } => {
                self.token_ended().await?;
                (why, hint)
            }
            Trouble::Unauthorized(problem) => return Err(TailError::Refused(problem)),
            Trouble::Over(error) => return Err(error),
        };
        if let Phase::Connected(connected) = &self.phase
            && (connected.useful || connected.since.elapsed() >= self.follow.limits.good_after)
        {
            self.backoff.reset();
        }
        let retry_in = self.backoff.pause_after(hint);
        self.phase = Phase::Wait(Instant::now() + retry_in);
        self.tell(Event::State(State::Offline { retry_in, why }));
        Ok(())
    }
}

impl Connected {
    /// How long to wait for the next message: for an answer, not longer than the server may take for it.
    fn patience(&self, answer: Duration) -> Duration {
        if self.asked.is_empty() {
            Duration::MAX
        } else {
            (self.since + answer).saturating_duration_since(Instant::now())
        }
    }
}
