//! Times that are numbers.

use lines::Timestamp;

/// Unix seconds, milliseconds, microseconds or nanoseconds, told by their size: each unit reaches from 1973 to 5138,
/// and seconds also back before. Reckoned in decimal, as written: a binary fraction has no room for nanoseconds.
pub(super) fn unix(number: &str) -> Option<Timestamp> {
    let decimal = Decimal::parse(number)?;
    let digits_to_nanos = match decimal.whole_digits() {
        ..=11 => 9,
        12..=14 => 6,
        15..=17 => 3,
        _ => 0,
    };
    decimal.times_ten_to(digits_to_nanos).map(Timestamp::from_nanos)
}

/// Whether it is `yyyyMMddHHmm`, `yyyyMMddHHmmss` or `yyyyMMddHHmmssSSS`, of years that computers log in. The first would be
/// a Unix time of 1976, too, and cannot be told from one; the others would be of 2612.
pub(super) fn is_calendar(number: &str) -> bool {
    let whole = number.split_once('.').map_or(number, |(whole, _)| whole);
    if !matches!(whole.len(), 12 | 14 | 17) || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let two = |at: usize| whole[at..at + 2].parse::<u8>().unwrap_or(u8::MAX);
    let second = if whole.len() > 12 { two(12) } else { 0 };
    matches!(two(0), 19 | 20)
        && (1..=12).contains(&two(4))
        && (1..=31).contains(&two(6))
        && two(8) < 24
        && two(10) < 60
        && second < 60
}

/// A text has so many digits before its point at least when it is such a number: `2026` and `0500` are something else.
const FEWEST_DIGITS: usize = 9;

/// Whether a number has so many digits.
pub(in crate::builder) fn is_large(number: &str) -> bool {
    Decimal::parse(number).is_some_and(|decimal| decimal.whole_digits() >= FEWEST_DIGITS as i64)
}

/// A text that is such a number, or one with its name around it (`/Date(1796014800123)/`, .NET's).
pub(super) fn text(text: &str) -> Option<Timestamp> {
    let dated = text
        .strip_prefix("/Date(")
        .and_then(|rest| rest.strip_suffix(")/"));
    let number = match dated {
        // The zone behind it says where that was written; the number is Unix time all the same.
        Some(number) => match number.rfind(['+', '-']) {
            Some(zone) if zone > 0 => &number[..zone],
            _ => number,
        },
        None => text,
    };
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    let rest = &number[digits..];
    let fraction = rest.is_empty() || rest.len() > 1 && rest.starts_with('.');
    if digits < FEWEST_DIGITS || !fraction || !rest.bytes().skip(1).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    unix(number)
}

/// `digits` × 10^`exponent`.
struct Decimal {
    negative: bool,
    /// Without zeros in front.
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    /// Reads a JSON number; `None` when it is something else.
    fn parse(number: &str) -> Option<Self> {
        let (negative, number) = match number.strip_prefix('-') {
            Some(number) => (true, number),
            None => (false, number),
        };
        if !number.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        let (mantissa, exponent) = match number.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (number, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        Some(Self {
            negative,
            digits: whole
                .bytes()
                .chain(fraction.bytes())
                .skip_while(|&digit| digit == b'0')
                .collect(),
            exponent: exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?,
        })
    }

    /// How many digits stand before the point.
    fn whole_digits(&self) -> i64 {
        if self.digits.is_empty() {
            0
        } else {
            self.exponent.saturating_add(self.digits.len() as i64)
        }
    }

    /// The whole part of the number times 10^`power`, when it has room.
    fn times_ten_to(&self, power: i64) -> Option<i64> {
        let wanted = self.whole_digits().saturating_add(power).max(0);
        if wanted > 19 {
            return None;
        }
        let mut value: i128 = 0;
        for place in 0..wanted as usize {
            let digit = self.digits.get(place).map_or(0, |digit| digit - b'0');
            value = value * 10 + i128::from(digit);
        }
        i64::try_from(if self.negative { -value } else { value }).ok()
    }
}
