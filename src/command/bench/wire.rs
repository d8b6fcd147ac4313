//! Reads the frames of a WebSocket connection without copying or parsing what it does not need: of lines the beginning of
//! each message, and the time in its last line.
//!
//! For what a Tailcast server sends: messages in one frame each, not masked, not compressed.

/// So much of a frame of lines is kept, in bytes: its numbers and its first line's time stand there. Other messages are
/// kept whole.
pub(super) const KEPT_BYTES: usize = 400;

/// How every frame of lines begins.
const LINES: &[u8] = br#"{"type":"lines""#;

/// A longer message's memory is given back once it was read.
const ROOM_BYTES: usize = 4_096;

/// The longest message that a server may have meant, in bytes.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Where the time stands in a line: behind `{"ts":"`.
const TIME_AT: u64 = 7;

/// RFC 3339 with nine digits and `Z`.
pub(super) const TIME_BYTES: usize = 30;

/// What comes in, frame by frame.
#[derive(Debug)]
pub(super) struct Reader {
    /// Bytes of each line, without the comma between two.
    line_bytes: u64,
    header: [u8; 10],
    header_bytes: usize,
    /// The frame whose header was read.
    open: Option<Open>,
    start: Vec<u8>,
    last_time: [u8; TIME_BYTES],
}

#[derive(Debug, Clone, Copy)]
struct Open {
    opcode: u8,
    bytes: u64,
    at: u64,
}

/// A whole message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    pub(super) kind: Kind,
    /// Bytes of its text.
    pub(super) bytes: u64,
    /// Of the frame, header included.
    pub(super) wire_bytes: u64,
    /// All of them, or of a frame of lines the first [`KEPT_BYTES`].
    pub(super) start: &'a [u8],
    /// What stands where the time of the last line would be.
    pub(super) last_time: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Close,
    Ping,
    Pong,
}

