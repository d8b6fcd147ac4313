//! How lines are written into an answer.

use std::ops::Range;

use edge::Preferences;
use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue};
use lines::filter::UNDECIDED;
use lines::{Offset, Verdict};

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// An object a line.
    Ndjson,
    /// One object, with the lines in a list.
    Json,
}

impl Format {
    /// NDJSON, unless the request likes JSON better.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        let preferences = Preferences::of(headers, ACCEPT);
        let ndjson = preferences.liking(&["application/x-ndjson"]);
        if preferences.liking(&["application/json"]) > ndjson {
            Self::Json
        } else {
            Self::Ndjson
        }
    }

    pub(super) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Json => "application/json",
        })
    }

    /// Appends a line with its offset as the first member. The line's object is copied as it is stored; it always has
    /// a member `ts`, so that a comma can follow. Each line of JSON begins with a comma; the first one's is left out later.
    pub(super) fn splice(self, offset: Offset, verdict: Verdict, line: &[u8], out: &mut Vec<u8>) {
        if self == Self::Json {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"offset\":");
        out.extend_from_slice(offset.to_string().as_bytes());
        out.push(b',');
        if verdict == Verdict::Undecided {
            out.extend_from_slice(UNDECIDED);
        }
        out.extend_from_slice(line.get(1..).unwrap_or(b"}"));
        if self == Self::Ndjson {
            out.push(b'\n');
        }
    }

    /// Appends what stands where lines cannot be had. In JSON they are told at the end.
    pub(super) fn splice_hole(self, hole: &Range<Offset>, out: &mut Vec<u8>) {
        if self == Self::Ndjson {
            let (from, to) = (hole.start, hole.end);
            let object = format!("{{\"offset\":{from},\"gap\":\"damaged\",\"next\":{to}}}\n");
            out.extend_from_slice(object.as_bytes());
        }
    }
}
