//! Lines on their way in, gathered by stream: what every format and every protocol hands its lines to.

use std::collections::HashMap;

use auth::{Action, Subscriber};
use lines::{Lines, StreamName, Timestamp, batch::MAX_BATCH_BYTES};

use super::Limits;
use super::key::Key;
use super::marks::{Marks, Told, TooLong, beginning};
use super::memory::Held;
use super::naming::{Labels, Naming};
use super::refused::{Refused, RejectCode, Rejected, Rejects};
use crate::append::Run;
use crate::builder::{Built, Reading, StreamMember, Terms};

/// What a stream costs in memory beside its lines and its name, in bytes: about.
const STREAM_OVERHEAD: usize = 512;

/// Why a line has no place.
type NoPlace = (RejectCode, String);

/// Takes lines one by one, encodes each at once, and gathers them by stream. One answer is given for all of them, under one
/// key; what needs an answer of its own is an intake of its own.
///
/// A refusal in the middle is one of all: the intake is of no use afterwards.
pub struct Intake {
    subscriber: Subscriber,
    limits: Limits,
    reading: Reading,
    memory: Held,
    naming: Naming,
    /// The `ts` of lines that have none: when the first one came.
    arrived: Option<Timestamp>,
    /// Where lines go that name no stream.
    default: Result<StreamName, NoPlace>,
    /// Where those are in `gathered`, once there is one.
    default_place: Option<usize>,
    /// Bytes that the lines have become so far.
    encoded: usize,
    /// The number of the last line.
    number: u32,
    /// What that one is marked with.
    marks: Marks,
    /// Lines that their sender marked, by their number, and the marks.
    told: Told,
    /// How many lines that were taken are cut.
    cut: u32,
    rejected: Rejects,
    /// How many lines that were taken told a time that is not understood.
    undated: u32,
    /// In the order in which the streams appear.
    gathered: Vec<Gathered>,
    /// Where a stream is in `gathered`.
    places: HashMap<StreamName, usize>,
    /// The same by the text that names it, for those that may be written.
    named: HashMap<String, usize>,
    /// One line while it is encoded.
    line: Vec<u8>,
}

/// Where lines of an intake go that have the same labels, or why they go nowhere.
#[derive(Debug, Clone)]
pub struct Place(Result<usize, NoPlace>);

/// What is taken of an intake.
#[derive(Debug)]
pub(super) struct Taken {
    /// In the order in which the streams appear.
    pub(super) runs: Vec<Run>,
    pub(super) rejected: Rejects,
    /// How many lines there are in `runs`.
    pub(super) accepted: u32,
    /// How many of them told a time that is not understood.
    pub(super) undated: u32,
    /// How many of them are cut.
    pub(super) cut: u32,
}

impl Taken {
    /// What telling the sender takes, in bytes: about.
    pub(super) fn answer_bytes(&self) -> usize {
        /// A name with what stands around it, and a range.
        const STREAM: usize = 64;
        const RANGE: usize = 64;
        let streams = self.runs.iter();
        let streams = streams.map(|run| run.stream.as_str().len() + STREAM + run.parts.len() * RANGE);
        streams.sum::<usize>() + self.rejected.bytes()
    }

