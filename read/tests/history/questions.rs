//! A store that many readers ask at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use lines::log_store::Draft;
use lines::{Extent, Level, Lines, LogReader, LogStore, Offset, StoreError, StreamName};
use read::{QuestionLimits, Questions};
use tokio::runtime::{Builder, Handle};
use tokio::time::{Instant, timeout};

use crate::faulty_store::{DEADLINE, FaultyStore};
use crate::fixture::line;

fn name(text: &str) -> StreamName {
    StreamName::parse(text).unwrap()
}

fn questions() -> (Arc<FaultyStore>, Arc<Questions>) {
    let store = Arc::<FaultyStore>::default();
    let asked = Arc::clone(&store) as Arc<dyn LogReader>;
    let limits = QuestionLimits {
        heads: 2,
        ..QuestionLimits::default()
    };
    (store, Questions::new(asked, limits, Handle::current()))
}

/// Gives a stream so many lines.
async fn fill(store: &FaultyStore, stream: &str, count: usize) {
    let lines: Vec<_> = (0..count).map(|_| line(0, Level::Info, "x")).collect();
    let draft = Draft {
        stream: name(stream),
        arrived: None,
        lines: Lines::encode(&lines).unwrap(),
        keys: Vec::new(),
    };
    store.append(vec![draft]).await.remove(0).unwrap();
}

fn extent(next: u64) -> Extent {
    Extent {
        first_available: Offset::ZERO,
        next: Offset(next),
        ..Extent::default()
    }
}

#[tokio::test]
async fn the_epoch_is_asked_for_once() {
    let (store, questions) = questions();
    let epoch = questions.epoch().await.unwrap();
    store.away.store(true, Ordering::SeqCst);
    assert_eq!(questions.epoch().await.unwrap(), epoch);
}

#[tokio::test]
async fn heads_that_are_asked_for_meanwhile_go_in_one_question() {
    let (store, questions) = questions();
    fill(&store, "a", 1).await;
    fill(&store, "b", 2).await;
    let (one, other) = ([name("a"), name("b")], [name("b"), name("nobody"), name("a")]);
    let ones = (0..50).map(|_| questions.extents(&one));
    let others = (0..50).map(|_| questions.extents(&other));
    let (ones, others) = tokio::join!(join_all(ones), join_all(others));
    for answer in ones {
        assert_eq!(answer.unwrap(), [extent(1), extent(2)]);
    }
    for answer in others {
        assert_eq!(answer.unwrap(), [extent(2), extent(0), extent(1)]);
    }
    // Three streams, two in a round trip.
    assert_eq!(store.heads.load(Ordering::SeqCst), 2);
    assert_eq!(questions.extents(&[]).await.unwrap(), []);
    assert_eq!(store.heads.load(Ordering::SeqCst), 2, "nothing costs nothing");
}

/// Invariant 5 rests on it.
#[tokio::test]
async fn what_is_stored_before_a_question_is_in_its_answer_whatever_is_under_way() {
    let (store, questions) = questions();
    let ask = |questions: &Arc<Questions>| {
        let questions = Arc::clone(questions);
        tokio::spawn(async move { questions.extents(&[name("a")]).await.unwrap() })
    };
    let mut under_way = Vec::new();
    for count in 1..=50 {
        fill(&store, "a", 1).await;
        under_way.push(ask(&questions));
        assert_eq!(questions.extents(&[name("a")]).await.unwrap(), [extent(count)]);
    }
    for (count, answer) in (1..).zip(under_way) {
        assert!(answer.await.unwrap()[0].next >= Offset(count));
    }
}

#[tokio::test]
async fn a_stream_that_cannot_be_answered_fails_nobody_elses_question() {
    let (store, questions) = questions();
    fill(&store, "good", 3).await;
    *store.corrupt.lock() = Some("bad".to_owned());
    let (good, bad) = ([name("good")], [name("bad")]);
    // The first goes alone, the others together.
    let first = questions.extents(&good);
    let (first, bad, good) = tokio::join!(first, questions.extents(&bad), questions.extents(&good));
    assert_eq!(first.unwrap(), [extent(3)]);
    assert!(matches!(bad, Err(StoreError::Corrupt { .. })));
    assert_eq!(good.unwrap(), [extent(3)]);
}

