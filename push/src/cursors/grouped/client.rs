//! What a client knows of its streams: it believes nothing that does not begin where the last thing ended.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use crate::cursors::owed::{Missing, Owed};

/// Hears what a session is owed, and fails where a stream does not go on where the client stands.
#[derive(Default)]
pub(super) struct Client {
    pub(super) places: BTreeMap<String, Known>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Known {
    pub(super) next: u64,
    /// The first `gap` may lead to where the stream begins.
    pub(super) fresh: bool,
    /// `live` has yet to come.
    pub(super) waits_for_live: bool,
}

impl Client {
    pub(super) fn hear(&mut self, owed: &Owed) {
        match owed {
            Owed::Lines(chunk) => self.frames(&chunk.bytes, 1, chunk.lines),
            Owed::Joined(piece) => self.frames(&piece.bytes, piece.frames, piece.lines),
            Owed::Begun { streams, .. } => {
                for begun in streams {
                    let known = Known {
                        next: begun.cursor.0,
                        fresh: true,
                        waits_for_live: true,
                    };
                    let had = self.places.insert(begun.stream.to_string(), known);
                    assert_eq!(had, None, "{} begins, and was there", begun.stream);
                }
            }
            Owed::Live { stream, head } => {
                let known = self.known(stream.as_str());
                assert!(known.waits_for_live, "{stream} is live again");
                assert_eq!(known.next, head.0, "{stream} is live elsewhere");
                (known.waits_for_live, known.fresh) = (false, false);
            }
            Owed::Gap {
                stream,
                from,
                to,
                why,
            } => {
                assert_eq!(*why, Missing::Retention);
                let known = self.known(stream.as_str());
                let begins = known.fresh && known.next == to.0;
                assert!(
                    begins || known.next == from.0,
                    "{stream}: a gap from {from}, {known:?}"
                );
                (known.next, known.fresh) = (to.0, false);
            }
            Owed::Dropped { streams, .. } => {
                for stream in streams {
                    assert!(self.places.remove(stream.as_str()).is_some());
                }
            }
            Owed::Behind { stream, .. } => drop(self.known(stream.as_str())),
            Owed::Sought { .. } | Owed::LeftOut { .. } => {}
            Owed::Looked { .. } => panic!("nobody filters"),
        }
    }

    pub(super) fn known(&mut self, stream: &str) -> &mut Known {
        self.places
            .get_mut(stream)
            .unwrap_or_else(|| panic!("nobody has {stream}"))
    }

    fn frames(&mut self, bytes: &Bytes, frames: u64, lines: u64) {
        let (mut heard_frames, mut heard_lines) = (0, 0);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (payload, after) = frame(rest);
            let message: Value = serde_json::from_slice(payload).unwrap();
            heard_frames += 1;
            heard_lines += self.lines(&message);
            rest = after;
        }
        assert_eq!((heard_frames, heard_lines), (frames, lines), "what is counted");
    }

    fn lines(&mut self, message: &Value) -> u64 {
        let known = self.known(message["stream"].as_str().unwrap());
        assert_eq!(
            message["first"], known.next,
            "a hole, or lines that come again: {message}"
        );
        let next = message["next"].as_u64().unwrap();
        let want: Vec<_> = (known.next..next)
            .map(|offset| format!("line {offset}"))
            .collect();
        let lines = message["lines"].as_array().unwrap();
        let got: Vec<_> = lines
            .iter()
            .map(|line| line["message"].as_str().unwrap())
            .collect();
        assert_eq!(got, want);
        (known.next, known.fresh) = (next, false);
        lines.len() as u64
    }
}

/// The payload of the first frame of a server, and what is behind it.
fn frame(bytes: &[u8]) -> (&[u8], &[u8]) {
    assert_eq!(bytes[0], 0x81);
    let (length, header) = match bytes[1] {
        126 => (usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 4),
        127 => panic!("no frame here is that long"),
        length => (usize::from(length), 2),
    };
    bytes[header..].split_at(length)
}