    /// Whether a key that was used for something else could be found after a part of the request is stored.
    pub(super) fn can_be_half_stored(&self) -> bool {
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
    pub(super) fn new(
        subscriber: Subscriber,
        naming: Naming,
        limits: Limits,
        reading: Reading,
        memory: Held,
    ) -> Result<Self, Refused> {
        let default = match naming.default() {
            Some(name) => writable(name, &subscriber),
            None => Err((
                RejectCode::NoStream,
                "the line names no stream, and neither does the address: add ?stream=NAME to it, or a member `stream` to \
                 the line"
                    .to_owned(),
            )),
        };
        if let Err((RejectCode::Forbidden, detail)) = default {
            return Err(Refused::Forbidden(detail));
        }
        Ok(Self {
            subscriber,
            limits,
            reading,
            memory,
            naming,
            arrived: None,
            default,
            default_place: None,
            encoded: 0,
            number: 0,
            marks: Marks::default(),
            told: Told::new(),
            cut: 0,
            rejected: Rejects::default(),
            undated: 0,
            gathered: Vec::new(),
            places: HashMap::new(),
            named: HashMap::new(),
            line: Vec::new(),
        })
    }

    /// Whose lines they are.
    pub fn subscriber(&self) -> &Subscriber {
        &self.subscriber
    }

    /// What it holds of the memory of all: to be asked for more before a body is read.
    pub fn memory(&mut self) -> &mut Held {
        &mut self.memory
    }

    /// Counts memory that is needed until the intake is settled.
    pub fn charge(&mut self, bytes: usize) -> Result<(), Refused> {
        self.memory.grow(bytes)
    }

    /// How many lines there may be, blank ones counted.
    pub fn most_lines(&self) -> u32 {
        self.limits.lines
    }

    /// Whether nothing was taken or rejected yet.
    pub fn is_empty(&self) -> bool {
        self.gathered.is_empty() && self.rejected.is_empty()
    }

    /// Bytes that the lines have become so far.
    pub fn bytes(&self) -> usize {
        self.encoded
    }

    /// Takes what a sender says of its lines, by their number: before they come.
    pub fn told(&mut self, marks: HashMap<u32, Marks>) {
        self.told = marks;
    }

    /// Passes over a blank line. It counts all the same.
    pub fn blank(&mut self) -> Result<(), Refused> {
        self.number += 1;
        self.marks = Marks::default();
        if self.number > self.limits.lines {
            return Err(too_many_lines(self.limits.lines));
        }
        Ok(())
    }

    /// Begins a line that came as these bytes, and says what of them is read, and how; `None` when it is too long, and
    /// rejected.
    pub fn line<'b>(&mut self, bytes: &'b [u8]) -> Result<Option<(&'b [u8], Terms)>, Refused> {
        self.blank()?;
        // Hardly any request marks lines: none is looked up then.
        let told = if self.told.is_empty() {
            Marks::default()
        } else {
            self.told.remove(&self.number).unwrap_or_default()
        };
        let most = self.limits.line;
        let kept = match self.limits.too_long {
            _ if bytes.len() <= most && told.cut == 0 => bytes,
            TooLong::Cut => beginning(bytes, most),
            TooLong::Refuse => {
                let error = if bytes.len() > most {
                    too_long(told.cut.saturating_add(bytes.len() as u64), most)
                } else {
                    format!(
                        "{} bytes of the line were not sent, and only whole lines are kept",
                        told.cut
                    )
                };
                self.reject((RejectCode::LineTooLong, error))?;
                return Ok(None);
            }
        };
        self.marks = Marks {
            cut: told.cut.saturating_add((bytes.len() - kept.len()) as u64),
            partial: told.partial,
        };
        Ok(Some((kept, self.terms())))
    }

    /// So many more bytes of the line that was begun are left out.
    pub fn leave_out(&mut self, more: usize) {
        self.marks.cut = self.marks.cut.saturating_add(more as u64);
    }

    /// The same as [`line`](Self::line) for one that has `received` bytes in a form that cannot be cut.
    pub fn begin(&mut self, received: usize) -> Result<Option<Terms>, Refused> {
        self.blank()?;
        if received > self.limits.line {
            let error = too_long(received as u64, self.limits.line);
            self.reject((RejectCode::LineTooLong, error))?;
            return Ok(None);
        }
        Ok(Some(self.terms()))
    }

    fn terms(&mut self) -> Terms {
        Terms {
            arrived: *self.arrived.get_or_insert_with(Timestamp::now),
            stream: match self.naming {
                Naming::ByLine => StreamMember::NamesIt,
                Naming::Stream(_) | Naming::Template(_) => StreamMember::IsAField,
            },
            reading: self.reading.clone(),
            is_cut: self.marks.cut > 0,
        }
    }

    /// Puts a line where it belongs: where the naming says, and only where that leaves it to the lines, to the stream that
    /// it names.
    pub fn put(&mut self, line: &Built<'_>) -> Result<(), Refused> {
        let place = match (&self.naming, line.stream()) {
            (Naming::Template(_), _) => self.place(line)?,
            (Naming::ByLine, Some(name)) => self.place_named(name)?,
            (Naming::ByLine, None) | (Naming::Stream(_), _) => self.default_place()?,
        };
        self.put_at(&place, line)
    }

    /// Where lines with these labels go. To be asked once for all lines that have them.
    pub fn place(&mut self, labels: &dyn Labels) -> Result<Place, Refused> {
        let Naming::Template(template) = &self.naming else {
            return self.default_place();
        };
        let name = template.name(labels);
        self.place_named(&name)
    }

