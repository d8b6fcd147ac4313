//! One request's lines, gathered by stream: what every format hands its lines to.

use std::collections::{BTreeMap, HashMap};

use auth::{Action, Subscriber};
use lines::{Lines, StreamName, Timestamp, batch::MAX_BATCH_BYTES};
use serde::Serialize;

use super::key::KeyedBody;
use super::memory::Held;
use super::refused::{Refusal, RejectCode};
use crate::append::Run;
use crate::builder::Parsed;
use crate::ingest::Limits;

/// What a rejected line costs in memory beside its explanation, in bytes: about.
const REJECTED_OVERHEAD: usize = 64;

/// What a stream costs in memory beside its lines and its name, in bytes: about.
const STREAM_OVERHEAD: usize = 512;

/// How many rejected lines are told one by one. The others are counted: an answer that is much longer than the request
/// is a weapon.
const REJECTED_TOLD: usize = 100;

/// A line that is not taken, while the others are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Rejected {
    /// Its number, from 1, blank lines counted.
    pub(crate) line: u32,
    pub(crate) code: RejectCode,
    /// For people.
    pub(crate) error: String,
}

/// The lines that are not taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rejects {
    /// The first of them, in the order of their numbers.
    pub(crate) told: Vec<Rejected>,
    /// How many more there are, by their code.
    pub(crate) more: BTreeMap<RejectCode, u32>,
}

impl Rejects {
    pub(crate) fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// Whether every one of them has this code.
    pub(crate) fn are_all(&self, code: RejectCode) -> bool {
        self.told.iter().all(|line| line.code == code) && self.more.keys().all(|more| *more == code)
    }

    /// What telling them takes, in bytes: about.
    fn bytes(&self) -> usize {
        let told = self.told.iter();
        told.map(|line| 2 * line.error.len() + REJECTED_OVERHEAD)
            .sum::<usize>()
            + REJECTED_OVERHEAD
    }

    fn count(&self) {
        let mut counts = self.more.clone();
        for line in &self.told {
            *counts.entry(line.code).or_default() += 1;
        }
        for (code, lines) in counts {
            metrics::counter!("tailcast_lines_rejected_total", "code" => code.as_str())
                .increment(u64::from(lines));
        }
    }
}

/// Why a line has no place.
type NoPlace = (RejectCode, String);

/// Takes lines one by one, encodes each at once, and gathers them by stream.
pub(crate) struct Intake {
    subscriber: Subscriber,
    limits: Limits,
    memory: Held,
    /// The `ts` of lines that have none.
    arrived: Timestamp,
    /// Where lines go that name no stream.
    default: Result<StreamName, NoPlace>,
    /// Bytes that the lines have become so far.
    encoded: usize,
    /// The number of the last line.
    number: u32,
    rejected: Rejects,
    /// In the order in which the streams appear.
    gathered: Vec<Gathered>,
    /// Where a stream is in `gathered`.
    places: HashMap<StreamName, usize>,
    /// The same by the text that lines name it with, for those that may be written.
    named: HashMap<String, usize>,
    /// One line while it is encoded.
    line: Vec<u8>,
}

/// What is taken of a request.
#[derive(Debug)]
pub(crate) struct Taken {
    /// In the order in which the streams appear.
    pub(crate) runs: Vec<Run>,
    pub(crate) rejected: Rejects,
    /// How many lines there are in `runs`.
    pub(crate) accepted: u32,
}

impl Taken {
    /// What telling the sender takes, in bytes: about.
    pub(crate) fn answer_bytes(&self) -> usize {
        /// A name with what stands around it, and a range.
        const STREAM: usize = 64;
        const RANGE: usize = 64;
        let streams = self.runs.iter();
        let streams = streams.map(|run| run.stream.as_str().len() + STREAM + run.parts.len() * RANGE);
        streams.sum::<usize>() + self.rejected.bytes()
    }

    /// Whether a key that was used for something else could be found after a part of the request is stored.
    pub(crate) fn can_be_half_stored(&self) -> bool {
        let keyed = self.runs.first().is_some_and(|run| run.key.is_some());
        keyed && self.runs.iter().map(|run| run.parts.len()).sum::<usize>() > 1
    }
}

/// The lines of one stream.
struct Gathered {
    stream: StreamName,
    full: Vec<Lines>,
    current: Gathering,
    /// Whether a line came here without naming the stream.
    by_default: bool,
}

/// Lines that will be stored together.
struct Gathering {
    ndjson: Vec<u8>,
    count: u32,
    oldest: Timestamp,
    newest: Timestamp,
}

impl Intake {
    /// For one request of `subscriber`. `default` is the stream's name that the request itself gives.
    pub(crate) fn new(subscriber: Subscriber, default: Option<&str>, limits: Limits, memory: Held) -> Self {
        let default = match default {
            Some(name) => writable(name, &subscriber),
            None => Err((
                RejectCode::NoStream,
                "the line names no stream, and neither does the request".to_owned(),
            )),
        };
        Self {
            subscriber,
            limits,
            memory,
            arrived: Timestamp::now(),
            default,
            encoded: 0,
            number: 0,
            rejected: Rejects::default(),
            gathered: Vec::new(),
            places: HashMap::new(),
            named: HashMap::new(),
            line: Vec::new(),
        }
    }

    /// Passes over a blank line.
    pub(crate) fn blank(&mut self) -> Result<(), Refusal> {
        self.number += 1;
        match self.number > self.limits.lines {
            true => Err(too_many_lines(self.limits.lines)),
            false => Ok(()),
        }
    }