/// What came is none of what a server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server sent a WebSocket frame that this command does not read: {0}")]
pub(super) struct Unreadable(&'static str);

impl Reader {
    pub(super) fn new(line_bytes: usize) -> Self {
        Self {
            line_bytes: line_bytes as u64,
            header: [0; 10],
            header_bytes: 0,
            open: None,
            start: Vec::new(),
            last_time: [0; TIME_BYTES],
        }
    }

    /// The next message that ends within `bytes`, which begins behind it then. `None` when all are used up.
    pub(super) fn next<'a>(&'a mut self, bytes: &mut &[u8]) -> Result<Option<Message<'a>>, Unreadable> {
        let mut open = match self.open {
            Some(open) => open,
            None => match self.read_header(bytes)? {
                Some(open) => {
                    self.start.clear();
                    self.start.shrink_to(ROOM_BYTES);
                    open
                }
                None => return Ok(None),
            },
        };
        let left = usize::try_from(open.bytes - open.at).unwrap_or(usize::MAX);
        let (piece, rest) = bytes.split_at(bytes.len().min(left));
        *bytes = rest;
        self.keep(open, piece);
        open.at += piece.len() as u64;
        if open.at < open.bytes {
            self.open = Some(open);
            return Ok(None);
        }
        self.open = None;
        let wire_bytes = open.bytes + self.header_bytes as u64;
        self.header_bytes = 0;
        Ok(Some(Message {
            kind: match open.opcode {
                1 => Kind::Text,
                8 => Kind::Close,
                9 => Kind::Ping,
                _ => Kind::Pong,
            },
            bytes: open.bytes,
            wire_bytes,
            start: &self.start,
            last_time: &self.last_time,
        }))
    }

    fn read_header(&mut self, bytes: &mut &[u8]) -> Result<Option<Open>, Unreadable> {
        let wanted = |header: &[u8; 10], have: usize| match (have, header[1]) {
            (..2, _) => 2,
            (_, 126) => 4,
            (_, 127) => 10,
            _ => 2,
        };
        while self.header_bytes < wanted(&self.header, self.header_bytes) {
            let Some((&byte, rest)) = bytes.split_first() else {
                return Ok(None);
            };
            self.header[self.header_bytes] = byte;
            self.header_bytes += 1;
            *bytes = rest;
        }
        let [first, second, length @ ..] = self.header;
        let length = match second {
            0..126 => u64::from(second),
            126 => u64::from(u16::from_be_bytes([length[0], length[1]])),
            127 => u64::from_be_bytes(length),
            _ => return Err(Unreadable("it is masked")),
        };
        if first & 0xf0 != 0x80 {
            return Err(Unreadable("it is a part of a message, or compressed"));
        }
        let opcode = first & 0x0f;
        if !matches!(opcode, 1 | 8 | 9 | 10) {
            return Err(Unreadable("it is not text"));
        }
        if length > LONGEST || (opcode >= 8 && length > 125) {
            return Err(Unreadable("it is too long"));
        }
        Ok(Some(Open {
            opcode,
            bytes: length,
            at: 0,
        }))
    }

    /// Keeps what is asked for of a piece of the message.
    fn keep(&mut self, open: Open, piece: &[u8]) {
        let room = KEPT_BYTES.saturating_sub(self.start.len());
        let (beginning, rest) = piece.split_at(piece.len().min(room));
        self.start.extend_from_slice(beginning);
        if !self.start.starts_with(LINES) {
            self.start.extend_from_slice(rest);
        }
        // Lines end with `]}`.
        let Some(time_at) = open.bytes.checked_sub(2 + self.line_bytes) else {
            return;
        };
        let time_at = time_at + TIME_AT;
        let (from, to) = (open.at, open.at + piece.len() as u64);
        let (begin, end) = (time_at.max(from), (time_at + TIME_BYTES as u64).min(to));
        if begin < end {
            let place = (begin - time_at) as usize..(end - time_at) as usize;
            self.last_time[place].copy_from_slice(&piece[(begin - from) as usize..(end - from) as usize]);
        }
    }
}

/// A frame of lines, as its beginning tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lines<'a> {
    pub(super) stream: &'a str,
    pub(super) first: u64,
    pub(super) next: u64,
    /// Bytes before the first line.
    pub(super) prefix_bytes: u64,
    /// The time of the first line.
    pub(super) first_time: &'a [u8],
}

