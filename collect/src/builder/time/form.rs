//! The forms of times that are told in words and digits: each is read where it stands, and says how far it goes.

use jiff::civil::{Date, DateTime, Time};
use lines::Timestamp;

use super::When;
use super::zone::{self, Zone};

/// `2026-11-30T05:00:00.123456789Z`, with any number of decimals up to nine: what most lines have, read where each part is
/// bound to stand. `None` of everything else, and of what needs thinking (leap seconds): that is read part by part.
pub(super) fn usual(text: &[u8]) -> Option<Timestamp> {
    let (date_and_time, rest) = text.split_at_checked(19)?;
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.iter().any(|&(at, mark)| date_and_time[at] != mark) {
        return None;
    }
    let two = |at: usize| {
        let (tens, ones) = (
            date_and_time[at].wrapping_sub(b'0'),
            date_and_time[at + 1].wrapping_sub(b'0'),
        );
        (tens < 10 && ones < 10).then(|| i64::from(tens) * 10 + i64::from(ones))
    };
    let (year, month, day) = (two(0)? * 100 + two(2)?, two(5)?, two(8)?);
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    let in_month = match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=in_month).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
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
    let seconds = zone::days_from_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    let nanos = seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?;
    Some(Timestamp::from_nanos(nanos))
}

/// `1130 05:00:00.123456` or `20261130 05:00:00.123456`, behind glog's letter; `261130 05:00:00`, behind CockroachDB's and
/// Tornado's, and in MySQL's old lines.
pub(in crate::builder) fn glog(text: &str) -> Option<(When, usize)> {
    let mut scan = Scan::of(text);
    let digits = scan.bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let year = match digits {
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

/// Reads a text from its beginning, byte by byte.
#[derive(Clone, Copy)]
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A time of day.
#[derive(Clone, Copy)]
struct Clock {
    hour: i8,
    minute: i8,
    second: i8,
    nanos: i32,
}

/// See [`super::begin`].
pub(super) fn begin(text: &str) -> Option<(When, usize)> {
    let scan = Scan::of(text);
    match scan.bytes.first()? {
        b'0'..=b'9' => scan
            .year_first()
            .or_else(|| scan.day_first())
            .or_else(|| scan.of_day()),
        b'A'..=b'Z' => scan.name_first(),
        _ => None,
    }
}

impl<'a> Scan<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes(),
            at: 0,
        }
    }

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

    /// `5:00:00 AM`.
    fn half_of_day(&mut self, clock: &mut Clock) {
        let mut scan = *self;
        scan.blanks();
        let afternoon = match scan.bytes.get(scan.at..scan.at + 2) {
            Some(b"AM" | b"am") => false,
            Some(b"PM" | b"pm") => true,
            _ => return,
        };
        scan.at += 2;
        if (1..=12).contains(&clock.hour) && scan.ends().is_some() {
            clock.hour = clock.hour % 12 + if afternoon { 12 } else { 0 };
            *self = scan;
        }
    }

    /// `05:00:00`, `05:00`, `5:00:00`, with a fraction of any length behind `.`, `,` or (of three digits) `:`.
    fn clock(&mut self) -> Option<Clock> {
        let hour = self.number(2)?;
        self.byte(b':')?;
        let minute = self.digits(2)?;
        let second = match self.byte(b':') {
            Some(()) => self.digits(2)?,
            None => 0,
        };
        self.fraction(hour, minute, second)
    }

    /// `050000`.
    fn basic_clock(&mut self) -> Option<Clock> {
        let (hour, minute, second) = (self.digits(2)?, self.digits(2)?, self.digits(2)?);
        self.fraction(hour, minute, second)
    }

    fn fraction(&mut self, hour: i32, minute: i32, second: i32) -> Option<Clock> {
        let mut nanos = 0;
        let digits = |scan: &Self| {
            let rest = scan.bytes.get(scan.at + 1..).unwrap_or_default();
            rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
        };
        let is_fraction = match self.peek() {
            Some(b'.' | b',') => digits(self) > 0,
            Some(b':') => digits(self) == 3,
            _ => false,
        };
        if is_fraction {
            self.at += 1;
            let mut unit = 100_000_000;
            while let Some(digit @ b'0'..=b'9') = self.peek() {
                nanos += i32::from(digit - b'0') * unit;
                unit /= 10;
                self.at += 1;
            }
        }
        // A leap second is the last one before it.
        let (second, nanos) = if second == 60 {
            (59, 999_999_999)
        } else {
            (second, nanos)
        };
        let fits = hour < 24 && minute < 60 && second < 60;
        fits.then_some(Clock {
            hour: hour as i8,
            minute: minute as i8,
            second: second as i8,
            nanos,
        })
    }

    fn month(&mut self) -> Option<i32> {
        let name = self.bytes.get(self.at..self.at + 3)?;
        let nth = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))?;
        self.at += 3;
        Some(nth as i32 + 1)
    }

    fn weekday(&mut self) -> Option<()> {
        let name = self.bytes.get(self.at..self.at + 3)?;
        WEEKDAYS.contains(&name).then(|| self.at += 3)
    }

    /// Four digits that no colon follows.
    fn year(&mut self) -> Option<i32> {
        let mut scan = *self;
        let year = scan.digits(4)?;
        scan.ends()
            .or_else(|| scan.peek().filter(|&byte| byte == b',').map(|_| ()))?;
        *self = scan;
        Some(year)
    }

    /// Exactly so many digits.
    fn digits(&mut self, count: usize) -> Option<i32> {
        let digits = self.bytes.get(self.at..self.at + count)?;
        let mut number = 0;
        for &digit in digits {
            if !digit.is_ascii_digit() {
                return None;
            }
            number = number * 10 + i32::from(digit - b'0');
        }
        self.at += count;
        Some(number)
    }

    /// One digit, or so many at most.
    fn number(&mut self, most: usize) -> Option<i32> {
        let rest = self.rest();
        let count = rest
            .iter()
            .take(most)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        (count > 0).then(|| self.digits(count))?
    }

    fn byte(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    fn blanks(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    /// Whether what was read ends here, and does not go on as something else.
    fn ends(&self) -> Option<()> {
        match self.peek() {
            Some(byte) if byte.is_ascii_alphanumeric() || byte == b'.' && self.is_digit(self.at + 1) => None,
            _ => Some(()),
        }
    }

    fn is_digit(&self, at: usize) -> bool {
        self.bytes.get(at).is_some_and(u8::is_ascii_digit)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }
}

impl Clock {
    fn on(self, date: Date) -> Option<DateTime> {
        let time = Time::new(self.hour, self.minute, self.second, self.nanos).ok()?;
        Some(date.to_datetime(time))
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

const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

const WEEKDAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
