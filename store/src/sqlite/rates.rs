//! How many lines of each stream arrived in the last minute: counted as they are stored, so that a listing does not
//! go through a minute's batches.
//!
//! Knows no database: what was stored before the start is told once, from there.

use std::collections::HashMap;

use lines::{Batch, StreamName, Timestamp};
use parking_lot::Mutex;

/// How long lines count.
pub(super) const WINDOW_NANOS: i64 = 60_000_000_000;
/// Lines are counted by stretches of this length.
const STRETCH_NANOS: i64 = 5_000_000_000;
/// As many stretches as touch a window.
const STRETCHES: usize = (WINDOW_NANOS / STRETCH_NANOS) as usize + 1;

/// The counts of all streams that had lines lately: about 100 bytes and the name for each.
#[derive(Default)]
pub(super) struct Rates(Mutex<State>);

#[derive(Default)]
struct State {
    by_stream: HashMap<StreamName, Recent>,
    /// The stretch in which silent streams were last forgotten.
    swept: i64,
}

/// One stream's lines, by stretch.
struct Recent {
    /// The newest stretch with lines, counted from 1970.
    newest: i64,
    /// Of that stretch and those before it; a stretch's place is its number modulo the length.
    lines: [u32; STRETCHES],
}

impl Rates {
    /// A batch was stored.
    pub(super) fn stored(&self, batch: &Batch) {
        self.add(&batch.stream, batch.arrived, batch.lines.count);
    }

    /// So many lines arrived then.
    pub(super) fn add(&self, stream: &StreamName, arrived: Timestamp, lines: u32) {
        let at = stretch(arrived);
        let mut state = self.0.lock();
        if at > state.swept + STRETCHES as i64 {
            state.swept = at;
            state
                .by_stream
                .retain(|_, recent| recent.newest > at - STRETCHES as i64);
        }
        match state.by_stream.get_mut(stream) {
            Some(recent) => recent.add(at, lines),
            None => {
                let mut recent = Recent {
                    newest: at,
                    lines: [0; STRETCHES],
                };
                recent.add(at, lines);
                state.by_stream.insert(stream.clone(), recent);
            }
        }
    }

    /// A stream was deleted.
    pub(super) fn forget(&self, stream: &StreamName) {
        self.0.lock().by_stream.remove(stream);
    }

    /// Lines a second of each stream with any, over the minute before `now`.
    pub(super) fn at(&self, now: Timestamp) -> HashMap<StreamName, f64> {
        let state = self.0.lock();
        let seconds = WINDOW_NANOS as f64 / 1e9;
        let rate = |recent: &Recent| recent.lines_before(now) / seconds;
        let rates = state
            .by_stream
            .iter()
            .map(|(name, recent)| (name.clone(), rate(recent)));
        rates.filter(|(_, rate)| *rate > 0.0).collect()
    }
}

impl Recent {
    fn add(&mut self, at: i64, lines: u32) {
        if at <= self.newest - STRETCHES as i64 {
            return;
        }
        let passed = (at - self.newest).clamp(0, STRETCHES as i64);
        for i in 1..=passed {
            self.lines[place(at - passed + i)] = 0;
        }
        self.newest = self.newest.max(at);
        let counted = &mut self.lines[place(at)];
        *counted = counted.saturating_add(lines);
    }

    /// Of the oldest stretch, the part counts that lies within the window.
    fn lines_before(&self, now: Timestamp) -> f64 {
        let last = stretch(now);
        let oldest = last - STRETCHES as i64 + 1;
        let kept = 1.0 - now.nanos().rem_euclid(STRETCH_NANOS) as f64 / STRETCH_NANOS as f64;
        (oldest.max(self.newest - STRETCHES as i64 + 1)..=last.min(self.newest))
            .map(|at| {
                let lines = f64::from(self.lines[place(at)]);
                if at == oldest { lines * kept } else { lines }
            })
            .sum()
    }
}

fn stretch(at: Timestamp) -> i64 {
    at.nanos().div_euclid(STRETCH_NANOS)
}

fn place(stretch: i64) -> usize {
    stretch.rem_euclid(STRETCHES as i64) as usize
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanos((1_700_000_000 + seconds) * 1_000_000_000)
    }

    fn stream() -> StreamName {
        StreamName::parse("s").unwrap()
    }

    fn rate(rates: &Rates, seconds: i64) -> f64 {
        rates.at(at(seconds)).get(&stream()).copied().unwrap_or_default()
    }

    #[test]
    fn lines_count_for_a_minute_and_fade_out_of_it() {
        let rates = Rates::default();
        rates.add(&stream(), at(0), 60);
        assert_eq!(rate(&rates, 0), 1.0);
        assert_eq!(rate(&rates, 59), 1.0);
        assert!((rate(&rates, 62) - 0.6).abs() < 1e-9);
        assert_eq!(rate(&rates, 65), 0.0);
    }

    #[test]
    fn a_steady_stream_has_its_rate_at_any_time() {
        let rates = Rates::default();
        for second in 0..300 {
            rates.add(&stream(), at(second), 7);
            if second > 70 {
                let found = rate(&rates, second + 1);
                assert!((found - 7.0).abs() < 0.1, "{found} at {second}");
            }
        }
    }

    #[test]
    fn what_comes_out_of_order_counts_at_its_time() {
        let rates = Rates::default();
        rates.add(&stream(), at(30), 30);
        rates.add(&stream(), at(10), 30);
        rates.add(&stream(), at(-1000), 30);
        assert_eq!(rate(&rates, 31), 1.0);
        assert_eq!(rate(&rates, 80), 0.5);
    }

    #[test]
    fn silent_streams_are_forgotten() {
        let rates = Rates::default();
        for i in 0..100 {
            rates.add(&StreamName::parse(&format!("old/{i}")).unwrap(), at(0), 1);
        }
        rates.add(&stream(), at(200), 1);
        assert_eq!(rates.0.lock().by_stream.len(), 1);
    }

    #[test]
    fn a_clock_that_jumped_ahead_leaves_the_rest_right() {
        let rates = Rates::default();
        rates.add(&StreamName::parse("ahead").unwrap(), at(1_000_000_000), 1);
        rates.add(&stream(), at(0), 60);
        assert_eq!(rate(&rates, 1), 1.0);
    }
}
