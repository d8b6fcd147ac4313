//! Lines and batches for the tests of this crate's parts.

use std::sync::Arc;

use bytes::Bytes;
use lines::{Batch, Line, Lines, Offset, StreamName, Timestamp};

use crate::feeds::view::{Encode, Run, View};

/// A batch whose lines say their offsets: `line 17`.
pub(crate) fn batch(stream: &str, first: u64, count: u32) -> Arc<Batch> {
    let ts = Timestamp::from_nanos(0);
    let lines: Vec<_> = (first..first + u64::from(count))
        .map(|offset| Line {
            ts,
            level: None,
            message: format!("line {offset}"),
            fields: Vec::new(),
        })
        .collect();
    Arc::new(Batch {
        stream: StreamName::parse(stream).unwrap(),
        first: Offset(first),
        arrived: ts,
        lines: Lines::encode(&lines).unwrap(),
    })
}

/// What a reader of NDJSON sees of a stream.
pub(crate) const ALL: View = View {
    filter: None,
    encoding: &Ndjson,
};

/// The simplest encoding.
struct Ndjson;

impl Encode for Ndjson {
    fn name(&self) -> &'static str {
        "ndjson"
    }

    fn joins(&self) -> bool {
        true
    }

    fn encode(&self, run: &Run<'_>) -> Bytes {
        run.ndjson.concat().into()
    }
}

/// The lines in a chunk.
pub(crate) fn lines(chunk: &Bytes) -> Vec<serde_json::Value> {
    let lines = serde_json::Deserializer::from_slice(chunk).into_iter();
    lines.map(Result::unwrap).collect()
}

/// The messages of the lines in a chunk, in order.
pub(crate) fn messages(chunk: &Bytes) -> Vec<String> {
    let text = |line: &serde_json::Value| line["message"].as_str().unwrap().to_owned();
    lines(chunk).iter().map(text).collect()
}
