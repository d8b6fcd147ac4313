//! What time it is, and whether that can be relied on: by a clock that is wrong, everything would be removed at once.
//!
//! A store has one clock: the database's, or this machine's where there is no other. Nothing proves it right, but what
//! is wrong betrays itself by a leap, since another clock of this machine runs evenly whatever is done to the calendar,
//! and since the store remembers when it was last looked at. A clock that leapt is not relied on until it has run evenly
//! for as long as it leapt, at most a day, or somebody says that it is right. The time that a process was away looks
//! like a leap, too: after a weekend without a process, retention waits for a day.

use std::fmt;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use lines::Timestamp;
use lines::log_store::Leap;

/// How far apart two clocks may be.
pub const TOLERANCE: Duration = Duration::from_secs(60);
/// How long a leap is doubted, at most.
pub const LONGEST_DOUBT: Duration = Duration::from_secs(86_400);
/// How old the last mark may be when a process starts: it is written at looks, at most so often as [`MARK_EVERY`], and
/// a process takes a moment to start.
const RECENT: Duration = Duration::from_secs(180);
/// How often a mark is written, at most.
pub(super) const MARK_EVERY: Duration = Duration::from_secs(60);

/// The two clocks of a machine.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The calendar's. Anybody may set it, at any time.
    fn wall(&self) -> Timestamp;
    /// Runs evenly from some beginning on, while the process lives.
    fn monotonic(&self) -> Duration;
}

/// This machine's.
#[derive(Debug)]
pub struct SystemClock {
    begun: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn wall(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.begun.elapsed()
    }
}

/// When the store's clock was last relied on. Kept in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) time: Timestamp,
    /// For how long it had run evenly by then, as far as it was watched; at most a day.
    pub(super) steady: Duration,
}

/// Batches that were stamped by a clock that turned out to be behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamped {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// How far it was behind.
    pub(super) behind: SignedDuration,
}

/// What came of a look.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) leap: Option<Leap>,
    /// To be kept in the store, when the clock is relied on.
    pub(super) mark: Option<Mark>,
    /// To be stamped anew.
    pub(super) stamped: Option<Stamped>,
}

/// Watches the store's clock.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// By which the time is told.
    line: Option<Line>,
    /// Where the clock stands since it leapt.
    doubt: Option<Line>,
    /// The last mark that was handed out or met.
    marked: Option<Timestamp>,
    /// When it leapt last, by the monotonic clock.
    leapt: Option<Duration>,
}

/// A clock that runs evenly.
#[derive(Debug, Clone, Copy)]
struct Line {
    /// What it showed last…
    time: Timestamp,
    /// …and when, by the monotonic clock.
    at: Duration,
    /// What it showed when this process first met it.
    begun: Timestamp,
    /// For how long it has run evenly.
    steady: Duration,
    /// Whether this process stamped by it from its beginning, or only remembers it.
    own: bool,
}

impl Line {
    fn at(&self, monotonic: Duration) -> Timestamp {
        self.time.plus(monotonic.saturating_sub(self.at))
    }

    fn begin(time: Timestamp, at: Duration) -> Self {
        Self {
            time,
            at,
            begun: time,
            steady: Duration::ZERO,
            own: true,
        }
    }

    /// The clock shows `time`, near enough to where it is expected.
    fn go_on(&mut self, time: Timestamp, monotonic: Duration) {
        self.steady = (self.steady + monotonic.saturating_sub(self.at)).min(LONGEST_DOUBT);
        (self.time, self.at) = (time, monotonic);
    }

    /// Whether it has run evenly for so long that it is rather right than what is `gap` away from it.
    fn outweighs(&self, gap: SignedDuration) -> bool {
        self.steady >= doubted_for(gap)
    }

    fn mark(&self) -> Mark {
        Mark {
            time: self.time,
            steady: self.steady,
        }
    }
}

/// How long a leap is doubted.
fn doubted_for(gap: SignedDuration) -> Duration {
    gap.unsigned_abs().min(LONGEST_DOUBT)
}

fn is_near(gap: SignedDuration) -> bool {
    gap.unsigned_abs() <= TOLERANCE
}

impl Watch {
    /// The store's clock shows `time`, now. `mark` is what the store remembers.
    pub(super) fn look(&mut self, time: Timestamp, monotonic: Duration, mark: Option<Mark>) -> Seen {
        let line = match (self.line, mark) {
            (Some(line), _) => line,
            (None, None) => return self.believe(Line::begin(time, monotonic), mark),
            (None, Some(mark)) => {
                let remembered = Line {
                    steady: mark.steady,
                    own: false,
                    ..Line::begin(mark.time, monotonic)
                };
                let gap = time.since(mark.time);
                if gap >= -signed(TOLERANCE) && gap <= signed(RECENT) {
                    let line = Line {
                        steady: mark.steady,
                        ..Line::begin(time, monotonic)
                    };
                    return self.believe(line, Some(mark));
                }
                self.line = Some(remembered);
                remembered
            }
        };
        let gap = time.since(line.at(monotonic));
        if is_near(gap) {
            let mut line = line;
            line.go_on(time, monotonic);
            return self.believe(line, mark);
        }
        self.doubt(line, gap, time, monotonic, mark)
    }

