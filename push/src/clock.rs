//! When a session has to do something of itself: ping, or end.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::Limits;
use crate::close::{self, Close};
use crate::socket::Vitals;

/// Pings of different sessions are this part of the heartbeat apart, up or down.
const JITTER: f64 = 0.2;

/// As good as never.
const LONG: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The deadlines of one session.
pub(crate) struct Clock {
    heartbeat: Duration,
    pong_within: Duration,
    progress_within: Duration,
    ping_at: Instant,
    /// The last ping, until something is heard after it.
    pinged: Option<Instant>,
    /// The token's end.
    ends_at: Instant,
    /// When the client is told of it.
    expiring_at: Option<Instant>,
    expiring_ahead: Duration,
    /// The node's end.
    leave_at: Option<Instant>,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// Ask whether the peer is there.
    Ping,
    /// Say that the token ends soon.
    Expiring,
    /// The session ends.
    Close(&'static Close),
}

impl Clock {
    /// For a token that ends at `expires_at`, in Unix seconds.
    pub(crate) fn new(limits: &Limits, expires_at: i64, now: Instant) -> Self {
        let mut clock = Self {
            heartbeat: limits.heartbeat,
            pong_within: limits.pong_within,
            progress_within: limits.progress_within,
            ping_at: now + jittered(limits.heartbeat),
            pinged: None,
            ends_at: now,
            expiring_at: None,
            expiring_ahead: limits.expiring_ahead,
            leave_at: None,
        };
        clock.renew(expires_at, now);
        clock
    }

    /// Another token, which ends at `expires_at`.
    pub(crate) fn renew(&mut self, expires_at: i64, now: Instant) {
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(expires_at.max(0).unsigned_abs());
        let left = end
            .duration_since(SystemTime::now())
            .unwrap_or_default()
            .min(LONG);
        self.ends_at = now + left;
        self.expiring_at = Some(now + left.saturating_sub(self.expiring_ahead));
    }

    /// The node wants the session to end then.
    pub(crate) fn leave(&mut self, at: Instant) {
        self.leave_at = Some(at);
    }

    /// When to ask again what is due. May be early.
    pub(crate) fn next(&self, vitals: Vitals) -> Instant {
        let mut next = self.ping_at.min(self.ends_at);
        for at in [self.leave_at, self.expiring_at].into_iter().flatten() {
            next = next.min(at);
        }
        match (vitals.idle, self.unanswered(vitals)) {
            (false, _) => next = next.min(vitals.progress + self.progress_within),
            (true, Some(pinged)) => next = next.min(pinged + self.pong_within),
            (true, None) => {}
        }
        next
    }

    /// What is due now.
    pub(crate) fn due(&mut self, vitals: Vitals, now: Instant) -> Option<Alarm> {
        if self.leave_at.is_some_and(|at| at <= now) {
            return Some(Alarm::Close(&close::DRAINING));
        }
        if self.ends_at <= now {
            return Some(Alarm::Close(&close::TOKEN_EXPIRED));
        }
        // While bytes wait to be written the peer is judged by what it takes: its pongs may stand behind them.
        if !vitals.idle {
            if vitals.progress + self.progress_within <= now {
                return Some(Alarm::Close(&close::SLOW));
            }
        } else if let Some(pinged) = self.unanswered(vitals)
            && pinged.max(vitals.progress) + self.pong_within <= now
        {
            return Some(Alarm::Close(&close::NO_PONG));
        }
        if self.expiring_at.take_if(|at| *at <= now).is_some() {
            return Some(Alarm::Expiring);
        }
        if self.ping_at > now {
            return None;
        }
        self.ping_at = now + jittered(self.heartbeat);
        // A second ping does not give more time to answer the first.
        if self.unanswered(vitals).is_none() {
            self.pinged = Some(now);
        }
        Some(Alarm::Ping)
    }

