//! A session as server-sent events: `GET /v1/sse`. One subscription, named in the address; the messages are those of
//! `tailcast.v1`, each the `data` of an event of its type.
//!
//! An event's id says where the session stands once the reader has that event, in all of its streams: a browser brings it
//! along when it comes back, and goes on exactly there. So every id is whole, and a session has as many streams as fit.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use auth::Subscriber;
use auth::audit::About;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use edge::{Parameters, Problem, ServedBy, bad_parameter};
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use lines::{Epoch, Offset, StreamName, Timestamp};
use serde_json::Value;
use tokio::time::{Instant, Sleep};
use tokio_util::task::AbortOnDropHandle;

use crate::cursors::capacity::Capacity;
use crate::cursors::owed::Owed;
use crate::cursors::refusal::Refusal;
use crate::cursors::subscription::{From, Mode, Subscribe};
use crate::cursors::{Cursors, subscribe};
use crate::feeds::view::{Encode, Encoding, Run};
use crate::session::admission::{NoPlace, Place};
use crate::session::clock::{Alarm, Clock};
use crate::session::close::Close;
use crate::session::{self, Happened, Host, Meet, Outbound, Reads, Session};
use crate::wire::pipe::{Ended, Kind, Pipe, Taken};
use crate::wire::protocol::lines::Lines;
use crate::wire::protocol::{Message, Told};
use crate::wire::{Entered, no_place};

/// The name of the subscription in messages.
const ID: &str = "sse";

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// After how long a reader comes back that lost its connection, unless it is told otherwise.
const RETRY: Duration = Duration::from_secs(1);

/// A comment: proxies and readers see that somebody is there.
const HEARTBEAT: &[u8] = b": ping\n";

/// Lines as an event, which its id and a blank line end.
const EVENTS: Encoding = &Events;

struct Events;

impl Encode for Events {
    fn name(&self) -> &'static str {
        "tailcast.v1 in events"
    }

    /// Each event ends with an id, which says where its reader stands.
    fn joins(&self) -> bool {
        false
    }

    fn encode(&self, run: &Run<'_>) -> Bytes {
        const BEFORE: &[u8] = b"event: lines\ndata: ";
        let lines = Lines::of(run);
        // Two more: the end of the line, and the line feed that goes.
        let mut bytes = Vec::with_capacity(BEFORE.len() + lines.length() + 2);
        bytes.extend_from_slice(BEFORE);
        lines.write(&mut bytes);
        bytes.push(b'\n');
        bytes.into()
    }
}

/// `GET /v1/sse`.
pub(super) async fn open(
    State(host): State<Arc<Host>>,
    subscriber: Subscriber,
    request: Request,
) -> Result<Response, Problem> {
    let wanted = wanted(request.uri(), request.headers().get(LAST_EVENT_ID))?;
    if request.method() == Method::HEAD {
        return Ok(answer(Body::empty()));
    }
    // The place is taken before the answer: whoever waits for sessions to end must not miss one that begins.
    let entered = Entered::by(&host, &subscriber).await?;
    let asked = About(wanted.streams.join(" "));
    let (fan_out, version) = (host.fan_out.clone(), request.version());
    let begun = AbortOnDropHandle::new(fan_out.spawn(begin(host, subscriber, entered, wanted))).await;
    // The runtime ends, and with it whoever asked.
    let events = begun.map_err(|_| no_place(NoPlace::Leaving))??;
    let mut answer = answer(Body::from_stream(events));
    if version < Version::HTTP_2 {
        // It moves to the threads of sessions: what comes on it after the events is not to wait behind these.
        answer
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer.extensions_mut().insert(ServedBy(fan_out));
    answer.extensions_mut().insert(asked);
    Ok(answer)
}

/// Begins a session, whose events are answered once its subscription stands.
async fn begin(
    host: Arc<Host>,
    subscriber: Subscriber,
    Entered { place, epoch }: Entered,
    wanted: Subscribe,
) -> Result<Taken, Problem> {
    let reads = Reads {
        encoding: EVENTS,
        capacity: Capacity {
            streams: host.limits.streams,
            place_bytes: Some(host.limits.event_id_bytes),
        },
    };
    let clock = Clock::new(Arc::clone(&host.limits), subscriber.expires_at(), Instant::now());
    let mut session = Session::new(Arc::clone(&host), subscriber, Arc::clone(place.wake()), reads);
    let started = subscribe::start(Arc::clone(&host.sources), session.asker(), wanted).await;
    let started = started.map_err(problem)?;
    let pipe = Pipe::new(host.limits.queue_bytes);
    let mut out = Out {
        pipe: Arc::clone(&pipe),
        epoch,
    };
    out.say(retry(RETRY));
    let mut owed = Vec::new();
    session.add(started, &mut owed);
    out.put(&mut owed, &session.cursors);
    let events = EventStream {
        close_within: host.limits.close_within,
        session,
        out,
        clock,
    };
    tokio::spawn(events.run(place));
    Ok(pipe.taken())
}

fn answer(body: Body) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        // What is gathered or packed on its way comes late.
        (CACHE_CONTROL, "no-store, no-transform"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, body).into_response()
}