    fn doubt(
        &mut self,
        line: Line,
        gap: SignedDuration,
        time: Timestamp,
        monotonic: Duration,
        mark: Option<Mark>,
    ) -> Seen {
        let mut doubt = match self.doubt {
            Some(doubt) if is_near(time.since(doubt.at(monotonic))) => doubt,
            _ => {
                self.leapt = Some(monotonic);
                Line::begin(time, monotonic)
            }
        };
        doubt.go_on(time, monotonic);
        let of_others = mark.filter(|mark| {
            mark.time >= doubt.begun && mark.time <= time.plus(TOLERANCE) && Some(mark.time) != self.marked
        });
        if of_others.is_some() || doubt.outweighs(gap) {
            let stamped = (line.own && !line.outweighs(gap) && gap.is_positive()).then(|| Stamped {
                from: line.begun,
                to: line.at(monotonic).min(doubt.begun),
                behind: gap,
            });
            return Seen {
                stamped,
                ..self.believe(doubt, mark)
            };
        }
        self.doubt = Some(doubt);
        Seen {
            leap: Some(Leap {
                by: gap,
                believed_in: doubted_for(gap).saturating_sub(doubt.steady),
            }),
            mark: None,
            stamped: None,
        }
    }

    /// Whether whatever was to happen `grace` after some time that the clock showed lies so long back indeed.
    pub(super) fn is_settled(&self, monotonic: Duration, grace: Duration) -> bool {
        self.leapt
            .is_none_or(|leapt| monotonic.saturating_sub(leapt) >= grace)
    }

    /// Somebody says that the clock is right.
    pub(super) fn allow(&mut self, time: Timestamp, monotonic: Duration) -> Mark {
        let line = Line {
            steady: LONGEST_DOUBT,
            ..Line::begin(time, monotonic)
        };
        (self.line, self.doubt, self.marked) = (Some(line), None, Some(time));
        line.mark()
    }

    fn believe(&mut self, line: Line, mark: Option<Mark>) -> Seen {
        (self.line, self.doubt) = (Some(line), None);
        let kept = mark.map(|mark| mark.time).max(self.marked);
        let is_due = kept.is_none_or(|kept| line.time.since(kept).unsigned_abs() >= MARK_EVERY);
        if is_due {
            self.marked = Some(line.time);
        }
        Seen {
            leap: None,
            mark: is_due.then(|| line.mark()),
            stamped: None,
        }
    }

    /// What lines are stamped with that arrive while the clock shows `time`.
    ///
    /// Whatever the clock shows, unless it is behind one that has run evenly for long: a stamp that is too late delays
    /// retention, and the batches after it put that right; one that is too early would have lines removed that somebody
    /// was told are stored.
    pub(super) fn stamp(&self, time: Timestamp, monotonic: Duration) -> Timestamp {
        let Some(line) = self.line else { return time };
        let expected = line.at(monotonic);
        let gap = time.since(expected);
        if gap.is_negative() && !is_near(gap) && line.outweighs(gap) {
            expected
        } else {
            time
        }
    }
}

