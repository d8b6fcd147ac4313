//! What retention removes, and what it must never change. Readers see a trim at once, whenever the disk does.

use std::sync::Arc;
use std::time::Duration;

use lines::retention::{Hidden, Restored, Retention, Trimmed};
use lines::{AppendError, LogStore, Offset, Pattern, Target};

use crate::place::{
    Place, SetClock, TRIM_BATCHES, append, at, draft, draft_at, extent, keyed, numbered, read_all,
    store_lines, stream,
};

fn age(seconds: u64) -> Retention {
    Retention {
        age: Some(Duration::from_secs(seconds)),
        bytes: None,
    }
}

fn bytes(bytes: u64) -> Retention {
    Retention {
        age: None,
        bytes: Some(bytes),
    }
}

fn removed(batches: u64, lines: u64) -> Trimmed {
    Trimmed {
        batches,
        lines,
        more: false,
    }
}

async fn store_at(store: &dyn LogStore, name: &str, seconds: i64, messages: &[&str]) {
    append(store, draft_at(name, at(seconds), messages))
        .await
        .unwrap();
}

pub(crate) async fn without_limits_nothing_is_removed(place: &Place) {
    let store = place.store().await;
    store_at(&*store, "s", 0, &["a"]).await;
    let kept = store
        .trim(&Retention::default(), at(1_000_000_000))
        .await
        .unwrap();
    assert_eq!(kept, removed(0, 0));
    assert_eq!(extent(&*store, "s").await, (0, 1));
}

pub(crate) async fn what_is_too_old_goes_as_whole_batches(place: &Place) {
    let store = place.store().await;
    store_at(&*store, "s", 0, &["a", "b"]).await;
    store_at(&*store, "s", 10, &["c", "d", "e"]).await;
    store_at(&*store, "s", 20, &["f"]).await;
    store_at(&*store, "t", 15, &["x"]).await;
    let before = store.trim(&age(60), at(60)).await.unwrap();
    assert_eq!(before, removed(0, 0), "exactly as old as allowed");

    assert_eq!(store.trim(&age(60), at(75)).await.unwrap(), removed(2, 5));
    assert_eq!(extent(&*store, "s").await, (5, 6));
    assert_eq!(extent(&*store, "t").await, (0, 1));
    assert_eq!(read_all(&*store, "s", 5).await, numbered(5, &["f"]));
    assert_eq!(store.trim(&age(60), at(75)).await.unwrap(), removed(0, 0));
}

/// Invariant 10.
pub(crate) async fn an_emptied_stream_goes_on_where_it_ended(place: &Place) {
    let store = place.store().await;
    store_at(&*store, "s", 0, &["a", "b", "c"]).await;
    assert_eq!(store.trim(&age(1), at(100)).await.unwrap(), removed(1, 3));
    assert_eq!(extent(&*store, "s").await, (3, 3));
    assert_eq!(read_all(&*store, "s", 0).await, []);
    let listed = store.streams().await.unwrap();
    assert_eq!((listed.len(), listed[0].last_arrival), (1, None));
    assert_eq!(listed[0].extent, store.extents(&[stream("s")]).await.unwrap()[0]);

    drop(store);
    place.close();
    let store = place.store().await;
    assert_eq!(store_lines(&*store, "s", &["d"]).await.first, Offset(3));
    assert_eq!(extent(&*store, "s").await, (3, 4));
    assert_eq!(read_all(&*store, "s", 0).await, numbered(3, &["d"]));
}

/// Invariants 2, 3 and 10: the trap is an appender that knows a head from before others wrote and a trimmer removed.
pub(crate) async fn an_appender_that_slept_through_a_trim_reuses_no_offset(place: &Place) {
    let (sleeper, awake) = (place.store().await, place.store().await);
    store_at(&*sleeper, "s", 0, &["a", "b"]).await;
    store_at(&*awake, "s", 0, &["c", "d", "e"]).await;
    for _ in 0..3 {
        awake.trim(&age(1), at(100)).await.unwrap();
    }
    assert_eq!(extent(&*sleeper, "s").await, (5, 5));
    store_at(&*sleeper, "s", 200, &["f"]).await;
    store_at(&*awake, "s", 200, &["g"]).await;
    assert_eq!(read_all(&*awake, "s", 0).await, numbered(5, &["f", "g"]));
}

