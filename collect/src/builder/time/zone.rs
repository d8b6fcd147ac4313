//! The zone that follows a time.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use lines::{Level, Timestamp};

/// What follows a time and says by which clock it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    /// Ahead of UTC.
    Offset {
        seconds: i32,
        /// Whether it can be nothing else, even where a blank stands before it.
        sure: bool,
    },
    Abbreviation(Abbreviation),
}

/// Two to five capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::builder) struct Abbreviation {
    /// As [`packed`].
    letters: u32,
    /// Whether it is a word, or stands for something else, as often as it is a zone.
    doubtful: bool,
}

/// Abbreviations that mean one offset everywhere, in hours.
const KNOWN: &[(&str, i32)] = &[
    ("WET", 0),
    ("WEST", 1),
    ("CET", 1),
    ("CEST", 2),
    ("EET", 2),
    ("EEST", 3),
    ("MSK", 3),
    ("JST", 9),
    ("AEST", 10),
    ("AEDT", 11),
    ("NZST", 12),
    ("NZDT", 13),
    ("EDT", -4),
    ("EST", -5),
    ("CDT", -5),
    ("MDT", -6),
    ("MST", -7),
    ("PDT", -7),
    ("PST", -8),
];

/// Those that mean several. They are one where the setting's zone has it.
const SEVERAL: &[&str] = &[
    "ACT", "AMT", "ART", "AST", "BST", "CST", "ECT", "GST", "HST", "IST", "KST", "PKT", "PYT", "SST", "SGT",
    "HKT", "WIB",
];

/// Those of both that are words, or stand for other things in logs (`SST file`, `WEST gate`).
const DOUBTFUL: &[&str] = &[
    "ACT", "AMT", "ART", "AST", "ECT", "EET", "EST", "GST", "MST", "PST", "SST", "WEST", "WET",
];

/// All of them, [`packed`]: most words in capitals that follow a time are levels, and none of these.
const ABBREVIATIONS: [u32; KNOWN.len() + SEVERAL.len()] = {
    let mut all = [0; KNOWN.len() + SEVERAL.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = packed(if at < KNOWN.len() {
            KNOWN[at].0.as_bytes()
        } else {
            SEVERAL[at - KNOWN.len()].as_bytes()
        });
        at += 1;
    }
    all
};

/// Up to six capital letters as one number, no two texts as the same.
const fn packed(letters: &[u8]) -> u32 {
    let mut number = 0;
    let mut at = 0;
    while at < letters.len() {
        number = number << 5 | (letters[at] - b'A' + 1) as u32;
        at += 1;
    }
    number
}

impl Zone {
    pub(super) fn may_stand_apart(&self) -> bool {
        match self {
            Self::Offset { sure, .. } => *sure,
            Self::Abbreviation(_) => true,
        }
    }
}

/// Whether a text that stands behind a word goes on as a head does, and not as a sentence: with a separator, a bracket, a
/// number, or a level in capitals.
fn is_head(behind: &[u8]) -> bool {
    let Some(rest) = behind.strip_prefix(b" ") else {
        return true;
    };
    let rest = rest.trim_ascii_start();
    let letters = rest.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let word = std::str::from_utf8(&rest[..letters]).unwrap_or_default();
    !rest.first().is_some_and(u8::is_ascii_alphabetic)
        || Level::of_word(word).is_some() && ends(rest, letters)
}

/// The zone that a text begins with, and how many bytes it has, with what repeats it: `Z`, `UTC`, `+01:00`, `+0100`, `+01`,
/// `CET`, `+0100 CET` (Go), `+01:00[Europe/Berlin]` (Java).
pub(super) fn begin(text: &[u8]) -> Option<(Zone, usize)> {
    match text.first()? {
        b'Z' | b'z' => ends(text, 1).then_some((UTC, 1)),
        b'+' | b'-' => {
            let (zone, length) = offset(text)?;
            Some((zone, length + repeated(&text[length..])))
        }
        b'A'..=b'Z' => {
            let length = text.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
            if !(2..=5).contains(&length) || !ends(text, length) || is_level(&text[..length]) {
                return None;
            }
            if matches!(&text[..length], b"UTC" | b"GMT" | b"UT") {
                return universal(text, length);
            }
            let called = Abbreviation::of(&text[..length])?;
            let counts = !called.doubtful || is_head(&text[length..]);
            counts.then_some((Zone::Abbreviation(called), length))
        }
        _ => None,
    }
}

/// What stands behind most times: no zone.
fn is_level(word: &[u8]) -> bool {
    matches!(
        word,
        b"INFO" | b"WARN" | b"ERROR" | b"DEBUG" | b"TRACE" | b"FATAL"
    )
}

const UTC: Zone = Zone::Offset {
    seconds: 0,
    sure: true,
};

/// `UTC`, and `GMT+0100` (JavaScript), `UTC+1`: what is added to it counts.
fn universal(text: &[u8], length: usize) -> Option<(Zone, usize)> {
    let behind = &text[length..];
    if !matches!(behind, [b'+' | b'-', b'0'..=b'9', ..]) {
        return Some((UTC, length));
    }
    let (ahead, added) = match offset(behind) {
        Some((Zone::Offset { seconds, .. }, added)) => (seconds, added),
        _ if ends(behind, 2) => {
            let hours = i32::from(behind[1] - b'0');
            (if behind[0] == b'-' { -hours } else { hours } * 3600, 2)
        }
        _ => return Some((Zone::Abbreviation(Abbreviation::UNKNOWN), length)),
    };
    let zone = Zone::Offset {
        seconds: ahead,
        sure: true,
    };
    Some((zone, length + added + named(&behind[added..])))
}

