//! Which members say a line's time, level and message, where they are not called so: by the [table](super::table).

use std::borrow::Cow;

use lines::{Level, Timestamp};

use super::level;
use super::lookup::Key;
use super::table::{NAMES, Name, Part, Said, Time, UNSAID};
use super::time::{self, Here};
use super::value::Value;
use super::writers::Writers;
use super::{Members, json};

/// How deep names are looked for in members that are maps.
const DEEPEST: usize = 4;

/// Where a member is: its place in the line, and those in each map that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) at: usize,
    inside: [u16; DEEPEST],
    depth: usize,
}

/// What is still looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Missing {
    pub(super) ts: bool,
    pub(super) level: bool,
    pub(super) message: bool,
}

/// What was found, and the members that said it.
#[derive(Default)]
pub(super) struct Parts<'a> {
    pub(super) ts: Option<Timestamp>,
    /// The second are the nanoseconds, where those are a member of their own.
    pub(super) ts_from: [Option<Place>; 2],
    /// Whether there are times, none of which is understood.
    pub(super) undated: bool,
    pub(super) level: Option<Level>,
    pub(super) level_from: Option<Place>,
    pub(super) message: Option<(Cow<'a, str>, Said)>,
    pub(super) message_from: Option<Place>,
}

/// A member whose name is known.
struct Candidate<'a> {
    rank: u16,
    place: Place,
    /// The value, where it stands in a map; elsewhere it is the member's.
    inner: Option<Value<'a>>,
}

impl Place {
    pub(super) fn top(at: usize) -> Self {
        Self {
            at,
            inside: [0; DEEPEST],
            depth: 0,
        }
    }

    /// The places in each map on the way; none for a member of the line itself.
    pub(super) fn inside(&self) -> &[u16] {
        &self.inside[..self.depth]
    }

    fn then(mut self, nth: usize) -> Option<Self> {
        *self.inside.get_mut(self.depth)? = u16::try_from(nth).ok()?;
        self.depth += 1;
        Some(self)
    }
}

/// What is known of a line's members by their names.
#[derive(Default)]
struct Known<'a> {
    /// Those whose names are known, best first.
    candidates: Vec<Candidate<'a>>,
    /// Who writes such members.
    writers: Writers,
    /// Whether one of them is called as messages are.
    says: bool,
}

/// Finds what is missing: of several members of a part, the usable one whose name stands first in the table, and of those
/// the first.
pub(super) fn find<'a>(members: &mut Members<'a>, missing: Missing, here: Here<'_>) -> Parts<'a> {
    let known = Known::of(members);
    let mut parts = Parts::default();
    if missing.ts {
        find_ts(&mut parts, &known, members, here);
    }
    if missing.level {
        find_level(&mut parts, &known, members);
    }
    if missing.message {
        find_message(&mut parts, &known, members);
    }
    parts
}

impl<'a> Known<'a> {
    fn of(members: &Members<'a>) -> Self {
        let mut known = Self::default();
        for (at, (name, value)) in members.iter().enumerate() {
            let Some(key) = Key::of(name) else { continue };
            let place = Place::top(at);
            if !known.see(key, place, || None) {
                continue;
            }
            match value {
                Value::Json(raw) => known.inside(raw.get(), key, place, &mut |raw| raw.into()),
                Value::Nested(nested) => {
                    known.inside(nested.json(), key, place, &mut |raw| Value::owned(raw));
                }
                _ => {}
            }
        }
        let writers = known.writers;
        known.candidates.retain(|candidate| {
            let only = candidate.name().only;
            only.is_none() || only.meet(writers)
        });
        known.says = known
            .candidates
            .iter()
            .any(|candidate| matches!(candidate.part(), Part::Message(_)));
        known.candidates.sort_by_key(|candidate| candidate.rank);
        known
    }

    /// Takes a member by its name. Answers whether there may be more inside of it.
    fn see(&mut self, key: Key, place: Place, inner: impl FnOnce() -> Option<Value<'a>>) -> bool {
        let found = key.found();
        self.writers = self.writers.and(found.writers);
        if let Some(rank) = found.rank {
            self.candidates.push(Candidate {
                rank,
                place,
                inner: inner(),
            });
        }
        found.holds_more
    }

