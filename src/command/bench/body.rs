//! The lines that are sent: all of one length, as the server keeps and delivers them, each with the time at which it was
//! due.

use bytes::Bytes;

use super::wire::TIME_BYTES;

/// What names a line's stream, where the request does not.
const BEFORE_STREAM: &str = r#"","stream":""#;

/// What stands before and behind a line's time, and at its end.
const BEFORE_TIME: &str = r#"{"ts":""#;
const BEHIND_TIME: &str = r#"","message":""#;
const AT_END: &str = "\"}";

/// The shortest line, in bytes.
pub(super) const SHORTEST_LINE: usize = BEFORE_TIME.len() + TIME_BYTES + BEHIND_TIME.len() + AT_END.len() + 1;

/// What a line says: words as logs have them, since what is kept is compressed.
const WORDS: &[&str] = &[
    "request",
    "handled",
    "in",
    "ms",
    "status",
    "user",
    "order",
    "payment",
    "cache",
    "miss",
    "retry",
    "queue",
    "timeout",
    "connection",
    "from",
    "upstream",
    "GET",
    "POST",
    "/api/v1/items",
    "worker",
];

/// The text of a request, for lines of one length.
#[derive(Debug)]
pub(super) struct Body {
    template: Vec<u8>,
    line_bytes: usize,
    pub(super) lines: usize,
}

impl Body {
    pub(super) fn new(lines: usize, line_bytes: usize) -> Self {
        let mut template = Vec::with_capacity(lines * (line_bytes + 1));
        let fixed = BEFORE_TIME.len() + TIME_BYTES + BEHIND_TIME.len() + AT_END.len();
        for _ in 0..lines {
            template.extend_from_slice(BEFORE_TIME.as_bytes());
            template.extend_from_slice(&[b'0'; TIME_BYTES]);
            template.extend_from_slice(BEHIND_TIME.as_bytes());
            template.extend_from_slice(&words(line_bytes.saturating_sub(fixed)));
            template.extend_from_slice(AT_END.as_bytes());
            template.push(b'\n');
        }
        Self {
            template,
            line_bytes,
            lines,
        }
    }

    /// With the time in each line.
    pub(super) fn at(&self, time: &str) -> Bytes {
        let mut text = self.template.clone();
        for line in text.chunks_exact_mut(self.line_bytes + 1) {
            line[BEFORE_TIME.len()..BEFORE_TIME.len() + TIME_BYTES].copy_from_slice(time.as_bytes());
        }
        text.into()
    }

    /// With the time and a stream in each line, which the server takes out of it: one stream after the other.
    pub(super) fn over<'a>(&self, time: &str, streams: impl Iterator<Item = &'a str> + Clone) -> Bytes {
        let mut text = Vec::with_capacity(self.template.len() * 5 / 4);
        let lines = self.template.chunks_exact(self.line_bytes + 1);
        for (line, stream) in lines.zip(streams.cycle()) {
            text.extend_from_slice(BEFORE_TIME.as_bytes());
            text.extend_from_slice(time.as_bytes());
            text.extend_from_slice(&line[BEFORE_TIME.len() + TIME_BYTES..self.line_bytes - AT_END.len()]);
            text.extend_from_slice(BEFORE_STREAM.as_bytes());
            text.extend_from_slice(stream.as_bytes());
            text.extend_from_slice(AT_END.as_bytes());
            text.push(b'\n');
        }
        text.into()
    }
}

/// How many bytes longer a line is with its stream's name.
pub(super) fn naming_bytes(stream: &str) -> usize {
    BEFORE_STREAM.len() + stream.len()
}

/// So many bytes of them, and numbers.
fn words(bytes: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes + 16);
    while text.len() < bytes {
        let word = WORDS[rand::random_range(0..WORDS.len())];
        text.extend_from_slice(word.as_bytes());
        text.extend_from_slice(format!(" {} ", rand::random_range(0..100_000)).as_bytes());
    }
    text.truncate(bytes);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_lines_of_the_length_that_was_asked_for() {
        let time = "2026-01-01T00:00:00.000000000Z";
        for (lines, line_bytes) in [(1, SHORTEST_LINE), (3, 200), (100, 5_000)] {
            let text = Body::new(lines, line_bytes).at(time);
            let text = std::str::from_utf8(&text).unwrap();
            assert_eq!(text.lines().count(), lines);
            for line in text.lines() {
                assert_eq!(line.len(), line_bytes);
                let parsed: serde_json::Value = serde_json::from_str(line).unwrap();
                assert_eq!(parsed["ts"], time);
                assert!(!parsed["message"].as_str().unwrap().is_empty());
            }
        }
    }

    #[test]
    fn lines_for_several_streams_are_the_same_and_name_them() {
        let time = "2026-01-01T00:00:00.000000000Z";
        let body = Body::new(5, 200);
        let (one, many) = (body.at(time), body.over(time, ["a/0", "a/1"].into_iter()));
        let line = |text: &str| -> serde_json::Value { serde_json::from_str(text).unwrap() };
        let pairs = std::str::from_utf8(&one)
            .unwrap()
            .lines()
            .zip(std::str::from_utf8(&many).unwrap().lines());
        let mut streams = Vec::new();
        for (one, many) in pairs {
            assert_eq!(many.len(), 200 + naming_bytes("a/0"));
            let (one, many) = (line(one), line(many));
            assert_eq!((&one["ts"], &one["message"]), (&many["ts"], &many["message"]));
            streams.push(many["stream"].as_str().unwrap().to_owned());
        }
        assert_eq!(streams, ["a/0", "a/1", "a/0", "a/1", "a/0"]);
    }
}
