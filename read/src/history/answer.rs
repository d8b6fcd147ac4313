//! Lines on their way to a reader: spliced into the form that was asked for, sent in pieces.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use edge::{CutOff, Outlet, Share, Shares};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use lines::{Offset, StreamName};

use super::format::Format;
use super::head::Head;
use super::range::Everything;
use super::search::Found;
use crate::scan::Holes;

/// Where to go on.
const NEXT: HeaderName = HeaderName::from_static("tailcast-next");
/// Where the answer begins.
const FROM: HeaderName = HeaderName::from_static("tailcast-from");
/// The oldest offset that is kept.
const FIRST_AVAILABLE: HeaderName = HeaderName::from_static("tailcast-first-available");
/// How many of the lines the filter gave up on; only where there are such.
const UNDECIDED_LINES: HeaderName = HeaderName::from_static("tailcast-undecided");

/// How many lines there are between where the answer begins and where it ends; with a filter.
const LOOKED_THROUGH: HeaderName = HeaderName::from_static("tailcast-looked-through");
/// How the filter was read, in words, percent-encoded.
const FILTER_READING: HeaderName = HeaderName::from_static("tailcast-filter-reading");
/// The filter that looks for the same text as it stands, percent-encoded.
const FILTER_LITERAL: HeaderName = HeaderName::from_static("tailcast-filter-literal");
/// So many bytes of a header get through every proxy. What is longer is only told in JSON.
const HEADER_BYTES: usize = 2048;

/// What an answer on its way needs.
pub(super) struct Way {
    /// The memory that it holds.
    pub(super) held: Share,
    /// How long a reader may take nothing.
    pub(super) stall: Duration,
    /// Where pages get their places to be read.
    pub(super) turns: Turns,
}

/// Places that one reader's pages wait for.
pub(super) struct Turns {
    pub(super) places: Arc<Shares>,
    pub(super) reader: String,
    /// How long a page waits.
    pub(super) within: Duration,
}

/// The lines, or how to get at them.
pub(super) struct Answer {
    from: Offset,
    next: Offset,
    undecided: u64,
    lines: Source,
}

enum Source {
    /// A range: its first page, and the rest of it, which is read while it is sent.
    Pages(Bytes, Box<Everything>),
    /// All of it.
    Collected(Bytes, Holes),
}

impl Answer {
    /// Everything of a range, whose first page was read to where `rest` begins.
    pub(super) fn pages(first: Vec<u8>, from: Offset, rest: Everything) -> Self {
        let left = rest.left();
        let next = left.end;
        let lines = if left.start < next {
            Source::Pages(first.into(), Box::new(rest))
        } else {
            Source::Collected(first.into(), rest.holes())
        };
        Self {
            from,
            next,
            undecided: 0,
            lines,
        }
    }

    /// What a search found.
    pub(super) fn collected(found: Found) -> Self {
        Self {
            from: found.from,
            next: found.next,
            undecided: found.undecided,
            lines: Source::Collected(found.body.into(), found.holes),
        }
    }

    pub(super) fn from(&self) -> Offset {
        self.from
    }

    pub(super) fn next(&self) -> Offset {
        self.next
    }

    pub(super) fn undecided(&self) -> u64 {
        self.undecided
    }

    /// What it holds in memory until it is sent, in bytes, at the most.
    pub(super) fn bytes(&self) -> usize {
        match &self.lines {
            Source::Collected(lines, _) => lines.len(),
            // A page as the store gave it and as it is written.
            Source::Pages(first, rest) => first.len().max(rest.page_bytes()) * 2,
        }
    }

