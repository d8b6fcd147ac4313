//! What became of an intake: what was accepted, what was rejected and why, and where the lines are.

use std::time::Duration;

use lines::StreamName;
use tokio::time::timeout;

use super::memory::Held;
use super::refused::{Refused, Rejects};
use super::streams::Streams;
use crate::append::{Pending, Prior, RunError};

/// What is said when all that could be taken is stored, durably. Each protocol says it in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How many lines were taken.
    pub accepted: u32,
    /// How many of those told a time that is not understood: they have that of their arrival.
    pub undated: u32,
    /// How many of those are cut, for they were too long.
    pub cut: u32,
    /// Those that were not, and why.
    pub rejected: Rejects,
    /// Where the others are.
    pub streams: Streams,
}

/// The end of an intake.
#[derive(Debug)]
pub struct Settled {
    /// What became of it.
    pub outcome: Result<Outcome, Refused>,
    /// The memory that telling it takes: to be kept until it is told.
    pub memory: Option<Held>,
}

impl Settled {
    pub(super) fn refused(refused: Refused, memory: Held) -> Self {
        Self {
            outcome: Err(refused),
            memory: Some(memory),
        }
    }
}

/// The end of one that did not come so far that its lines could be stored.
impl From<Refused> for Settled {
    fn from(refused: Refused) -> Self {
        Self {
            outcome: Err(refused),
            memory: None,
        }
    }
}

/// Refuses an intake when one of its streams has its key from another one, before anything of it is stored. What is
/// stored of this one is told: an attempt before may have got so far.
pub(super) fn refuse_reused(names: &[StreamName], prior: Vec<Prior>) -> Result<(), Refused> {
    if !prior.contains(&Prior::KeyReused) {
        return Ok(());
    }
    let mut streams = Streams::default();
    for (name, prior) in names.iter().zip(prior) {
        if let Prior::Stored(stored) = prior {
            streams.push(name.clone(), stored);
        }
    }
    Err(Refused::KeyReused(streams))
}

/// Waits for the store. Of several failures the one is told that the sender has to act on first: what is not known has to
/// be asked again before anything else can be said.
pub(super) async fn answered(
    names: Vec<StreamName>,
    pending: Pending,
    within: Duration,
) -> Result<Streams, Refused> {
    let Ok(outcomes) = timeout(within, pending.outcomes()).await else {
        return Err(Refused::Unknown(Streams::default()));
    };
    let mut streams = Streams::default();
    let mut worst = None;
    for (name, outcome) in names.into_iter().zip(outcomes) {
        let (stored, error) = match outcome {
            Ok(stored) => (stored, None),
            Err(failure) => (failure.stored, Some(failure.error)),
        };
        streams.push(name, stored);
        worst = worst.max(error.map(|error| match error {
            RunError::NotStored => 0,
            RunError::Full => 1,
            RunError::KeyReused => 2,
            RunError::Unknown => 3,
        }));
    }
    match worst {
        None => Ok(streams),
        Some(0) => Err(Refused::NotStored(streams)),
        Some(1) => Err(Refused::Full(streams)),
        Some(2) => Err(Refused::KeyReused(streams)),
        Some(_) => Err(Refused::Unknown(streams)),
    }
}
