//! Reads a body, inflated, into memory: every bound is kept while it comes, and nothing is read beyond one.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_compression::tokio::bufread::{GzipDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use axum::body::{Body, HttpBody};
use futures_util::{Stream, StreamExt, stream};
use lines::Charset;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout_at};
use tokio_util::io::StreamReader;

use super::{Encoding, Refusal};
use crate::door::{Held, Limits, Refused, too_many_lines};
use crate::ingest::decode::Counting;

/// The largest window a zstd frame may ask for, as a power of two: 8 MiB, as RFC 9659 has it for HTTP.
const ZSTD_WINDOW_LOG: u32 = 23;

/// What a body has to begin with in memory, in bytes.
const FIRST_CAPACITY: usize = 16 * 1024;

/// What a decoder needs beside its window, in bytes: about.
const DECODER: usize = 160 * 1024;

/// Reads it whole. An error leaves the rest unread.
pub(super) async fn read(
    body: &mut Body,
    encoding: Encoding,
    counting: Counting,
    limits: &Limits,
    memory: &mut Held,
) -> Result<Vec<u8>, Refusal> {
    let received_bound = || too_large(format!("the body has more than {} bytes", limits.received));
    if body.size_hint().lower() > limits.received as u64 {
        return Err(received_bound());
    }
    let seen = Arc::new(Seen::default());
    let mut reader = inflated(
        received(body, limits.received, received_bound(), Arc::clone(&seen)),
        encoding,
    );
    let mut inflated = Vec::new();
    let mut lines = Lines::of(counting, limits.lines);
    let mut pace = Pace::new(limits);
    let go = memory.has_to_go();
    let end = Instant::now() + limits.body;
    loop {
        make_room(&mut inflated, encoding, limits.inflated, memory).await?;
        let begun = inflated.len();
        let read = tokio::select! {
            read = timeout_at(end.min(pace.until), reader.read_buf(&mut inflated)) => read,
            () = go.cancelled() => return Err(Refused::Busy.into()),
        };
        let received = seen.bytes.load(Ordering::Relaxed);
        memory.received(received);
        match read {
            Ok(Err(error)) => return Err(seen.refusal(&error)),
            Ok(Ok(0)) => break,
            Ok(Ok(_)) if inflated.len() > limits.inflated => {
                let bound = format!("the body has more than {} bytes inflated", limits.inflated);
                return Err(too_large(bound));
            }
            Ok(Ok(_)) => lines.count(&inflated, begun)?,
            Err(_) => {}
        }
        if Instant::now() >= end {
            return Err(Refusal::TooSlow);
        }
        pace.check(received)?;
    }
    // Lines take about as much again once they are encoded.
    memory.reserve(inflated.len()).await?;
    memory.is_read();
    Ok(inflated)
}

fn too_large(bound: String) -> Refusal {
    Refused::TooLarge(bound).into()
}

/// Whether a body comes fast enough: what comes gives time for what follows.
struct Pace {
    /// In bytes a second.
    rate: f64,
    /// The most time that it can have before it.
    most: Duration,
    /// When it is too slow, unless more comes.
    until: Instant,
    before: usize,
}

impl Pace {
    fn new(limits: &Limits) -> Self {
        Self {
            rate: limits.rate.max(1) as f64,
            most: limits.silence * 2,
            until: Instant::now() + limits.silence,
            before: 0,
        }
    }

    fn check(&mut self, received: usize) -> Result<(), Refusal> {
        let now = Instant::now();
        let came = received.saturating_sub(self.before) as f64;
        self.before = received;
        // It may have come in time, and been looked at late.
        self.until = (self.until + Duration::from_secs_f64(came / self.rate)).min(now + self.most);
        if now < self.until {
            Ok(())
        } else {
            Err(Refusal::TooSlow)
        }
    }
}

/// What was seen of the body as it came, for whoever reads behind the decoder.
#[derive(Default)]
struct Seen {
    bytes: AtomicUsize,
    refusal: OnceLock<Refusal>,
}

impl Seen {
    /// Why the reading failed: what was seen before the decoder, or else the decoder's own error.
    fn refusal(&self, error: &io::Error) -> Refusal {
        match self.refusal.get() {
            Some(refusal) => refusal.clone(),
            None if self.bytes.load(Ordering::Relaxed) == 0 => Refused::Empty.into(),
            None => Refusal::BadEncoding(error.to_string()),
        }
    }
}

