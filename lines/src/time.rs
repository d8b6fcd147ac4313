//! Points in time as lines carry them.

use std::fmt;
use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use jiff::SignedDuration;

/// Nanoseconds since the Unix epoch; reaches from 1677 to 2262. Written as RFC 3339 in UTC with all nine digits, so
/// that equal times have equal bytes and text order is time order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time now, by this machine's clock.
    pub fn now() -> Self {
        Self::from(SystemTime::now())
    }

    /// From nanoseconds since the Unix epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// So much later; the latest that there is when it is too much.
    #[must_use]
    pub fn plus(self, later: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(later.as_nanos()).unwrap_or(i64::MAX)),
        )
    }

    /// So much earlier; the earliest that there is when it is too much.
    #[must_use]
    pub fn minus(self, earlier: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(earlier.as_nanos()).unwrap_or(i64::MAX)),
        )
    }

    /// How long ago `earlier` was, as seen from here; negative when it is later.
    pub fn since(self, earlier: Self) -> SignedDuration {
        SignedDuration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The second that it lies in.
    pub const fn second(self) -> Second {
        Second(self.0.div_euclid(1_000_000_000))
    }

    /// Reads RFC 3339 with any offset. `None` when the text is something else, or outside of what an `i64` of
    /// nanoseconds holds.
    pub fn parse(text: &str) -> Option<Self> {
        let instant: jiff::Timestamp = text.parse().ok()?;
        i64::try_from(instant.as_nanosecond()).ok().map(Self)
    }

    /// Reads a time as people ask for it: RFC 3339, also where the plus sign of its offset arrives as a blank, since nobody
    /// escaped it in an address; or [Unix time](Self::from_unix).
    pub fn asked(text: &str) -> Option<Self> {
        let with_plus = || {
            let (before, offset) = text.rsplit_once(' ')?;
            let is_offset = before.contains(['T', 't']) && offset.starts_with(|c: char| c.is_ascii_digit());
            is_offset.then(|| Self::parse(&format!("{before}+{offset}")))?
        };
        Self::parse(text)
            .or_else(|| Self::from_unix(text))
            .or_else(with_plus)
    }

    /// Reads seconds, milliseconds, microseconds or nanoseconds since the Unix epoch, told by their size as ingest tells
    /// them: 9 to 11 digits before the point are seconds. `None` when the text is no such number: a shorter one is a slip, since
    /// nobody asks for what was before 1973.
    pub fn from_unix(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(fraction) {
            return None;
        }
        let decimals = match whole.len() {
            ..9 => return None,
            9..=11 => 9,
            12..=14 => 6,
            15..=17 => 3,
            _ => 0,
        };
        // What is finer than a nanosecond is cut off.
        let nanos = fraction.bytes().chain(std::iter::repeat(b'0')).take(decimals);
        let mut digits = whole.bytes().chain(nanos).map(|digit| i64::from(digit - b'0'));
        digits
            .try_fold(0_i64, |sum, digit| sum.checked_mul(10)?.checked_add(digit))
            .map(Self)
    }
}

/// Whole seconds since the Unix epoch. Written as RFC 3339 in UTC, without a fraction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Second(i64);

impl Second {
    /// The last multiple of `width` seconds that is not after this one, counted from 1970 in both directions.
    pub fn floor(self, width: NonZeroU32) -> Self {
        let width = i64::from(width.get());
        Self(self.0.div_euclid(width) * width)
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let nanos = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |n| -n),
        };
        Self(nanos)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = jiff::Timestamp::from_nanosecond(i128::from(self.0)).map_err(|_| fmt::Error)?;
        write!(f, "{instant:.9}")
    }
}

impl fmt::Display for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = jiff::Timestamp::from_second(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{instant}")
    }
}

impl fmt::Debug for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_asked_for_in_rfc_3339_or_as_unix_time_of_any_size() {
        let table = [
            ("2026-01-02T03:04:05Z", Some("2026-01-02T03:04:05.000000000Z")),
            (
                "2026-01-02T05:04:05+02:00",
                Some("2026-01-02T03:04:05.000000000Z"),
            ),
            (
                "2026-01-02T05:04:05 02:00",
                Some("2026-01-02T03:04:05.000000000Z"),
            ),
            ("1767323045", Some("2026-01-02T03:04:05.000000000Z")),
            ("1767323045.5", Some("2026-01-02T03:04:05.500000000Z")),
            ("1767323045.1234567899", Some("2026-01-02T03:04:05.123456789Z")),
            ("1767323045123", Some("2026-01-02T03:04:05.123000000Z")),
            ("1767323045123456", Some("2026-01-02T03:04:05.123456000Z")),
            ("1767323045123456789", Some("2026-01-02T03:04:05.123456789Z")),
            ("100000000", Some("1973-03-03T09:46:40.000000000Z")),
            ("12", None),
            ("12345678", None),
            ("99999999999999999999", None),
            ("99999999999", None),
            ("-5", None),
            ("", None),
            (".", None),
            ("1.", None),
            ("1e9", None),
            ("2026-01-02", None),
            ("2026-01-02 03:04:05", None),
            ("2026-01-02T03:04:05 Z", None),
            ("noon 02:00", None),
        ];
        for (text, expected) in table {
            let read = Timestamp::asked(text).map(|time| time.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }
}
