//! The messages that subscribe to everything, again and again.
//!
//! Usually one. A message has a bound, though, and the cursors of a pattern's streams may not fit into it: then these
//! streams are asked for by name, in as many messages as it takes, and the pattern after them, which passes over them.

use std::collections::{BTreeMap, BTreeSet};

use lines::{Epoch, Offset, StreamName};

use super::From;
use super::places::Places;
use super::wire::{Begin, Request};

/// Room for what stands around the names, in bytes.
const AROUND: usize = 512;

/// One subscription, with what has to be known of it later.
#[derive(Debug, PartialEq)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) streams: Vec<String>,
    pub(crate) begin: Begin,
}

impl Subscription {
    pub(crate) fn request(&self, filter: Option<&str>) -> Request {
        Request::Subscribe {
            id: self.id.clone(),
            streams: self.streams.clone(),
            from: self.begin.clone(),
            filter: filter.map(str::to_owned),
        }
    }

    /// Takes a stream out.
    pub(crate) fn forgo(&mut self, stream: &str) {
        self.streams.retain(|asked| asked != stream);
        if let Begin::Cursors { cursors, .. } = &mut self.begin {
            cursors.remove(stream);
        }
    }
}

/// Plans subscriptions for one session.
pub(crate) struct Plan<'a> {
    pub(crate) places: &'a Places,
    pub(crate) epoch: &'a Epoch,
    pub(crate) filter: Option<&'a str>,
    /// The longest message the server takes, in bytes.
    pub(crate) message_bytes: usize,
}

impl Plan<'_> {
    /// `known` were followed before and go on where they were; `new` begin where they were asked to.
    pub(crate) fn subscriptions(&self, known: &[String], new: &[String], from: &From) -> Vec<Subscription> {
        let mut planned = Vec::new();
        if !known.is_empty() {
            let cursors = &self.places.cursors;
            self.add(&mut planned, known, cursors, |cursors| self.cursors(cursors));
        }
        if !new.is_empty() {
            let none = BTreeMap::new();
            match from {
                From::Live => self.add(&mut planned, new, &none, |_| Begin::Live),
                From::Last(count) => self.add(&mut planned, new, &none, |_| Begin::Last(*count)),
                From::Since(time) => self.add(&mut planned, new, &none, |_| Begin::Since(time.clone())),
                From::Cursors { cursors, .. } => {
                    self.add(&mut planned, new, cursors, |cursors| self.cursors(cursors));
                }
            }
        }
        planned
    }

    fn cursors(&self, cursors: BTreeMap<StreamName, Offset>) -> Begin {
        Begin::Cursors {
            cursors,
            epoch: self.epoch.clone(),
        }
    }

    fn add(
        &self,
        planned: &mut Vec<Subscription>,
        targets: &[String],
        cursors: &BTreeMap<StreamName, Offset>,
        begin: impl Fn(BTreeMap<StreamName, Offset>) -> Begin,
    ) {
        let one = Subscription {
            id: (planned.len() + 1).to_string(),
            streams: targets.to_vec(),
            begin: begin(cursors.clone()),
        };
        let length = serde_json::to_string(&one.request(self.filter)).map_or(0, |text| text.len());
        if length <= self.message_bytes {
            planned.push(one);
            return;
        }
        let (patterns, names): (Vec<String>, Vec<String>) =
            targets.iter().cloned().partition(|target| target.contains('*'));
        let room = self
            .message_bytes
            .saturating_sub(AROUND + self.filter.map_or(0, str::len));
        let readable = cursors.keys().filter(|name| !self.places.is_taken_away(name));
        for streams in chunks(by_name(names, readable), room) {
            let own = streams
                .iter()
                .filter_map(|name| cursors.get_key_value(name.as_str()));
            let begin = begin(own.map(|(name, cursor)| (name.clone(), *cursor)).collect());
            planned.push(Subscription {
                id: (planned.len() + 1).to_string(),
                streams,
                begin,
            });
        }
        // What was taken away cannot be asked for by name, and is the pattern's when it may be read again: as much of it
        // as fits.
        for streams in chunks(patterns, room) {
            let taken = self.taken_away(cursors, room.saturating_sub(cost(&streams)));
            planned.push(Subscription {
                id: (planned.len() + 1).to_string(),
                streams,
                begin: begin(taken),
            });
        }
    }

    fn taken_away(
        &self,
        cursors: &BTreeMap<StreamName, Offset>,
        mut room: usize,
    ) -> BTreeMap<StreamName, Offset> {
        let taken = cursors.iter().filter(|(name, _)| self.places.is_taken_away(name));
        taken
            .take_while(|(name, _)| {
                let needs = room_for(name.as_str());
                let fits = needs <= room;
                room = room.saturating_sub(needs);
                fits
            })
            .map(|(name, cursor)| (name.clone(), *cursor))
            .collect()
    }
}

