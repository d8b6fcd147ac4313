//! What holds when several write and read at once, each through a store object of its own where there can be several.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use lines::{AppendError, Batch, Offset};

use crate::place::{Place, append, draft, extent, keyed, messages, numbered, read_all, stream};

/// Invariants 2 and 3: every appender's answer is exactly what is read at these offsets afterwards.
pub(crate) async fn appenders_that_race_leave_no_hole_and_no_overlap(place: &Place) {
    const APPENDS: usize = 150;
    let appenders: Vec<_> = [place.store().await, place.store().await]
        .into_iter()
        .enumerate()
        .map(|(who, store)| {
            tokio::spawn(async move {
                let mut stored: Vec<Arc<Batch>> = Vec::new();
                for i in 0..APPENDS {
                    let texts: Vec<String> = (0..=i % 3).map(|n| format!("{who} {i} {n}")).collect();
                    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                    stored.push(append(&*store, draft("race", &texts)).await.unwrap());
                }
                stored
            })
        })
        .collect();
    let mut answered = BTreeMap::new();
    for appender in appenders {
        let stored = appender.await.unwrap();
        assert!(
            stored.is_sorted_by_key(|batch| batch.first),
            "an appender's own order is kept"
        );
        for (offset, message) in stored.iter().flat_map(|batch| messages(batch)) {
            assert_eq!(
                answered.insert(offset, message),
                None,
                "offset {offset} was given twice"
            );
        }
    }
    let store = place.store().await;
    let answered: Vec<_> = answered.into_iter().collect();
    assert_eq!(answered.len(), 4 * APPENDS);
    assert_eq!(read_all(&*store, "race", 0).await, answered);
    assert_eq!(extent(&*store, "race").await, (0, answered.len() as u64));
}

/// Invariant 4: whoever wins, everybody learns the same place.
pub(crate) async fn a_key_that_races_is_stored_once(place: &Place) {
    let stores = [place.store().await, place.store().await];
    for round in 0..40 {
        let key = format!("key {round}");
        let attempts = stores
            .iter()
            .map(|store| append(&**store, keyed(draft("race", &["the", "same"]), &key, 1)));
        let places: Vec<(Offset, Offset)> = futures_util::future::join_all(attempts)
            .await
            .into_iter()
            .map(|outcome| match outcome {
                Ok(batch) => (batch.first, batch.next()),
                Err(AppendError::KeysUsed(used)) => (used[0].first, used[0].next),
                Err(other) => panic!("nothing else can come of it: {other}"),
            })
            .collect();
        assert_eq!(places, [(Offset(2 * round), Offset(2 * round + 2)); 2]);
    }
    let expected: Vec<&str> = (0..40).flat_map(|_| ["the", "same"]).collect();
    assert_eq!(read_all(&*stores[0], "race", 0).await, numbered(0, &expected));
}

/// Invariants 2 and 3.
pub(crate) async fn readers_beside_an_appender_see_each_line_once_and_in_order(place: &Place) {
    const LINES: u64 = 100;
    let (writing, reading) = (place.store().await, place.store().await);
    let writer = tokio::spawn(async move {
        for i in 0..LINES {
            append(&*writing, draft("s", &[&i.to_string()])).await.unwrap();
        }
    });
    let mut seen = Vec::new();
    while (seen.len() as u64) < LINES {
        let from = Offset(seen.len() as u64);
        for batch in reading.read(&stream("s"), from, 1000).await.unwrap() {
            seen.extend(
                messages(&batch)
                    .into_iter()
                    .filter(|(offset, _)| *offset >= from.0),
            );
        }
    }
    writer.await.unwrap();
    let expected: Vec<_> = (0..LINES).map(|i| (i, i.to_string())).collect();
    assert_eq!(seen, expected);
}

/// Fairness, told in turns and not in time: however slow the store is, it is as slow for all of them.
pub(crate) async fn nobody_who_races_waits_for_more_than_a_few_turns_of_the_others(place: &Place) {
    const WRITERS: usize = 4;
    const APPENDS: usize = 150;
    /// Each of the others may come first this often. In a fair race it is once or twice.
    const TURNS: usize = 12;
    let mut stores = Vec::new();
    for _ in 0..WRITERS {
        stores.push(place.store().await);
    }
    let done = Cell::new(0);
    let writers = stores.iter().enumerate().map(|(who, store)| {
        let done = &done;
        async move {
            let mut longest = 0;
            for i in 0..APPENDS {
                let before = done.get();
                append(&**store, draft("race", &[&format!("{who} {i}")]))
                    .await
                    .unwrap();
                longest = longest.max(done.get() - before);
                done.set(done.get() + 1);
            }
            longest
        }
    });
    // On one task, so that no writer is held up alone.
    let longest = futures_util::future::join_all(writers).await;
    assert!(
        longest.iter().all(|turns| *turns <= TURNS * (WRITERS - 1)),
        "so many appends of others came before one's own: {longest:?}"
    );
    let store = place.store().await;
    assert_eq!(extent(&*store, "race").await, (0, (WRITERS * APPENDS) as u64));
    assert_eq!(read_all(&*store, "race", 0).await.len(), WRITERS * APPENDS);
}

/// The same key through two collectors, while others write to the stream as well: invariant 4 in the middle of a race.
pub(crate) async fn a_key_that_is_repeated_in_a_crowd_is_stored_once(place: &Place) {
    const ROUNDS: u64 = 30;
    let stores = [place.store().await, place.store().await, place.store().await];
    let crowd = async {
        for i in 0..ROUNDS {
            append(&*stores[2], draft("race", &[&format!("crowd {i}")]))
                .await
                .unwrap();
        }
    };
    let repeated = async {
        for round in 0..ROUNDS {
            let (key, text) = (format!("key {round}"), format!("once {round}"));
            let attempts = stores[..2]
                .iter()
                .map(|store| append(&**store, keyed(draft("race", &[&text]), &key, 1)));
            let places: Vec<Offset> = futures_util::future::join_all(attempts)
                .await
                .into_iter()
                .map(|outcome| match outcome {
                    Ok(batch) => batch.first,
                    Err(AppendError::KeysUsed(used)) => used[0].first,
                    Err(other) => panic!("nothing else can come of it: {other}"),
                })
                .collect();
            assert_eq!(places[0], places[1], "both learn the same place");
        }
    };
    futures_util::join!(crowd, repeated);
    let mut stored: Vec<String> = read_all(&*stores[0], "race", 0)
        .await
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    stored.sort();
    let mut expected: Vec<String> = (0..ROUNDS)
        .flat_map(|i| [format!("crowd {i}"), format!("once {i}")])
        .collect();
    expected.sort();
    assert_eq!(stored, expected);
}