    /// Puts a line to a place that was asked for before.
    pub fn put_at(&mut self, Place(place): &Place, line: &Built<'_>) -> Result<(), Refused> {
        match place {
            Ok(place) => self.keep(*place, line),
            Err(no_place) => self.reject(no_place.clone()),
        }
    }

    /// Everything taken, ready to be stored, and the memory it is in.
    pub(super) fn finish(self, key: Option<&Key>) -> (Taken, Held) {
        self.rejected.count();
        if self.undated > 0 {
            metrics::counter!("tailcast_lines_undated_total").increment(u64::from(self.undated));
        }
        if self.cut > 0 {
            metrics::counter!("tailcast_lines_cut_total").increment(u64::from(self.cut));
        }
        let mut taken = Taken {
            runs: Vec::with_capacity(self.gathered.len()),
            rejected: self.rejected,
            accepted: 0,
            undated: self.undated,
            cut: self.cut,
        };
        for gathered in self.gathered {
            let by_default = gathered.by_default;
            let (stream, lines) = gathered.finish();
            taken.accepted += lines.iter().map(|lines| lines.count).sum::<u32>();
            taken.runs.push(Run {
                stream,
                parts: lines,
                key: key.map(|key| key.run(by_default)),
                charged: false,
            });
        }
        (taken, self.memory)
    }

    fn keep(&mut self, place: usize, line: &Built<'_>) -> Result<(), Refused> {
        self.line.clear();
        line.encode_marked(self.marks.fields(), &mut self.line);
        self.grow(self.line.len())?;
        let gathered = &mut self.gathered[place];
        gathered.by_default |= line.stream().is_none();
        gathered.push(&self.line, line.ts());
        self.undated += u32::from(line.is_undated());
        self.cut += u32::from(self.marks.cut > 0);
        Ok(())
    }

    fn reject(&mut self, (code, error): NoPlace) -> Result<(), Refused> {
        if !self.rejected.has_room() {
            *self.rejected.more.entry(code).or_default() += 1;
            return Ok(());
        }
        self.grow(error.len() + Rejects::OVERHEAD)?;
        self.rejected.told.push(Rejected {
            line: self.number,
            code,
            error,
        });
        Ok(())
    }

    fn grow(&mut self, bytes: usize) -> Result<(), Refused> {
        self.encoded += bytes;
        if self.encoded > self.limits.encoded {
            let bound = format!("the lines become more than {} bytes", self.limits.encoded);
            return Err(Refused::TooLarge(bound));
        }
        self.memory.grow(bytes)
    }

    fn default_place(&mut self) -> Result<Place, Refused> {
        if let Some(place) = self.default_place {
            return Ok(Place(Ok(place)));
        }
        match self.default.clone() {
            Ok(stream) => {
                let place = self.place_of(stream)?;
                self.default_place = Some(place);
                Ok(Place(Ok(place)))
            }
            Err(no_place) => Ok(Place(Err(no_place))),
        }
    }

    fn place_named(&mut self, text: &str) -> Result<Place, Refused> {
        if let Some(&place) = self.named.get(text) {
            return Ok(Place(Ok(place)));
        }
        let stream = match writable(text, &self.subscriber) {
            Ok(stream) => stream,
            Err(no_place) => return Ok(Place(Err(no_place))),
        };
        let place = self.place_of(stream)?;
        self.named.insert(text.to_owned(), place);
        Ok(Place(Ok(place)))
    }

    fn place_of(&mut self, stream: StreamName) -> Result<usize, Refused> {
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

fn too_long(bytes: u64, most: usize) -> String {
    format!("the line has {bytes} bytes, more than {most}")
}

/// The refusal of a body with more lines than `most`.
pub(crate) fn too_many_lines(most: u32) -> Refused {
    Refused::TooLarge(format!("the body has more than {most} lines"))
}

/// The stream of that name, when the subscriber may write it (invariant 9).
fn writable(name: &str, subscriber: &Subscriber) -> Result<StreamName, NoPlace> {
    let stream = subscriber
        .names(name)
        .map_err(|error| (RejectCode::BadStream, error.to_string()))?;
    if auth::may(subscriber, Action::Write, &stream) {
        return Ok(stream);
    }
    Err((
        RejectCode::Forbidden,
        format!("this token may not write to {stream}"),
    ))
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
