//! Sessions that follow the same streams, whatever happens to them, to the streams and to the node: each is told of every
//! stream what it would be told alone.

mod client;
mod reader;

use std::sync::Arc;
use std::time::Duration;

use auth::{Claims, Key, Minter, Subscriber, Verifier};
use dispatch::{MemoryTable, NodeId};
use edge::sieve::{Sieve, SieveLimits};
use lines::log_store::Draft;
use lines::retention::Retention;
use lines::{Hint, HintSink, LogReader, LogStore, Offset, StreamName, Timestamp};
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use self::reader::Reader;
use super::owed::Owed;
use super::subscribe;
use crate::memory_store::MemoryStore;
use crate::testing::batch;
use crate::{Limits, Parts, Push};

const STREAMS: [&str; 5] = ["app/a", "app/b", "app/c", "app/d", "app/e"];
const TARGETS: [&[&str]; 4] = [&["app/*"], &["app/**"], &["app/a", "app/b", "app/c"], &["app/a"]];
const IDS: [&str; 2] = ["1", "2"];
const WIDE: &str = "app/*";
const NARROW: [&str; 2] = ["app/a", "app/d"];

/// What happens; to one of the readers, where it is said which.
#[derive(Debug, Clone)]
enum Step {
    /// So many lines are stored; their hint is lost, or not.
    Stored(usize, u32, bool),
    /// Retention takes a part of everything.
    Trimmed(u64),
    /// Ticks pass.
    Passed(u64),
    /// It takes so many bytes of what there is.
    Taken(usize, usize),
    Subscribed(usize, usize, usize, Option<u64>),
    Unsubscribed(usize, usize),
    Paused(usize, usize, bool),
    /// To a part of the stream, in percent, or to the head.
    Sought(usize, usize, Option<u64>),
    /// With a token that allows all, or little.
    Granted(usize, bool),
    /// The connection is gone, and another one begins.
    Gone(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (who, id, stream) = (|| 0..3usize, || 0..IDS.len(), || 0..STREAMS.len());
    let room = prop_oneof![2 => Just(usize::MAX), 1 => 0..3_000usize];
    let last = prop::option::of(0..40u64);
    prop_oneof![
        12 => (stream(), 1..12u32, prop::bool::weighted(0.9)).prop_map(|(at, count, hinted)| Step::Stored(at, count, hinted)),
        1 => (0..100u64).prop_map(Step::Trimmed),
        4 => (1..40u64).prop_map(Step::Passed),
        10 => (who(), room).prop_map(|(who, room)| Step::Taken(who, room)),
        5 => (who(), id(), 0..TARGETS.len(), last).prop_map(|(who, id, target, last)| Step::Subscribed(who, id, target, last)),
        1 => (who(), id()).prop_map(|(who, id)| Step::Unsubscribed(who, id)),
        1 => (who(), id(), prop::bool::weighted(0.3)).prop_map(|(who, id, paused)| Step::Paused(who, id, paused)),
        1 => (who(), stream(), prop::option::of(0..100u64)).prop_map(|(who, at, to)| Step::Sought(who, at, to)),
        1 => (who(), prop::bool::weighted(0.4)).prop_map(|(who, wide)| Step::Granted(who, wide)),
        1 => who().prop_map(Step::Gone),
    ]
}

/// A node with a store, and three who read.
struct World {
    push: Arc<Push>,
    store: Arc<MemoryStore>,
    wide: Subscriber,
    narrow: Subscriber,
    readers: Vec<Reader>,
    _stop: tokio_util::sync::DropGuard,
}

impl World {
    async fn new(feeds_bytes: usize, group_bytes: usize) -> Self {
        let key = Key::from_text("a key of at least thirty-two bytes").unwrap();
        let verifier = Arc::new(Verifier::hs256(&key, "tailcast"));
        let subscriber = |read: &[&str]| {
            let mut claims = Claims::new("alice", auth::token::unix_now() + 1_000_000);
            claims.read = read.iter().map(|&of| of.to_owned()).collect();
            let token = Minter::hs256(&key, "tailcast").mint(&claims).unwrap();
            verifier.check(&token).unwrap()
        };
        let (wide, narrow) = (subscriber(&[WIDE]), subscriber(&NARROW));
        let store = Arc::<MemoryStore>::default();
        let push = Push::new(Parts {
            sieve: Sieve::new(SieveLimits::default()),
            store: Arc::clone(&store) as Arc<dyn LogReader>,
            routes: Arc::new(MemoryTable::default()),
            node: NodeId::from_text("this-node"),
            verifier,
            admission: tokio::sync::watch::channel(crate::AdmissionLimits::default()).1,
            fan_out: tokio::runtime::Handle::current(),
            limits: Limits {
                announce_within: Duration::ZERO,
                frame_bytes: 300,
                feed_bytes: 2_000,
                feeds_bytes,
                group_bytes,
                replay_bytes: 1_000,
                head_first: Duration::from_millis(50),
                head_last: Duration::from_millis(400),
                list_every: Duration::from_millis(300),
                ..Limits::default()
            },
        });
        let stop = CancellationToken::new();
        let (running, until) = (Arc::clone(&push), stop.clone());
        tokio::spawn(async move { running.run(until).await });
        Self {
            readers: (0..3).map(|_| Reader::new(&push, &wide)).collect(),
            push,
            store,
            wide,
            narrow,
            _stop: stop.drop_guard(),
        }
    }

