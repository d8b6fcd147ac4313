//! Batches that went bad in the database: what lies around them is served, and they are named.

use lines::{LogStore, Offset, StoreError};

use crate::damaging::Spoil;
use crate::place::{Place, append, at, draft_at, extent, numbered, read_all, store_lines, stream};

/// What a reader gets from an offset on, page by page: messages, and the ends of what is damaged.
async fn walk(store: &dyn LogStore, from: u64) -> (Vec<(u64, String)>, Vec<(u64, u64)>) {
    let (mut lines, mut damaged) = (Vec::new(), Vec::new());
    let mut from = Offset(from);
    loop {
        match store.read(&stream("s"), from, 1).await {
            Ok(batches) => {
                let Some(last) = batches.last() else {
                    return (lines, damaged);
                };
                lines.extend(batches.iter().flat_map(|batch| crate::place::messages(batch)));
                from = last.next();
            }
            Err(StoreError::Damaged(damage)) => {
                assert_eq!(damage.stream, stream("s"));
                assert!(damage.to > from, "{damage}");
                damaged.push((damage.from.0, damage.to.0));
                from = damage.to;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Three batches, 0..2, 2..5 and 5..6.
async fn three_batches(store: &dyn LogStore) {
    for messages in [&["a", "b"][..], &["c", "d", "e"], &["f"]] {
        store_lines(store, "s", messages).await;
    }
}

pub(crate) async fn what_is_sound_is_read_before_damage_and_after_it(place: &Place) {
    for spoil in [
        Spoil::Lines,
        Spoil::NotUtf8,
        Spoil::NoObjects,
        Spoil::Count,
        Spoil::Gone,
    ] {
        let store = place.store().await;
        let begins = extent(&*store, "s").await.1;
        three_batches(&*store).await;
        place.spoil("s", begins + 2, spoil).await;
        let mut sound = numbered(begins, &["a", "b"]);
        sound.extend(numbered(begins + 5, &["f"]));
        let found = walk(&*store, begins).await;
        assert_eq!(found, (sound, vec![(begins + 2, begins + 5)]), "{spoil:?}");
    }
}

/// Invariants 2 and 10: no offset is given twice, whatever became of those who had it.
pub(crate) async fn a_stream_goes_on_behind_a_damaged_end(place: &Place) {
    let store = place.store().await;
    three_batches(&*store).await;
    place.spoil("s", 5, Spoil::Lines).await;
    assert_eq!(extent(&*store, "s").await, (0, 6));
    assert_eq!(store_lines(&*store, "s", &["g"]).await.first, Offset(6));
    let (_, damaged) = walk(&*store, 0).await;
    assert_eq!(damaged, [(5, 6)]);
    assert_eq!(read_all(&*store, "s", 6).await, numbered(6, &["g"]));
}

pub(crate) async fn an_end_that_does_not_say_how_long_it_is_gives_no_offset_twice(place: &Place) {
    let before = place.store().await;
    three_batches(&*before).await;
    place.spoil("s", 5, Spoil::Count).await;
    // A store that has no end in memory.
    place.close();
    drop(before);
    let store = place.store().await;
    let (_, head) = extent(&*store, "s").await;
    assert!(head > 100_000, "as many as a batch can have: {head}");
    assert_eq!(store_lines(&*store, "s", &["g"]).await.first, Offset(head));
    let (lines, damaged) = walk(&*store, 5).await;
    assert_eq!((lines, damaged), (numbered(head, &["g"]), vec![(5, head)]));
    let listed = store.streams().await.unwrap();
    assert_eq!(listed[0].extent.next, Offset(head + 1));
}

pub(crate) async fn a_time_in_a_damaged_batch_begins_with_the_batch(place: &Place) {
    let store = place.store().await;
    for seconds in [1, 5, 9] {
        append(&*store, draft_at("s", at(seconds), &["x", "y"]))
            .await
            .unwrap();
    }
    place.spoil("s", 2, Spoil::Lines).await;
    for (since, first) in [(0, 0), (2, 2), (5, 2), (6, 4), (10, 6)] {
        let found = store.first_since(&stream("s"), at(since)).await.unwrap();
        assert_eq!(found, Offset(first), "since {since}");
    }
}
