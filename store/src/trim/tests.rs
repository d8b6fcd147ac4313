//! When age removes and when it does not, on clocks that tests set.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use lines::{Extent, Line, Lines, Offset, StreamName, log_store::Draft, retention::Hidden};

use super::*;
use crate::sqlite::{SqliteOptions, SqliteStore};

const DAY: u64 = 86_400;

/// Both clocks of a machine, in seconds.
#[derive(Debug)]
struct SetClock(Mutex<(i64, u64)>);

impl Clock for SetClock {
    fn wall(&self) -> Timestamp {
        Timestamp::from_nanos((1_700_000_000 + self.0.lock().0) * 1_000_000_000)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.lock().1)
    }
}

struct Machine {
    folder: tempfile::TempDir,
    clock: Arc<SetClock>,
    keeping: watch::Sender<Keeping>,
    trimmer: Arc<Trimmer>,
}

impl Machine {
    fn start(retention: Retention) -> Self {
        let clock = Arc::new(SetClock(Mutex::new((0, 0))));
        let folder = tempfile::TempDir::new().unwrap();
        let every = Duration::from_secs(60);
        let (keeping, told) = watch::channel(Keeping { retention, every });
        let trimmer = trimmer(&folder, &clock, told);
        Self {
            folder,
            clock,
            keeping,
            trimmer,
        }
    }

    fn restart(self) -> Self {
        let Self {
            folder,
            clock,
            keeping,
            trimmer,
        } = self;
        drop(trimmer);
        let trimmer = self::trimmer(&folder, &clock, keeping.subscribe());
        Self {
            folder,
            clock,
            keeping,
            trimmer,
        }
    }

    /// Sets the calendar ahead, or back.
    fn set(&self, seconds: i64) {
        self.clock.0.lock().0 += seconds;
    }

    /// Time passes, with a round every minute.
    async fn pass(&self, minutes: u64) {
        for _ in 0..minutes {
            {
                let mut clock = self.clock.0.lock();
                *clock = (clock.0 + 60, clock.1 + 60);
            }
            self.trimmer.round().await.unwrap();
        }
    }

    async fn send(&self, stream: &str) {
        let line = Line {
            ts: Timestamp::from_nanos(0),
            level: None,
            message: "a line".to_owned(),
            fields: Vec::new(),
        };
        let draft = Draft {
            stream: StreamName::parse(stream).unwrap(),
            arrived: None,
            lines: Lines::encode([&line]).unwrap(),
            keys: Vec::new(),
        };
        assert!(
            self.trimmer
                .parts
                .store
                .append(vec![draft])
                .await
                .remove(0)
                .is_ok()
        );
    }

    async fn kept(&self, stream: &str) -> (u64, u64) {
        let stream = [StreamName::parse(stream).unwrap()];
        let Extent {
            first_available,
            next,
            ..
        } = self.trimmer.parts.store.extents(&stream).await.unwrap()[0];
        (first_available.0, next.0)
    }

    fn why(&self) -> &'static str {
        self.trimmer.state.lock().hold.map_or("", |hold| hold.code())
    }
}

fn trimmer(
    folder: &tempfile::TempDir,
    clock: &Arc<SetClock>,
    keeping: watch::Receiver<Keeping>,
) -> Arc<Trimmer> {
    let options = SqliteOptions {
        clock: clock.clone(),
        trim_batches: 3,
        ..SqliteOptions::default()
    };
    Trimmer::new(Parts {
        store: Arc::new(SqliteStore::open(folder.path(), options).unwrap()),
        keeping,
        clock: clock.clone(),
    })
}

fn days(days: u64) -> Retention {
    Retention {
        age: Some(Duration::from_secs(days * DAY)),
        bytes: None,
    }
}

fn minutes(minutes: u64) -> Retention {
    Retention {
        age: Some(Duration::from_secs(minutes * 60)),
        bytes: None,
    }
}

#[tokio::test]
async fn what_is_old_goes_however_much_it_is_and_never_at_the_very_start() {
    let machine = Machine::start(minutes(30));
    for _ in 0..10 {
        machine.send("s").await;
    }
    machine.set(3_600);
    machine.clock.0.lock().1 += 3_600;
    machine.trimmer.round().await.unwrap();
    assert_eq!((machine.kept("s").await, machine.why()), ((0, 10), ""));
    machine.pass(1).await;
    assert_eq!(machine.kept("s").await, (10, 10));
}

#[tokio::test]
async fn a_clock_that_leaps_ahead_removes_nothing_and_neither_when_it_is_back() {
    let machine = Machine::start(days(30));
    machine.pass(2).await;
    machine.send("s").await;
    machine.set(31 * DAY as i64);
    machine.pass(5).await;
    assert_eq!((machine.kept("s").await, machine.why()), ((0, 1), "clock_leapt"));
    machine.set(-31 * DAY as i64);
    machine.pass(1).await;
    assert_eq!(machine.why(), "clock_jumped");
    machine.pass(5).await;
    assert_eq!((machine.kept("s").await, machine.why()), ((0, 1), ""));
}

