//! A line, made of what its sender wrote under names: which member is what, and where everything else goes.
//!
//! Levels, times, equal names and depth are judged here and nowhere else, whatever format the members came in: a decoder
//! hands over names and [values](Value), typed as its format has them, and knows nothing of lines. The same members make
//! the same line, byte for byte. Knows nothing of requests, streams' names or formats; JSON is read here too, since that
//! is what a line keeps.
//!
//! What others call a time, a level and a message is data: the [`table`]. How their [times](time) and [levels](level) are
//! written, and what a line of [plain text](text) begins with, has a module each.

mod apart;
mod json;
mod kept;
mod level;
mod lookup;
mod members;
mod said;
pub mod table;
mod text;
mod time;
mod value;
mod wrapped;
mod writers;

use std::borrow::Cow;

use jiff::tz::TimeZone;
use lines::{Level, Timestamp, line};

pub(crate) use json::{completed, escaped, escapes, read, repaired};
use said::{Said, Used};
pub(crate) use value::string;
pub use value::{Nested, Value};

/// How lines are read: what an operator says of it.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The zone of times that tell none.
    pub naive_time_zone: TimeZone,
    /// What is done about lines that are no JSON.
    pub plain_text: PlainText,
}

/// What is done about lines that are plain text. They stay whole, whatever is read of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainText {
    /// Their beginnings are looked at for a time and a level.
    Read,
    /// They are messages, and nothing else is.
    Unread,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            naive_time_zone: TimeZone::UTC,
            plain_text: PlainText::Read,
        }
    }
}

/// How a line is read, as its intake has it.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The time of lines that have none.
    pub arrived: Timestamp,
    /// What a member `stream` is.
    pub stream: StreamMember,
    /// How its text, its times and its levels are read.
    pub reading: Reading,
    /// Whether its end is missing, so that an object in it may end anywhere.
    pub is_cut: bool,
}

impl Terms {
    fn here(&self) -> time::Here<'_> {
        time::Here {
            zone: &self.reading.naive_time_zone,
            arrived: self.arrived,
        }
    }
}

/// What a line's member `stream` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamMember {
    /// It names the stream that the line goes to.
    NamesIt,
    /// A field like any other: streams are named otherwise.
    IsAField,
}

/// Names with values, in their order.
type Members<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

/// A line that is made member by member, in their order.
#[derive(Debug, Default)]
pub struct Builder<'a> {
    members: Members<'a>,
    ts: Option<Timestamp>,
    level: Option<Level>,
    message: Option<Cow<'a, str>>,
}

/// A line as it is kept, encoded but for its frame.
#[derive(Debug)]
pub struct Built<'a> {
    ts: Timestamp,
    /// Whether the time is one that it told, and not that of its arrival.
    timed: bool,
    /// Whether it told a time that is not understood.
    undated: bool,
    level: Option<Level>,
    message: Cow<'a, str>,
    /// The stream that the line names itself.
    stream: Option<Cow<'a, str>>,
    /// Names, no two the same, and JSON on one line.
    fields: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// What is not in it of a line that was cut already, in bytes: half a name, half a number.
    left_out: usize,
}

impl<'a> Builder<'a> {
    /// A line without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a member. What it is for is told by its name; of equal names each is kept.
    pub fn member(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Value<'a>>) {
        self.members.push((name.into(), value.into()));
    }

    /// The line's time, from a format that has a place for it: members that would tell the time are fields then. A format
    /// that only has a number or a text for it, of whichever unit or form, adds it as the member `ts`.
    pub fn ts(&mut self, ts: Timestamp) {
        self.ts = Some(ts);
    }

    /// The line's level, likewise.
    pub fn level(&mut self, level: Level) {
        self.level = Some(level);
    }

    /// The line's message, likewise.
    pub fn message(&mut self, message: impl Into<Cow<'a, str>>) {
        self.message = Some(message.into());
    }

