//! Frames of lines: bytes that are made once and written to every session that stands at the same cursor.
//!
//! A frame is a whole unmasked WebSocket text frame, header included, and holds nothing of one session.

use std::sync::Arc;

use bytes::{BufMut, Bytes};
use lines::{Filter, Offset, StreamName};

const TEXT: u8 = 0x81;

/// A `lines` message, ready to be written to any socket. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The offset it begins at.
    pub(crate) first: Offset,
    /// The cursor of a session that has taken it.
    pub(crate) next: Offset,
    /// How many lines are in it. With a filter there may be none: then it need not be written at once.
    pub(crate) lines: u64,
    /// What goes on the wire.
    pub(crate) bytes: Bytes,
}

/// Which lines a session wants. Those who want the same share frames.
#[derive(Clone)]
pub(crate) enum View {
    /// All of them.
    All,
    /// Those that match; each is shown with its offset.
    Matching(Arc<Filter>),
}

impl View {
    /// Whether frames of one serve the other. Filters are compiled once a node, so equal ones are the same one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, Self::All) => true,
            (Self::Matching(one), Self::Matching(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl Frame {
    /// Makes the frame of the lines from `first` to `next`, whose NDJSON is in `runs`.
    pub(crate) fn of_lines(stream: &StreamName, first: Offset, next: Offset, runs: &[&[u8]]) -> Self {
        let ndjson: usize = runs.iter().map(|run| run.len()).sum();
        let (mut bytes, lines_at) = open(stream, first, next, ndjson);
        for run in runs {
            bytes.extend_from_slice(run);
        }
        separate(&mut bytes[lines_at..]);
        Self {
            first,
            next,
            lines: next.since(first),
            bytes: close_array(bytes, ndjson),
        }
    }

    /// Makes the frame of `count` lines that a filter left of those from `first` to `next`: objects with their
    /// offsets, a comma after each.
    pub(crate) fn of_matches(
        stream: &StreamName,
        first: Offset,
        next: Offset,
        count: u64,
        objects: &[u8],
    ) -> Self {
        let (mut bytes, _) = open(stream, first, next, objects.len());
        bytes.extend_from_slice(objects);
        Self {
            first,
            next,
            lines: count,
            bytes: close_array(bytes, objects.len()),
        }
    }
}

const CLOSING: &[u8] = b"]}";

/// The frame up to its lines, which will have `length` bytes with a separator after each; and where they begin.
fn open(stream: &StreamName, first: Offset, next: Offset, length: usize) -> (Vec<u8>, usize) {
    // Names need no escaping: their alphabet has neither quotes nor backslashes.
    let opening = format!(r#"{{"type":"lines","stream":"{stream}","first":{first},"next":{next},"lines":["#);
    let payload = opening.len() + length.saturating_sub(1) + CLOSING.len();
    let mut bytes = Vec::with_capacity(MAX_HEADER_BYTES + payload + 1);
    put_header(TEXT, payload, &mut bytes);
    bytes.extend_from_slice(opening.as_bytes());
    let lines_at = bytes.len();
    (bytes, lines_at)
}

/// The last separator goes.
fn close_array(mut bytes: Vec<u8>, length: usize) -> Bytes {
    bytes.truncate(bytes.len() - usize::from(length > 0));
    bytes.extend_from_slice(CLOSING);
    bytes.into()
}

/// A text frame of one session's own.
pub(crate) fn text(payload: &[u8]) -> Bytes {
    frame(TEXT, payload)
}

/// A ping without a payload.
pub(crate) fn ping() -> Bytes {
    frame(0x89, &[])
}

/// A close frame.
pub(crate) fn close(code: u16, reason: &str) -> Bytes {
    let mut payload = Vec::with_capacity(2 + reason.len());
    payload.put_u16(code);
    payload.extend_from_slice(reason.as_bytes());
    frame(0x88, &payload)
}

/// A frame of any kind.
pub(crate) fn frame(opcode: u8, payload: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(MAX_HEADER_BYTES + payload.len());
    put_header(opcode, payload.len(), &mut bytes);
    bytes.extend_from_slice(payload);
    bytes.into()
}

const MAX_HEADER_BYTES: usize = 10;

/// RFC 6455 §5.2, from a server: final, not masked.
fn put_header(opcode: u8, payload: usize, out: &mut Vec<u8>) {
    out.push(opcode);
    match payload {
        0..126 => out.push(payload as u8),
        126..0x1_0000 => {
            out.push(126);
            out.put_u16(payload as u16);
        }
        _ => {
            out.push(127);
            out.put_u64(payload as u64);
        }
    }
}

/// NDJSON becomes the inside of an array: a line feed stands between lines only, JSON escapes it everywhere else.
fn separate(ndjson: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\n', &ndjson[at..]) {
        ndjson[at + found] = b',';
        at += found + 1;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio_tungstenite::tungstenite::protocol::frame::FrameSocket;

    use super::*;

    /// Reads the bytes of one frame with the tested library.
    fn read(bytes: &Bytes) -> Value {
        let mut socket = FrameSocket::new(std::io::Cursor::new(bytes.to_vec()));
        let frame = socket.read(None).unwrap().unwrap();
        assert!(socket.read(None).unwrap().is_none(), "bytes after the frame");
        serde_json::from_slice(frame.payload()).unwrap()
    }

    #[test]
    fn a_frame_is_one_websocket_message_of_every_length() {
        let stream = StreamName::parse("payments/api").unwrap();
        for length in [1, 20, 125, 126, 65_000, 70_000] {
            let line = format!("{{\"message\":\"{}\"}}\n", "x".repeat(length));
            let frame = Frame::of_lines(
                &stream,
                Offset(7),
                Offset(10),
                &[line.as_bytes(), line.repeat(2).as_bytes()],
            );
            let one = json!({ "message": "x".repeat(length) });
            let want = json!({
                "type": "lines", "stream": "payments/api", "first": 7, "next": 10, "lines": [one, one, one],
            });
            assert_eq!(read(&frame.bytes), want);
        }
    }

    #[test]
    fn a_message_of_one_session_is_framed_too() {
        assert_eq!(read(&text(br#"{"type":"live"}"#)), json!({"type": "live"}));
        assert_eq!(ping(), Bytes::from_static(&[0x89, 0]));
        assert_eq!(close(1012, "x"), Bytes::from_static(&[0x88, 3, 0x03, 0xf4, b'x']));
    }
}
