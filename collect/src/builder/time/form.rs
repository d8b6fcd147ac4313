//! The forms of times that are told in words and digits: each is read where it stands, and says how far it goes.

use jiff::civil::{Date, DateTime};
use lines::Timestamp;

use super::When;
use super::scan::{Clock, Scan};
use super::zone::{self, Zone};

/// `2026-11-30T05:00:00.123456789Z`, with any number of decimals up to nine: what most lines have, read where each part is
/// bound to stand. `None` of everything else, and of what needs thinking (leap seconds): that is read part by part.
pub(super) fn usual(text: &[u8]) -> Option<Timestamp> {
    let (date_and_time, rest) = text.split_at_checked(19)?;
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.iter().any(|&(at, mark)| date_and_time[at] != mark) {
        return None;
    }
    let two = |at: usize| two(date_and_time, at);
    let days = days(two(0)? * 100 + two(2)?, two(5)?, two(8)?)?;
    let seconds = days * 86_400 + of_day(two(11)?, two(14)?, two(17)?)?;
    let decimals = match rest {
        b"Z" => &[][..],
        [b'.', decimals @ .., b'Z'] if (1..=9).contains(&decimals.len()) => decimals,
        _ => return None,
    };
    let mut nanos = 0;
    for place in 0..9 {
        let digit = decimals.get(place).map_or(0, |digit| digit.wrapping_sub(b'0'));
        if digit > 9 {
            return None;
        }
        nanos = nanos * 10 + i64::from(digit);
    }
    let nanos = seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?;
    Some(Timestamp::from_nanos(nanos))
}

/// `30/Nov/2026:05:00:00 +0100` and a bracket, as access logs have it: the same for these.
fn of_access(text: &[u8]) -> Option<(When, usize)> {
    let text = text.first_chunk::<{ ACCESS + 1 }>()?;
    let marks = [
        (2, b'/'),
        (6, b'/'),
        (11, b':'),
        (14, b':'),
        (17, b':'),
        (20, b' '),
        (ACCESS, b']'),
    ];
    if marks.iter().any(|&(at, mark)| text[at] != mark) {
        return None;
    }
    let two = |at: usize| two(text, at);
    let month = MONTHS.iter().position(|name| name.as_slice() == &text[3..6])?;
    let days = days(two(7)? * 100 + two(9)?, month as i64 + 1, two(0)?)?;
    let ahead = of_day(two(22)?, two(24)?, 0).filter(|ahead| ahead % (15 * 60) == 0)?;
    let ahead = match text[21] {
        b'+' if ahead <= 14 * 3600 => ahead,
        b'-' if ahead <= 12 * 3600 => -ahead,
        _ => return None,
    };
    let seconds = days * 86_400 + of_day(two(12)?, two(15)?, two(18)?)? - ahead;
    let nanos = seconds.checked_mul(1_000_000_000)?;
    Some((When::At(Timestamp::from_nanos(nanos)), ACCESS))
}

/// How many bytes it has.
const ACCESS: usize = 26;

/// As most programs write them.
const MONTHS: [[u8; 3]; 12] = [
    *b"Jan", *b"Feb", *b"Mar", *b"Apr", *b"May", *b"Jun", *b"Jul", *b"Aug", *b"Sep", *b"Oct", *b"Nov",
    *b"Dec",
];

/// Two digits.
fn two(text: &[u8], at: usize) -> Option<i64> {
    let digit = |at: usize| text.get(at).map(|digit| digit.wrapping_sub(b'0'));
    let (tens, ones) = (digit(at)?, digit(at + 1)?);
    (tens < 10 && ones < 10).then(|| i64::from(tens) * 10 + i64::from(ones))
}

/// Whole days since 1970-01-01 of a day that there is.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let in_month = match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    (1..=in_month)
        .contains(&day)
        .then(|| zone::days_from_1970(year, month, day))
}

/// In seconds: a time of day that there is, but for leap seconds.
fn of_day(hour: i64, minute: i64, second: i64) -> Option<i64> {
    (hour < 24 && minute < 60 && second < 60).then_some(hour * 3600 + minute * 60 + second)
}

/// `1130 05:00:00.123456` or `20261130 05:00:00.123456`, behind glog's letter; `261130 05:00:00`, behind CockroachDB's and
/// Tornado's, and in MySQL's old lines.
pub(in crate::builder) fn glog(text: &str) -> Option<(When, usize)> {
    let mut scan = Scan::of(text);
    let year = match scan.count_digits() {
        8 => Some(scan.digits(4)?),
        6 => Some(2000 + scan.digits(2)?),
        4 => None,
        _ => return None,
    };
    let (month, day) = (scan.digits(2)?, scan.digits(2)?);
    scan.byte(b' ')?;
    scan.blanks();
    scan.on(year, month, day)
}