/// What the address asks for. The id of the last event, where a reader brings one, says where to go on.
fn wanted(uri: &Uri, last_event: Option<&HeaderValue>) -> Result<Subscribe, Problem> {
    // Who a ticket lets in was found out before.
    const KNOWN: &[&str] = &["stream", "from", "filter", "mode", "ticket"];
    let parameters = Parameters::of(uri)?;
    let mut once = Vec::new();
    let mut streams = Vec::new();
    for (name, value) in parameters.iter() {
        if !KNOWN.contains(&name) {
            let sentence = format!("there is no parameter `{name}`; there are {}", KNOWN.join(", "));
            return Err(bad_parameter(name, &sentence));
        }
        if name == "stream" {
            streams.push(value.to_owned());
        } else if once.contains(&name) {
            return Err(bad_parameter(name, &format!("`{name}` is there twice")));
        } else {
            once.push(name);
        }
    }
    if streams.is_empty() {
        let sentence = "`stream` is a name, a pattern or @me; there may be several";
        return Err(bad_parameter("stream", sentence));
    }
    let mode = match parameters.get("mode") {
        None | Some("complete") => Mode::Complete,
        Some("recent") => Mode::Recent,
        Some(_) => return Err(bad_parameter("mode", "`mode` is complete or recent")),
    };
    let last_event = last_event
        .map(|id| id.to_str().unwrap_or("?"))
        .filter(|id| !id.is_empty());
    let from = match (last_event, parameters.filled("from")) {
        (Some(id), _) => from_id(id).ok_or_else(|| {
            bad_parameter(
                "Last-Event-ID",
                "`Last-Event-ID` is the id of an event of this address: leave it out to begin anew",
            )
        })?,
        (None, Some(text)) => from(text).ok_or_else(|| {
            let sentence = "`from` is live, last:200, since:2026-11-21T10:00:00Z, since:1795255200 or an event's \
                            id";
            bad_parameter("from", sentence)
        })?,
        (None, None) => From::Live,
    };
    let filter = parameters.get("filter").filter(|text| !text.trim().is_empty());
    Ok(Subscribe {
        id: ID.to_owned(),
        streams,
        from,
        filter: filter.map(str::to_owned),
        mode,
    })
}

fn from(text: &str) -> Option<From> {
    match text.split_once(':') {
        Some(("last", count)) => count.parse().ok().map(From::Last),
        Some(("since", time)) => Timestamp::asked(time).map(From::Since),
        Some(_) => None,
        None if text == "live" => Some(From::Live),
        None => from_id(text),
    }
}

/// Where a session stands: `EPOCH;stream=offset;stream=offset`. Names need no escaping.
fn id<'a>(epoch: &str, places: impl Iterator<Item = (&'a StreamName, Offset)>) -> String {
    let mut id = format!("{epoch};");
    for (nth, (stream, offset)) in places.enumerate() {
        let separator = if nth == 0 { "" } else { ";" };
        // Writing into memory cannot fail.
        let _ = write!(id, "{separator}{stream}={offset}");
    }
    id
}

