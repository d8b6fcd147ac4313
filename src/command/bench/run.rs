//! What sessions and senders of one run share: its streams, its clock, and what was counted.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::continuity::Continuity;
use super::follow::{self, Followed, Plan};
use super::latency::Histogram;
#[cfg(test)]
use super::wire;

/// One run.
#[derive(Debug)]
pub(super) struct Run {
    /// Tells it from others, in the names of streams and in keys.
    pub(super) id: String,
    pub(super) plan: Plan,
    pub(super) streams: Vec<Stream>,
    pub(super) seats: Vec<Seat>,
    pub(super) clock: Clock,
    /// From a line's time to its arrival at each session.
    pub(super) latency: Histogram,
    /// Bytes of each line, as it is kept and delivered.
    pub(super) line_bytes: usize,
}

/// A stream, as its senders know it.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) name: String,
    /// The offset after the last line that was acknowledged.
    pub(super) head: AtomicU64,
    /// Lines that were acknowledged.
    pub(super) acknowledged: AtomicU64,
}

/// A session's.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) followed: Followed,
    /// Written by the session's task alone.
    pub(super) got: Mutex<Got>,
    /// Why the session is over.
    pub(super) ended: OnceLock<String>,
}

/// What a session has got.
#[derive(Debug, Default)]
pub(super) struct Got {
    /// For each stream that it follows, once it is subscribed.
    pub(super) streams: Vec<Option<Continuity>>,
    /// Streams of which the server said that their head is reached.
    pub(super) live: usize,
    /// Lines of frames whose length is not that of the lines that were sent, or that nobody asked for.
    pub(super) damaged: u64,
    pub(super) frames: u64,
    pub(super) bytes: u64,
    pub(super) pings: u64,
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
    pub(super) pings: u64,
    pub(super) sessions_ended: u64,
    /// Lines that stand in a stream and were not acknowledged.
    pub(super) unaccounted: u64,
    /// Lines that were acknowledged with offsets that others were acknowledged with.
    pub(super) acknowledged_twice: u64,
}

impl Run {
    pub(super) fn new(id: String, plan: Plan, sessions: usize, line_bytes: usize) -> Self {
        let stream = |nth| Stream {
            name: plan.name(nth),
            head: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
        };
        let seat = |nth| Seat {
            followed: plan.followed(nth),
            got: Mutex::new(Got {
                streams: (0..plan.follow).map(|_| None).collect(),
                ..Got::default()
            }),
            ended: OnceLock::new(),
        };
        Self {
            streams: (0..plan.streams).map(stream).collect(),
            seats: (0..sessions).map(seat).collect(),
            clock: Clock::start(),
            latency: Histogram::new(),
            line_bytes,
            plan,
            id,
        }
    }

    /// The number of a stream by its name; `None` when it is none of this run.
    pub(super) fn stream(&self, name: &str) -> Option<usize> {
        follow::number(name).filter(|nth| self.streams.get(*nth).is_some_and(|stream| stream.name == name))
    }

    /// Takes the answer for lines of a stream.
    pub(super) fn acknowledge(&self, stream: usize, first: u64, next: u64) {
        let stream = &self.streams[stream];
        stream.acknowledged.fetch_add(next.saturating_sub(first), Relaxed);
        stream.head.fetch_max(next, Relaxed);
    }