/// A stamp for a batch that follows one stamped `before`: never earlier, as long as that one can be right.
pub(super) fn not_before(before: Option<Timestamp>, stamp: Timestamp) -> Timestamp {
    match before {
        Some(before) if before <= stamp.plus(TOLERANCE) => stamp.max(before),
        _ => stamp,
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600;
    const DAY: u64 = 24 * HOUR;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanos((1_700_000_000 + seconds) * 1_000_000_000)
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn mark(seconds: i64, steady: u64) -> Option<Mark> {
        Some(Mark {
            time: at(seconds),
            steady: secs(steady),
        })
    }

    fn leap(by: i64, believed_in: u64) -> Option<Leap> {
        Some(Leap {
            by: SignedDuration::from_secs(by),
            believed_in: secs(believed_in),
        })
    }

    /// Looks once a minute while the clock runs evenly from `from` on, and answers what the last look found.
    fn run(watch: &mut Watch, from: i64, monotonic: u64, minutes: u64) -> Seen {
        let mut seen = watch.look(at(from), secs(monotonic), None);
        for minute in 1..=minutes {
            let time = at(from + 60 * minute as i64);
            seen = watch.look(time, secs(monotonic + 60 * minute), None);
        }
        seen
    }

    #[test]
    fn a_clock_that_runs_evenly_is_relied_on_and_marked_once_a_minute() {
        let mut watch = Watch::default();
        assert_eq!(watch.look(at(0), secs(5), None).mark, mark(0, 0));
        assert_eq!(watch.look(at(30), secs(35), None).mark, None);
        assert_eq!(watch.look(at(61), secs(65), None).mark, mark(61, 60));
        let slewed = watch.look(at(180), secs(125), None);
        assert_eq!((slewed.leap, slewed.mark), (None, mark(180, 120)));
    }

    #[test]
    fn a_clock_that_leaps_is_doubted_until_it_is_back() {
        let mut watch = Watch::default();
        run(&mut watch, 0, 0, 10);
        let month = 31 * DAY as i64;
        for passed in [0, 30] {
            let seen = watch.look(at(660 + passed + month), secs(660 + passed as u64), None);
            assert_eq!(seen.leap, leap(month, DAY - passed as u64));
            assert_eq!((seen.mark, seen.stamped), (None, None));
        }
        assert_eq!(watch.look(at(720), secs(720), None).leap, None);
    }

    #[test]
    fn a_leap_is_believed_when_the_clock_has_run_evenly_for_as_long_or_for_a_day() {
        for (by, doubted) in [(600, 600), (31 * DAY as i64, DAY), (-7_200, 7_200)] {
            let mut watch = Watch::default();
            run(&mut watch, 0, 0, 10);
            let almost = run(&mut watch, 660 + by, 660, doubted / 60 - 1);
            assert_eq!(almost.leap, leap(by, 60), "{by}");
            let believed = watch.look(at(660 + by + doubted as i64), secs(660 + doubted), None);
            assert_eq!(believed.leap, None, "{by}");
            assert_eq!(believed.mark.map(|mark| mark.steady), Some(secs(doubted)));
        }
    }

    #[test]
    fn a_clock_that_leaps_about_is_never_believed() {
        let mut watch = Watch::default();
        run(&mut watch, 0, 0, 10);
        for i in 1..100 {
            let seen = watch.look(at(660 + i * 7_200), secs(660 + i as u64 * 3_600), None);
            assert!(seen.leap.is_some(), "{i}");
        }
    }

    #[test]
    fn a_process_that_starts_ahead_of_what_the_store_remembers_doubts_its_clock() {
        let soon = Watch::default().look(at(170), secs(0), mark(0, 500));
        assert_eq!((soon.leap, soon.mark), (None, mark(170, 500)));
        let month = 31 * DAY as i64;
        let mut watch = Watch::default();
        assert_eq!(
            watch.look(at(month), secs(0), mark(0, 500)).leap,
            leap(month, DAY)
        );
        let mut weekend = Watch::default();
        weekend.look(at(HOUR as i64), secs(0), mark(0, 500));
        assert_eq!(run(&mut weekend, HOUR as i64, 0, 60).leap, None, "an hour later");
        assert_eq!(
            Watch::default().look(at(-7_200), secs(0), mark(0, 500)).leap,
            leap(-7_200, 7_200)
        );
    }

    #[test]
    fn whoever_says_that_the_clock_is_right_is_believed_by_all() {
        let month = 31 * DAY as i64;
        let (mut here, mut elsewhere) = (Watch::default(), Watch::default());
        for watch in [&mut here, &mut elsewhere] {
            run(watch, 0, 0, 10);
            assert!(watch.look(at(660 + month), secs(660), None).leap.is_some());
        }
        let allowed = here.allow(at(670 + month), secs(670));
        assert_eq!(here.look(at(680 + month), secs(680), Some(allowed)).leap, None);
        assert_eq!(
            elsewhere.look(at(680 + month), secs(680), Some(allowed)).leap,
            None
        );
    }

    #[test]
    fn stamps_follow_the_clock_unless_it_falls_behind_one_that_ran_evenly_for_longer() {
        let mut watch = Watch::default();
        assert_eq!(watch.stamp(at(7), secs(0)), at(7), "nothing else is known");
        run(&mut watch, 0, 0, 10);
        assert_eq!(watch.stamp(at(600 + 9_000), secs(600)), at(9_600), "ahead");
        assert_eq!(watch.stamp(at(600 - 59), secs(600)), at(541), "a little behind");
        assert_eq!(watch.stamp(at(600 - 300), secs(610)), at(610), "behind");
        assert_eq!(
            watch.stamp(at(-9_000), secs(600)),
            at(-9_000),
            "ten minutes prove nothing against hours"
        );
        let mut remembered = Watch::default();
        remembered.look(at(-9_000), secs(0), mark(0, DAY));
        assert_eq!(remembered.stamp(at(-8_990), secs(10)), at(10));
    }

    #[test]
    fn what_was_stamped_by_a_clock_that_was_behind_from_the_start_is_stamped_anew() {
        let mut watch = Watch::default();
        run(&mut watch, 0, 0, 2);
        let month = 31 * DAY as i64;
        let believed = run(&mut watch, 150 + month, 150, DAY / 60);
        let expected = Stamped {
            from: at(0),
            to: at(150 + DAY as i64),
            behind: SignedDuration::from_secs(month),
        };
        assert_eq!(believed.stamped, Some(expected));
        let mut proven = Watch::default();
        proven.look(at(0), secs(0), mark(0, DAY));
        assert_eq!(
            run(&mut proven, month, 0, DAY / 60).stamped,
            None,
            "that clock was right"
        );
    }

    #[test]
    fn a_stamp_is_never_before_the_last_one_unless_that_cannot_be_right() {
        for (before, stamp, given) in [
            (None, 5, 5),
            (Some(4), 5, 5),
            (Some(30), 5, 30),
            (Some(65), 5, 65),
            (Some(66), 5, 5),
        ] {
            assert_eq!(not_before(before.map(at), at(stamp)), at(given), "{before:?}");
        }
    }
}