    async fn head(&self, stream: &str) -> u64 {
        let streams = [StreamName::parse(stream).unwrap()];
        self.store.extents(&streams).await.unwrap()[0].next.0
    }

    /// Stores lines, and says so, or not.
    async fn stored(&self, stream: &str, count: u32, hinted: bool) {
        let first = self.head(stream).await;
        let batch = batch(stream, first, count);
        let draft = Draft {
            stream: batch.stream.clone(),
            arrived: Some(Timestamp::from_nanos(first as i64 * 1_000_000_000)),
            lines: batch.lines.clone(),
            keys: Vec::new(),
        };
        let batch = self.store.append(vec![draft]).await.remove(0).unwrap();
        if hinted {
            self.push.hand_off(Hint::Batch(batch));
        }
    }

    async fn trimmed(&self, percent: u64) {
        let mut most = 0;
        for stream in STREAMS {
            most = most.max(self.head(stream).await);
        }
        let retention = Retention {
            age: Some(Duration::from_nanos(1)),
            bytes: None,
        };
        let now = Timestamp::from_nanos((most * percent / 100) as i64 * 1_000_000_000 + 1);
        self.store.trim(&retention, now).await.unwrap();
    }

    async fn apply(&mut self, step: &Step) {
        let push = Arc::clone(&self.push);
        match *step {
            Step::Stored(at, count, hinted) => self.stored(STREAMS[at], count, hinted).await,
            Step::Trimmed(percent) => self.trimmed(percent).await,
            Step::Passed(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
            Step::Taken(who, room) => self.readers[who].take(room, Duration::from_millis(1)).await,
            Step::Subscribed(who, id, target, last) => {
                self.readers[who]
                    .subscribe(&push, IDS[id], TARGETS[target], last)
                    .await;
            }
            Step::Unsubscribed(who, id) => self.readers[who].unsubscribe(IDS[id]).await,
            Step::Paused(who, id, paused) => drop(self.readers[who].session.cursors.pause(IDS[id], paused)),
            Step::Sought(who, at, percent) => self.readers[who].seek(&push, STREAMS[at], percent).await,
            Step::Granted(who, wide) => {
                let subscriber = if wide { &self.wide } else { &self.narrow };
                let reader = &mut self.readers[who];
                reader.session.regrant(subscriber.clone(), &mut reader.out.owed);
                reader.hear();
            }
            Step::Gone(who) => self.readers[who] = Reader::new(&push, &self.wide),
        }
    }

    /// In the end everybody has everything, and what it asked for together with others comes from the group.
    async fn settle(&mut self) {
        for reader in &mut self.readers {
            reader.session.regrant(self.wide.clone(), &mut reader.out.owed);
            reader.hear();
            for id in IDS {
                reader.session.cursors.pause(id, false);
            }
        }
        for stream in STREAMS {
            self.stored(stream, 1, true).await;
        }
        for _ in 0..200 {
            for reader in &mut self.readers {
                reader.take(usize::MAX, Duration::from_millis(20)).await;
            }
            if self.unsettled().await.is_none() {
                return;
            }
        }
        panic!("never came: {:?}", self.unsettled().await);
    }

    async fn unsettled(&self) -> Option<String> {
        for (who, reader) in self.readers.iter().enumerate() {
            for stream in reader.session.cursors.streams() {
                let (known, head) = (
                    reader.client.places.get(stream.as_str()),
                    self.head(stream.as_str()).await,
                );
                let at_head = known.is_some_and(|known| known.next == head && !known.waits_for_live);
                if !at_head {
                    return Some(format!("{who}: {stream} is at {known:?} of {head}"));
                }
            }
            if let Some(alone) = reader.alone().first() {
                return Some(format!("{who}: {alone} has a cursor of its own"));
            }
        }
        None
    }
}

fn run(story: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(story);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_shrink_time: 60_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Invariants 3, 6 and 7.
    #[test]
    fn who_follows_a_group_gets_every_line_once_and_in_order_whatever_happens(
        (feeds_bytes, group_bytes) in prop::sample::select(vec![(usize::MAX, usize::MAX), (usize::MAX, 1_500), (6_000, 4_000)]),
        steps in prop::collection::vec(step(), 1..150),
    ) {
        run(async {
            let mut world = World::new(feeds_bytes, group_bytes).await;
            for step in &steps {
                world.apply(step).await;
                world.readers.iter().for_each(Reader::check_accounts);
            }
            world.settle().await;
        });
    }
}

/// Three who have all streams from their group, with a line of each.
async fn in_lockstep() -> World {
    let mut world = World::new(usize::MAX, 20_000).await;
    for stream in STREAMS {
        world.stored(stream, 1, true).await;
    }
    let push = Arc::clone(&world.push);
    for reader in &mut world.readers {
        reader.subscribe(&push, "1", &["app/*"], None).await;
    }
    world.settle().await;
    world
}

#[test]
fn what_comes_at_a_tick_is_one_piece_for_each_and_the_same_bytes_for_all() {
    run(async {
        let mut world = in_lockstep().await;
        for stream in STREAMS {
            world.stored(stream, 1, true).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let mut joined = Vec::new();
        for reader in &mut world.readers {
            reader
                .session
                .react(crate::session::Happened::News, &mut Vec::new());
            let mut owed = Vec::new();
            while reader.session.cursors.next(&mut owed) == super::Step::Sent {}
            let pieces = owed.into_iter().filter_map(|owed| match owed {
                Owed::Joined(piece) => Some(piece),
                _ => None,
            });
            joined.push(pieces.collect::<Vec<_>>());
        }
        // What one frame may have goes for what is joined.
        assert!(joined[0].len() < STREAMS.len(), "{joined:?}");
        assert_eq!(joined[0].iter().map(|piece| piece.lines).sum::<u64>(), 5);
        for other in &joined[1..] {
            for (one, other) in joined[0].iter().zip(other) {
                assert_eq!(one.bytes.as_ptr(), other.bytes.as_ptr());
            }
        }
    });
}

#[test]
fn a_session_that_follows_holds_nothing_for_each_of_its_streams() {
    run(async {
        let world = in_lockstep().await;
        for reader in &world.readers {
            let cursors = &reader.session.cursors;
            assert_eq!(cursors.streams().len(), STREAMS.len());
            assert!(cursors.slots.capacity() <= 2 && cursors.by_stream.streams().next().is_none());
        }
    });
}

#[test]
fn who_takes_nothing_falls_back_and_is_with_the_others_again_later() {
    run(async {
        let mut world = in_lockstep().await;
        for _ in 0..200 {
            for stream in STREAMS {
                world.stored(stream, 1, true).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            for reader in &mut world.readers[1..] {
                reader.take(usize::MAX, Duration::from_millis(1)).await;
                assert_eq!(reader.alone(), [""; 0], "one that keeps up stays");
            }
        }
        world.readers[0].take(1, Duration::from_millis(1)).await;
        assert_eq!(world.readers[0].alone().len(), STREAMS.len());
        world.settle().await;
    });
}

#[test]
fn one_stream_that_is_sought_in_leaves_the_others_where_they_are() {
    run(async {
        let mut world = in_lockstep().await;
        let push = Arc::clone(&world.push);
        world.stored("app/a", 5, true).await;
        world.readers[0].seek(&push, "app/a", Some(0)).await;
        assert_eq!(world.readers[0].alone(), ["app/a"]);
        world.settle().await;
        let head = world.head("app/a").await;
        assert_eq!(world.readers[0].client.known("app/a").next, head);
    });
}

#[test]
fn lines_that_the_feed_lost_are_read_by_each_and_the_others_come_joined() {
    run(async {
        let mut world = in_lockstep().await;
        world.stored("app/b", 3, false).await;
        world.stored("app/b", 3, true).await;
        world.stored("app/c", 3, true).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let head = Offset(world.head("app/b").await);
        for reader in &mut world.readers {
            reader.take(usize::MAX, Duration::from_millis(1)).await;
            assert_eq!(reader.client.known("app/b").next, head.0);
        }
        world.settle().await;
    });
}
