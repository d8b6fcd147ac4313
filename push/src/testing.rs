//! Lines and batches for the tests of this crate's parts.

use std::sync::Arc;

use bytes::Bytes;
use lines::{Batch, Line, Lines, Offset, StreamName, Timestamp};

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

/// The lines in a frame.
pub(crate) fn lines(frame: &Bytes) -> Vec<serde_json::Value> {
    // A header's length may look like a brace.
    let json = frame
        .windows(8)
        .position(|bytes| bytes == br#"{"type":"#)
        .unwrap();
    let frame: serde_json::Value = serde_json::from_slice(&frame[json..]).unwrap();
    frame["lines"].as_array().unwrap().clone()
}

/// The messages of the lines in a frame, in order.
pub(crate) fn messages(frame: &Bytes) -> Vec<String> {
    let text = |line: &serde_json::Value| line["message"].as_str().unwrap().to_owned();
    lines(frame).iter().map(text).collect()
}
