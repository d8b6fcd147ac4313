//! A place in the text of a time, and the small parts that times are made of.

use jiff::civil::{Date, DateTime, Time};

/// Reads a text from its beginning, byte by byte.
#[derive(Clone, Copy)]
pub(super) struct Scan<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

/// A time of day.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    hour: i8,
    minute: i8,
    second: i8,
    pub(super) nanos: i32,
}

impl<'a> Scan<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes(),
            at: 0,
        }
    }

    /// `5:00:00 AM`.
    pub(super) fn half_of_day(&mut self, clock: &mut Clock) {
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
    pub(super) fn clock(&mut self) -> Option<Clock> {
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
    pub(super) fn basic_clock(&mut self) -> Option<Clock> {
        let (hour, minute, second) = (self.digits(2)?, self.digits(2)?, self.digits(2)?);
        self.fraction(hour, minute, second)
    }

    pub(super) fn fraction(&mut self, hour: i32, minute: i32, second: i32) -> Option<Clock> {
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

    /// In any case.
    pub(super) fn month(&mut self) -> Option<i32> {
        let &[first, second, third] = self.bytes.get(self.at..)?.first_chunk()?;
        let month = match &[first | 0x20, second | 0x20, third | 0x20] {
            b"jan" => 1,
            b"feb" => 2,
            b"mar" => 3,
            b"apr" => 4,
            b"may" => 5,
            b"jun" => 6,
            b"jul" => 7,
            b"aug" => 8,
            b"sep" => 9,
            b"oct" => 10,
            b"nov" => 11,
            b"dec" => 12,
            _ => return None,
        };
        self.at += 3;
        Some(month)
    }

    pub(super) fn weekday(&mut self) -> Option<()> {
        let name = self.bytes.get(self.at..self.at + 3)?;
        let is_one = matches!(name, b"Mon" | b"Tue" | b"Wed" | b"Thu" | b"Fri" | b"Sat" | b"Sun");
        is_one.then(|| self.at += 3)
    }

    /// Four digits that no colon follows.
    pub(super) fn year(&mut self) -> Option<i32> {
        let mut scan = *self;
        let year = scan.digits(4)?;
        scan.ends()
            .or_else(|| scan.peek().filter(|&byte| byte == b',').map(|_| ()))?;
        *self = scan;
        Some(year)
    }

    /// How many digits stand here.
    pub(super) fn count_digits(&self) -> usize {
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit());
        digits.count()
    }

    /// Exactly so many digits.
    pub(super) fn digits(&mut self, count: usize) -> Option<i32> {
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
    pub(super) fn number(&mut self, most: usize) -> Option<i32> {
        let rest = self.rest();
        let count = rest
            .iter()
            .take(most)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        (count > 0).then(|| self.digits(count))?
    }

    pub(super) fn byte(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    pub(super) fn blanks(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    /// Whether what was read ends here, and does not go on as something else.
    pub(super) fn ends(&self) -> Option<()> {
        match self.peek() {
            Some(byte) if byte.is_ascii_alphanumeric() || byte == b'.' && self.is_digit(self.at + 1) => None,
            _ => Some(()),
        }
    }

    pub(super) fn is_digit(&self, at: usize) -> bool {
        self.bytes.get(at).is_some_and(u8::is_ascii_digit)
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }
}

impl Clock {
    pub(super) fn on(self, date: Date) -> Option<DateTime> {
        let time = Time::new(self.hour, self.minute, self.second, self.nanos).ok()?;
        Some(date.to_datetime(time))
    }
}
