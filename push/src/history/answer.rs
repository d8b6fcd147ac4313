//! Lines on their way to a reader: spliced into the form that was asked for, sent in pieces.

use std::io;
use std::ops::Range;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use collect::{Offset, StreamName};
use futures_util::stream;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::holes::Holes;
use super::scan::Scan;

/// Where to go on.
const NEXT: HeaderName = HeaderName::from_static("tailcast-next");
/// Where the answer begins.
const FROM: HeaderName = HeaderName::from_static("tailcast-from");
/// The oldest offset that is kept.
const FIRST_AVAILABLE: HeaderName = HeaderName::from_static("tailcast-first-available");

/// How much of a collected answer is given to the connection at a time.
const PIECE: usize = 64 * 1024;

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// An object a line.
    Ndjson,
    /// One object, with the lines in a list.
    Json,
}

/// What stands around the lines.
pub(super) struct Head {
    pub(super) stream: StreamName,
    pub(super) first_available: Offset,
    pub(super) from: Offset,
    pub(super) next: Offset,
}

/// The lines, or how to get at them.
pub(super) struct Answer {
    from: Offset,
    next: Offset,
    lines: Source,
}

enum Source {
    /// A range, read while it is sent.
    Pages(Box<Scan>, Format),
    /// What a search found.
    Collected(Bytes, Holes),
}

impl Format {
    /// NDJSON, unless the request likes JSON better.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        let mut best = (0.0, Self::Ndjson);
        let lists = headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok());
        for range in lists.flat_map(|list| list.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let format = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "application/json" => Self::Json,
                _ => Self::Ndjson,
            };
            let quality = parts
                .find_map(|part| part.strip_prefix("q=")?.parse().ok())
                .unwrap_or(1.0);
            if quality > best.0 {
                best = (quality, format);
            }
        }
        best.1
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Json => "application/json",
        })
    }

    /// Appends a line with its offset as the first member. The line's object is copied as it is stored; it always has
    /// a member `ts`, so that a comma can follow. Each line of JSON begins with a comma; the first one's is left out later.
    pub(super) fn splice(self, offset: Offset, line: &[u8], out: &mut Vec<u8>) {
        if self == Self::Json {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"offset\":");
        out.extend_from_slice(offset.to_string().as_bytes());
        out.push(b',');
        out.extend_from_slice(line.get(1..).unwrap_or(b"}"));
        if self == Self::Ndjson {
            out.push(b'\n');
        }
    }
}

impl Format {
    /// Appends what stands where lines cannot be had. In JSON they are told at the end.
    pub(super) fn splice_hole(self, hole: &Range<Offset>, out: &mut Vec<u8>) {
        if self == Self::Ndjson {
            let (from, to) = (hole.start, hole.end);
            let object = format!("{{\"offset\":{from},\"gap\":\"damaged\",\"next\":{to}}}\n");
            out.extend_from_slice(object.as_bytes());
        }
    }
}

impl Answer {
    /// Everything of the scan's range.
    pub(super) fn pages(scan: Scan, format: Format) -> Self {
        Self {
            from: scan.start(),
            next: scan.end(),
            lines: Source::Pages(Box::new(scan), format),
        }
    }

    /// Lines that are spliced already.
    pub(super) fn collected(body: Vec<u8>, holes: Holes, from: Offset, next: Offset) -> Self {
        Self {
            from,
            next,
            lines: Source::Collected(body.into(), holes),
        }
    }

    pub(super) fn from(&self) -> Offset {
        self.from
    }

    pub(super) fn next(&self) -> Offset {
        self.next
    }

    /// The response. Its body is filled by a task of its own, which keeps `turn` until all is taken, the reader is gone,
    /// or it took nothing for as long as `stall`: so what slow readers hold is bounded, and ends.
    pub(super) fn send(
        self,
        head: Head,
        format: Format,
        stall: Duration,
        turn: OwnedSemaphorePermit,
    ) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, format.content_type());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(NEXT, head.next.0.into());
        headers.insert(FROM, head.from.0.into());
        headers.insert(FIRST_AVAILABLE, head.first_available.0.into());
        let (mut outlet, body) = Outlet::new(stall);
        outlet.opening = (format == Format::Json).then(|| head.opening());
        tokio::spawn(async move {
            let _turn = turn;
            if let Err(CutOff) = self.pour(&mut outlet, format).await {
                tracing::debug!(stream = %head.stream, "an answer was not taken to its end");
            }
        });
        let mut response = Response::new(body);
        *response.headers_mut() = headers;
        response
    }

    async fn pour(self, outlet: &mut Outlet, format: Format) -> Result<(), CutOff> {
        let holes = match self.lines {
            Source::Collected(lines, holes) => {
                for piece in pieces(lines) {
                    outlet.lines(piece).await?;
                }
                holes
            }
            Source::Pages(mut scan, format) => {
                while scan.start() < scan.end() {
                    match scan.page(format).await {
                        Ok(page) => outlet.lines(page.into()).await?,
                        Err(error) => {
                            tracing::warn!(%error, "an answer broke off: the store went away");
                            return outlet.put(Piece::Broken).await;
                        }
                    }
                }
                scan.holes()
            }
        };
        outlet.close(format, &holes).await
    }
}

