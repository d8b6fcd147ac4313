//! What sessions and senders of one run share: its streams, its clock, and what was counted.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::latency::Histogram;
use super::wire;

/// One run.
#[derive(Debug)]
pub(super) struct Run {
    /// Tells it from others, in the names of streams and in keys.
    pub(super) id: String,
    pub(super) streams: Vec<Stream>,
    pub(super) seats: Vec<Seat>,
    pub(super) clock: Clock,
    /// From a line's time to its arrival at each session.
    pub(super) latency: Histogram,
    /// Bytes of each line, as it is sent, kept and delivered.
    pub(super) line_bytes: usize,
}

/// A stream, as its senders know it.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) name: String,
    /// How its frames begin.
    pub(super) opening: String,
    /// The offset after the last line that was acknowledged.
    pub(super) head: AtomicU64,
    /// Lines that were acknowledged.
    pub(super) acknowledged: AtomicU64,
}

/// What a session has got. Written by its task alone.
#[derive(Debug, Default)]
pub(super) struct Seat {
    /// Its stream's place in the list.
    pub(super) stream: usize,
    pub(super) begin: AtomicU64,
    pub(super) cursor: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) repeated: AtomicU64,
    pub(super) out_of_order: AtomicU64,
    /// Lines of frames whose length is not that of the lines that were sent.
    pub(super) damaged: AtomicU64,
    pub(super) frames: AtomicU64,
    pub(super) bytes: AtomicU64,
    /// Why the session is over.
    pub(super) ended: OnceLock<String>,
}

/// Sums over all sessions.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Totals {
    pub(super) acknowledged: u64,
    /// What all sessions together must get.
    pub(super) expected: u64,
    /// Lines that came, each counted once a session.
    pub(super) delivered: u64,
    /// Lines that did not come, or not yet.
    pub(super) lost: u64,
    pub(super) repeated: u64,
    pub(super) out_of_order: u64,
    pub(super) damaged: u64,
    pub(super) frames: u64,
    pub(super) bytes: u64,
    pub(super) sessions_ended: u64,
    /// Lines that stand in a stream and were not acknowledged.
    pub(super) unaccounted: u64,
}

impl Run {
    pub(super) fn new(id: String, streams: usize, sessions: usize, line_bytes: usize) -> Self {
        let stream = |n| {
            let name = format!("bench/{id}/{n}");
            Stream {
                opening: wire::opening(&name),
                name,
                head: AtomicU64::new(0),
                acknowledged: AtomicU64::new(0),
            }
        };
        let seat = |n| Seat {
            stream: n % streams,
            ..Seat::default()
        };
        Self {
            streams: (0..streams).map(stream).collect(),
            seats: (0..sessions).map(seat).collect(),
            clock: Clock::start(),
            latency: Histogram::new(),
            line_bytes,
            id,
        }
    }

    /// Everything up to now.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for stream in &self.streams {
            let (acknowledged, head) = (stream.acknowledged.load(Relaxed), stream.head.load(Relaxed));
            totals.acknowledged += acknowledged;
            totals.unaccounted += head.saturating_sub(acknowledged);
        }
        for seat in &self.seats {
            let head = self.streams[seat.stream].head.load(Relaxed);
            let (begin, cursor) = (seat.begin.load(Relaxed), seat.cursor.load(Relaxed));
            let passed_over = seat.lost.load(Relaxed);
            totals.expected += head.max(cursor) - begin.min(head);
            totals.delivered += (cursor - begin).saturating_sub(passed_over);
            totals.lost += passed_over + head.saturating_sub(cursor);
            totals.repeated += seat.repeated.load(Relaxed);
            totals.out_of_order += seat.out_of_order.load(Relaxed);
            totals.damaged += seat.damaged.load(Relaxed);
            totals.frames += seat.frames.load(Relaxed);
            totals.bytes += seat.bytes.load(Relaxed);
            totals.sessions_ended += u64::from(seat.ended.get().is_some());
        }
        totals
    }

    /// Waits until every session that is still there has what was acknowledged, or nothing more comes for `patience`.
    pub(super) async fn settle(&self, patience: Duration) {
        let (mut delivered, mut since) = (0, Instant::now());
        loop {
            let behind = self.seats.iter().any(|seat| {
                let head = self.streams[seat.stream].head.load(Relaxed);
                seat.cursor.load(Relaxed) < head && seat.ended.get().is_none()
            });
            let now = self.totals().delivered;
            if now != delivered {
                (delivered, since) = (now, Instant::now());
            }
            if !behind || since.elapsed() > patience {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Totals {
    /// What was counted since.
    pub(super) fn since(&self, before: &Self) -> Self {
        Self {
            acknowledged: self.acknowledged - before.acknowledged,
            expected: self.expected.saturating_sub(before.expected),
            delivered: self.delivered.saturating_sub(before.delivered),
            frames: self.frames - before.frames,
            bytes: self.bytes - before.bytes,
            // What went wrong went wrong, whenever it did.
            ..*self
        }
    }
}

/// The time of day, which does not jump while it is used.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    nanos: i128,
}

impl Clock {
    fn start() -> Self {
        Self {
            start: Instant::now(),
            nanos: Timestamp::now().as_nanosecond(),
        }
    }

    /// As lines carry it.
    pub(super) fn text(&self, at: Instant) -> String {
        let nanos = self.nanos + at.duration_since(self.start).as_nanos() as i128;
        format!(
            "{:.9}",
            Timestamp::from_nanosecond(nanos).unwrap_or(Timestamp::MAX)
        )
    }

    /// How long before `at` that was; `None` when the text is no time.
    pub(super) fn since(&self, text: &[u8], at: Instant) -> Option<Duration> {
        let then: Timestamp = std::str::from_utf8(text).ok()?.parse().ok()?;
        let at = self.nanos + at.duration_since(self.start).as_nanos() as i128;
        let nanos = (at - then.as_nanosecond()).max(0);
        Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_comes_back_from_its_text() {
        let clock = Clock::start();
        let at = clock.start + Duration::from_micros(1_500);
        let text = clock.text(at);
        assert_eq!(text.len(), wire::TIME_BYTES, "{text}");
        let later = at + Duration::from_millis(250);
        assert_eq!(
            clock.since(text.as_bytes(), later),
            Some(Duration::from_millis(250))
        );
        assert_eq!(clock.since(text.as_bytes(), clock.start), Some(Duration::ZERO));
        assert_eq!(clock.since(b"yesterday", later), None);
    }

    #[test]
    fn what_did_not_come_is_lost() {
        let run = Run::new("r".into(), 2, 3, 200);
        for stream in &run.streams {
            stream.head.store(100, Relaxed);
            stream.acknowledged.store(90, Relaxed);
        }
        for (seat, (cursor, lost)) in run.seats.iter().zip([(100, 0), (70, 0), (100, 5)]) {
            seat.cursor.store(cursor, Relaxed);
            seat.lost.store(lost, Relaxed);
        }
        let want = Totals {
            acknowledged: 180,
            expected: 300,
            delivered: 265,
            lost: 35,
            unaccounted: 20,
            ..Totals::default()
        };
        assert_eq!(run.totals(), want);
    }
}