fn from_id(id: &str) -> Option<From> {
    let (epoch, places) = id.split_once(';')?;
    let place = |place: &str| {
        let (stream, offset) = place.split_once('=')?;
        Some((stream.to_owned(), offset.parse().ok()?))
    };
    let places = places.split(';').filter(|place| !place.is_empty());
    Some(From::Cursors {
        cursors: places.map(place).collect::<Option<_>>()?,
        epoch: epoch.to_owned(),
    })
}

/// A refusal before the first event.
fn problem(refusal: Refusal) -> Problem {
    let message = refusal.message;
    let details = *refusal.details;
    let problem = match refusal.code {
        "stream_not_found" => Problem::new(StatusCode::NOT_FOUND, "stream_not_found", message),
        "cursor_ahead" => Problem::new(StatusCode::BAD_REQUEST, "cursor_ahead", message),
        "wrong_epoch" => Problem::new(StatusCode::CONFLICT, "wrong_epoch", message),
        "limit" => Problem::new(StatusCode::BAD_REQUEST, "limit", message),
        "bad_stream" => bad_parameter("stream", &format!("`stream`: {message}")),
        "bad_filter" => bad_parameter("filter", &format!("`filter`: {message}")),
        "bad_from" => bad_parameter("from", &format!("`from`: {message}")),
        _ => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
            .retry_after(Duration::from_secs(1)),
    };
    let members = [
        ("position", details.position.map(Value::from)),
        ("stream", details.stream.map(Value::from)),
        ("next", details.next.map(Value::from)),
        ("epoch", details.epoch.map(Value::from)),
    ];
    members
        .into_iter()
        .fold(problem, |problem, (name, value)| match value {
            Some(value) => problem.member(name, value),
            None => problem,
        })
}

/// A session and where its events go.
struct EventStream {
    session: Session,
    out: Out,
    clock: Clock,
    close_within: Duration,
}

/// Why a session ends.
enum End {
    Close(&'static Close),
    /// The reader went away.
    Gone,
}

impl EventStream {
    /// Serves the session until it ends.
    async fn run(mut self, place: Place) {
        let mut alarm = std::pin::pin!(tokio::time::sleep_until(self.due()));
        let end = loop {
            self.session.fill(&mut self.out);
            self.session.begin_waiting(self.out.has_room(), Meet::Yes);
            self.set(alarm.as_mut());
            let pipe = Arc::clone(&self.out.pipe);
            let done = tokio::select! {
                happened = self.session.happening(Meet::Yes) => {
                    self.react(happened);
                    Ok(())
                }
                gone = pipe.changed() => if gone { Err(End::Gone) } else { Ok(()) },
                () = alarm.as_mut() => self.alarm(),
            };
            if let Err(end) = done {
                break end;
            }
        };
        let Self {
            session,
            out,
            close_within,
            ..
        } = self;
        drop(session);
        if let End::Close(close) = end {
            out.close(close, close_within).await;
        }
        drop(place);
    }

    /// When something is due, if nothing happens before.
    fn due(&self) -> Instant {
        let due = self.clock.next(self.out.pipe.vitals());
        self.word_at().map_or(due, |word_at| due.min(word_at))
    }

    /// An alarm that is too early costs less than setting it anew for every event.
    fn set(&self, mut alarm: Pin<&mut Sleep>) {
        let due = self.due();
        if due < alarm.deadline() || alarm.is_elapsed() {
            alarm.as_mut().reset(due);
        }
    }

    /// When the reader is owed a word on what it does not get, unless more waits for it already.
    fn word_at(&self) -> Option<Instant> {
        self.session.cursors.word_at().filter(|_| self.out.has_room())
    }

    fn react(&mut self, happened: Happened) {
        let mut owed = Vec::new();
        if let Some(ending) = self.session.react(happened, &mut owed) {
            self.clock.end(ending, Instant::now());
        }
        self.out.put(&mut owed, &self.session.cursors);
    }