#[tokio::test]
async fn a_process_that_starts_with_its_clock_ahead_removes_nothing_until_somebody_says_so() {
    let machine = Machine::start(days(30));
    machine.pass(2).await;
    machine.send("s").await;
    machine.pass(1).await;
    machine.set(31 * DAY as i64);
    let machine = machine.restart();
    machine.pass(60).await;
    assert_eq!((machine.kept("s").await, machine.why()), ((0, 1), "clock_leapt"));
    machine.trimmer.parts.store.allow().await.unwrap();
    machine.pass(1).await;
    assert_eq!((machine.kept("s").await, machine.why()), ((1, 1), ""));
}

#[tokio::test]
async fn a_store_that_was_idle_for_long_is_trimmed_by_itself() {
    let machine = Machine::start(minutes(30));
    machine.send("s").await;
    machine.pass(32).await;
    assert_eq!((machine.kept("s").await, machine.why()), ((1, 1), ""));
}

#[tokio::test]
async fn after_a_time_without_a_process_as_much_time_passes_before_age_removes() {
    let machine = Machine::start(minutes(30));
    machine.pass(2).await;
    machine.send("s").await;
    machine.set(3_600);
    let machine = machine.restart();
    machine.pass(60).await;
    assert_eq!((machine.kept("s").await, machine.why()), ((0, 1), "clock_leapt"));
    machine.pass(2).await;
    assert_eq!((machine.kept("s").await, machine.why()), ((1, 1), ""));
}

#[tokio::test]
async fn lines_that_came_while_the_clock_was_behind_are_kept_once_it_is_right() {
    let machine = Machine::start(days(30));
    machine.set(-31 * DAY as i64);
    machine.pass(1).await;
    machine.send("s").await;
    machine.set(31 * DAY as i64);
    machine.pass(DAY / 60 + 2).await;
    assert_eq!(
        (machine.kept("s").await, machine.why()),
        ((0, 1), ""),
        "the clock is believed"
    );
}

#[tokio::test]
async fn a_clock_that_falls_behind_what_the_store_remembers_stamps_nothing_old() {
    let machine = Machine::start(days(30));
    machine.pass(DAY / 60 + 3).await;
    machine.set(-31 * DAY as i64);
    let machine = machine.restart();
    machine.pass(1).await;
    machine.send("s").await;
    let newest = machine.trimmer.parts.store.streams().await.unwrap()[0].last_arrival;
    assert!(newest.unwrap() > Timestamp::from_nanos(1_700_000_000 * 1_000_000_000));
    machine.set(31 * DAY as i64);
    machine.pass(5).await;
    assert_eq!((machine.kept("s").await, machine.why()), ((0, 1), ""));
}

#[tokio::test]
async fn a_line_stamped_in_the_future_keeps_nothing_that_follows_it() {
    let machine = Machine::start(minutes(5));
    machine.set(300 * DAY as i64);
    machine.send("s").await;
    machine.set(-300 * DAY as i64);
    for _ in 0..10 {
        machine.send("s").await;
        machine.send("t").await;
    }
    machine.pass(8).await;
    assert_eq!(
        (machine.kept("s").await, machine.kept("t").await),
        ((11, 11), (10, 10))
    );
}

#[tokio::test]
async fn size_removes_whatever_the_clock_does() {
    let machine = Machine::start(Retention {
        bytes: Some(0),
        ..days(30)
    });
    machine.pass(2).await;
    machine.set(31 * DAY as i64);
    machine.send("s").await;
    machine.pass(1).await;
    assert_eq!((machine.kept("s").await, machine.why()), ((1, 1), "clock_leapt"));
    machine.pass(4).await;
    assert_eq!(
        machine.trimmer.parts.store.holdings().await.unwrap().bytes,
        0,
        "deleted as well"
    );
}

#[tokio::test]
async fn what_was_brought_back_stays_until_somebody_says_that_it_may_go() {
    let machine = Machine::start(minutes(30));
    machine.send("s").await;
    machine.pass(32).await;
    let restored = machine.trimmer.parts.store.restore(&Hidden::All).await.unwrap();
    assert_eq!((restored[0].from, restored[0].to), (Offset(0), Offset(1)));
    machine.pass(10).await;
    assert_eq!(machine.kept("s").await, (0, 1));
    machine.trimmer.parts.store.allow().await.unwrap();
    machine.pass(1).await;
    assert_eq!(machine.kept("s").await, (1, 1));
    machine.pass(4).await;
    assert_eq!(
        machine.trimmer.parts.store.restore(&Hidden::All).await.unwrap(),
        [],
        "it is deleted"
    );
    assert_eq!(machine.kept("s").await, (1, 1));
}

