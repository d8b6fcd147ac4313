//! Frames of WebSockets, from a server: whole, unmasked.

use bytes::{BufMut, Bytes};

use crate::feeds::view::{Encode, Encoding, Run};
use crate::wire::protocol::lines::Lines;

const TEXT: u8 = 0x81;

/// Lines as whole text frames, header included: they are written as they are.
pub(crate) const FRAMES: Encoding = &Frames;

struct Frames;

impl Encode for Frames {
    fn name(&self) -> &'static str {
        "tailcast.v1 in frames"
    }

    fn joins(&self) -> bool {
        true
    }

    fn encode(&self, run: &Run<'_>) -> Bytes {
        let lines = Lines::of(run);
        // One more: the line feed that goes.
        let mut bytes = Vec::with_capacity(MAX_HEADER_BYTES + lines.length() + 1);
        put_header(TEXT, lines.length(), &mut bytes);
        lines.write(&mut bytes);
        bytes.into()
    }
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

#[cfg(test)]
mod tests {
    use lines::{Offset, StreamName};
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
            let frame = FRAMES.encode(&Run {
                stream: &stream,
                first: Offset(7),
                next: Offset(10),
                ndjson: &[line.as_bytes(), line.repeat(2).as_bytes()],
            });
            let one = json!({ "message": "x".repeat(length) });
            let want = json!({
                "type": "lines", "stream": "payments/api", "first": 7, "next": 10, "lines": [one, one, one],
            });
            assert_eq!(read(&frame), want);
        }
    }

    #[test]
    fn a_message_of_one_session_is_framed_too() {
        assert_eq!(read(&text(br#"{"type":"live"}"#)), json!({"type": "live"}));
        assert_eq!(ping(), Bytes::from_static(&[0x89, 0]));
        assert_eq!(close(1012, "x"), Bytes::from_static(&[0x88, 3, 0x03, 0xf4, b'x']));
    }
}