/// `11-30 05:00:00.123` (Android).
pub(in crate::builder) fn logcat(text: &str) -> Option<(When, usize)> {
    let mut scan = Scan::of(text);
    let month = scan.digits(2)?;
    scan.byte(b'-')?;
    let day = scan.digits(2)?;
    scan.byte(b' ')?;
    scan.on(None, month, day)
}

/// `20261130050000`, `20261130050000123`.
pub(super) fn unmarked(text: &str) -> Option<When> {
    let mut scan = Scan::of(text);
    let date = date(scan.digits(4)?, scan.digits(2)?, scan.digits(2)?)?;
    let mut clock = scan.basic_clock()?;
    if let Some(millis) = scan.digits(3) {
        clock.nanos = millis * 1_000_000;
    }
    (scan.at == text.len()).then(|| clock.on(date).map(When::Local))?
}

/// `26/11/30 05:00:00` (Spark, Hadoop's console).
pub(in crate::builder) fn spark(text: &str) -> Option<(When, usize)> {
    let mut scan = Scan::of(text);
    let year = 2000 + scan.digits(2)?;
    scan.byte(b'/')?;
    let month = scan.digits(2)?;
    scan.byte(b'/')?;
    let day = scan.digits(2)?;
    scan.byte(b' ')?;
    scan.on(Some(year), month, day)
}

/// `20261130:050000.123` (Zabbix).
pub(in crate::builder) fn zabbix(text: &str) -> Option<(When, usize)> {
    let mut scan = Scan::of(text);
    let date = date(scan.digits(4)?, scan.digits(2)?, scan.digits(2)?)?;
    scan.byte(b':')?;
    let civil = scan.basic_clock()?.on(date)?;
    scan.ends()?;
    Some((When::Local(civil), scan.at))
}

/// `11/30/2026, 5:00:00 AM`: the month first, as Americans write it.
pub(in crate::builder) fn american(text: &str) -> Option<When> {
    let mut scan = Scan::of(text);
    let month = scan.number(2)?;
    scan.byte(b'/')?;
    let day = scan.number(2)?;
    scan.byte(b'/')?;
    let date = date(scan.digits(4)?, month, day)?;
    scan.byte(b',')?;
    scan.blanks();
    let mut clock = scan.clock()?;
    scan.half_of_day(&mut clock);
    (scan.at == text.len()).then(|| clock.on(date).map(When::Local))?
}

/// See [`super::begin`]. How many digits it begins with, and what follows them, tells the only form that it may have.
pub(super) fn begin(text: &str) -> Option<(When, usize)> {
    let scan = Scan::of(text);
    let digits = scan.count_digits();
    match (digits, scan.bytes.get(digits)?) {
        (0, b'A'..=b'Z') => scan.name_first(),
        (1 | 2, b':') => scan.of_day(),
        (2, b'/') => of_access(scan.bytes).or_else(|| scan.day_first()),
        (1 | 2, b'/' | b'-' | b' ' | b'.') => scan.day_first(),
        (4, b'-' | b'/' | b'.') | (8, _) => scan.year_first(),
        _ => None,
    }
}

