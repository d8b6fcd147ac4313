//! How names, offsets, times and lines stand in JSON: one form, on every wire and for whoever reads one.
//!
//! What is read is checked: there is no other way to a name than through its parser.

use std::fmt;

use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{Epoch, Extent, Level, Line, Offset, StreamInfo, StreamName, Timestamp};

/// Reads a text and makes something of it, or says what was wanted.
struct Text<T> {
    wanted: &'static str,
    read: fn(&str) -> Option<T>,
}

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.wanted)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.read)(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl Serialize for StreamName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for StreamName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text {
            wanted: "the name of a stream",
            read: |text| Self::parse(text).ok(),
        })
    }
}

impl Serialize for Epoch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Epoch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text {
            wanted: "an epoch",
            read: |text| Some(Self::from_text(text)),
        })
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text {
            wanted: "a time as in RFC 3339",
            read: Self::parse,
        })
    }
}

impl Serialize for Level {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text {
            wanted: "trace, debug, info, warn, error or fatal",
            read: |text| Self::ALL.into_iter().find(|level| level.as_str() == text),
        })
    }
}

impl Serialize for Offset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for Offset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self)
    }
}

/// One stream of `GET /v1/streams`.
impl Serialize for StreamInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut info = serializer.serialize_struct("StreamInfo", 5)?;
        info.serialize_field("name", &self.name)?;
        info.serialize_field("first_available", &self.extent.first_available)?;
        info.serialize_field("next", &self.extent.next)?;
        info.serialize_field("last_arrival", &self.last_arrival)?;
        info.serialize_field("lines_per_second", &self.lines_per_second)?;
        info.end()
    }
}

impl<'de> Deserialize<'de> for StreamInfo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Read {
            name: StreamName,
            first_available: Offset,
            next: Offset,
            #[serde(default)]
            last_arrival: Option<Timestamp>,
            #[serde(default)]
            lines_per_second: f64,
        }
        let read = Read::deserialize(deserializer)?;
        Ok(Self {
            name: read.name,
            extent: Extent {
                first_available: read.first_available,
                next: read.next,
                ..Extent::default()
            },
            last_arrival: read.last_arrival,
            lines_per_second: read.lines_per_second,
        })
    }
}

/// A line as [`Line::encode`] wrote it.
impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Read {
            ts: Timestamp,
            #[serde(default)]
            level: Option<Level>,
            message: String,
            #[serde(default)]
            fields: Fields,
        }
        let read = Read::deserialize(deserializer)?;
        Ok(Self {
            ts: read.ts,
            level: read.level,
            message: read.message,
            fields: read.fields.0,
        })
    }
}

/// The members of an object, in their order.
#[derive(Default)]
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(member) = members.next_entry()? {
                    fields.push(member);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let written = concat!(
            r#"{"ts":"2026-01-02T03:04:05.000000000Z","level":"warn","message":"a \"b\"","#,
            r#""fields":{"z":1.50,"a":{"b":[1,2]},"n":null}}"#
        );
        let line: Line = serde_json::from_str(written).unwrap();
        assert_eq!(line.level, Some(Level::Warn));
        let mut again = Vec::new();
        line.encode(&mut again);
        assert_eq!(String::from_utf8(again).unwrap(), format!("{written}\n"));
    }

    #[test]
    fn what_is_no_name_no_time_and_no_level_is_refused() {
        assert!(serde_json::from_str::<StreamName>(r#""a b""#).is_err());
        assert!(serde_json::from_str::<Timestamp>(r#""yesterday""#).is_err());
        assert!(serde_json::from_str::<Level>(r#""WARN""#).is_err());
        assert!(serde_json::from_str::<Offset>("-1").is_err());
    }
}
