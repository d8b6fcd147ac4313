//! Where every way in ends, whatever protocol it speaks.
//!
//! [`Door::enter`] gives an [`Intake`] to a subscriber; a decoder puts lines into it; [`Door::settle`] has them stored, and
//! says what became of them. In between nothing is stored, and an intake that is dropped leaves nothing behind.
//!
//! The door has never heard of HTTP, of formats or of connections: [`ingest`](crate::ingest) is made of these.

mod intake;
mod key;
mod marks;
mod memory;
mod naming;
mod outcome;
mod refused;
mod repeats;
mod streams;

use std::time::Duration;

use auth::Subscriber;
use lines::{StoreError, StreamName, Timestamp};
use tokio::task::JoinHandle;

use crate::append::{Appender, NotLetIn, Pending, Run, TooManyStreams};
use crate::builder::Reading;
use intake::Taken;
use memory::Memory;
use repeats::{Flight, Met, Repeats};

pub(crate) use intake::too_many_lines;
pub use intake::{Intake, Place};
pub use key::{Identity, Key};
pub use marks::{Marks, Told, TooLong};
pub use memory::Held;
pub use naming::{BadTemplate, Labels, Naming, Template};
pub use outcome::{Outcome, Settled};
pub use refused::{Refused, RejectCode, Rejected, Rejects};
pub use streams::Streams;

/// How much is taken of one request, and of all at once.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a body as it comes.
    pub received: usize,
    /// Bytes of a body once inflated.
    pub inflated: usize,
    /// Lines of a body, blank ones counted.
    pub lines: u32,
    /// Bytes of a line, inflated, without its end.
    pub line: usize,
    /// What becomes of a line that has more.
    pub too_long: TooLong,
    /// Bytes that the lines of a body may become. Only a body made to grow gets there, of control characters for
    /// example.
    pub encoded: usize,
    /// Bytes of memory for all bodies that are being read or parsed, and for all answers until they are sent; beyond
    /// that requests are refused as busy, and bodies that come slowly go.
    pub memory: usize,
    /// The same for the requests of one subscriber, beside the first of them. More is lent as long as this much stays free
    /// for others, and called back when they need it.
    pub memory_share: usize,
    /// How fast a body has to come, in bytes a second.
    pub rate: usize,
    /// How long a body may be slower than that at its beginning. Later it may twice as long, when it was as much faster
    /// before: an uplink that stalls is no attack.
    pub silence: Duration,
    /// From a body's first byte to its last.
    pub body: Duration,
    /// For the store's answer. Later than that the outcome is called unknown.
    pub answer: Duration,
    /// How long a body is known to be a repeat, where its protocol has no better sign, and how long answers to repeats are
    /// remembered. Alike on all collectors: a repeat that goes to another one is known by it, too.
    pub repeats: Duration,
    /// Bytes of memory for such answers. One subscriber's take an eighth of it at most.
    pub repeats_memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            received: 10 * 1024 * 1024,
            inflated: 64 * 1024 * 1024,
            lines: 100_000,
            line: 256 * 1024,
            too_long: TooLong::Refuse,
            encoded: 128 * 1024 * 1024,
            memory: 256 * 1024 * 1024,
            memory_share: 64 * 1024 * 1024,
            rate: 1024,
            silence: Duration::from_secs(10),
            body: Duration::from_secs(120),
            answer: Duration::from_secs(30),
            repeats: Duration::from_secs(600),
            repeats_memory: 16 * 1024 * 1024,
        }
    }
}

/// The one way in. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Door {
    appender: Appender,
    memory: Memory,
    repeats: Repeats,
    limits: Limits,
    reading: Reading,
}

impl Door {
    /// Whatever comes in is given to `appender`.
    pub fn new(appender: Appender, limits: Limits) -> Self {
        Self {
            memory: Memory::new(limits.memory, limits.memory_share),
            repeats: Repeats::new(limits.repeats, limits.repeats_memory),
            appender,
            limits,
            reading: Reading::default(),
        }
    }

    /// The same, where lines are read otherwise.
    #[must_use]
    pub fn reading(self, reading: Reading) -> Self {
        Self { reading, ..self }
    }

    /// How much is taken.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Lets a subscriber bring lines, whose streams are named by `naming`. Refused when that names a single stream which
    /// may not be written: nothing has to be read then.
    pub fn enter(&self, subscriber: &Subscriber, naming: Naming) -> Result<Intake, Refused> {
        let memory = self.memory.hold(subscriber.sub());
        Intake::new(
            subscriber.clone(),
            naming,
            self.limits,
            self.reading.clone(),
            memory,
        )
    }

    /// What an intake of this subscriber is found again by. `body` is all of it, inflated, `format` its
    /// [tag](crate::ingest::decode::Format::tag), and `told` what its sender says of its lines.
    pub fn key(
        &self,
        subscriber: &Subscriber,
        identity: &Identity,
        format: u8,
        body: &[u8],
        told: &Told,
    ) -> Key {
        identity.with(
            subscriber.sub(),
            format,
            body,
            told,
            Timestamp::now(),
            self.limits.repeats,
        )
    }

    /// Does `first`, which decodes and submits an intake under this key, unless it is the repeat of one that was: then the
    /// answer is the first one's, which is waited for when it is under way. Of failures and unknown outcomes there are no
    /// repeats: what comes next is done. See [`Identity`] for what is known by what, and for how long.
    pub async fn once(&self, key: Option<&Key>, first: impl Future<Output = Submitted>) -> Submitted {
        let Some(id) = key.and_then(Key::remembered) else {
            return first.await;
        };
        match self.repeats.meet(id).await {
            Met::Another => first.await,
            Met::First(flight) => first.await.on(flight),
            Met::Before(outcome) => {
                metrics::counter!("tailcast_ingest_repeats_total").increment(1);
                Submitted::from(Settled {
                    outcome: Ok(Outcome::clone(&outcome)),
                    memory: None,
                })
            }
        }
    }