impl Scan<'_> {
    /// A time of day on a day, whose year may not be told.
    fn on(mut self, year: Option<i32>, month: i32, day: i32) -> Option<(When, usize)> {
        let clock = self.clock()?;
        self.ends()?;
        let civil = clock.on(date(year.unwrap_or(YEAR_OF_NONE), month, day)?)?;
        let when = if year.is_some() {
            When::Local(civil)
        } else {
            When::Yearless(civil)
        };
        Some((when, self.at))
    }

    /// `2026-11-30T05:00:00.123Z`, `2026/11/30 05:00:00`, `20261130T050000Z`, and all between.
    fn year_first(mut self) -> Option<(When, usize)> {
        let year = self.digits(4)?;
        let separator = self.peek();
        let date = match separator {
            Some(separator @ (b'-' | b'/' | b'.')) => {
                self.at += 1;
                let month = self.digits(2)?;
                self.byte(separator)?;
                date(year, month, self.digits(2)?)?
            }
            _ => date(year, self.digits(2)?, self.digits(2)?)?,
        };
        match self.peek()? {
            b'T' | b't' | b'_' | b'\t' => self.at += 1,
            // RocksDB.
            b'-' if separator.is_some() => self.at += 1,
            b' ' => self.blanks(),
            _ => return None,
        }
        let clock = match separator {
            Some(b'-' | b'/' | b'.') => self.clock()?,
            _ if self.bytes.get(self.at + 2) == Some(&b':') => self.clock()?,
            _ => self.basic_clock()?,
        };
        self.zoned(date, clock)
    }

    /// `30/Nov/2026:05:00:00 +0100`, `30-Nov-2026 05:00:00 UTC`, `30 Nov 2026 05:00:00`, `30.11.2026 05:00:00`.
    fn day_first(mut self) -> Option<(When, usize)> {
        let day = self.number(2)?;
        let separator = self.peek()?;
        if !matches!(separator, b'/' | b'-' | b' ' | b'.') {
            return None;
        }
        self.at += 1;
        let month = match separator {
            b'.' => self.number(2)?,
            _ => self.month()?,
        };
        self.byte(separator)?;
        let date = date(self.digits(4)?, month, day)?;
        match (self.peek()?, separator) {
            (b':', b'/') => self.at += 1,
            // Erlang.
            (b':', b'-') => {
                self.at += 1;
                self.byte(b':')?;
            }
            (b',', _) => {
                self.at += 1;
                self.blanks();
            }
            (b' ', _) => self.blanks(),
            _ => return None,
        }
        let clock = self.clock()?;
        self.zoned(date, clock)
    }

    /// `05:00:00.123`.
    fn of_day(mut self) -> Option<(When, usize)> {
        let begin = self;
        self.number(2)?;
        self.byte(b':')?;
        self.digits(2)?;
        self.byte(b':')?;
        let mut scan = begin;
        scan.clock()?;
        scan.ends()?;
        Some((When::OfDay, scan.at))
    }

    /// `Mon, 30 Nov 2026 05:00:00 GMT`, `Mon Nov 30 05:00:00 2026`, `Nov 30, 2026 5:00:00 AM`, `Nov 30 05:00:00`.
    fn name_first(mut self) -> Option<(When, usize)> {
        if self.weekday().is_some() {
            if self.byte(b',').is_some() {
                self.blanks();
                return self.day_first();
            }
            self.byte(b' ')?;
            self.blanks();
            // systemd.
            if self.is_digit(self.at) {
                return self.year_first();
            }
        }
        let month = self.month()?;
        self.byte(b' ')?;
        self.blanks();
        let day = self.number(2)?;
        let comma = self.byte(b',').is_some();
        self.byte(b' ')?;
        self.blanks();
        if let Some(year) = self.year() {
            // `Nov 30, 2026, 5:00:00 AM`.
            let _ = self.byte(b',');
            self.byte(b' ')?;
            self.blanks();
            let clock = self.clock()?;
            return self.zoned(date(year, month, day)?, clock);
        }
        if comma {
            return None;
        }
        let clock = self.clock()?;
        self.year_behind(month, day, clock).or_else(|| {
            self.ends()?;
            let date = date(YEAR_OF_NONE, month, day)?;
            Some((When::Yearless(clock.on(date)?), self.at))
        })
    }

    /// `Mon Nov 30 05:00:00 2026`, with a zone before the year (`date`), behind it (osquery) or none (Apache).
    fn year_behind(mut self, month: i32, day: i32, clock: Clock) -> Option<(When, usize)> {
        self.byte(b' ')?;
        let zone = zone::begin(self.rest()).and_then(|(zone, length)| {
            self.at += length;
            self.byte(b' ').map(|()| zone)
        });
        let civil = clock.on(date(self.year()?, month, day)?)?;
        self.ends()?;
        match zone {
            Some(zone) => Some((zone.of(civil)?, self.at)),
            None => self.in_zone(civil),
        }
    }

    /// A time with the zone that follows it, or none.
    fn zoned(mut self, date: Date, mut clock: Clock) -> Option<(When, usize)> {
        self.half_of_day(&mut clock);
        self.in_zone(clock.on(date)?)
    }

    fn in_zone(mut self, civil: DateTime) -> Option<(When, usize)> {
        let begin = self.at;
        self.blanks();
        let apart = self.at > begin;
        match zone::begin(self.rest()) {
            Some((zone, length)) if zone.may_stand_apart() || !apart => {
                let at = self.at + length;
                Some((zone.of(civil)?, at))
            }
            _ => {
                self.at = begin;
                self.ends()?;
                Some((When::Local(civil), begin))
            }
        }
    }
}

impl Zone {
    /// A time by a clock in this zone.
    fn of(self, civil: DateTime) -> Option<When> {
        Some(match self {
            Self::Offset { seconds, .. } => When::At(zone::at(civil, seconds)?),
            Self::Abbreviation(called) => When::Called(civil, called),
        })
    }
}

fn date(year: i32, month: i32, day: i32) -> Option<Date> {
    Date::new(year as i16, month as i8, day as i8).ok()
}

/// Stands in for the year where none is told: one with a 29th of February.
const YEAR_OF_NONE: i32 = 2000;
