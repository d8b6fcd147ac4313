//! How lines are taken.

use collect::TooLong;
use collect::builder::{PlainText, Reading};
use jiff::tz::{Offset, TimeZone};

use super::ConfigError;
use super::layers::Layers;
use super::settings::{Section, Setting, setting};

/// How lines are taken.
#[derive(Debug, Clone)]
pub(crate) struct Taking {
    /// What becomes of lines that are too long.
    pub too_long: TooLong,
    /// What is read of all lines.
    pub reading: Reading,
}

impl Section for Taking {
    const SETTINGS: &'static [Setting] = &[
        setting(
            "line_too_long",
            "HOW",
            Some("refuse"),
            "What becomes of a line that is too long: refuse, or cut, which keeps its beginning with a mark",
        ),
        setting(
            "naive_time_zone",
            "ZONE",
            Some("UTC"),
            "The zone of times that tell none: UTC, Europe/Berlin or +01:00",
        ),
        setting(
            "plain_text",
            "HOW",
            Some("read"),
            "Whether the beginnings of lines that are no JSON are looked at for a time and a level: read or unread",
        ),
    ];

    fn read(layers: &Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            too_long: layers.parse("line_too_long", too_long)?,
            reading: Reading {
                naive_time_zone: layers.parse("naive_time_zone", zone)?,
                plain_text: layers.parse("plain_text", plain_text)?,
            },
        })
    }
}

fn too_long(text: &str) -> Result<TooLong, String> {
    match text {
        "refuse" => Ok(TooLong::Refuse),
        "cut" => Ok(TooLong::Cut),
        _ => Err("a line that is too long is dealt with by `refuse` or `cut`".to_owned()),
    }
}

fn zone(name: &str) -> Result<TimeZone, String> {
    let wanted = "a zone is UTC, a name like Europe/Berlin, or an offset like +01:00";
    if let Some(offset) = offset(name) {
        return Ok(TimeZone::fixed(offset));
    }
    if name.eq_ignore_ascii_case("utc") {
        return Ok(TimeZone::UTC);
    }
    TimeZone::get(name).map_err(|_| {
        if jiff::tz::db().is_definitively_empty() {
            format!(
                "this machine has no time zone database (install tzdata); without one, {wanted}, but no name"
            )
        } else {
            wanted.to_owned()
        }
    })
}

/// `+01:00`.
fn offset(text: &str) -> Option<Offset> {
    let negative = match text.as_bytes().first()? {
        b'+' => false,
        b'-' => true,
        _ => return None,
    };
    let (hours, minutes) = text[1..].split_once(':')?;
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let seconds = hours * 3600 + minutes * 60;
    let fits = hours <= 18 && minutes < 60;
    Offset::from_seconds(if negative { -seconds } else { seconds })
        .ok()
        .filter(|_| fits)
}

fn plain_text(text: &str) -> Result<PlainText, String> {
    match text {
        "read" => Ok(PlainText::Read),
        "unread" => Ok(PlainText::Unread),
        _ => Err("plain text is `read` or `unread`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_a_name_or_an_offset() {
        assert_eq!(zone("utc"), Ok(TimeZone::UTC));
        assert_eq!(zone("+01:00").unwrap(), TimeZone::fixed(jiff::tz::offset(1)));
        assert_eq!(
            zone("-05:30").unwrap().to_fixed_offset().unwrap().seconds(),
            -19_800
        );
        assert_eq!(zone("Europe/Berlin").unwrap().iana_name(), Some("Europe/Berlin"));
        for bad in ["", "Berlin", "+1", "+19:00", "+01:60", "+é:00"] {
            assert!(zone(bad).is_err(), "{bad}");
        }
    }
}
