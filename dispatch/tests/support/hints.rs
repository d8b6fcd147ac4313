//! Batches to send, and a node that remembers what arrived.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::sync::Arc;

use lines::{Batch, Hint, HintSink, Lines, Offset, Timestamp};
use parking_lot::Mutex;

use super::{eventually, stream};

/// A batch of one line at an offset.
pub fn batch(name: &str, offset: u64) -> Hint {
    let ts = Timestamp::from_nanos(1_700_000_000_000_000_000);
    Hint::Batch(Arc::new(Batch {
        stream: stream(name),
        first: Offset(offset),
        arrived: ts,
        lines: Lines {
            ndjson: format!("{{\"message\":\"line {offset} of {name}\"}}\n").into(),
            count: 1,
            oldest: ts,
            newest: ts,
        },
    }))
}

/// Remembers every hint, in order. Stands for a push node, or for a dispatcher.
#[derive(Default)]
pub struct Recorder {
    hints: Mutex<Vec<Hint>>,
}

impl Recorder {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// What arrived, in short: `stream 3` for lines, `lost stream`, `any lost`.
    pub fn all(&self) -> Vec<String> {
        self.hints.lock().iter().map(short).collect()
    }

    /// The same without what says that something is lost: links say it whenever they are made.
    pub fn lines(&self) -> Vec<String> {
        let batches = |hint: &&Hint| matches!(hint, Hint::Batch(_));
        self.hints.lock().iter().filter(batches).map(short).collect()
    }

    /// Offsets that arrived of a stream, in their order.
    pub fn offsets(&self, name: &str) -> Vec<u64> {
        let hints = self.hints.lock();
        let batches = hints.iter().filter_map(|hint| match hint {
            Hint::Batch(batch) if batch.stream == stream(name) => Some(batch.first.0),
            _ => None,
        });
        batches.collect()
    }

    /// Forgets what arrived so far.
    pub fn clear(&self) {
        self.hints.lock().clear();
    }

    pub async fn has(&self, expected: &str) {
        eventually(&format!("{expected:?} arrives"), || async {
            self.all().iter().any(|hint| hint == expected)
        })
        .await;
    }
}

fn short(hint: &Hint) -> String {
    match hint {
        Hint::Batch(batch) => format!("{} {}", batch.stream, batch.first),
        Hint::Lost(stream) => format!("lost {stream}"),
        Hint::AnyLost => "any lost".to_owned(),
    }
}

impl HintSink for Recorder {
    fn hand_off(&self, hint: Hint) {
        self.hints.lock().push(hint);
    }
}
