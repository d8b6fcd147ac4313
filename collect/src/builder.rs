//! A line, made of what its sender wrote under names: which member is what, and where everything else goes.
//!
//! Levels, times, equal names and depth are judged here and nowhere else, whatever format the members came in: a decoder
//! hands over names and [values](Value), typed as its format has them, and knows nothing of lines. The same members make
//! the same line, byte for byte. Knows nothing of requests, streams' names or formats; JSON is read here too, since that
//! is what a line keeps.

mod json;
mod kept;
mod known;
mod names;
mod value;

use std::borrow::Cow;

use lines::{Level, Timestamp, line};

pub(crate) use json::{completed, escaped, read, repaired};
pub(crate) use value::string;
pub use value::{Nested, Value};

/// How a line is read, as its intake has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The time of lines that have none.
    pub arrived: Timestamp,
    /// What a member `stream` is.
    pub stream: StreamMember,
}

/// What a line's member `stream` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamMember {
    /// It names the stream that the line goes to.
    NamesIt,
    /// A field like any other: streams are named otherwise.
    IsAField,
}

/// A line that is made member by member, in their order.
#[derive(Debug, Default)]
pub struct Builder<'a> {
    members: Vec<(Cow<'a, str>, Value<'a>)>,
    ts: Option<Timestamp>,
    level: Option<Level>,
    message: Option<Cow<'a, str>>,
}

/// A line as it is kept, encoded but for its frame.
#[derive(Debug)]
pub struct Built<'a> {
    ts: Timestamp,
    level: Option<Level>,
    message: Cow<'a, str>,
    /// Whether it told a time that is not understood.
    undated: bool,
    /// The stream that the line names itself.
    stream: Option<Cow<'a, str>>,
    /// Names, no two the same, and JSON on one line.
    fields: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// What a line knows to do with a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Ts,
    Level,
    Message,
    Fields,
    Stream,
}

/// The names of known members. Of two for the same part, the one further up wins.
const NAMES: &[(&str, Part)] = &[
    ("ts", Part::Ts),
    ("level", Part::Level),
    ("message", Part::Message),
    ("fields", Part::Fields),
    ("stream", Part::Stream),
    ("time", Part::Ts),
    ("timestamp", Part::Ts),
    ("@timestamp", Part::Ts),
    ("msg", Part::Message),
    ("severity", Part::Level),
    ("lvl", Part::Level),
];

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
    pub fn finish(mut self, terms: Terms) -> Built<'a> {
        let mut built = Built::message("", terms.arrived);
        let mut used = [usize::MAX; PARTS];
        for (nth, (part, at)) in chosen(&self.members).into_iter().flatten().enumerate() {
            if self.takes(part, terms) {
                if built.take(part, &mut self.members[at].1) {
                    used[nth] = at;
                } else {
                    built.undated |= part == Part::Ts;
                }
            }
        }
        built.fields.reserve(self.members.len());
        for (at, (name, value)) in self.members.into_iter().enumerate() {
            if !used.contains(&at) {
                built.fields.push((name, kept::json(value)));
            }
        }
        names::tell_apart(&mut built.fields);
        built.ts = self.ts.unwrap_or(built.ts);
        built.level = self.level.or(built.level);
        if let Some(message) = self.message {
            built.message = message;
        }
        built
    }

    /// Whether a member may be this part: what the format has a place for is no member's.
    fn takes(&self, part: Part, terms: Terms) -> bool {
        match part {
            Part::Ts => self.ts.is_none(),
            Part::Level => self.level.is_none(),
            Part::Message => self.message.is_none(),
            Part::Fields => true,
            Part::Stream => terms.stream == StreamMember::NamesIt,
        }
    }
}

impl<'a> Built<'a> {
    /// A line that is nothing but a message.
    pub fn message(message: impl Into<Cow<'a, str>>, arrived: Timestamp) -> Self {
        Self {
            ts: arrived,
            level: None,
            message: message.into(),
            undated: false,
            stream: None,
            fields: Vec::new(),
        }
    }

    /// When it was logged, or when it arrived.
    pub fn ts(&self) -> Timestamp {
        self.ts
    }

    /// Whether it told a time that is not understood, and has that of its arrival.
    pub fn is_undated(&self) -> bool {
        self.undated
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
        names::tell_apart(&mut fields);
        let fields = fields.iter().map(|(name, json)| (&**name, &**json));
        line::encode(self.ts, self.level, &self.message, fields, out);
    }

    /// Uses a member's value, when it is of the right kind.
    fn take(&mut self, part: Part, value: &mut Value<'a>) -> bool {
        match part {
            Part::Ts => replace(&mut self.ts, known::time(value)),
            Part::Level => replace(&mut self.level, known::level(value).map(Some)),
            Part::Message => replace(&mut self.message, value.take_text()),
            Part::Fields => replace(&mut self.fields, json::fields(value)),
            Part::Stream => replace(&mut self.stream, value.take_text().map(Some)),
        }
    }
}

fn replace<T>(place: &mut T, value: Option<T>) -> bool {
    let is_there = value.is_some();
    if let Some(value) = value {
        *place = value;
    }
    is_there
}

/// How many parts there are.
const PARTS: usize = 5;

/// Which member is taken for each part that is there: the one whose name stands first in [`NAMES`], and of equal
/// names the first.
fn chosen(members: &[(Cow<'_, str>, Value<'_>)]) -> [Option<(Part, usize)>; PARTS] {
    let mut best: [Option<(usize, usize)>; PARTS] = [None; PARTS];
    for (at, (name, _)) in members.iter().enumerate() {
        let Some(rank) = NAMES.iter().position(|(known, _)| known == name) else {
            continue;
        };
        let found = &mut best[NAMES[rank].1 as usize];
        if found.is_none_or(|(before, _)| rank < before) {
            *found = Some((rank, at));
        }
    }
    best.map(|found| found.map(|(rank, at)| (NAMES[rank].1, at)))
}

#[cfg(test)]
#[path = "builder/tests.rs"]
mod tests;
