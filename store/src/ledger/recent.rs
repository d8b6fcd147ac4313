//! The last changes, held for whoever watches: a watcher holds a revision and no queue, and whoever is behind reads the
//! history.

use std::collections::VecDeque;
use std::sync::Arc;

use lines::ledger::{Change, Changes, KeyPrefix, Revision};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{MOST, MOST_BYTES};

/// What a change takes beside its key and value.
const OVERHEAD: usize = 128;

/// The last revisions, without holes, up to the last that is known.
pub(crate) struct Recent {
    window: Mutex<Window>,
    head: watch::Sender<Revision>,
    most_bytes: usize,
}

#[derive(Default)]
struct Window {
    /// Of the revision `first`, and those after it.
    commits: VecDeque<Arc<[Change]>>,
    first: Revision,
    bytes: usize,
}

/// What the last changes tell a watcher.
pub(crate) enum Told {
    /// These, or that there are none.
    Changes(Changes),
    /// It asks for older ones.
    Behind,
    /// It asks for what comes after a revision that is not known.
    Ahead,
}

impl Recent {
    /// Knows of no change; `head` is the last revision.
    pub(crate) fn new(head: Revision, most_bytes: usize) -> Self {
        let recent = Self {
            window: Mutex::default(),
            head: watch::Sender::new(head),
            most_bytes,
        };
        recent.begin_after(head);
        recent
    }

    /// The last revision that is known.
    pub(crate) fn head(&self) -> Revision {
        *self.head.borrow()
    }

    /// Wakes with every new revision.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Revision> {
        self.head.subscribe()
    }

    /// Forgets all changes up to a revision, and what lies between.
    pub(crate) fn begin_after(&self, head: Revision) {
        *self.window.lock() = Window {
            first: head.next(),
            ..Window::default()
        };
        self.head.send_replace(head);
    }

    /// Takes the changes of the revision after the last one; any other is not for us. The head never goes back.
    pub(crate) fn push(&self, revision: Revision, changes: &[Change]) -> bool {
        let mut window = self.window.lock();
        if window.first.0 + window.commits.len() as u64 != revision.0 {
            return false;
        }
        window.bytes += size(changes);
        window.commits.push_back(changes.into());
        while window.bytes > self.most_bytes
            && let Some(oldest) = window.commits.pop_front()
        {
            window.bytes -= size(&oldest);
            window.first = window.first.next();
        }
        self.head.send_replace(revision);
        true
    }

    /// What is after `after`, as much as an answer takes.
    pub(crate) fn after(&self, prefix: &KeyPrefix, after: Revision) -> Told {
        let window = self.window.lock();
        let next = after.next();
        if next < window.first {
            return Told::Behind;
        }
        let skip = (next.0 - window.first.0) as usize;
        if skip > window.commits.len() {
            return Told::Ahead;
        }
        let mut told = Answer::new(prefix, after);
        for (revision, changes) in (next.0..).map(Revision).zip(window.commits.iter().skip(skip)) {
            if told.is_full() {
                break;
            }
            told.add(revision, changes.iter().cloned());
        }
        Told::Changes(told.done())
    }
}

fn size(changes: &[Change]) -> usize {
    OVERHEAD + changes.iter().map(bytes).sum::<usize>()
}

fn bytes(change: &Change) -> usize {
    OVERHEAD + change.key.as_str().len() + change.value.as_ref().map_or(0, bytes::Bytes::len)
}

/// Changes under a prefix, whole revisions of them, as many as an answer takes.
pub(crate) struct Answer<'a> {
    prefix: &'a KeyPrefix,
    changes: Changes,
    bytes: usize,
}

impl<'a> Answer<'a> {
    pub(crate) fn new(prefix: &'a KeyPrefix, after: Revision) -> Self {
        Self {
            prefix,
            changes: Changes {
                changes: Vec::new(),
                upto: after,
            },
            bytes: 0,
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.changes.changes.len() >= MOST || self.bytes >= MOST_BYTES
    }

    /// The next revision.
    pub(crate) fn add(&mut self, revision: Revision, changes: impl IntoIterator<Item = Change>) {
        for change in changes
            .into_iter()
            .filter(|change| self.prefix.covers(&change.key))
        {
            self.bytes += bytes(&change);
            self.changes.changes.push(change);
        }
        self.changes.upto = revision;
    }

    pub(crate) fn done(self) -> Changes {
        self.changes
    }
}