    /// Has an intake's lines stored, and waits for what becomes of them.
    pub async fn settle(&self, intake: Intake, key: Option<&Key>) -> Settled {
        self.submit(intake, key).await.settled().await
    }

    /// The first half of [`settle`](Self::settle): when this returns, the lines have their place in the order of their
    /// streams, before those that are submitted later. For connections that stay, which have the next lines ready before
    /// the last ones are stored.
    ///
    /// What is to be known is asked before anything is stored: whether a key was used for something else, and whether
    /// there may be so many new streams.
    pub async fn submit(&self, intake: Intake, key: Option<&Key>) -> Submitted {
        let subscriber = intake.subscriber().clone();
        let (taken, mut memory) = intake.finish(key);
        let answer_bytes = taken.answer_bytes();
        let half = taken.can_be_half_stored();
        let Taken {
            runs,
            rejected,
            accepted,
            undated,
            cut,
        } = taken;
        if accepted == 0 {
            let refused = if rejected.is_empty() {
                Refused::Empty
            } else {
                Refused::NothingAccepted(rejected)
            };
            return Settled::refused(refused, memory).into();
        }
        let names: Vec<StreamName> = runs.iter().map(|run| run.stream.clone()).collect();
        match self.let_in(&subscriber, &names, runs, half).await {
            Err(refused) => Settled::refused(refused, memory).into(),
            Ok(pending) => {
                // From here on the appender counts the lines.
                memory.shrink(answer_bytes);
                Submitted(State::UnderWay(UnderWay {
                    pending,
                    names,
                    accepted,
                    undated,
                    cut,
                    rejected,
                    within: self.limits.answer,
                    memory,
                }))
            }
        }
    }

    async fn let_in(
        &self,
        subscriber: &Subscriber,
        names: &[StreamName],
        mut runs: Vec<Run>,
        half: bool,
    ) -> Result<Pending, Refused> {
        if half {
            let prior = self.appender.look_back(&runs).await.map_err(not_asked)?;
            outcome::refuse_reused(names, prior)?;
        }
        let charged = self.appender.charge(subscriber.sub(), &mut runs).await;
        charged.map_err(|refused| match refused {
            TooManyStreams::AtOnce { most } => {
                Refused::TooLarge(format!("the lines make more than {most} new streams"))
            }
            TooManyStreams::ForNow { again } => Refused::TooManyStreams(again),
            TooManyStreams::Store(error) => not_asked(error),
        })?;
        give(&self.appender, subscriber, runs).await
    }
}

/// Lines that were let in, or refused; to be waited for.
pub struct Submitted(State);

enum State {
    UnderWay(UnderWay),
    /// Others may wait for the same: it goes on whether or not it is waited for here.
    OnItsOwn(JoinHandle<Settled>),
    Settled(Settled),
}

struct UnderWay {
    pending: Pending,
    names: Vec<StreamName>,
    accepted: u32,
    undated: u32,
    cut: u32,
    rejected: Rejects,
    within: Duration,
    memory: Held,
}

impl Submitted {
    /// What became of them. Not to wait for it changes nothing: they are stored all the same.
    pub async fn settled(self) -> Settled {
        match self.0 {
            State::UnderWay(under_way) => under_way.settled().await,
            State::OnItsOwn(settled) => settled
                .await
                .unwrap_or_else(|_| Refused::Unknown(Streams::default()).into()),
            State::Settled(settled) => settled,
        }
    }

    /// Has those know who wait for the same. Whoever submits may be one of them, with the next thing that it reads.
    fn on(self, flight: Flight) -> Self {
        let State::UnderWay(under_way) = self.0 else {
            return self;
        };
        Self(State::OnItsOwn(tokio::spawn(async move {
            let settled = under_way.settled().await;
            if let Ok(outcome) = &settled.outcome {
                flight.accepted(outcome);
            }
            settled
        })))
    }
}

impl UnderWay {
    async fn settled(self) -> Settled {
        let streams = outcome::answered(self.names, self.pending, self.within).await;
        Settled {
            outcome: streams.map(|streams| Outcome {
                accepted: self.accepted,
                undated: self.undated,
                cut: self.cut,
                rejected: self.rejected,
                streams,
            }),
            memory: Some(self.memory),
        }
    }
}

impl<S: Into<Settled>> From<S> for Submitted {
    fn from(settled: S) -> Self {
        Self(State::Settled(settled.into()))
    }
}

/// Runs of more streams are let in from a thread where that holds up nobody else.
const LET_IN_IN_PLACE: usize = 1000;

async fn give(appender: &Appender, sender: &Subscriber, runs: Vec<Run>) -> Result<Pending, Refused> {
    let let_in = if runs.len() > LET_IN_IN_PLACE {
        let (appender, sender) = (appender.clone(), sender.clone());
        tokio::task::spawn_blocking(move || appender.submit(sender.sub(), runs))
            .await
            .map_err(|_| Refused::Unknown(Streams::default()))?
    } else {
        appender.submit(sender.sub(), runs)
    };
    let_in.map_err(|refused| match refused {
        NotLetIn::Busy => Refused::Busy,
        NotLetIn::Closed => Refused::Closed,
    })
}

/// The store said nothing before it was given anything.
fn not_asked(error: StoreError) -> Refused {
    tracing::warn!(%error, "an intake could not be compared with what is stored");
    Refused::NotStored(Streams::default())
}
