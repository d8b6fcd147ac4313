//! When a session has to do something of itself: ping, or end.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::Limits;
use crate::feeds::wake::Ending;
use crate::session::close::{self, Close};

/// Pings of different sessions are this part of the heartbeat apart, up or down.
const JITTER: f64 = 0.2;

/// As good as never.
const LONG: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The deadlines of one session.
pub(crate) struct Clock {
    limits: Arc<Limits>,
    ping_at: Instant,
    /// The token's end.
    ends_at: Instant,
    /// When the client is told of it.
    expiring_at: Option<Instant>,
    /// Another end, and why.
    ending: Option<(Instant, &'static Close)>,
}

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vitals {
    /// For nothing.
    Well,
    /// Bytes wait to be written, and none of them was taken since then.
    Full(Instant),
    /// Everything was written, then a ping, and nothing was heard since.
    Asked(Instant),
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    pub(crate) fn new(limits: Arc<Limits>, expires_at: i64, now: Instant) -> Self {
        let mut clock = Self {
            ping_at: now + jittered(limits.heartbeat),
            ends_at: now,
            expiring_at: None,
            ending: None,
            limits,
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
        self.expiring_at = Some(now + left.saturating_sub(self.limits.expiring_ahead));
    }

    /// The session is told to end.
    pub(crate) fn end(&mut self, ending: Ending, now: Instant) {
        match ending {
            Ending::Revoked => self.ending = Some((now, &close::REVOKED)),
            Ending::Leave(_) if self.ending.is_some_and(|(_, why)| *why == close::REVOKED) => {}
            Ending::Leave(at) => self.ending = Some((at, &close::DRAINING)),
        }
    }

    /// When something is due next, if nothing happens before.
    pub(crate) fn next(&self, vitals: Vitals) -> Instant {
        let times = self.deadlines(vitals).into_iter().flatten();
        times.map(|(at, _)| at).min().unwrap_or(self.ends_at)
    }

    /// What is due now. Something is, whenever [`Clock::next`] is not later than `now`: both read the same list.
    pub(crate) fn due(&mut self, vitals: Vitals, now: Instant) -> Option<Alarm> {
        let mut deadlines = self.deadlines(vitals).into_iter().flatten();
        let (_, due) = deadlines.find(|(at, _)| *at <= now)?;
        match due {
            Alarm::Expiring => self.expiring_at = None,
            Alarm::Ping => self.ping_at = now + jittered(self.limits.heartbeat),
            Alarm::Close(_) => {}
        }
        Some(due)
    }

    /// Everything that will be due if nothing happens before, and when. What goes before what stands before it.
    fn deadlines(&self, vitals: Vitals) -> [Option<(Instant, Alarm)>; 5] {
        let told = self.ending.map(|(at, why)| (at, Alarm::Close(why)));
        let end = (self.ends_at, Alarm::Close(&close::TOKEN_EXPIRED));
        // While bytes wait to be written the peer is judged by what it takes: its pongs may stand behind them.
        let peer = match vitals {
            Vitals::Well => None,
            Vitals::Full(since) => Some((since + self.limits.progress_within, Alarm::Close(&close::SLOW))),
            Vitals::Asked(at) => Some((at + self.limits.pong_within, Alarm::Close(&close::NO_PONG))),
        };
        let expiring = self.expiring_at.map(|at| (at, Alarm::Expiring));
        let ping = (self.ping_at, Alarm::Ping);
        [told, Some(end), peer, expiring, Some(ping)]
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
        Clock::new(Arc::default(), unix.as_secs() as i64, now)
    }

    fn well(_: Instant) -> Vitals {
        Vitals::Well
    }

    /// Follows a session's own alarms until it ends, or for `most`. However often it asks, it never finds that nothing
    /// is due when something was to be.
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
                None => {
                    let next = clock.next(vitals(now));
                    assert!(next > now, "it would wake for nothing, again and again");
                    now = next;
                }
            }
        }
        (pings, None)
    }

    #[test]
    fn a_client_that_answers_is_pinged_every_25_seconds_and_stays() {
        let start = Instant::now();
        let (pings, end) = follow(&mut clock(YEAR, start), start, Duration::from_secs(1000), well);
        assert!((33..=50).contains(&pings), "{pings} pings in 1,000 s");
        assert_eq!(end, None);
    }

    #[test]
    fn a_client_that_takes_nothing_is_slow_and_not_silent() {
        let start = Instant::now();
        let (_, end) = follow(&mut clock(YEAR, start), start, Duration::from_secs(1000), |_| {
            Vitals::Full(start)
        });
        assert_eq!(end, Some((&close::SLOW, Duration::from_secs(30))));
    }

    #[test]
    fn a_session_ends_with_its_token() {
        let start = Instant::now();
        let lives = Duration::from_secs(300);
        let (_, end) = follow(&mut clock(lives, start), start, Duration::from_secs(1000), well);
        let (close, after) = end.unwrap();
        assert_eq!(close, &close::TOKEN_EXPIRED);
        assert!(
            after <= lives && after + Duration::from_secs(2) > lives,
            "{after:?}"
        );
        let (_, end) = follow(&mut clock(Duration::ZERO, start), start, lives, well);
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
        assert_eq!(clock.due(Vitals::Well, at(8)), None);
        assert_eq!(clock.due(Vitals::Well, at(10)), Some(Alarm::Expiring));
        assert_eq!(clock.due(Vitals::Well, at(11)), None);
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        clock.renew(unix.as_secs() as i64 + 30, at(12));
        assert_eq!(
            clock.due(Vitals::Well, at(12)),
            Some(Alarm::Expiring),
            "less than a minute is left"
        );
    }
}