#[tokio::test]
async fn what_is_overdue_is_said_in_seconds_and_bytes() {
    let at = |seconds: i64| Some(Timestamp::from_nanos(seconds * 1_000_000_000));
    let retention = Retention {
        age: Some(Duration::from_secs(100)),
        bytes: Some(1_000),
    };
    let holdings = Holdings {
        bytes: 5_000,
        hidden_bytes: 1_500,
        oldest: at(40),
        deletion: at(120),
        ..Holdings::default()
    };
    let overdue = |now| Overdue::of(&retention, &holdings, at(now).unwrap());
    assert_eq!((overdue(100).age, overdue(100).bytes), (Duration::ZERO, 2_500));
    assert_eq!(overdue(150).age, Duration::from_secs(30), "the deletion");
    assert_eq!(overdue(190).age, Duration::from_secs(70));
}

#[test]
fn all_that_came_lately_does_not_go_at_once() {
    let now = |seconds: i64| Timestamp::from_nanos(seconds * 1_000_000_000);
    let mut state = State {
        hold: None,
        look: None,
        clocks: None,
        newest: None,
    };
    let mut judge = |newest: i64, allowed: Option<i64>, monotonic: u64| {
        let look = Look {
            now: now(10_000_000 + monotonic as i64),
            ahead: jiff::SignedDuration::ZERO,
            leap: None,
        };
        let holdings = Holdings {
            newest: Some(now(newest)),
            allowed: allowed.map(now),
            ..Holdings::default()
        };
        let clocks = (look.now, Duration::from_secs(monotonic));
        state
            .judge(&look, &holdings, clocks, days(30))
            .map(|hold| hold.code())
    };
    assert_eq!(judge(5, None, 0), None, "nobody knows when that came");
    assert_eq!(judge(6, None, 60), Some("all_that_came"));
    assert_eq!(judge(6, None, 120), Some("all_that_came"));
    assert_eq!(judge(6, Some(6), 180), None, "somebody said so");
    assert_eq!(judge(10_000_000, None, 240), None, "something is kept");
}

#[test]
fn the_alert_rules_and_the_documentation_speak_of_metrics_that_there_are() {
    let code = [include_str!("../trim.rs"), include_str!("hold.rs")].concat();
    let operating = include_str!("../../../docs/operating.md");
    let alerts = include_str!("../../../deploy/alerts.yml");
    let words = |text: &'static str| {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        text.split(move |c| !is_word(c))
            .filter(|word| word.starts_with("tailcast_retention_"))
    };
    assert_eq!(words(alerts).collect::<std::collections::BTreeSet<_>>().len(), 4);
    for metric in words(alerts).chain(words(operating)) {
        assert!(code.contains(&format!("\"{metric}\"")), "there is no {metric}");
        assert!(operating.contains(metric), "docs/operating.md lacks {metric}");
    }
    for code in hold::Hold::CODES {
        assert!(
            operating.contains(&format!("| `{code}` |")),
            "docs/operating.md lacks {code}"
        );
    }
    assert!(operating.contains("(../deploy/alerts.yml)"));
}

#[tokio::test]
async fn what_is_said_of_retention_while_it_runs_is_heeded_from_the_next_round_on() {
    let machine = Machine::start(days(30));
    machine.send("s").await;
    machine.pass(5).await;
    assert_eq!(machine.kept("s").await, (0, 1));
    machine.send("s").await;
    machine
        .keeping
        .send_modify(|keeping| keeping.retention = minutes(3));
    machine.pass(1).await;
    assert_eq!(
        machine.kept("s").await,
        (1, 2),
        "the old line is removed, the new one is not"
    );
}

#[tokio::test]
async fn what_is_said_of_how_often_is_heeded_at_once() {
    let machine = Machine::start(days(30));
    machine
        .keeping
        .send_modify(|keeping| keeping.every = Duration::from_secs(DAY));
    for _ in 0..3 {
        machine.send("s").await;
    }
    let (trimmer, stop) = (machine.trimmer.clone(), CancellationToken::new());
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { trimmer.run(stop).await }
    });
    let until = async |reached: &dyn Fn(u64) -> bool| {
        let reached = async {
            while machine.trimmer.state.lock().look.is_none() || !reached(machine.kept("s").await.0) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), reached)
            .await
            .unwrap();
    };
    until(&|first| first == 0).await;
    machine.clock.0.lock().1 += 10;
    machine.keeping.send_modify(|keeping| {
        keeping.every = Duration::from_secs(10);
        keeping.retention.bytes = Some(1);
    });
    until(&|first| first > 0).await;
    stop.cancel();
    running.await.unwrap();
}
