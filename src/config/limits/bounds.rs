//! What a limit may be, and how it is written.

use std::time::Duration;

use super::limited::MILLIONTHS;
use crate::config::units;

/// What is counted, from where to where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    unit: Unit,
    least: u64,
    most: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// In nanoseconds.
    Duration,
    /// In bytes.
    Size,
    Count,
    /// In millionths.
    Share,
}

impl Bounds {
    /// A duration.
    pub(crate) const fn duration(least: Duration, most: Duration) -> Self {
        Self::of(Unit::Duration, least.as_nanos() as u64, most.as_nanos() as u64)
    }

    /// So many bytes.
    pub(crate) const fn size(least: u64, most: u64) -> Self {
        Self::of(Unit::Size, least, most)
    }

    /// How many.
    pub(crate) const fn count(least: u64, most: u64) -> Self {
        Self::of(Unit::Count, least, most)
    }

    /// A part of something, or several times it: 0.5.
    pub(crate) const fn share(least: f64, most: f64) -> Self {
        Self::of(
            Unit::Share,
            (least * MILLIONTHS) as u64,
            (most * MILLIONTHS) as u64,
        )
    }

    const fn of(unit: Unit, least: u64, most: u64) -> Self {
        Self { unit, least, most }
    }

    /// Reads it, or says what is wanted.
    pub(crate) fn parse(&self, text: &str) -> Result<u64, String> {
        let number = match self.unit {
            Unit::Duration => u64::try_from(units::any_duration(text)?.as_nanos()).unwrap_or(u64::MAX),
            Unit::Size => units::any_bytes(text)?,
            Unit::Count => {
                let count = text.parse();
                count.map_err(|_| "a whole number is wanted here".to_owned())?
            }
            Unit::Share => {
                let share = text
                    .parse()
                    .ok()
                    .filter(|share: &f64| share.is_finite() && *share >= 0.0);
                let share = share.ok_or_else(|| "a number like 0.5 is wanted here".to_owned())?;
                (share * MILLIONTHS).round() as u64
            }
        };
        match (number < self.least, number > self.most) {
            (true, _) => Err(format!("{} is the least here", self.shown(self.least))),
            (_, true) => Err(format!("{} is the most here", self.shown(self.most))),
            (false, false) => Ok(number),
        }
    }

    /// As it is written in the file.
    pub(crate) fn shown(&self, number: u64) -> String {
        match self.unit {
            Unit::Duration => units::shown_duration(Duration::from_nanos(number)),
            Unit::Size => units::shown_bytes(number),
            Unit::Count => number.to_string(),
            Unit::Share => (number as f64 / MILLIONTHS).to_string(),
        }
    }

    /// From where to where, for the document.
    #[cfg(test)]
    pub(crate) fn range(&self) -> String {
        format!("{} to {}", self.shown(self.least), self.shown(self.most))
    }

    /// Whether it may be so much.
    #[cfg(test)]
    pub(crate) fn allows(&self, number: u64) -> bool {
        (self.least..=self.most).contains(&number)
    }
}
