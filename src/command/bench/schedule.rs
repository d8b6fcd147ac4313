//! Which request is due when: an open loop, so that a server that is slow is not asked less for it.

use std::time::Duration;

const NANOS: u128 = 1_000_000_000;

/// Requests of so many lines each, evenly over the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Schedule {
    /// Lines a second.
    rate: u64,
    /// Lines a request.
    lines: u64,
    /// How many there are.
    pub(super) requests: u64,
    /// From the first one's time to the end.
    pub(super) time: Duration,
}

impl Schedule {
    /// As many requests as it takes to send `rate` lines a second, `lines` in each.
    pub(super) fn new(rate: u64, lines: u64, time: Duration) -> Self {
        let all = u128::from(rate) * time.as_nanos();
        let requests = all.div_ceil(NANOS * u128::from(lines));
        Self {
            rate,
            lines,
            requests: u64::try_from(requests).unwrap_or(u64::MAX),
            time,
        }
    }

    /// When the nth request is to be sent, counted from the beginning.
    pub(super) fn due(&self, request: u64) -> Duration {
        if self.rate == 0 {
            return self.time;
        }
        let nanos = u128::from(request) * u128::from(self.lines) * NANOS / u128::from(self.rate);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How many are due so long after the beginning.
    pub(super) fn due_by(&self, elapsed: Duration) -> u64 {
        let due = ((elapsed.as_nanos() + 1) * u128::from(self.rate)).div_ceil(NANOS * u128::from(self.lines));
        u64::try_from(due).unwrap_or(u64::MAX).min(self.requests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_spread_evenly_and_make_up_the_rate() {
        let table = [
            (500, 1, 10, 5_000, 2_000_000),
            (2_000, 100, 10, 200, 50_000_000),
            (1_000, 300, 1, 4, 300_000_000),
            (5, 100, 1, 1, 20_000_000_000),
            (0, 1, 10, 0, 10_000_000_000),
        ];
        for (rate, lines, seconds, requests, apart) in table {
            let schedule = Schedule::new(rate, lines, Duration::from_secs(seconds));
            let what = format!("{rate} lines a second, {lines} a request");
            assert_eq!(schedule.requests, requests, "{what}");
            assert_eq!(schedule.due(1), Duration::from_nanos(apart), "{what}");
        }
    }

    #[test]
    fn a_request_is_due_from_its_time_on() {
        for (rate, lines) in [(500, 1), (3, 7), (7_001, 3), (1_000_000, 1)] {
            let schedule = Schedule::new(rate, lines, Duration::from_secs(2));
            for request in 0..schedule.requests.min(1_000) {
                let due = schedule.due(request);
                assert_eq!(schedule.due_by(due), request + 1);
                if let Some(before) = due.checked_sub(Duration::from_nanos(1)) {
                    assert_eq!(schedule.due_by(before), request);
                }
            }
            assert_eq!(schedule.due_by(Duration::from_secs(100)), schedule.requests);
        }
    }
}