/// The stream and the numbers at their places; `None` when they are not there.
pub(super) fn lines(start: &[u8]) -> Option<Lines<'_>> {
    let rest = start.strip_prefix(LINES)?.strip_prefix(br#","stream":""#)?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    let stream = std::str::from_utf8(&rest[..end]).ok()?;
    let (first, rest) = number(rest[end..].strip_prefix(br#"","first":"#)?)?;
    let (next, rest) = number(rest.strip_prefix(br#","next":"#)?)?;
    let rest = rest.strip_prefix(br#","lines":["#)?;
    let first_time = rest.get(TIME_AT as usize..TIME_AT as usize + TIME_BYTES)?;
    Some(Lines {
        stream,
        first,
        next,
        prefix_bytes: (start.len() - rest.len()) as u64,
        first_time,
    })
}

fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(digits);
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(opcode: u8, text: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x80 | opcode];
        match text.len() {
            length @ ..126 => bytes.push(length as u8),
            length @ ..0x1_0000 => {
                bytes.push(126);
                bytes.extend((length as u16).to_be_bytes());
            }
            length => {
                bytes.push(127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend_from_slice(text);
        bytes
    }

    fn line(second: usize, bytes: usize) -> String {
        let start = format!(r#"{{"ts":"2026-01-01T00:00:{second:02}.000000000Z","message":""#);
        format!("{start}{}\"}}", "x".repeat(bytes - start.len() - 2))
    }

    fn lines_of(count: usize, bytes: usize) -> String {
        let lines: Vec<_> = (0..count).map(|n| line(n % 60, bytes)).collect();
        format!(
            r#"{{"type":"lines","stream":"bench/1/0","first":7,"next":{},"lines":[{}]}}"#,
            7 + count,
            lines.join(",")
        )
    }

    /// What is done with each message that is read when the bytes come in pieces of `piece`.
    fn read(wire: &[u8], line_bytes: usize, piece: usize, mut look: impl FnMut(usize, Message<'_>)) -> usize {
        let mut reader = Reader::new(line_bytes);
        let mut messages = 0;
        for mut bytes in wire.chunks(piece) {
            while let Some(message) = reader.next(&mut bytes).unwrap() {
                look(messages, message);
                messages += 1;
            }
            assert!(bytes.is_empty());
        }
        messages
    }

    #[test]
    fn messages_are_read_however_the_bytes_are_cut() {
        let lines = [lines_of(1, 60), lines_of(50, 200), lines_of(400, 200)];
        let subscribed = format!(
            r#"{{"type":"subscribed","streams":{{"{}":1}}}}"#,
            "x".repeat(9_000)
        );
        let others: [(Kind, u8, &[u8]); 4] = [
            (Kind::Ping, 9, b""),
            (Kind::Text, 1, subscribed.as_bytes()),
            (Kind::Text, 1, br#"{"type":"live"}"#),
            (Kind::Close, 8, &[0x03, 0xf4, b'x']),
        ];
        let texts = lines.iter().map(|text| (Kind::Text, 1, text.as_bytes()));
        let all: Vec<_> = texts.chain(others).collect();
        let frames: Vec<_> = all.iter().map(|(_, opcode, text)| frame(*opcode, text)).collect();
        let wire = frames.concat();
        for piece in [1, 2, 3, 7, 100, 1_000, wire.len()] {
            let count = read(&wire, 200, piece, |nth, message| {
                let (kind, _, text) = all[nth];
                let want = Message {
                    kind,
                    bytes: text.len() as u64,
                    wire_bytes: frames[nth].len() as u64,
                    start: if text.starts_with(LINES) {
                        &text[..text.len().min(KEPT_BYTES)]
                    } else {
                        text
                    },
                    last_time: message.last_time,
                };
                assert_eq!(message, want);
                if text.starts_with(LINES) && text.len() > KEPT_BYTES {
                    let last = text.len() - 2 - 200 + 7;
                    assert_eq!(message.last_time, &text[last..last + TIME_BYTES]);
                }
            });
            assert_eq!(count, all.len());
        }
    }

    #[test]
    fn what_no_tailcast_server_sends_is_refused() {
        let table: [(&[u8], &str); 5] = [
            (&[0x01, 0x01, b'x'], "a part"),
            (&[0xc1, 0x01, b'x'], "compressed"),
            (&[0x82, 0x01, b'x'], "not text"),
            (&[0x81, 0x81, 0, 0, 0, 0, b'x'], "masked"),
            (&[0x89, 126, 1, 0], "too long"),
        ];
        for (mut bytes, why) in table {
            let error = Reader::new(200).next(&mut bytes).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    #[test]
    fn the_numbers_of_a_frame_stand_at_their_places() {
        let text = lines_of(3, 200);
        let got = lines(text.as_bytes()).unwrap();
        let first_line = text.find("[").unwrap() + 1;
        let want = Lines {
            stream: "bench/1/0",
            first: 7,
            next: 10,
            prefix_bytes: first_line as u64,
            first_time: &text.as_bytes()[first_line + 7..first_line + 37],
        };
        assert_eq!(got, want);
        assert_eq!(got.first_time, b"2026-01-01T00:00:00.000000000Z");
        for other in [
            r#"{"type":"live","stream":"bench/1/0","next":7}"#,
            "",
            "{",
            &text[..40],
        ] {
            assert_eq!(lines(other.as_bytes()), None);
        }
    }
}
