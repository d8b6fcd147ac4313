//! The audit log: what was told with the target `audit`, an object a line, in a file or on standard error.
//!
//! A thread of its own writes it: no request waits for a disk. What repeats itself within a minute is counted and not written:
//! nobody fills a disk by knocking. When it cannot be written, or faster comes than is written, a gauge says so, and what was
//! lost is counted.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use auth::audit::TARGET;
use lines::Timestamp;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Events that wait to be written.
const WAITING: usize = 10_000;

/// So long the same thing again is counted.
const REPEATS: Duration = Duration::from_secs(60);

/// Different things of which it is known that they happened lately. Others are written each.
const KINDS: usize = 4_096;

/// The longest that the end of the process waits for what is to be written.
const LAST: Duration = Duration::from_secs(2);

/// What may be counted: what anybody can do again and again. Whatever changes something is written each time.
const COUNTED: [&str; 5] = ["refuse", "deny", "connect", "subscribe", "make_ticket"];

/// Where the audit log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Standard error, between the lines of the log.
    StandardError,
    /// A file, which is appended to.
    File(PathBuf),
}

impl Place {
    /// `-` is standard error.
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "-" => Self::StandardError,
            path => Self::File(path.into()),
        }
    }

    fn open(&self) -> anyhow::Result<Box<dyn Write + Send>> {
        Ok(match self {
            Self::StandardError => Box::new(io::stderr()),
            Self::File(path) => Box::new(open(path)?),
        })
    }
}

fn open(path: &Path) -> anyhow::Result<std::fs::File> {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path);
    file.with_context(|| format!("the audit log {} cannot be written", path.display()))
}

/// An event, or the wish to hear when all before it is written.
enum Told {
    Event(Map<String, Value>),
    Flush(SyncSender<()>),
}

/// Takes events from the process's log. Dropping this does not end it.
pub(crate) struct Audit(SyncSender<Told>);

/// Waits for what is to be written.
pub(crate) struct Written(SyncSender<Told>);

impl Audit {
    /// Begins to write at a place.
    pub(crate) fn start(place: &Place) -> anyhow::Result<(Self, Written)> {
        let writing = Writing::new(place.open()?);
        let (told, heard) = sync_channel(WAITING);
        std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || writing.run(&heard))?;
        metrics::gauge!("tailcast_audit_failing").set(0.0);
        Ok((Self(told.clone()), Written(told)))
    }
}

impl Written {
    /// Comes back when all that was told before is written, or soon.
    pub(crate) fn wait(&self) {
        let (done, heard) = sync_channel(1);
        if self.0.try_send(Told::Flush(done)).is_ok() {
            // What takes longer is lost with the process.
            let _ = heard.recv_timeout(LAST);
        }
    }
}

impl<S: Subscriber> Layer<S> for Audit {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != TARGET {
            return;
        }
        let mut fields = Fields(Map::new());
        fields
            .0
            .insert("time".to_owned(), Timestamp::now().to_string().into());
        event.record(&mut fields);
        match self.0.try_send(Told::Event(fields.0)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => lost(),
        }
    }
}

fn lost() {
    metrics::counter!("tailcast_audit_lost_total").increment(1);
    metrics::gauge!("tailcast_audit_failing").set(1.0);
}

/// What an event says. What is empty is left out.
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        if value != "" {
            self.0.insert(field.name().to_owned(), value);
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
}

/// What one thing is, whatever else is said of it.
type Kind = [String; 5];

struct Repeated {
    since: Instant,
    times: u64,
    last: Map<String, Value>,
}

/// What writes.
struct Writing {
    out: Box<dyn Write + Send>,
    /// The node that this is, once it said so.
    node: Option<Value>,
    lately: HashMap<Kind, Repeated>,
}

impl Writing {
    fn new(out: Box<dyn Write + Send>) -> Self {
        Self {
            out,
            node: None,
            lately: HashMap::new(),
        }
    }

