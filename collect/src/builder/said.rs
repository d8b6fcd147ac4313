//! What the members of a line say of it, and which of them.

use std::borrow::Cow;

use lines::{Level, Timestamp};

use super::level::{self, Scale};
use super::members::{self, Missing, Place};
use super::table::Said as Kind;
use super::writers::Writers;
use super::{Builder, Members, StreamMember, Terms, time};

/// What was found, beside what the format has a place for.
pub(super) struct Said<'a> {
    pub(super) ts: Option<Timestamp>,
    /// The members that the time is of.
    pub(super) ts_from: [Option<Place>; 2],
    pub(super) undated: bool,
    pub(super) level: Option<Level>,
    pub(super) message: Cow<'a, str>,
    /// What the message is, where a member says it.
    pub(super) kind: Option<Kind>,
    pub(super) stream: Option<Cow<'a, str>>,
    /// The member `fields`.
    pub(super) fields: Option<usize>,
    pub(super) used: Used,
}

/// The members that are in the line already: the stream, the time and its nanoseconds, the level, and the message.
#[derive(Debug, Default)]
pub(super) struct Used {
    places: [Option<Place>; 5],
    number: usize,
}

/// The members that are called as a line calls them.
#[derive(Default)]
struct Plain {
    ts: Option<usize>,
    level: Option<usize>,
    message: Option<usize>,
    fields: Option<usize>,
    stream: Option<usize>,
}

impl Plain {
    /// Of equal names the first counts.
    fn of(members: &Members<'_>) -> Self {
        let mut plain = Self::default();
        for (at, (name, _)) in members.iter().enumerate() {
            let place = match name.as_bytes() {
                b"ts" => &mut plain.ts,
                b"level" => &mut plain.level,
                b"message" => &mut plain.message,
                b"fields" => &mut plain.fields,
                b"stream" => &mut plain.stream,
                _ => continue,
            };
            place.get_or_insert(at);
        }
        plain
    }
}

impl<'a> Said<'a> {
    /// Takes out of the members what they say. The plain names go before all others, which are only looked at for what
    /// those do not say.
    pub(super) fn of(builder: &mut Builder<'a>, terms: &Terms) -> Self {
        let members = &mut builder.members;
        let plain = Plain::of(members);
        let mut said = Self {
            ts: None,
            ts_from: [None; 2],
            undated: false,
            level: None,
            message: Cow::Borrowed(""),
            kind: None,
            stream: None,
            fields: plain.fields,
            used: Used::default(),
        };
        if let (StreamMember::NamesIt, Some(at)) = (terms.stream, plain.stream) {
            said.stream = members[at].1.take_text();
            said.used.put_if(said.stream.is_some(), at);
        }
        let mut missing = Missing {
            ts: builder.ts.is_none(),
            level: builder.level.is_none(),
            message: builder.message.is_none(),
        };
        if let (true, Some(at)) = (missing.ts, plain.ts) {
            said.ts = time::value(&members[at].1, terms.here());
            missing.ts = said.ts.is_none();
            said.used.put_if(!missing.ts, at);
            said.ts_from[0] = said.ts.map(|_| Place::top(at));
        }
        if let (true, Some(at)) = (missing.level, plain.level) {
            said.level = level::value(&members[at].1, Scale::Level, Writers::NONE);
            missing.level = said.level.is_none();
            said.used.put_if(!missing.level, at);
        }
        if let (true, Some(at)) = (missing.message, plain.message)
            && !members[at].1.is_empty()
            && let Some(message) = members[at].1.take_text()
        {
            said.message = message;
            said.kind = Some(Kind::Message);
            missing.message = false;
            said.used.put_if(true, at);
        }
        // Most lines are called as a line calls itself: then there is nothing to look for.
        let is_all = said.used.number == members.len();
        if !is_all && (missing.ts || missing.level || missing.message) {
            said.find(members, missing, terms);
        }
        said.drop_line_feed();
        said
    }

    /// The same by the names of others.
    fn find(&mut self, members: &mut Members<'a>, missing: Missing, terms: &Terms) {
        let parts = members::find(members, missing, terms.here());
        self.undated = parts.undated;
        if missing.ts {
            self.ts = parts.ts;
            self.ts_from = parts.ts_from;
            self.ts_from.into_iter().for_each(|place| self.used.put(place));
        }
        if missing.level {
            self.level = parts.level;
            self.used.put(parts.level_from);
        }
        if let Some((message, kind)) = parts.message {
            self.message = message;
            self.kind = Some(kind);
            self.used.put(parts.message_from);
        }
    }

    /// A message that ends with its line feed loses it.
    fn drop_line_feed(&mut self) {
        if let Some(line) = self.message.strip_suffix('\n') {
            let length = line.strip_suffix('\r').unwrap_or(line).len();
            match &mut self.message {
                Cow::Borrowed(message) => *message = &message[..length],
                Cow::Owned(message) => message.truncate(length),
            }
        }
    }
}

impl Used {
    fn put_if(&mut self, is_used: bool, at: usize) {
        self.put(is_used.then(|| Place::top(at)));
    }

    fn put(&mut self, place: Option<Place>) {
        if let (Some(_), Some(free)) = (place, self.places.get_mut(self.number)) {
            *free = place;
            self.number += 1;
        }
    }

    /// These are used no more.
    pub(super) fn forget(&mut self, places: [Option<Place>; 2]) {
        for used in &mut self.places {
            if used.is_some() && places.contains(used) {
                *used = None;
            }
        }
    }

    /// Whether the whole member is.
    pub(super) fn is_whole(&self, at: usize) -> bool {
        let mut of_member = self.of_member(at);
        of_member.any(|inside| inside.is_empty())
    }

    /// What is used inside of it.
    pub(super) fn inside(&self, at: usize) -> Vec<&[u16]> {
        self.of_member(at).filter(|inside| !inside.is_empty()).collect()
    }

    fn of_member(&self, at: usize) -> impl Iterator<Item = &[u16]> {
        let places = self.places.iter().flatten();
        places.filter(move |place| place.at == at).map(Place::inside)
    }
}