    /// The response. Its body is filled by a task of its own, which keeps its share of memory until all is taken, the
    /// reader is gone, or it took nothing for too long: so what slow readers hold is bounded, and ends.
    pub(super) fn send(self, head: Head, format: Format, way: Way) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, format.content_type());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(NEXT, head.next.0.into());
        headers.insert(FROM, head.from.0.into());
        headers.insert(FIRST_AVAILABLE, head.first_available.0.into());
        if head.undecided > 0 {
            headers.insert(UNDECIDED_LINES, head.undecided.into());
        }
        if let Some(filter) = &head.filter {
            headers.insert(LOOKED_THROUGH, head.looked_through().into());
            let words = percent_encoded(&filter.words).map(|words| (FILTER_READING, words));
            let literal = filter.literal.as_deref().and_then(percent_encoded);
            headers.extend(
                words
                    .into_iter()
                    .chain(literal.map(|literal| (FILTER_LITERAL, literal))),
            );
        }
        let (outlet, body) = Outlet::new(way.stall);
        let mut written = Written {
            outlet,
            opening: (format == Format::Json).then(|| head.opening()),
        };
        tokio::spawn(async move {
            let _held = way.held;
            let poured = match self.lines {
                Source::Collected(lines, holes) => written.lines(lines).await.map(|()| holes),
                Source::Pages(first, rest) => pour(first, *rest, &mut written, &way.turns).await,
            };
            let closed = match poured {
                Ok(holes) => written.close(format, &holes).await,
                Err(cut_off) => Err(cut_off),
            };
            if let Err(CutOff) = closed {
                tracing::debug!(stream = %head.stream, "an answer was not taken to its end");
            }
        });
        response(headers, body)
    }
}

/// A text as a header can have it, where it is not too long for one.
fn percent_encoded(text: &str) -> Option<HeaderValue> {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    let fits = encoded.len() <= HEADER_BYTES;
    HeaderValue::try_from(encoded).ok().filter(|_| fits)
}

async fn pour(
    first: Bytes,
    mut rest: Everything,
    written: &mut Written,
    turns: &Turns,
) -> Result<Holes, CutOff> {
    written.lines(first).await?;
    while !rest.left().is_empty() {
        let page = {
            let Some(_turn) = turns.places.take(&turns.reader, 1, turns.within).await else {
                tracing::warn!("an answer broke off: too much is read at once");
                return Err(CutOff);
            };
            rest.page().await
        };
        match page {
            Ok(page) => written.lines(page.into()).await?,
            Err(error) => {
                tracing::debug!(%error, "an answer broke off: the store went away");
                return Err(CutOff);
            }
        }
    }
    Ok(rest.holes())
}

fn response(headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    response
}

/// An object that is written already. It goes its way as lines do: see [`Answer::send`].
pub(super) fn send_object(object: Vec<u8>, stream: StreamName, way: Way) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, Format::Json.content_type());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let (outlet, body) = Outlet::new(way.stall);
    tokio::spawn(async move {
        let _held = way.held;
        let sent = match outlet.put(object.into()).await {
            Ok(()) => outlet.close().await,
            cut_off => cut_off,
        };
        if let Err(CutOff) = sent {
            tracing::debug!(%stream, "an answer was not taken to its end");
        }
    });
    response(headers, body)
}

/// Lines on their way into a body.
struct Written {
    outlet: Outlet,
    /// Sent before the first lines, which then lose their leading comma.
    opening: Option<Vec<u8>>,
}

impl Written {
    async fn lines(&mut self, lines: Bytes) -> Result<(), CutOff> {
        if lines.is_empty() {
            return Ok(());
        }
        match self.opening.take() {
            Some(opening) => {
                self.outlet.put(opening.into()).await?;
                self.outlet.put(lines.slice(1..)).await
            }
            None => self.outlet.put(lines).await,
        }
    }

    async fn close(mut self, format: Format, holes: &Holes) -> Result<(), CutOff> {
        if let Some(opening) = self.opening.take() {
            self.outlet.put(opening.into()).await?;
        }
        if format == Format::Json {
            let mut closing = "]".to_owned();
            if !holes.is_empty() {
                // Numbers only: there is nothing that could not be written.
                let damaged = serde_json::to_string(holes).unwrap_or_default();
                closing.push_str(&format!(",\"damaged\":{damaged}"));
            }
            closing.push_str("}\n");
            self.outlet.put(closing.into()).await?;
        }
        self.outlet.close().await
    }
}
