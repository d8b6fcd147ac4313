//! Which request is due when. By the clock it is an open loop, so that a server that is slow is not asked less for it.

use std::time::Duration;

const NANOS: u128 = 1_000_000_000;

/// What tells when the next request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// The clock: so many lines a second, whatever the answers do.
    Rate(u64),
    /// The answer to the one before: each connection has one request under way at any time.
    Answers,
}

/// Requests of so many lines each, over some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Schedule {
    pub(super) pace: Pace,
    /// Lines a request.
    lines: u64,
    /// How many there are, at most.
    pub(super) requests: u64,
    /// From the first one's time to the end.
    pub(super) time: Duration,
}

impl Schedule {
    /// By the clock there are as many requests as it takes to send all lines, `lines` in each.
    pub(super) fn new(pace: Pace, lines: u64, time: Duration) -> Self {
        let requests = match pace {
            Pace::Rate(rate) => (u128::from(rate) * time.as_nanos()).div_ceil(NANOS * u128::from(lines)),
            Pace::Answers => u128::MAX,
        };
        Self {
            pace,
            lines,
            requests: u64::try_from(requests).unwrap_or(u64::MAX),
            time,
        }
    }

    /// When the nth request is to be sent by the clock, counted from the beginning.
    pub(super) fn due(&self, request: u64) -> Duration {
        match self.pace {
            Pace::Rate(0) => self.time,
            Pace::Rate(rate) => {
                let nanos = u128::from(request) * u128::from(self.lines) * NANOS / u128::from(rate);
                Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
            }
            Pace::Answers => Duration::ZERO,
        }
    }

    /// How many are due by the clock so long after the beginning.
    pub(super) fn due_by(&self, elapsed: Duration) -> u64 {
        let due = match self.pace {
            Pace::Rate(rate) => {
                ((elapsed.as_nanos() + 1) * u128::from(rate)).div_ceil(NANOS * u128::from(self.lines))
            }
            Pace::Answers => u128::MAX,
        };
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
            let schedule = Schedule::new(Pace::Rate(rate), lines, Duration::from_secs(seconds));
            let what = format!("{rate} lines a second, {lines} a request");
            assert_eq!(schedule.requests, requests, "{what}");
            assert_eq!(schedule.due(1), Duration::from_nanos(apart), "{what}");
        }
    }

    #[test]
    fn a_request_is_due_from_its_time_on() {
        for (rate, lines) in [(500, 1), (3, 7), (7_001, 3), (1_000_000, 1)] {
            let schedule = Schedule::new(Pace::Rate(rate), lines, Duration::from_secs(2));
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