pub(crate) async fn reading_below_the_floor_begins_at_the_floor(place: &Place) {
    let store = place.store().await;
    for i in 0..30 {
        store_at(&*store, "s", i, &["x", "y"]).await;
    }
    store.trim(&age(1), at(21)).await.unwrap();
    assert_eq!(extent(&*store, "s").await, (40, 60));
    for (from, expected) in [(0, 40), (1, 40), (39, 40), (40, 40), (41, 40), (43, 42)] {
        let found = store.read(&stream("s"), Offset(from), 1).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].first, Offset(expected), "from {from}");
    }
}

pub(crate) async fn times_below_the_floor_are_not_found(place: &Place) {
    let store = place.store().await;
    store_at(&*store, "s", 0, &["a"]).await;
    store_at(&*store, "s", 50, &["b"]).await;
    store.trim(&age(60), at(100)).await.unwrap();
    assert_eq!(store.first_since(&stream("s"), at(0)).await.unwrap(), Offset(1));
    store.trim(&age(60), at(200)).await.unwrap();
    assert_eq!(store.first_since(&stream("s"), at(0)).await.unwrap(), Offset(2));
}

pub(crate) async fn the_oldest_go_until_the_store_is_small_enough(place: &Place) {
    let store = place.store().await;
    // Noise, so that what is stored is about what was sent.
    let mut noise = 7u64;
    let mut text = || -> String {
        (0..1000)
            .map(|_| {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from(b'!' + (noise >> 33) as u8 % 90)
            })
            .filter(|c| *c != '"' && *c != '\\')
            .collect()
    };
    for i in 0..20 {
        let name = ["a", "b"][i as usize % 2];
        store_at(&*store, name, i, &[&text()]).await;
    }
    assert_eq!(
        store.trim(&bytes(1 << 30), at(1000)).await.unwrap(),
        removed(0, 0)
    );

    let trimmed = store.trim(&bytes(12_000), at(1000)).await.unwrap();
    assert!((6..=13).contains(&trimmed.batches), "{trimmed:?}");
    let ((a, _), (b, _)) = (extent(&*store, "a").await, extent(&*store, "b").await);
    assert_eq!(a + b, trimmed.batches, "whole prefixes went");
    assert!(a == b || a == b + 1, "the oldest of all went first: {a} {b}");
    assert_eq!(store.trim(&bytes(12_000), at(1000)).await.unwrap(), removed(0, 0));

    store.trim(&bytes(0), at(1000)).await.unwrap();
    assert_eq!(extent(&*store, "a").await, (10, 10));
    assert_eq!(extent(&*store, "b").await, (10, 10));
}

pub(crate) async fn a_trim_ends_after_a_bounded_piece_of_work(place: &Place) {
    let store = place.store().await;
    let batches = TRIM_BATCHES + 20;
    for i in 0..batches {
        let name = format!("s/{}", i % 10);
        append(
            &*store,
            keyed(draft_at(&name, at(i as i64), &["x"]), &i.to_string(), 1),
        )
        .await
        .unwrap();
    }
    let first = store.trim(&age(1), at(10_000)).await.unwrap();
    let expected = Trimmed {
        batches: TRIM_BATCHES,
        lines: TRIM_BATCHES,
        more: true,
    };
    assert_eq!(first, expected);
    assert_eq!(store.trim(&age(1), at(10_000)).await.unwrap(), removed(20, 20));
}

/// Every line is counted by one of them, and appends go on beside them.
pub(crate) async fn trimming_at_once_is_safe(place: &Place) {
    let stores = [place.store().await, place.store().await, place.store().await];
    for i in 0..60 {
        store_at(&*stores[0], &format!("s/{}", i % 6), i, &["x", "y"]).await;
    }
    let trims = stores.iter().map(|store| async {
        let mut lines = 0;
        for _ in 0..3 {
            lines += store.trim(&age(30), at(60)).await.unwrap().lines;
        }
        lines
    });
    let append = store_at(&*stores[0], "s/0", 59, &["z"]);
    let (counted, ()) = tokio::join!(futures_util::future::join_all(trims), append);
    assert_eq!(counted.iter().sum::<u64>(), 60);
    let mut kept = Vec::new();
    for i in 0..6 {
        kept.push(extent(&*stores[1], &format!("s/{i}")).await);
    }
    assert_eq!(kept, [(10, 21), (10, 20), (10, 20), (10, 20), (10, 20), (10, 20)]);
}