/// An object that is written already. It goes its way as lines do: see [`Answer::send`].
pub(super) fn send_object(
    object: Vec<u8>,
    stream: StreamName,
    stall: Duration,
    turn: OwnedSemaphorePermit,
) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, Format::Json.content_type());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let (outlet, body) = Outlet::new(stall);
    tokio::spawn(async move {
        let _turn = turn;
        if let Err(CutOff) = outlet.object(object.into()).await {
            tracing::debug!(%stream, "an answer was not taken to its end");
        }
    });
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    response
}

impl Head {
    /// What stands before the lines in JSON.
    fn opening(&self) -> Vec<u8> {
        // A stream's name needs no escapes: see `StreamName`.
        format!(
            "{{\"stream\":\"{}\",\"first_available\":{},\"from\":{},\"next\":{},\"lines\":[",
            self.stream, self.first_available, self.from, self.next
        )
        .into_bytes()
    }
}

/// The reader is gone, or takes nothing.
struct CutOff;

enum Piece {
    Bytes(Bytes),
    /// All is sent.
    End,
    /// The rest cannot be had.
    Broken,
}

/// Where an answer is poured into, piece by piece.
struct Outlet {
    pieces: mpsc::Sender<Piece>,
    stall: Duration,
    /// Sent before the first lines, which then lose their leading comma.
    opening: Option<Vec<u8>>,
}

impl Outlet {
    /// The outlet, and the body that it fills.
    fn new(stall: Duration) -> (Self, Body) {
        let (pieces, taken) = mpsc::channel(1);
        let outlet = Self {
            pieces,
            stall,
            opening: None,
        };
        (outlet, Body::from_stream(body(taken)))
    }

    async fn object(&self, object: Bytes) -> Result<(), CutOff> {
        for piece in pieces(object) {
            self.put(Piece::Bytes(piece)).await?;
        }
        self.put(Piece::End).await
    }

    async fn lines(&mut self, lines: Bytes) -> Result<(), CutOff> {
        if lines.is_empty() {
            return Ok(());
        }
        match self.opening.take() {
            Some(opening) => {
                self.put(Piece::Bytes(opening.into())).await?;
                self.put(Piece::Bytes(lines.slice(1..))).await
            }
            None => self.put(Piece::Bytes(lines)).await,
        }
    }

    async fn close(&mut self, format: Format, holes: &Holes) -> Result<(), CutOff> {
        if let Some(opening) = self.opening.take() {
            self.put(Piece::Bytes(opening.into())).await?;
        }
        if format == Format::Json {
            let mut closing = "]".to_owned();
            if !holes.is_empty() {
                // Numbers only: there is nothing that could not be written.
                let damaged = serde_json::to_string(holes).unwrap_or_default();
                closing.push_str(&format!(",\"damaged\":{damaged}"));
            }
            closing.push_str("}\n");
            self.put(Piece::Bytes(closing.into())).await?;
        }
        self.put(Piece::End).await
    }

    async fn put(&self, piece: Piece) -> Result<(), CutOff> {
        self.pieces
            .send_timeout(piece, self.stall)
            .await
            .map_err(|_| CutOff)
    }
}

fn pieces(mut whole: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let piece = whole.split_to(whole.len().min(PIECE));
        (!piece.is_empty()).then_some(piece)
    })
}

/// The pieces as a body. One that does not come to its end is an error, so that the connection is cut and no reader
/// takes a part for the whole.
fn body(taken: mpsc::Receiver<Piece>) -> impl futures_util::Stream<Item = io::Result<Bytes>> {
    stream::unfold(Some(taken), |taken| async {
        let mut taken = taken?;
        match taken.recv().await {
            Some(Piece::Bytes(bytes)) => Some((Ok(bytes), Some(taken))),
            Some(Piece::End) => None,
            Some(Piece::Broken) | None => Some((Err(io::Error::other("the answer broke off")), None)),
        }
    })
}
