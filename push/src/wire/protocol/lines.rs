//! The message that carries lines. It holds nothing of one session, so its bytes are made once for all who stand at the
//! same place.

use crate::feeds::view::Run;

const CLOSING: &[u8] = b"]}";

/// `{"type":"lines",…}`, about to be written.
pub(crate) struct Lines<'a> {
    opening: String,
    run: &'a Run<'a>,
    ndjson_bytes: usize,
}

impl<'a> Lines<'a> {
    pub(crate) fn of(run: &'a Run<'a>) -> Self {
        let Run {
            stream, first, next, ..
        } = run;
        Self {
            // Names need no escaping: their alphabet has neither quotes nor backslashes.
            opening: format!(
                r#"{{"type":"lines","stream":"{stream}","first":{first},"next":{next},"lines":["#
            ),
            run,
            ndjson_bytes: run.ndjson.iter().map(|lines| lines.len()).sum(),
        }
    }

    /// So many bytes it will have.
    pub(crate) fn length(&self) -> usize {
        // The last line feed goes.
        self.opening.len() + self.ndjson_bytes.saturating_sub(1) + CLOSING.len()
    }

    /// Writes it.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.opening.as_bytes());
        let lines_at = out.len();
        for lines in self.run.ndjson {
            out.extend_from_slice(lines);
        }
        separate(&mut out[lines_at..]);
        out.truncate(out.len() - usize::from(self.ndjson_bytes > 0));
        out.extend_from_slice(CLOSING);
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
