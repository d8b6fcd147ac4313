//! Why lines are not taken: none of an intake, or one of them. In no protocol's words.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::streams::Streams;

/// Why nothing of an intake is acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// There is no line in it.
    Empty,
    /// It is not what its format has: a stable code of the format, and a sentence.
    Malformed {
        /// For programs.
        code: &'static str,
        /// For people.
        detail: String,
    },
    /// A bound on the whole of it was passed; the text says which.
    TooLarge(String),
    /// The one stream that it goes to may not be written; nothing of it has to be read.
    Forbidden(String),
    /// Every line was rejected.
    NothingAccepted(Rejects),
    /// The key came with another body before. What is stored of this one, if anything.
    KeyReused(Streams),
    /// Too much is being read, or waits to be stored.
    Busy,
    /// The sender made enough new streams; when there may be more.
    TooManyStreams(Duration),
    /// The collector is shutting down.
    Closed,
    /// Certainly not stored, but for this.
    NotStored(Streams),
    /// The store has no room: certainly not stored, but for this.
    Full(Streams),
    /// Perhaps stored; this surely is.
    Unknown(Streams),
    /// A fault of the program.
    Fault,
}

/// When to come back while there is too much to do.
const BUSY_FOR: Duration = Duration::from_secs(1);

/// When to come back while the store is away.
const AWAY_FOR: Duration = Duration::from_secs(2);

/// When to come back while the store is full.
const FULL_FOR: Duration = Duration::from_secs(10);

impl Refused {
    /// When the same can be sent again, with the same key; `None` when that is of no use: it would be refused again.
    pub fn again_after(&self) -> Option<Duration> {
        match self {
            Self::Busy | Self::Closed => Some(BUSY_FOR),
            Self::TooManyStreams(again) => Some(*again),
            Self::NotStored(_) | Self::Unknown(_) => Some(AWAY_FOR),
            Self::Full(_) => Some(FULL_FOR),
            Self::Empty
            | Self::Malformed { .. }
            | Self::TooLarge(_)
            | Self::Forbidden(_)
            | Self::NothingAccepted(_)
            | Self::KeyReused(_)
            | Self::Fault => None,
        }
    }
}

/// Why one line is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectCode {
    /// Over [`Limits::line`](super::Limits::line).
    LineTooLong,
    /// It names something that is no stream.
    BadStream,
    /// It names no stream, and neither does the request.
    NoStream,
    /// A stream that may not be written.
    Forbidden,
}

impl RejectCode {
    /// As it is written in answers and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LineTooLong => "line_too_long",
            Self::BadStream => "bad_stream",
            Self::NoStream => "no_stream",
            Self::Forbidden => "forbidden",
        }
    }
}

/// A line that is not taken, while the others are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// Its number, from 1, blank lines counted.
    pub line: u32,
    /// Why, for programs.
    pub code: RejectCode,
    /// Why, for people.
    pub error: String,
}

/// How many rejected lines are told one by one. The others are counted: an answer that is much longer than the request
/// is a weapon.
const TOLD: usize = 100;

/// The lines that are not taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejects {
    /// The first of them, in the order of their numbers.
    pub told: Vec<Rejected>,
    /// How many more there are, by their code.
    pub more: BTreeMap<RejectCode, u32>,
}

impl Rejects {
    /// What a rejected line costs in memory beside its explanation, in bytes: about.
    pub(super) const OVERHEAD: usize = 64;

    /// Whether every line was taken.
    pub fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// Whether every one of them has this code.
    pub fn are_all(&self, code: RejectCode) -> bool {
        self.told.iter().all(|line| line.code == code) && self.more.keys().all(|more| *more == code)
    }

    /// How many there are.
    pub fn number(&self) -> usize {
        let more: usize = self.more.values().map(|&lines| lines as usize).sum();
        self.told.len() + more
    }

    /// Whether the next one is told, and not only counted.
    pub(super) fn has_room(&self) -> bool {
        self.told.len() < TOLD
    }

    /// What telling them takes, in bytes: about.
    pub(super) fn bytes(&self) -> usize {
        let told = self.told.iter();
        told.map(|line| 2 * line.error.len() + Self::OVERHEAD)
            .sum::<usize>()
            + Self::OVERHEAD
    }

    pub(super) fn count(&self) {
        let mut counts = self.more.clone();
        for line in &self.told {
            *counts.entry(line.code).or_default() += 1;
        }
        for (code, lines) in counts {
            metrics::counter!("tailcast_lines_rejected_total", "code" => code.as_str())
                .increment(u64::from(lines));
        }
    }
}