    /// The line. A member of the wrong kind for its part stays among the fields, and the default stands in.
    pub fn finish(self, terms: &Terms) -> Built<'a> {
        self.finish_inside(terms, 0)
    }

    /// The same of a line that so many others are wrapped around.
    fn finish_inside(mut self, terms: &Terms, wrappers: usize) -> Built<'a> {
        let said = Said::of(&mut self, terms);
        let mut built = Built {
            ts: self.ts.or(said.ts).unwrap_or(terms.arrived),
            timed: self.ts.or(said.ts).is_some(),
            undated: said.undated,
            level: self.level.or(said.level),
            message: said.message,
            stream: said.stream,
            fields: Vec::new(),
            left_out: 0,
        };
        let mut used = said.used;
        if built.level.is_none()
            && let Some(kind) = said.kind
            && built.unwrap(kind, terms, wrappers)
        {
            used.forget(said.ts_from);
        }
        if let Some(message) = self.message {
            built.message = message;
        }
        built.keep(self.members, said.fields, &used);
        built
    }
}

impl<'a> Built<'a> {
    /// A line that is nothing but a message.
    pub fn message(message: impl Into<Cow<'a, str>>, arrived: Timestamp) -> Self {
        Self {
            ts: arrived,
            timed: false,
            undated: false,
            level: None,
            message: message.into(),
            stream: None,
            fields: Vec::new(),
            left_out: 0,
        }
    }

    /// A line of plain text: all of it is the message, and its beginning may tell its time and its level.
    pub fn text(line: impl Into<Cow<'a, str>>, terms: &Terms) -> Self {
        let mut built = Self::message(line, terms.arrived);
        built.read_text(terms);
        built
    }

    /// When it was logged, or when it arrived.
    pub fn ts(&self) -> Timestamp {
        self.ts
    }

    /// Whether it told a time that is not understood, and has that of its arrival.
    pub fn is_undated(&self) -> bool {
        self.undated
    }

    /// What is not in it of a line that was cut, in bytes.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// The stream that it names itself.
    pub fn stream(&self) -> Option<&str> {
        self.stream.as_deref()
    }

    /// The value of a field, as JSON.
    pub fn field(&self, name: &str) -> Option<&str> {
        let (_, json) = self.fields.iter().find(|(have, _)| have == name)?;
        Some(json)
    }

    /// Appends it as a line is kept, with its line feed.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let fields = self.fields.iter().map(|(name, json)| (&**name, &**json));
        line::encode(self.ts, self.level, &self.message, fields, out);
    }

    /// The same of a line that is marked: marks are JSON under names of their own, which no field of its sender has then.
    pub fn encode_marked(&self, marks: Vec<(&str, String)>, out: &mut Vec<u8>) {
        if marks.is_empty() {
            return self.encode(out);
        }
        let marks = marks.into_iter().map(|(name, json)| (name.into(), json.into()));
        let mut fields: Vec<(Cow<'_, str>, Cow<'_, str>)> = marks.collect();
        let own = self.fields.iter();
        fields.extend(own.map(|(name, json)| (Cow::from(&**name), Cow::from(&**json))));
        apart::tell_apart(&mut fields);
        let fields = fields.iter().map(|(name, json)| (&**name, &**json));
        line::encode(self.ts, self.level, &self.message, fields, out);
    }

    /// Keeps what the line does not say otherwise: first what stands in `fields`, then every member that was not used.
    fn keep(&mut self, members: Members<'a>, fields: Option<usize>, used: &Used) {
        self.fields.reserve(members.len());
        let spread = fields.and_then(|at| json::fields(&members[at].1, &used.inside(at)));
        let is_spread = spread.is_some();
        self.fields.extend(spread.into_iter().flatten());
        for (at, (name, value)) in members.into_iter().enumerate() {
            if used.is_whole(at) || is_spread && fields == Some(at) {
                continue;
            }
            let inside = used.inside(at);
            let kept = match value.map() {
                Some(map) if !inside.is_empty() => {
                    json::without(map, &inside).map(|rest| kept::text(&rest).into())
                }
                _ => Some(kept::json(value)),
            };
            if let Some(kept) = kept {
                self.fields.push((name, kept));
            }
        }
        apart::tell_apart(&mut self.fields);
    }
}

#[cfg(test)]
#[path = "builder/tests.rs"]
mod tests;

#[cfg(test)]
#[path = "builder/owners.rs"]
mod owners;

#[cfg(test)]
#[path = "builder/loggers.rs"]
mod loggers;

#[cfg(test)]
#[path = "builder/formats.rs"]
mod formats;