#[tokio::test(start_paused = true)]
async fn the_stores_own_deadline_is_the_only_one() {
    let (store, questions) = questions();
    store.silent.store(true, Ordering::SeqCst);
    let began = Instant::now();
    let stream = name("a");
    let read = questions.read(&stream, Offset::ZERO, 1).await;
    assert!(matches!(read, Err(StoreError::Timeout(DEADLINE))));
    assert_eq!(began.elapsed().as_secs(), DEADLINE.as_secs());
    let extents = questions.extents(std::slice::from_ref(&stream)).await;
    assert!(matches!(extents, Err(StoreError::Timeout(DEADLINE))));
    assert_eq!(began.elapsed().as_secs(), 2 * DEADLINE.as_secs());
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_heads_while_the_store_is_silent_waits_no_longer_than_who_asked_before() {
    let (store, questions) = questions();
    store.silent.store(true, Ordering::SeqCst);
    let began = Instant::now();
    let streams = [name("a")];
    let late = async {
        tokio::time::sleep(DEADLINE / 2).await;
        questions.extents(&streams).await
    };
    let (first, late) = tokio::join!(questions.extents(&streams), late);
    assert!(matches!(first, Err(StoreError::Timeout(DEADLINE))));
    assert!(matches!(late, Err(StoreError::Timeout(DEADLINE))));
    assert_eq!(began.elapsed().as_secs(), DEADLINE.as_secs());
    store.silent.store(false, Ordering::SeqCst);
    assert_eq!(questions.extents(&streams).await.unwrap(), [extent(0)]);
}

#[tokio::test(start_paused = true)]
async fn all_who_wait_for_a_listing_that_fails_share_its_failure_and_who_comes_later_does_not() {
    let (store, questions) = questions();
    store.silent.store(true, Ordering::SeqCst);
    let began = Instant::now();
    let late = async {
        tokio::time::sleep(DEADLINE / 2).await;
        questions.streams().await
    };
    let (first, late) = tokio::join!(questions.streams(), late);
    assert!(matches!(first, Err(StoreError::Timeout(DEADLINE))));
    assert!(matches!(late, Err(StoreError::Timeout(DEADLINE))));
    assert!(began.elapsed() < DEADLINE + Duration::from_secs(1));
    store.silent.store(false, Ordering::SeqCst);
    fill(&store, "a", 1).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    let listing = questions
        .streams_within(Duration::from_secs(3_600))
        .await
        .unwrap();
    assert_eq!(listing[0].name, name("a"));
}

#[tokio::test]
async fn readers_and_sessions_share_one_listing() {
    let (store, questions) = questions();
    fill(&store, "a", 1).await;
    let asked = (0..20).map(|_| questions.streams());
    let old_enough = (0..20).map(|_| questions.streams_within(Duration::from_secs(60)));
    let (fresh, older) = tokio::join!(join_all(asked), join_all(old_enough));
    let first = fresh[0].as_ref().unwrap();
    let all = fresh.iter().chain(&older);
    assert!(
        all.map(|listing| listing.as_ref().unwrap())
            .all(|listing| Arc::ptr_eq(listing, first))
    );
    assert_eq!(store.listings.load(Ordering::SeqCst), 1);
    assert!(Arc::ptr_eq(&questions.latest_streams(), first));
}

#[tokio::test]
async fn a_question_whose_asker_went_away_holds_up_nobody() {
    let (store, questions) = questions();
    fill(&store, "a", 1).await;
    *store.listing_takes.lock() = Duration::from_millis(20);
    let gone = timeout(Duration::from_millis(1), questions.streams()).await;
    assert!(gone.is_err());
    assert_eq!(questions.streams().await.unwrap().len(), 1);
}

#[test]
fn what_is_asked_for_all_is_asked_on_the_threads_of_the_node_whoever_comes_first() {
    let threads = |name: &str| {
        let mut runtime = Builder::new_multi_thread();
        runtime.worker_threads(1).thread_name(name).enable_all();
        runtime.build().unwrap()
    };
    let (ground, sessions) = (threads("ground"), threads("sessions"));
    let (store, questions) = ground.block_on(async { questions() });
    ground.block_on(fill(&store, "a", 1));
    let asked = sessions.spawn(async move {
        let heads = questions.extents(&[name("a")]).await.unwrap();
        (heads, questions.streams().await.unwrap().len())
    });
    assert_eq!(sessions.block_on(asked).unwrap(), (vec![extent(1)], 1));
    assert_eq!(*store.asked_on.lock(), ["ground", "ground"]);
}