    fn alarm(&mut self) -> Result<(), End> {
        let now = Instant::now();
        if self.word_at().is_some_and(|at| at <= now) {
            let mut owed = Vec::new();
            self.session.cursors.words(&mut owed);
            self.out.put(&mut owed, &self.session.cursors);
        }
        match self.clock.due(self.out.pipe.vitals(), now) {
            Some(Alarm::Ping) => self.out.say(Bytes::from_static(HEARTBEAT)),
            Some(Alarm::Expiring) => {
                let expires_at = self.session.expires_at();
                let expiring = Message::Expiring {
                    expires_at: &expires_at,
                };
                self.out.say(event(&expiring));
            }
            Some(Alarm::Close(close)) => return Err(End::Close(close)),
            None => {}
        }
        Ok(())
    }
}

/// The events on their way, and the database that their ids belong to.
struct Out {
    pipe: Arc<Pipe>,
    epoch: Epoch,
}

impl Out {
    /// Something that has no place in a stream.
    fn say(&self, event: Bytes) {
        self.pipe.put(event, NO_ID, Kind::Own);
    }

    /// Says why the session ends, and gives the reader a moment to take it. Lines that it has not taken do not come: it
    /// asks for them again.
    async fn close(self, close: &'static Close, within: Duration) {
        close.count();
        self.pipe.discard();
        let back_after = session::come_back_after(close);
        if let Some(after) = back_after {
            self.say(retry(after));
        }
        self.say(event(&Message::closing(close, back_after)));
        // A reader that takes nothing any more is left without a goodbye.
        let whole = tokio::time::timeout(within, self.pipe.emptied()).await.is_ok();
        self.pipe.end(if whole { Ended::Whole } else { Ended::Broken });
    }
}

impl Outbound for Out {
    fn has_room(&self) -> bool {
        self.pipe.has_room()
    }

    fn put(&mut self, owed: &mut Vec<Owed>, cursors: &Cursors) {
        let ends = ends(owed, cursors, self.epoch.as_str());
        for (owed, end) in owed.drain(..).zip(ends) {
            match Told::of(&owed, self.epoch.as_str()) {
                Told::Lines(bytes) => self.pipe.put(bytes.clone(), end, Kind::Lines),
                Told::Looked(message) => self.pipe.put(event(&message), end, Kind::Lines),
                Told::Own(message) => self.pipe.put(event(&message), end, Kind::Own),
            }
        }
    }
}

/// The ends of events, with their ids. The cursors stand where the last one leads; each one before it leads to where the
/// next one begins. An id is as long as a session has streams: what moves nothing has none, and the reader's last one
/// stays. So a session that begins costs one, and not one for each stream that is at its head.
fn ends(owed: &[Owed], cursors: &Cursors, epoch: &str) -> VecDeque<Bytes> {
    let mut ends = VecDeque::with_capacity(owed.len());
    // Where streams stand before what was looked at, other than in the end; nowhere, if they begin there.
    let mut before: BTreeMap<&StreamName, Option<Offset>> = BTreeMap::new();
    for (nth, one) in owed.iter().enumerate().rev() {
        let places = cursors
            .places()
            .filter_map(|(stream, told)| match before.get(stream) {
                Some(place) => place.map(|offset| (stream, offset)),
                None => Some((stream, told)),
            });
        ends.push_front(match one {
            Owed::Live { .. } | Owed::LeftOut { .. } => NO_ID,
            _ => format!("id: {}\n\n", id(epoch, places)).into(),
        });
        match one {
            Owed::Looked { stream, first, .. } => drop(before.insert(stream, Some(*first))),
            Owed::Gap { stream, from, .. } => drop(before.insert(stream, Some(*from))),
            Owed::Begun { streams, .. } => before.extend(streams.iter().map(|begun| (&begun.stream, None))),
            // What stands before lines is how far a filter has looked in the same stream.
            Owed::Lines(chunk) => {
                if let Some(Owed::Looked { stream, .. }) = nth.checked_sub(1).map(|nth| &owed[nth]) {
                    before.insert(stream, Some(chunk.first));
                }
            }
            _ => {}
        }
    }
    ends
}

/// The end of an event without an id: the reader's last one stays.
const NO_ID: Bytes = Bytes::from_static(b"\n");

/// A message as an event, up to its id. JSON has no line ends.
fn event(message: &Message<'_>) -> Bytes {
    let mut bytes = format!("event: {}\ndata: ", message.kind()).into_bytes();
    bytes.extend_from_slice(&message.json());
    bytes.push(b'\n');
    bytes.into()
}

/// When to come back, up to the blank line that ends it.
fn retry(after: Duration) -> Bytes {
    format!("retry: {}\n", after.as_millis()).into()
}