    /// Takes those in a map.
    fn inside<'j>(
        &mut self,
        map: &'j str,
        key: Key,
        place: Place,
        value: &mut impl FnMut(&'j serde_json::value::RawValue) -> Value<'a>,
    ) {
        if !map.starts_with('{') {
            return;
        }
        let mut nth = 0;
        let mut deeper = Vec::new();
        // What is no object has no members: nothing was handed over then.
        let _ = json::each_member(map, |name, raw| {
            if let (Some(key), Some(place)) = (key.then(&name), place.then(nth))
                && self.see(key, place, || Some(value(raw)))
            {
                deeper.push((raw, key, place));
            }
            nth += 1;
        });
        for (raw, key, place) in deeper {
            self.inside(raw.get(), key, place, value);
        }
    }
}

impl<'a> Candidate<'a> {
    fn name(&self) -> &'static Name {
        &NAMES[usize::from(self.rank)]
    }

    fn part(&self) -> Part {
        #[cfg(test)]
        looks::count();
        self.name().part
    }

    fn value<'v>(&'v self, members: &'v Members<'a>) -> &'v Value<'a> {
        self.inner.as_ref().unwrap_or(&members[self.place.at].1)
    }
}

fn find_ts<'a>(parts: &mut Parts<'a>, known: &Known<'a>, members: &Members<'a>, here: Here<'_>) {
    for candidate in &known.candidates {
        let Part::Ts(reading) = candidate.part() else {
            continue;
        };
        let value = candidate.value(members);
        let read = match reading {
            Time::Text if value.text().is_none() => continue,
            Time::Large | Time::Unspoken if is_small(value) => continue,
            Time::Unspoken if known.says => continue,
            Time::Any if is_small(value) => None,
            Time::Any | Time::Large | Time::Text | Time::Unspoken => time::value(value, here),
            Time::And(name) => time::value(value, here).map(|ts| {
                // Looked for only when this is the time.
                let nanos = known.candidates.iter().find(|other| other.name().path == name);
                let added = nanos.and_then(|nanos| Some((nanos.place, nanos.value(members).number()?)));
                match added {
                    Some((place, nanos)) if ts.nanos() % 1_000_000_000 == 0 => {
                        parts.ts_from[1] = Some(place);
                        let nanos = nanos.parse::<u32>().unwrap_or_default();
                        ts.plus(std::time::Duration::from_nanos(u64::from(nanos)))
                    }
                    _ => ts,
                }
            }),
        };
        if let Some(ts) = read {
            parts.ts = Some(ts);
            parts.ts_from[0] = Some(candidate.place);
            parts.undated = false;
            return;
        }
        parts.undated |= !value.is_empty();
    }
}

/// Whether it is a number that is no time by its size: how long something took, or how long something has been up.
fn is_small(value: &Value<'_>) -> bool {
    value.text().is_none() && value.number().is_some_and(|number| !time::is_large(&number))
}

fn find_level<'a>(parts: &mut Parts<'a>, known: &Known<'a>, members: &Members<'a>) {
    let mut is_told = false;
    for candidate in &known.candidates {
        let Part::Level(scale) = candidate.part() else {
            continue;
        };
        is_told = true;
        if let Some(level) = level::value(candidate.value(members), scale, known.writers) {
            parts.level = Some(level);
            parts.level_from = Some(candidate.place);
            return;
        }
    }
    // A level that nobody knows is none, and not that of lines which tell none.
    if !is_told {
        let unsaid = UNSAID
            .iter()
            .find(|(said, _)| members.iter().any(|(name, _)| name == said));
        parts.level = unsaid.map(|&(_, level)| level);
    }
}

fn find_message<'a>(parts: &mut Parts<'a>, known: &Known<'a>, members: &mut Members<'a>) {
    let mut empty = None;
    for candidate in &known.candidates {
        let Part::Message(said) = candidate.part() else {
            continue;
        };
        let place = candidate.place;
        let (name, member) = &mut members[place.at];
        let text = match &candidate.inner {
            Some(inner) => inner.clone().take_text(),
            None if name == "MESSAGE" && !member.is_text() => member.text_of_bytes(),
            None if member.is_empty() => {
                empty = empty.or(member.is_text().then_some((said, place)));
                continue;
            }
            None => member.take_text(),
        };
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            parts.message = Some((text, said));
            parts.message_from = Some(place);
            return;
        }
    }
    if let Some((said, place)) = empty {
        parts.message = Some((Cow::Borrowed(""), said));
        parts.message_from = Some(place);
    }
}

/// How many candidates were looked at: a line may have as many as it has room for.
#[cfg(test)]
pub(super) mod looks {
    use std::cell::Cell;

    thread_local! {
        static LOOKS: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn count() {
        LOOKS.set(LOOKS.get() + 1);
    }

    /// Those since it was asked last.
    pub(in crate::builder) fn take() -> usize {
        LOOKS.replace(0)
    }
}
