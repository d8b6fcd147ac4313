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
        let written = self.written();
        f.write_str(std::str::from_utf8(&written).map_err(|_| fmt::Error)?)
    }
}

/// `2026-11-30T05:00:00.123456789Z`, as every line begins with: years have four digits in all that there is.
const WRITTEN: [u8; 30] = *b"0000-00-00T00:00:00.000000000Z";

impl Timestamp {
    /// As it stands in a line. Written by hand: every line that comes in is, and this takes a tenth of what a formatter does.
    pub(crate) fn written(self) -> [u8; WRITTEN.len()] {
        let (seconds, nanos) = (self.0.div_euclid(1_000_000_000), self.0.rem_euclid(1_000_000_000));
        let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = date(days);
        let mut written = WRITTEN;
        let parts = [
            (0, 4, year),
            (5, 2, month),
            (8, 2, day),
            (11, 2, of_day / 3_600),
            (14, 2, of_day / 60 % 60),
            (17, 2, of_day % 60),
            (20, 9, nanos),
        ];
        for (at, digits, mut number) in parts {
            for place in (at..at + digits).rev() {
                written[place] = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
        written
    }
}

/// Howard Hinnant's `civil_from_days`: year, month and day of the Gregorian calendar, of days since 1970-01-01.
const fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
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
    fn a_time_is_written_with_nine_digits_whenever_it_is() {
        let day = 86_400_000_000_000;
        let some = (0..62_000).map(|nth| (nth * 3 - 93_000) * day + 86_399_999_999_999);
        for nanos in some.chain([i64::MIN, i64::MAX, 0, -1, 1, 951_782_400_000_000_000]) {
            let instant = jiff::Timestamp::from_nanosecond(i128::from(nanos)).unwrap();
            assert_eq!(Timestamp::from_nanos(nanos).to_string(), format!("{instant:.9}"));
        }
    }

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