/// All names: those asked for, and those that a pattern brought.
fn by_name<'a>(mut names: Vec<String>, known: impl Iterator<Item = &'a StreamName>) -> Vec<String> {
    let asked: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let brought: Vec<String> = known
        .map(StreamName::as_str)
        .filter(|name| !asked.contains(name))
        .map(str::to_owned)
        .collect();
    // `@me` brought one's personal stream, which cannot be asked for twice.
    if brought.iter().any(|name| name.starts_with('@')) {
        names.retain(|name| name != "@me");
    }
    names.extend(brought);
    names
}

/// Room for names in a message, in bytes. A name stands in the list and among the cursors: quotes, commas, and up to
/// twenty digits.
fn cost(names: &[String]) -> usize {
    names.iter().map(|name| room_for(name)).sum()
}

fn room_for(name: &str) -> usize {
    2 * (name.len() + 4) + 20
}

fn chunks(names: Vec<String>, room: usize) -> Vec<Vec<String>> {
    let mut chunks: Vec<Vec<String>> = Vec::new();
    let mut left = 0;
    for name in names {
        let needs = room_for(&name);
        match chunks.last_mut() {
            Some(chunk) if needs <= left => {
                left -= needs;
                chunk.push(name);
            }
            _ => {
                left = room.saturating_sub(needs);
                chunks.push(vec![name]);
            }
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use super::*;

    static EPOCH: OnceLock<Epoch> = OnceLock::new();

    fn name(text: &str) -> StreamName {
        StreamName::parse(text).expect("a name")
    }

    fn places(count: u64) -> Places {
        let mut places = Places::default();
        places.epoch = Some(Epoch::from_text("e"));
        places.cursors = (0..count)
            .map(|n| (name(&format!("some/stream/{n}")), Offset(n)))
            .collect();
        places
    }

    fn plan(places: &Places, message_bytes: usize) -> Plan<'_> {
        Plan {
            places,
            epoch: EPOCH.get_or_init(|| Epoch::from_text("e")),
            filter: Some("level>=warn"),
            message_bytes,
        }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_is_known_goes_on_and_what_is_new_begins_as_asked() {
        let places = places(1);
        let planned =
            plan(&places, 16384).subscriptions(&names(&["some/**"]), &names(&["b"]), &From::Last(5));
        let expected = [
            Subscription {
                id: "1".into(),
                streams: names(&["some/**"]),
                begin: Begin::Cursors {
                    cursors: places.cursors.clone(),
                    epoch: Epoch::from_text("e"),
                },
            },
            Subscription {
                id: "2".into(),
                streams: names(&["b"]),
                begin: Begin::Last(5),
            },
        ];
        assert_eq!(planned, expected);
    }

    #[test]
    fn cursors_that_fill_more_than_a_message_are_sent_by_name_before_the_pattern() {
        let places = places(1000);
        let planned = plan(&places, 16384).subscriptions(&names(&["some/**"]), &[], &From::Live);
        assert!(planned.len() > 2);
        let mut sent = BTreeMap::new();
        for subscription in &planned {
            let text = serde_json::to_string(&subscription.request(Some("level>=warn"))).expect("JSON");
            assert!(text.len() <= 16384, "{} bytes", text.len());
            let Begin::Cursors { cursors, .. } = &subscription.begin else {
                panic!("{subscription:?}")
            };
            sent.extend(cursors.clone());
        }
        assert_eq!(sent, places.cursors);
        let last = planned.last().expect("some");
        assert_eq!(last.streams, names(&["some/**"]));
        assert_eq!(last.id, planned.len().to_string());
    }

    #[test]
    fn what_was_taken_away_is_not_asked_for_by_name_and_the_pattern_keeps_its_cursor() {
        let mut places = places(1000);
        places.take_away(&name("some/stream/7"));
        let planned = plan(&places, 16384).subscriptions(&names(&["some/**"]), &[], &From::Live);
        let asked = |name: &str| planned.iter().any(|one| one.streams.contains(&name.to_owned()));
        assert!(asked("some/stream/8") && !asked("some/stream/7"));
        let Some(Begin::Cursors { cursors, .. }) = planned.last().map(|last| &last.begin) else {
            panic!("{planned:?}")
        };
        assert_eq!(*cursors, BTreeMap::from([(name("some/stream/7"), Offset(7))]));
    }

    #[test]
    fn many_names_are_spread_over_messages_from_the_start() {
        let places = Places::default();
        let many: Vec<String> = (0..1000).map(|n| format!("some/stream/{n}")).collect();
        let planned = plan(&places, 16384).subscriptions(&[], &many, &From::Last(1));
        let streams: Vec<String> = planned.iter().flat_map(|s| s.streams.clone()).collect();
        assert!(planned.len() > 1);
        assert_eq!(streams, many);
    }
}
