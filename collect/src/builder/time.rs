//! Times as programs write them. Every form that is unambiguous is read, and no other: `03/04/2026` is not.

mod form;
mod number;
mod scan;
mod zone;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use lines::Timestamp;

use super::value::Value;
pub(super) use number::is_large;
use number::unix;

/// A time as it is written: what it says, and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// With its zone.
    At(Timestamp),
    /// By a clock whose zone is not told.
    Local(DateTime),
    /// By such a clock, in the zone of this abbreviation, which others have too.
    Called(DateTime, zone::Abbreviation),
    /// The same as [`Local`](Self::Local) without a year, which is the one here or any other: the year of 2000 stands in.
    Yearless(DateTime),
    /// Without a date.
    OfDay,
}

/// What is known where a time is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Here<'t> {
    /// The zone of clocks that tell none.
    pub(super) zone: &'t TimeZone,
    /// When the line came.
    pub(super) arrived: Timestamp,
}

/// A time without a year is of the year in which it was at most so long before the line came.
const YEARLESS_BEFORE: i64 = 31 * DAY;

/// And at most so long after it, for clocks that are ahead and zones that are not told.
const YEARLESS_AFTER: i64 = DAY;

/// In nanoseconds.
const DAY: i64 = 24 * 60 * 60 * 1_000_000_000;

impl When {
    /// The point in time, as far as it can be told without guessing.
    pub(super) fn resolve(self, here: Here<'_>) -> Option<Timestamp> {
        match self {
            Self::At(ts) => Some(ts),
            Self::Local(civil) => in_zone(civil, here.zone),
            Self::Called(civil, called) => zone::resolve(civil, called, here.zone),
            Self::Yearless(civil) => this_year(civil, here),
            Self::OfDay => None,
        }
    }
}

fn in_zone(civil: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    if *zone == TimeZone::UTC {
        return zone::at(civil, 0);
    }
    let instant = zone.to_ambiguous_timestamp(civil).compatible().ok()?;
    i64::try_from(instant.as_nanosecond())
        .ok()
        .map(Timestamp::from_nanos)
}

/// Of the years around the arrival, the one in which the time was lately.
fn this_year(civil: DateTime, here: Here<'_>) -> Option<Timestamp> {
    let arrived = jiff::Timestamp::from_nanosecond(i128::from(here.arrived.nanos())).ok()?;
    let year = here.zone.to_datetime(arrived).year();
    // One at most is near enough, and nearly always this one.
    [year, year - 1, year + 1].into_iter().find_map(|year| {
        let date = Date::new(year, civil.month(), civil.day()).ok()?;
        let ts = in_zone(date.to_datetime(civil.time()), here.zone)?;
        let after = ts.nanos().saturating_sub(here.arrived.nanos());
        (-YEARLESS_BEFORE..=YEARLESS_AFTER).contains(&after).then_some(ts)
    })
}

/// The time that a text begins with, and how many bytes it has there, zone and all.
pub(super) fn begin(text: &str) -> Option<(When, usize)> {
    form::begin(text)
}

/// The same where only a program's own form is meant: it has no year, or has it in two digits, and would be ambiguous
/// elsewhere.
pub(super) use form::{american, glog, logcat, spark, zabbix};

/// What a whole text says.
pub(super) fn text(text: &str, here: Here<'_>) -> Option<Timestamp> {
    if let Some(ts) = form::usual(text.as_bytes()) {
        return Some(ts);
    }
    let text = text.trim();
    if let Some((when, length)) = begin(text)
        && length == text.len()
    {
        return when.resolve(here);
    }
    if number::is_calendar(text) {
        return form::unmarked(text)?.resolve(here);
    }
    number::text(text).or_else(|| Timestamp::parse(text))
}

/// What a member's value says. `None` when it is no time, or none that can be told.
pub(super) fn value(value: &Value<'_>, here: Here<'_>) -> Option<Timestamp> {
    match value.text() {
        Some(said) => text(&said, here),
        None => {
            let number = value.number()?;
            if number::is_calendar(&number) {
                return form::unmarked(&number)?.resolve(here);
            }
            unix(&number)
        }
    }
}

#[cfg(test)]
mod tests;