    fn run(mut self, heard: &Receiver<Told>) {
        loop {
            match heard.recv_timeout(REPEATS / 6) {
                Ok(Told::Event(event)) => self.take(event, Instant::now()),
                Ok(Told::Flush(done)) => {
                    self.tell_repeats(None);
                    let _ = done.try_send(());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.tell_repeats(None),
            }
            self.tell_repeats(Some(Instant::now()));
        }
    }

    fn take(&mut self, mut event: Map<String, Value>, now: Instant) {
        if let Some(node) = event.get("node") {
            self.node = Some(node.clone());
        } else if let Some(node) = &self.node {
            event.insert("node".to_owned(), node.clone());
        }
        let text = |name: &str| {
            event
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        if COUNTED.contains(&&*text("what")) {
            let kind = ["what", "outcome", "reason", "from", "sub"].map(text);
            if let Some(known) = self.lately.get_mut(&kind) {
                known.times += 1;
                known.last = event;
                return;
            }
            if self.lately.len() < KINDS {
                let repeated = Repeated {
                    since: now,
                    times: 0,
                    last: Map::new(),
                };
                self.lately.insert(kind, repeated);
            }
        }
        self.write(&event);
    }

    /// Says how often what was told a minute before `now` came again; of all that did, where there is no `now`.
    fn tell_repeats(&mut self, now: Option<Instant>) {
        let is_over =
            |repeated: &Repeated| now.is_none_or(|now| now.duration_since(repeated.since) >= REPEATS);
        let over: Vec<Kind> = self
            .lately
            .iter()
            .filter(|(_, repeated)| is_over(repeated))
            .map(|(kind, _)| kind.clone())
            .collect();
        for kind in over {
            if let Some(mut repeated) = self.lately.remove(&kind).filter(|repeated| repeated.times > 0) {
                repeated.last.insert("repeated".to_owned(), repeated.times.into());
                self.write(&repeated.last);
            }
        }
    }

    fn write(&mut self, event: &Map<String, Value>) {
        let mut line = Value::Object(event.clone()).to_string();
        line.push('\n');
        match self
            .out
            .write_all(line.as_bytes())
            .and_then(|()| self.out.flush())
        {
            Ok(()) => metrics::gauge!("tailcast_audit_failing").set(0.0),
            Err(error) => {
                lost();
                tracing::error!(%error, "the audit log cannot be written");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use serde_json::json;

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Paper {
        fn lines(&self) -> Vec<Value> {
            let text = String::from_utf8(self.0.lock().clone()).unwrap();
            text.lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect()
        }
    }

    fn event(what: &str, from: &str, on: &str) -> Map<String, Value> {
        let event = json!({"what": what, "from": from, "on": on});
        event.as_object().unwrap().clone()
    }

    #[test]
    fn what_repeats_itself_is_counted_for_a_minute_and_what_changes_something_is_written_each_time() {
        let paper = Paper::default();
        let mut writing = Writing::new(Box::new(paper.clone()));
        let now = Instant::now();
        for on in ["/a", "/b", "/c"] {
            writing.take(event("refuse", "192.0.2.1", on), now);
            writing.take(event("mint", "192.0.2.1", on), now);
        }
        writing.take(event("refuse", "192.0.2.2", "/a"), now);
        let first = |on: &str| json!({"what": "refuse", "from": "192.0.2.1", "on": on});
        let minted = |on: &str| json!({"what": "mint", "from": "192.0.2.1", "on": on});
        let other = json!({"what": "refuse", "from": "192.0.2.2", "on": "/a"});
        let mut expected = vec![first("/a"), minted("/a"), minted("/b"), minted("/c"), other];
        assert_eq!(paper.lines(), expected);
        writing.tell_repeats(Some(now + REPEATS / 2));
        assert_eq!(paper.lines(), expected);
        writing.tell_repeats(Some(now + REPEATS));
        let mut again = first("/c");
        again["repeated"] = json!(2);
        expected.push(again);
        assert_eq!(paper.lines(), expected);
        writing.take(event("refuse", "192.0.2.1", "/d"), now + REPEATS);
        expected.push(first("/d"));
        assert_eq!(paper.lines(), expected);
    }

    #[test]
    fn however_many_kinds_there_are_so_many_are_remembered_and_each_is_written() {
        let paper = Paper::default();
        let mut writing = Writing::new(Box::new(paper.clone()));
        for number in 0..2 * KINDS {
            writing.take(event("refuse", &number.to_string(), "/"), Instant::now());
        }
        assert_eq!((writing.lately.len(), paper.lines().len()), (KINDS, 2 * KINDS));
    }

    #[test]
    fn the_node_that_began_stands_in_what_comes_after() {
        let paper = Paper::default();
        let mut writing = Writing::new(Box::new(paper.clone()));
        let mut start = event("start", "", "");
        start.insert("node".to_owned(), "n1".into());
        writing.take(start, Instant::now());
        writing.take(event("mint", "", ""), Instant::now());
        assert_eq!(paper.lines()[1]["node"], "n1");
    }
}