/// Stamps of a clock that was ahead, as older versions wrote them.
pub(crate) async fn what_was_stamped_in_the_future_goes_with_what_follows_it(place: &Place) {
    let store = place.store().await;
    let future = 300 * 86_400;
    for (seconds, message) in [
        (future, "a"),
        (0, "b"),
        (future, "c"),
        (1, "d"),
        (future, "e"),
        (90, "f"),
    ] {
        store_at(&*store, "s", seconds, &[message]).await;
    }
    store_at(&*store, "t", 2, &["x"]).await;
    assert_eq!(store.trim(&age(60), at(100)).await.unwrap(), removed(5, 5));
    assert_eq!(read_all(&*store, "s", 0).await, numbered(4, &["e", "f"]));
    assert_eq!(extent(&*store, "t").await, (1, 1));
}

/// A batch stamped by a clock that was behind waits for those before it, and holds nobody else up.
pub(crate) async fn what_waits_behind_younger_lines_holds_no_other_stream_up(place: &Place) {
    let store = place.store().await;
    store_at(&*store, "s", 1_000, &["young"]).await;
    for i in 0..TRIM_BATCHES as i64 + 20 {
        store_at(&*store, "s", i, &["x"]).await;
    }
    store_at(&*store, "t", 500, &["x"]).await;
    while store.trim(&age(60), at(1_010)).await.unwrap().more {}
    assert_eq!(
        (extent(&*store, "s").await.0, extent(&*store, "t").await),
        (0, (1, 1))
    );
    // Once they are old, too, they go all together: at the latest an hour later.
    while store.trim(&age(60), at(5_000)).await.unwrap().more {}
    assert_eq!(extent(&*store, "s").await.0, TRIM_BATCHES + 21);
}

/// Invariants 3 and 10.
pub(crate) async fn what_a_floor_hid_comes_back_as_it_was(place: &Place) {
    let store = place.store().await;
    append(&*store, keyed(draft_at("s", at(0), &["a", "b"]), "key", 1))
        .await
        .unwrap();
    store_at(&*store, "s", 10, &["c"]).await;
    store_at(&*store, "t", 0, &["x"]).await;
    let whole = store.read(&stream("s"), Offset(0), usize::MAX).await.unwrap();
    store.trim(&age(5), at(100)).await.unwrap();
    assert_eq!(
        (extent(&*store, "s").await, extent(&*store, "t").await),
        ((3, 3), (1, 1))
    );
    let hidden = store.hidden(10).await.unwrap();
    let spans: Vec<_> = hidden
        .iter()
        .map(|it| (it.stream.as_str(), it.from.0, it.to.0))
        .collect();
    assert_eq!(spans, [("s", 0, 3), ("t", 0, 1)]);
    assert!(hidden.iter().all(|it| it.bytes > 0));
    store_at(&*store, "s", 99, &["d"]).await;

    let restored = store.restore(&Hidden::All).await.unwrap();
    let came_back = |name, to| Restored {
        stream: stream(name),
        from: Offset(0),
        to: Offset(to),
    };
    assert_eq!(restored, [came_back("s", 3), came_back("t", 1)]);
    assert_eq!(
        (extent(&*store, "s").await, extent(&*store, "t").await),
        ((0, 4), (0, 1))
    );
    let read = store.read(&stream("s"), Offset(0), usize::MAX).await.unwrap();
    assert_eq!(read[..whole.len()], whole);
    assert_eq!(
        store_lines(&*store, "s", &["e"]).await.first,
        Offset(4),
        "offsets go on"
    );
    let again = append(&*store, keyed(draft_at("s", at(0), &["a", "b"]), "key", 1)).await;
    assert!(matches!(again, Err(AppendError::KeysUsed(_))), "{again:?}");
    assert_eq!(store.hidden(10).await.unwrap(), []);
    assert_eq!(store.restore(&Hidden::All).await.unwrap(), []);
}