    /// Everything up to now.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for stream in &self.streams {
            let (acknowledged, head) = (stream.acknowledged.load(Relaxed), stream.head.load(Relaxed));
            totals.acknowledged += acknowledged;
            totals.unaccounted += head.saturating_sub(acknowledged);
            totals.acknowledged_twice += acknowledged.saturating_sub(head);
        }
        for seat in &self.seats {
            totals.sessions_ended += u64::from(seat.ended.get().is_some());
            let got = seat.got.lock();
            totals.damaged += got.damaged;
            totals.frames += got.frames;
            totals.bytes += got.bytes;
            totals.pings += got.pings;
            for (nth, seen) in seat.followed.streams().zip(&got.streams) {
                totals.add(seen.as_ref(), self.streams[nth].head.load(Relaxed));
            }
        }
        totals
    }

    /// Waits until every session that is still there has what was acknowledged, or nothing more comes for `patience`.
    pub(super) async fn settle(&self, patience: Duration) {
        let (mut bytes, mut since) = (0, Instant::now());
        // The first one that was found behind is looked at first: most of the time one look is enough.
        let mut behind = 0;
        loop {
            let (before, after) = self.seats.split_at(behind);
            match after.iter().chain(before).position(|seat| self.is_behind(seat)) {
                Some(nth) => behind = (behind + nth) % self.seats.len(),
                None => return,
            }
            let now = self.seats.iter().map(|seat| seat.got.lock().bytes).sum();
            if now != bytes {
                (bytes, since) = (now, Instant::now());
            }
            if since.elapsed() > patience {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn is_behind(&self, seat: &Seat) -> bool {
        let got = seat.got.lock();
        let mut streams = seat.followed.streams().zip(&got.streams);
        let behind = |(nth, seen): (usize, &Option<Continuity>)| {
            seen.as_ref().map_or(0, |seen| seen.cursor) < self.streams[nth].head.load(Relaxed)
        };
        seat.ended.get().is_none() && streams.any(behind)
    }
}

impl Totals {
    /// Takes in what a session saw of a stream that has lines up to `head`.
    fn add(&mut self, seen: Option<&Continuity>, head: u64) {
        let (begin, cursor) = seen.map_or((0, 0), |seen| (seen.begin, seen.cursor));
        self.expected += head.max(cursor) - begin.min(head);
        self.delivered += cursor - begin;
        self.lost += head.saturating_sub(cursor);
        if let Some(wrong) = seen.and_then(Continuity::wrong) {
            self.delivered = self.delivered.saturating_sub(wrong.lost);
            self.lost += wrong.lost;
            self.repeated += wrong.repeated;
            self.out_of_order += wrong.out_of_order;
        }
    }

    /// What was counted since.
    pub(super) fn since(&self, before: &Self) -> Self {
        Self {
            acknowledged: self.acknowledged - before.acknowledged,
            expected: self.expected.saturating_sub(before.expected),
            delivered: self.delivered.saturating_sub(before.delivered),
            frames: self.frames - before.frames,
            bytes: self.bytes - before.bytes,
            pings: self.pings - before.pings,
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

    /// Sessions of a run with two streams of which each follows `follow`, with what they have seen.
    fn run(follow: usize, seen: Vec<Vec<Option<Continuity>>>) -> Run {
        let plan = Plan::new("r", 2, follow, follow::By::Name);
        let run = Run::new("r".into(), plan, seen.len(), 200);
        for (seat, streams) in run.seats.iter().zip(seen) {
            seat.got.lock().streams = streams;
        }
        run
    }

    fn seen(begin: u64, frames: &[(u64, u64)]) -> Option<Continuity> {
        let mut seen = Continuity::at(begin);
        frames.iter().for_each(|(first, next)| seen.take(*first, *next));
        Some(seen)
    }

    #[test]
    fn what_did_not_come_is_lost() {
        let whole = || vec![seen(0, &[(0, 100)])];
        let run = run(
            1,
            vec![
                whole(),
                vec![seen(0, &[(0, 70)])],
                vec![seen(0, &[(0, 50), (55, 100)])],
            ],
        );
        for nth in [0, 1] {
            run.acknowledge(nth, 0, 60);
            run.acknowledge(nth, 70, 100);
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

    #[test]
    fn each_stream_of_a_session_is_judged_by_itself() {
        // More of one stream does not make up for less of another.
        let run = run(
            2,
            vec![
                vec![seen(10, &[(10, 30)]), seen(0, &[(0, 10)])],
                vec![seen(0, &[(0, 5), (3, 20)]), seen(15, &[(17, 20), (15, 17)])],
                vec![None, seen(20, &[])],
            ],
        );
        for nth in [0, 1] {
            run.acknowledge(nth, 0, 20);
        }
        let want = Totals {
            acknowledged: 40,
            expected: 20 + 20 + 20 + 10 + 20,
            delivered: 20 + 10 + 20 + 10,
            lost: 10 + 20,
            repeated: 2,
            out_of_order: 2,
            ..Totals::default()
        };
        // The second session begins with the second stream.
        let totals = run.totals();
        assert_eq!(
            (totals.repeated, totals.out_of_order),
            (want.repeated, want.out_of_order)
        );
        assert_eq!(totals.lost, 10 + 20);
    }

    #[test]
    fn an_offset_that_is_given_twice_is_seen() {
        let run = run(1, Vec::new());
        run.acknowledge(0, 0, 10);
        run.acknowledge(0, 8, 12);
        run.acknowledge(1, 0, 5);
        assert_eq!(
            (run.totals().acknowledged_twice, run.totals().unaccounted),
            (2, 0)
        );
        assert_eq!(
            (
                run.stream("bench/r/1"),
                run.stream("bench/x/1"),
                run.stream("bench/r/2")
            ),
            (Some(1), None, None)
        );
    }
}