    /// Takes or rejects a line of `received` bytes, which is parsed only when it is not too long.
    pub(crate) fn take(
        &mut self,
        received: usize,
        parse: impl FnOnce(Timestamp) -> Parsed,
    ) -> Result<(), Refusal> {
        self.blank()?;
        if received > self.limits.line {
            let error = format!("the line has {received} bytes, more than {}", self.limits.line);
            return self.reject((RejectCode::LineTooLong, error));
        }
        let parsed = parse(self.arrived);
        match self.place(parsed.stream.as_deref())? {
            Ok(place) => self.keep(place, &parsed),
            Err(no_place) => self.reject(no_place),
        }
    }

    /// Counts memory that the request needs for a while.
    pub(crate) fn charge(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.memory.grow(bytes)
    }

    /// Everything taken, ready to be stored, and the memory it is in.
    pub(crate) fn finish(self, keyed: Option<&KeyedBody>) -> (Taken, Held) {
        self.rejected.count();
        let mut taken = Taken {
            runs: Vec::with_capacity(self.gathered.len()),
            rejected: self.rejected,
            accepted: 0,
        };
        for gathered in self.gathered {
            let by_default = gathered.by_default;
            let (stream, lines) = gathered.finish();
            taken.accepted += lines.iter().map(|lines| lines.count).sum::<u32>();
            taken.runs.push(Run {
                stream,
                parts: lines,
                key: keyed.map(|keyed| keyed.run(by_default)),
                charged: false,
            });
        }
        (taken, self.memory)
    }

    fn keep(&mut self, place: usize, parsed: &Parsed) -> Result<(), Refusal> {
        self.line.clear();
        parsed.line.encode(&mut self.line);
        self.grow(self.line.len())?;
        let gathered = &mut self.gathered[place];
        gathered.by_default |= parsed.stream.is_none();
        gathered.push(&self.line, parsed.line.ts);
        Ok(())
    }

    fn reject(&mut self, (code, error): NoPlace) -> Result<(), Refusal> {
        if self.rejected.told.len() >= REJECTED_TOLD {
            *self.rejected.more.entry(code).or_default() += 1;
            return Ok(());
        }
        self.grow(error.len() + REJECTED_OVERHEAD)?;
        self.rejected.told.push(Rejected {
            line: self.number,
            code,
            error,
        });
        Ok(())
    }

    fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.encoded += bytes;
        if self.encoded > self.limits.encoded {
            let bound = format!("the lines become more than {} bytes", self.limits.encoded);
            return Err(Refusal::TooLarge(bound));
        }
        self.memory.grow(bytes)
    }

    /// Where a line belongs: to the stream it names, else to the request's.
    fn place(&mut self, named: Option<&str>) -> Result<Result<usize, NoPlace>, Refusal> {
        let Some(text) = named else {
            return match self.default.clone() {
                Ok(stream) => self.place_of(stream).map(Ok),
                Err(no_place) => Ok(Err(no_place)),
            };
        };
        if let Some(&place) = self.named.get(text) {
            return Ok(Ok(place));
        }
        let stream = match writable(text, &self.subscriber) {
            Ok(stream) => stream,
            Err(no_place) => return Ok(Err(no_place)),
        };
        let place = self.place_of(stream)?;
        self.named.insert(text.to_owned(), place);
        Ok(Ok(place))
    }

    fn place_of(&mut self, stream: StreamName) -> Result<usize, Refusal> {
        if let Some(&place) = self.places.get(&stream) {
            return Ok(place);
        }
        self.charge(2 * stream.as_str().len() + STREAM_OVERHEAD)?;
        let place = self.gathered.len();
        self.places.insert(stream.clone(), place);
        self.gathered.push(Gathered {
            stream,
            full: Vec::new(),
            current: Gathering::default(),
            by_default: false,
        });
        Ok(place)
    }
}

/// The refusal of a body with more lines than `most`.
pub(crate) fn too_many_lines(most: u32) -> Refusal {
    Refusal::TooLarge(format!("the body has more than {most} lines"))
}

/// The stream of that name, when the subscriber may write it (invariant 9).
pub(crate) fn writable(name: &str, subscriber: &Subscriber) -> Result<StreamName, NoPlace> {
    let stream = subscriber
        .names(name)
        .map_err(|error| (RejectCode::BadStream, error.to_string()))?;
    match auth::may(subscriber, Action::Write, &stream) {
        true => Ok(stream),
        false => Err((
            RejectCode::Forbidden,
            format!("this token may not write to {stream}"),
        )),
    }
}

impl Gathered {
    /// A part ends before the line that it has no room for. That depends on the lines alone, so that a repeated
    /// request has the same parts: every `ts` has the same length.
    fn push(&mut self, line: &[u8], ts: Timestamp) {
        if self.current.count > 0 && self.current.ndjson.len() + line.len() > MAX_BATCH_BYTES {
            let full = std::mem::take(&mut self.current);
            self.full.push(full.finish());
        }
        self.current.ndjson.extend_from_slice(line);
        self.current.count += 1;
        self.current.oldest = self.current.oldest.min(ts);
        self.current.newest = self.current.newest.max(ts);
    }

    fn finish(mut self) -> (StreamName, Vec<Lines>) {
        self.full.push(self.current.finish());
        (self.stream, self.full)
    }
}

impl Default for Gathering {
    fn default() -> Self {
        Self {
            ndjson: Vec::new(),
            count: 0,
            oldest: Timestamp::from_nanos(i64::MAX),
            newest: Timestamp::from_nanos(i64::MIN),
        }
    }
}

impl Gathering {
    fn finish(mut self) -> Lines {
        // The bytes stay in memory as long as somebody watches the stream: without what they do not use.
        self.ndjson.shrink_to_fit();
        Lines {
            ndjson: self.ndjson.into(),
            count: self.count,
            oldest: self.oldest,
            newest: self.newest,
        }
    }
}