type Reader<'a> = Pin<Box<dyn AsyncRead + Send + 'a>>;

/// The body as it comes, until more than `most` bytes have come.
fn received(
    body: &mut Body,
    most: usize,
    too_large: Refusal,
    seen: Arc<Seen>,
) -> StreamReader<impl Stream<Item = io::Result<bytes::Bytes>> + Send, bytes::Bytes> {
    let data = stream::poll_fn(move |cx| poll_data(body, cx));
    StreamReader::new(data.map(move |chunk| {
        let refusal = match chunk {
            Ok(chunk) if seen.bytes.fetch_add(chunk.len(), Ordering::Relaxed) + chunk.len() <= most => {
                return Ok(chunk);
            }
            Ok(_) => too_large.clone(),
            Err(_) => Refusal::BrokenOff,
        };
        seen.refusal.get_or_init(|| refusal);
        Err(io::Error::other("the body is not read any further"))
    }))
}

/// What comes next of a body's bytes; trailers are of no interest.
pub(super) fn poll_data(
    body: &mut Body,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<bytes::Bytes, axum::Error>>> {
    loop {
        match ready!(Pin::new(&mut *body).poll_frame(cx)) {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Poll::Ready(Some(Ok(data)));
                }
            }
        }
    }
}

/// Several members or frames one after the other are one body, as their formats have it.
fn inflated<'a>(
    received: StreamReader<impl Stream<Item = io::Result<bytes::Bytes>> + Send + 'a, bytes::Bytes>,
    encoding: Encoding,
) -> Reader<'a> {
    match encoding {
        Encoding::None => Box::pin(received),
        Encoding::Gzip => {
            let mut decoder = GzipDecoder::new(received);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
        Encoding::Zstd => {
            let window = DParameter::window_log_max(ZSTD_WINDOW_LOG);
            let mut decoder = ZstdDecoder::with_params(received, &[window]);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
    }
}

/// Doubles a full buffer, up to one byte more than is allowed: that byte tells a body that is too large.
async fn make_room(
    inflated: &mut Vec<u8>,
    encoding: Encoding,
    most: usize,
    memory: &mut Held,
) -> Result<(), Refusal> {
    if inflated.len() < inflated.capacity() {
        return Ok(());
    }
    let capacity =
        (inflated.capacity() * 2).clamp(FIRST_CAPACITY, most.saturating_add(1).max(FIRST_CAPACITY));
    let more = capacity - inflated.len();
    let decoder = decoder_bytes(encoding, capacity) - decoder_bytes(encoding, inflated.capacity());
    memory.grow_or_wait(more + decoder).await?;
    inflated.reserve_exact(more);
    Ok(())
}

/// What the decoder of a body holds that has become so many bytes: its window is as large as what came out, at most.
fn decoder_bytes(encoding: Encoding, inflated: usize) -> usize {
    match encoding {
        Encoding::Zstd if inflated > 0 => DECODER + inflated.min(1 << ZSTD_WINDOW_LOG),
        Encoding::Zstd | Encoding::Gzip | Encoding::None => 0,
    }
}

/// Counts lines, in formats that have them, so that a body with too many of them is not read to its end.
struct Lines {
    left: Option<u32>,
    most: u32,
}

impl Lines {
    fn of(counting: Counting, most: u32) -> Self {
        Self {
            left: (counting == Counting::LineFeeds).then_some(most),
            most,
        }
    }

    /// Counts those that end in what has come of a body beyond `counted` bytes.
    fn count(&mut self, body: &[u8], counted: usize) -> Result<(), Refusal> {
        let Some(left) = self.left else { return Ok(()) };
        if Charset::marked(body).is_some_and(Charset::is_utf16) {
            self.left = None;
            return Ok(());
        }
        let ends = memchr::memchr_iter(b'\n', &body[counted..]).count();
        let ends = u32::try_from(ends).unwrap_or(u32::MAX);
        self.left = Some(left.checked_sub(ends).ok_or_else(|| too_many_lines(self.most))?);
        Ok(())
    }
}
