//! The values of the members that everybody has but nobody writes alike: times and levels.

use lines::{Level, Timestamp};

use super::Value;

/// Other words for levels, lower case.
const SYNONYMS: &[(&str, Level)] = &[
    ("trce", Level::Trace),
    ("verbose", Level::Trace),
    ("silly", Level::Trace),
    ("finest", Level::Trace),
    ("finer", Level::Trace),
    ("dbug", Level::Debug),
    ("dbg", Level::Debug),
    ("fine", Level::Debug),
    ("inf", Level::Info),
    ("information", Level::Info),
    ("informational", Level::Info),
    ("notice", Level::Info),
    ("wrn", Level::Warn),
    ("warning", Level::Warn),
    ("err", Level::Error),
    ("eror", Level::Error),
    ("fail", Level::Error),
    ("severe", Level::Error),
    ("crit", Level::Fatal),
    ("critical", Level::Fatal),
    ("alert", Level::Fatal),
    ("emerg", Level::Fatal),
    ("emergency", Level::Fatal),
    ("panic", Level::Fatal),
    ("dpanic", Level::Fatal),
];

/// The level that a word or pino's number stands for.
pub(super) fn level(value: &Value<'_>) -> Option<Level> {
    if let Some(word) = value.text() {
        let word = word.trim().to_ascii_lowercase();
        return Level::ALL
            .into_iter()
            .find(|level| level.as_str() == word)
            .or_else(|| {
                SYNONYMS
                    .iter()
                    .find(|(name, _)| *name == word)
                    .map(|&(_, level)| level)
            });
    }
    let number: f64 = serde_json::from_str(&value.number()?).ok()?;
    let pino = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0];
    let nth = pino.iter().position(|&known| known == number)?;
    Level::ALL.get(nth).copied()
}

/// The time that an RFC 3339 text or a number stands for.
pub(super) fn time(value: &Value<'_>) -> Option<Timestamp> {
    match value.text() {
        Some(text) => Timestamp::parse(&text),
        None => unix_time(&value.number()?),
    }
}

/// Unix seconds, milliseconds, microseconds or nanoseconds, told by their size: each unit reaches from 1973 to 5138,
/// and seconds also back before. Reckoned in decimal, as written: a binary fraction has no room for nanoseconds.
fn unix_time(number: &str) -> Option<Timestamp> {
    let decimal = Decimal::parse(number)?;
    let digits_to_nanos = match decimal.whole_digits() {
        ..=11 => 9,
        12..=14 => 6,
        15..=17 => 3,
        _ => 0,
    };
    decimal.times_ten_to(digits_to_nanos).map(Timestamp::from_nanos)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Value<'_> {
        Value::Json(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn a_time_is_rfc_3339_or_a_number_whose_size_tells_its_unit() {
        for (json, expected) in [
            ("\"2026-01-02T03:04:05Z\"", Some("2026-01-02T03:04:05.000000000Z")),
            (
                "\"2026-01-02t05:04:05.123456789+02:00\"",
                Some("2026-01-02T03:04:05.123456789Z"),
            ),
            ("1767323045", Some("2026-01-02T03:04:05.000000000Z")),
            ("1767323045.123456789", Some("2026-01-02T03:04:05.123456789Z")),
            ("1767323045.1234567899", Some("2026-01-02T03:04:05.123456789Z")),
            ("1767323045123", Some("2026-01-02T03:04:05.123000000Z")),
            ("1767323045123.5", Some("2026-01-02T03:04:05.123500000Z")),
            ("1767323045123456", Some("2026-01-02T03:04:05.123456000Z")),
            ("1767323045123456789", Some("2026-01-02T03:04:05.123456789Z")),
            ("1.767323045123456e9", Some("2026-01-02T03:04:05.123456000Z")),
            ("1767323045123E0", Some("2026-01-02T03:04:05.123000000Z")),
            ("0", Some("1970-01-01T00:00:00.000000000Z")),
            ("0.000e99999", Some("1970-01-01T00:00:00.000000000Z")),
            ("1e-5", Some("1970-01-01T00:00:00.000010000Z")),
            ("-1.5", Some("1969-12-31T23:59:58.500000000Z")),
            ("1e400", None),
            ("1e99999999999999999999", None),
            ("99999999999999999999", None),
            ("\"yesterday\"", None),
            ("\"1767323045\"", None),
            ("\"9999-01-01T00:00:00Z\"", None),
            ("true", None),
            ("null", None),
            ("{}", None),
        ] {
            let read = time(&raw(json)).map(|time| time.to_string());
            assert_eq!(read.as_deref(), expected, "{json}");
        }
    }

    #[test]
    fn a_level_is_a_usual_word_in_any_case_or_a_number_of_pino() {
        for (json, expected) in [
            ("\"info\"", Some(Level::Info)),
            ("\"WARNING\"", Some(Level::Warn)),
            ("\"err\"", Some(Level::Error)),
            ("\"Critical\"", Some(Level::Fatal)),
            ("\" debug \"", Some(Level::Debug)),
            ("10", Some(Level::Trace)),
            ("20", Some(Level::Debug)),
            ("30", Some(Level::Info)),
            ("40", Some(Level::Warn)),
            ("50.0", Some(Level::Error)),
            ("60", Some(Level::Fatal)),
            ("35", None),
            ("1e999", None),
            ("\"30\"", None),
            ("\"loud\"", None),
            ("\"\"", None),
            ("null", None),
            ("[]", None),
        ] {
            assert_eq!(level(&raw(json)), expected, "{json}");
        }
    }
}