    fn unanswered(&self, vitals: Vitals) -> Option<Instant> {
        self.pinged.filter(|pinged| *pinged > vitals.heard)
    }
}

fn jittered(heartbeat: Duration) -> Duration {
    heartbeat.mul_f64(rand::random_range(1.0 - JITTER..1.0 + JITTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

    fn clock(lives: Duration, now: Instant) -> Clock {
        let end = SystemTime::now() + lives;
        let unix = end.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Clock::new(&Limits::default(), unix.as_secs() as i64, now)
    }

    fn quiet(heard: Instant) -> Vitals {
        Vitals {
            idle: true,
            progress: heard,
            heard,
        }
    }

    /// Follows a session's own alarms until it ends, or for `most`.
    fn follow(
        clock: &mut Clock,
        start: Instant,
        most: Duration,
        vitals: impl Fn(Instant) -> Vitals,
    ) -> (u32, Option<(&'static Close, Duration)>) {
        let mut pings = 0;
        let mut now = start;
        while now < start + most {
            match clock.due(vitals(now), now) {
                Some(Alarm::Ping) => pings += 1,
                Some(Alarm::Expiring) => {}
                Some(Alarm::Close(close)) => return (pings, Some((close, now - start))),
                None => now = clock.next(vitals(now)).max(now + Duration::from_millis(1)),
            }
        }
        (pings, None)
    }

    #[test]
    fn a_client_that_answers_is_pinged_every_25_seconds_and_stays() {
        let start = Instant::now();
        let (pings, end) = follow(&mut clock(YEAR, start), start, Duration::from_secs(1000), quiet);
        assert!((33..=50).contains(&pings), "{pings} pings in 1,000 s");
        assert_eq!(end, None);
    }

    #[test]
    fn a_silent_client_is_gone_10_seconds_after_a_ping() {
        let start = Instant::now();
        let (pings, end) = follow(&mut clock(YEAR, start), start, Duration::from_secs(1000), |_| {
            quiet(start)
        });
        let (close, after) = end.unwrap();
        assert_eq!((pings, close), (1, &close::NO_PONG));
        assert!((30..=40).contains(&after.as_secs()), "{after:?}");
    }

    #[test]
    fn a_client_that_takes_nothing_is_slow_and_not_silent() {
        let start = Instant::now();
        let stuck = |_| Vitals {
            idle: false,
            ..quiet(start)
        };
        let (_, end) = follow(&mut clock(YEAR, start), start, Duration::from_secs(1000), stuck);
        assert_eq!(end, Some((&close::SLOW, Duration::from_secs(30))));
    }

    #[test]
    fn a_session_ends_with_its_token() {
        let start = Instant::now();
        let lives = Duration::from_secs(300);
        let (_, end) = follow(&mut clock(lives, start), start, Duration::from_secs(1000), quiet);
        let (close, after) = end.unwrap();
        assert_eq!(close, &close::TOKEN_EXPIRED);
        assert!(
            after <= lives && after + Duration::from_secs(2) > lives,
            "{after:?}"
        );
        let (_, end) = follow(&mut clock(Duration::ZERO, start), start, lives, quiet);
        assert_eq!(
            end.unwrap().0,
            &close::TOKEN_EXPIRED,
            "a token in its leeway ends at once"
        );
    }

    #[test]
    fn a_client_is_told_a_minute_before_its_token_ends_and_again_of_the_next_one() {
        let start = Instant::now();
        let mut clock = clock(Duration::from_secs(70), start);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(clock.due(quiet(at(8)), at(8)), None);
        assert_eq!(clock.due(quiet(at(10)), at(10)), Some(Alarm::Expiring));
        assert_eq!(clock.due(quiet(at(11)), at(11)), None);
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        clock.renew(unix.as_secs() as i64 + 30, at(12));
        assert_eq!(
            clock.due(quiet(at(12)), at(12)),
            Some(Alarm::Expiring),
            "less than a minute is left"
        );
    }
}