/// How long a zone's name in words is: ` (Central European Standard Time)`.
fn named(text: &[u8]) -> usize {
    let Some(inside) = text.strip_prefix(b" (") else {
        return 0;
    };
    let name = inside
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'-' | b'\'' | b'.'))
        .count();
    match inside.get(name) {
        Some(b')') if name > 0 => name + 3,
        _ => 0,
    }
}

/// Offsets that clocks have, in hours.
const LEAST: i32 = -12;
const MOST: i32 = 14;

fn offset(text: &[u8]) -> Option<(Zone, usize)> {
    let two = |at: usize| {
        let digits = text.get(at..at + 2)?;
        let all = digits.iter().all(u8::is_ascii_digit);
        all.then(|| i32::from(digits[0] - b'0') * 10 + i32::from(digits[1] - b'0'))
    };
    let hours = two(1)?;
    let (minutes, length) = match text.get(3) {
        Some(b':') => (two(4)?, 6),
        Some(b'0'..=b'9') => (two(3)?, 5),
        _ => (0, 3),
    };
    let ahead = hours * 3600 + minutes * 60;
    let ahead = if text[0] == b'-' { -ahead } else { ahead };
    let is_any = (LEAST * 3600..=MOST * 3600).contains(&ahead) && minutes % 15 == 0 && minutes < 60;
    if !is_any || !ends(text, length) {
        return None;
    }
    let zone = Zone::Offset {
        seconds: ahead,
        sure: length > 3,
    };
    Some((zone, length))
}

/// How long what says an offset once more is: ` CET`, ` +0100`, ` m=+0.000012`, `[Europe/Berlin]`.
fn repeated(text: &[u8]) -> usize {
    if text.first() == Some(&b'[') {
        let name = text[1..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"/_+-".contains(byte))
            .count();
        let is_name = text[1..=name].contains(&b'/') || &text[1..=name] == b"UTC";
        return if is_name && text.get(name + 1) == Some(&b']') {
            name + 2
        } else {
            0
        };
    }
    let Some(rest) = text.strip_prefix(b" ") else {
        return 0;
    };
    let letters = rest.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let known = Abbreviation::of(&rest[..letters]).is_some() || matches!(&rest[..letters], b"UTC" | b"GMT");
    let mut length = if known && ends(rest, letters) {
        1 + letters
    } else if let Some((Zone::Offset { sure: true, .. }, length)) = offset(rest) {
        1 + length
    } else {
        return 0;
    };
    // Go's monotonic clock.
    if let Some(monotonic) = text[length..].strip_prefix(b" m=") {
        length += 3 + monotonic
            .iter()
            .take_while(|byte| byte.is_ascii_digit() || b"+-.".contains(byte))
            .count();
    }
    length
}

fn ends(text: &[u8], at: usize) -> bool {
    !text.get(at).is_some_and(u8::is_ascii_alphanumeric)
}

impl Abbreviation {
    /// Something that no clock goes by: a time with it cannot be told.
    const UNKNOWN: Self = Self {
        letters: 0,
        doubtful: false,
    };

    /// One that is known, in whichever meaning.
    fn of(letters: &[u8]) -> Option<Self> {
        if !(2..=5).contains(&letters.len()) {
            return None;
        }
        let packed = packed(letters);
        ABBREVIATIONS.contains(&packed).then(|| Self {
            letters: packed,
            doubtful: DOUBTFUL.iter().any(|name| name.as_bytes() == letters),
        })
    }

    fn is(&self, name: &str) -> bool {
        let letters = name.as_bytes();
        letters.len() <= 5 && letters.iter().all(u8::is_ascii_uppercase) && packed(letters) == self.letters
    }
}

/// A time in the zone of an abbreviation: the setting's, where that is called so at that time; else the one that the
/// abbreviation means everywhere.
pub(super) fn resolve(civil: DateTime, called: Abbreviation, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    for instant in [ambiguous.earlier(), ambiguous.later()].into_iter().flatten() {
        if called.is(zone.to_offset_info(instant).abbreviation()) {
            return i64::try_from(instant.as_nanosecond())
                .ok()
                .map(Timestamp::from_nanos);
        }
    }
    let (_, hours) = KNOWN.iter().find(|(name, _)| called.is(name))?;
    at(civil, hours * 3600)
}

/// A time by a clock so far ahead of UTC.
pub(super) fn at(civil: DateTime, seconds_ahead: i32) -> Option<Timestamp> {
    let (date, time) = (civil.date(), civil.time());
    let days = days_from_1970(
        i64::from(date.year()),
        i64::from(date.month()),
        i64::from(date.day()),
    );
    let of_day = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    let seconds = days * 86_400 + of_day - i64::from(seconds_ahead);
    let nanos = i128::from(seconds) * 1_000_000_000 + i128::from(time.subsec_nanosecond());
    i64::try_from(nanos).ok().map(Timestamp::from_nanos)
}

/// Howard Hinnant's `days_from_civil`: whole days since 1970-01-01 of the Gregorian calendar.
pub(super) const fn days_from_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era * 146_097 + day_of_era - 719_468
}