pub(crate) async fn only_what_is_meant_comes_back(place: &Place) {
    let store = place.store().await;
    for name in ["a/b", "a/c", "d", "@alice"] {
        store_at(&*store, name, 0, &["x"]).await;
    }
    store.trim(&age(5), at(100)).await.unwrap();
    let which = Hidden::Of(vec![
        Target::Pattern(Pattern::parse("a/*").unwrap()),
        Target::Stream(stream("@alice")),
        Target::Stream(stream("never")),
    ]);
    let restored = store.restore(&which).await.unwrap();
    let names: Vec<_> = restored.iter().map(|it| it.stream.as_str()).collect();
    assert_eq!(names, ["@alice", "a/b", "a/c"]);
    assert_eq!(
        (extent(&*store, "d").await, extent(&*store, "a/b").await),
        ((1, 1), (0, 1))
    );
}

pub(crate) async fn what_came_back_stays_until_somebody_says_that_it_may_go(place: &Place) {
    let store = place.store().await;
    store_at(&*store, "s", 0, &["a"]).await;
    store_at(&*store, "t", 50, &["x"]).await;
    store.trim(&age(20), at(100)).await.unwrap();
    store.restore(&Hidden::All).await.unwrap();
    assert_eq!(store.trim(&age(20), at(100)).await.unwrap(), removed(0, 0));
    assert_eq!(store.holdings().await.unwrap().held_streams, 2);
    // By a clock that is right, `t` is young: there is no reason to hold it any more.
    assert_eq!(store.trim(&age(20), at(60)).await.unwrap(), removed(0, 0));
    assert_eq!(store.holdings().await.unwrap().held_streams, 1);
    assert_eq!(store.trim(&age(20), at(5_000)).await.unwrap(), removed(1, 1));
    assert_eq!(
        (extent(&*store, "s").await, extent(&*store, "t").await),
        ((0, 1), (1, 1))
    );
    store.allow().await.unwrap();
    assert_eq!(store.trim(&age(20), at(5_000)).await.unwrap(), removed(1, 1));
    store.restore(&Hidden::All).await.unwrap();
    assert_eq!(
        store.trim(&bytes(0), at(5_000)).await.unwrap(),
        removed(2, 2),
        "size heeds it not"
    );
}

pub(crate) async fn lines_are_stamped_by_the_stores_clock_and_never_earlier_than_those_before(place: &Place) {
    let clock = Arc::new(SetClock::default());
    let store = place.store_by(&clock).await;
    let mut stamps = Vec::new();
    let future = 300 * 86_400;
    for seconds in [100, 130, 90, future, 140, 150] {
        clock.set(seconds);
        // So that a reading of the clock does not serve for the next line.
        clock.pass(61);
        let mut now = draft("s", &["x"]);
        now.arrived = None;
        let stored = append(&*store, now).await.unwrap();
        stamps.push((stored.arrived.nanos() - at(61).nanos()) / 1_000_000_000);
    }
    assert_eq!(
        stamps,
        [100, 130, 130, future, 140, 150],
        "one that cannot be right is not followed"
    );
    let found = store.read(&stream("s"), Offset(0), usize::MAX).await.unwrap();
    let read: Vec<_> = found
        .iter()
        .map(|it| (it.arrived.nanos() - at(61).nanos()) / 1_000_000_000)
        .collect();
    assert_eq!(read, stamps);
}

pub(crate) async fn a_clock_that_leaps_is_known_again_after_a_restart(place: &Place) {
    let clock = Arc::new(SetClock::default());
    let store = place.store_by(&clock).await;
    assert_eq!(store.look().await.unwrap().leap, None);
    drop(store);
    clock.set(31 * 86_400);
    let store = place.store_by(&clock).await;
    let leap = store.look().await.unwrap().leap.unwrap();
    assert_eq!(
        (leap.by.as_secs(), leap.believed_in),
        (31 * 86_400, Duration::from_secs(86_400))
    );
    store.allow().await.unwrap();
    assert_eq!(store.look().await.unwrap().leap, None);
    drop(store);
    let store = place.store_by(&clock).await;
    assert_eq!(store.look().await.unwrap().leap, None);
}
