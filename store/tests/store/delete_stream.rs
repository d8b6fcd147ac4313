//! What the deletion of a stream takes, and that nothing brings it back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lines::log_store::PriorRun;
use lines::retention::{Deletable, Deleted, Deletion, Hidden, Restored, Retention};
use lines::{AppendError, Extent, LogStore, Offset};
use parking_lot::Mutex;

use crate::place::{
    Place, append, at, draft, draft_at, extent, keyed, messages, numbered, read_all, store_lines, stream,
};

fn deleted(from: u64, next: u64) -> Option<Deleted> {
    Some(Deleted {
        from: Offset(from),
        next: Offset(next),
    })
}

async fn delete(store: &dyn LogStore, name: &str) -> Option<Deleted> {
    store.delete_stream(&stream(name), None).await.unwrap().deleted()
}

async fn listed(store: &dyn LogStore) -> Vec<String> {
    let listing = store.streams().await.unwrap();
    listing.iter().map(|info| info.name.to_string()).collect()
}

async fn of(store: &dyn LogStore, name: &str) -> Extent {
    store.extents(&[stream(name)]).await.unwrap()[0]
}

/// What lies below floors is deleted, as far as its grace allows, and small batches are merged.
async fn tidy(store: &dyn LogStore) {
    store.look().await.unwrap();
    while store.delete_hidden(Deletable::All).await.unwrap().more {}
    while store.merge().await.unwrap().more {}
}

pub(crate) async fn a_deleted_stream_is_as_if_it_never_had_a_line(place: &Place) {
    let (store, other) = (place.store().await, place.store().await);
    store_lines(&*store, "a/gone", &["a", "b", "c"]).await;
    store_lines(&*store, "a/gone", &["d"]).await;
    store_lines(&*store, "a/kept", &["x"]).await;
    assert_eq!(delete(&*store, "a/never").await, None);
    assert_eq!(delete(&*store, "a/gone").await, deleted(0, 4));
    for store in [&store, &other] {
        let extent = of(&**store, "a/gone").await;
        assert!(!extent.exists());
        assert_eq!((extent.first_available, extent.next), (Offset(4), Offset(4)));
        assert_eq!(listed(&**store).await, ["a/kept"]);
        for from in [0, 3, 4] {
            assert_eq!(read_all(&**store, "a/gone", from).await, []);
        }
        let since = store.first_since(&stream("a/gone"), at(0)).await.unwrap();
        assert_eq!(since, Offset(4));
        assert_eq!(read_all(&**store, "a/kept", 0).await, numbered(0, &["x"]));
        assert_eq!(delete(&**store, "a/gone").await, None, "it is deleted");
    }
}

/// Invariants 2, 3 and 10.
pub(crate) async fn a_deleted_stream_that_is_written_again_goes_on_where_it_ended(place: &Place) {
    let mut store = place.store().await;
    for round in 0..3_u64 {
        let first = round * 3;
        assert_eq!(store_lines(&*store, "s", &["a", "b"]).await.first, Offset(first));
        assert_eq!(store_lines(&*store, "s", &["c"]).await.first, Offset(first + 2));
        assert!(of(&*store, "s").await.exists());
        assert_eq!(listed(&*store).await, ["s"]);
        assert_eq!(read_all(&*store, "s", 0).await, numbered(first, &["a", "b", "c"]));
        assert_eq!(delete(&*store, "s").await, deleted(first, first + 3));
        if round == 1 {
            drop(store);
            place.close();
            store = place.store().await;
        }
        tidy(&*store).await;
        assert_eq!(extent(&*store, "s").await, (first + 3, first + 3));
    }
}

/// Invariant 4, of keys whose lines are gone for readers and not yet from the disk.
pub(crate) async fn a_repeated_request_brings_nothing_of_a_deleted_stream_back(place: &Place) {
    let store = place.store().await;
    let request = || keyed(draft("s", &["a", "b"]), "key", 1);
    append(&*store, request()).await.unwrap();
    store_lines(&*store, "s", &["c"]).await;
    delete(&*store, "s").await;
    let again = append(&*store, request()).await;
    let Err(AppendError::KeysUsed(used)) = again else {
        panic!("the key is known: {again:?}");
    };
    let spans: Vec<_> = used
        .iter()
        .map(|PriorRun { first, next, .. }| (first.0, next.0))
        .collect();
    assert_eq!(spans, [(0, 2)], "the first answer");
    assert!(!of(&*store, "s").await.exists());
    let new = append(&*store, keyed(draft("s", &["d"]), "another", 1)).await;
    assert_eq!(new.unwrap().first, Offset(3));
    assert_eq!(read_all(&*store, "s", 0).await, numbered(3, &["d"]));
}

/// Invariants 2, 3 and 10: the trap is an appender that knows a head from before others wrote and deleted.
pub(crate) async fn an_appender_that_slept_through_a_deletion_reuses_no_offset(place: &Place) {
    let (sleeper, awake) = (place.store().await, place.store().await);
    store_lines(&*sleeper, "s", &["a", "b"]).await;
    store_lines(&*awake, "s", &["c", "d", "e"]).await;
    delete(&*awake, "s").await;
    tidy(&*awake).await;
    assert_eq!(store_lines(&*sleeper, "s", &["f"]).await.first, Offset(5));
    assert_eq!(store_lines(&*awake, "s", &["g"]).await.first, Offset(6));
    assert_eq!(read_all(&*awake, "s", 0).await, numbered(5, &["f", "g"]));
}

pub(crate) async fn the_rate_of_a_stream_is_of_what_came_since_it_was_deleted(place: &Place) {
    let store = place.store().await;
    let now = |messages: &[&str]| {
        let mut now = draft("s", messages);
        now.arrived = None;
        now
    };
    append(&*store, now(&["x"; 600])).await.unwrap();
    assert!(store.streams().await.unwrap()[0].lines_per_second > 9.0);
    delete(&*store, "s").await;
    append(&*store, now(&["x"; 3])).await.unwrap();
    let rate = store.streams().await.unwrap()[0].lines_per_second;
    assert!(rate <= 3.0 / 60.0, "{rate}");
}

/// Invariants 2, 3 and 10.
pub(crate) async fn deletions_beside_appenders_and_readers_give_no_offset_twice_and_take_all_that_was_acknowledged(
    place: &Place,
) {
    const ROUNDS: usize = 12;
    let stores = [place.store().await, place.store().await, place.store().await];
    let given: Arc<Mutex<BTreeMap<u64, String>>> = Arc::default();
    let appender = |which: usize| {
        let (store, given) = (&stores[which], &given);
        async move {
            for round in 0..ROUNDS * 4 {
                let texts = [format!("{which}/{round}/a"), format!("{which}/{round}/b")];
                let batch = store_lines(&**store, "s", &[&texts[0], &texts[1]]).await;
                for (offset, text) in messages(&batch) {
                    let before = given.lock().insert(offset, text);
                    assert_eq!(before, None, "{offset} was given twice");
                }
            }
        }
    };
    let deleter = async {
        let mut last = Offset::ZERO;
        for round in 0..ROUNDS {
            let acknowledged = given.lock().last_key_value().map_or(0, |(offset, _)| offset + 1);
            match stores[2]
                .delete_stream(&stream("s"), None)
                .await
                .unwrap()
                .deleted()
            {
                Some(deleted) => {
                    assert!(deleted.next > last && deleted.next.0 >= acknowledged);
                    last = deleted.next;
                }
                None => assert!(acknowledged <= last.0, "{acknowledged} were there"),
            }
            if round % 3 == 2 {
                tidy(&*stores[2]).await;
            }
        }
        last
    };
    let reader = async {
        let mut seen = BTreeMap::new();
        for _ in 0..ROUNDS * 4 {
            let floor = of(&*stores[0], "s").await.deleted.0;
            let read = read_all(&*stores[0], "s", 0).await;
            assert!(
                read.iter().all(|(offset, _)| *offset >= floor),
                "deleted lines were read"
            );
            seen.extend(read);
        }
        seen
    };
    let ((), (), last, seen) = tokio::join!(appender(0), appender(1), deleter, reader);
    let given = given.lock().clone();
    assert_eq!(given.len(), ROUNDS * 16);
    assert!(
        given.keys().copied().eq(0..given.len() as u64),
        "there is no hole"
    );
    for (offset, text) in &seen {
        assert_eq!(given.get(offset), Some(text));
    }
    let left: Vec<_> = given
        .into_iter()
        .filter(|(offset, _)| *offset >= last.0)
        .collect();
    assert_eq!(read_all(&*stores[1], "s", 0).await, left);
}

/// Not a restart, not a merge, not retention's way back, nor all of them one after the other.
pub(crate) async fn nothing_brings_a_deleted_stream_back(place: &Place) {
    let mut store = place.store().await;
    for i in 0..10 {
        append(&*store, draft_at("s", at(i), &["x", "y"])).await.unwrap();
    }
    delete(&*store, "s").await;
    for _ in 0..3 {
        assert_eq!(store.hidden(10).await.unwrap(), []);
        assert_eq!(store.holdings().await.unwrap().hidden_streams, 0);
        assert_eq!(store.restore(&Hidden::All).await.unwrap(), []);
        let all = Hidden::Of(vec![lines::Target::Stream(stream("s"))]);
        assert_eq!(store.restore(&all).await.unwrap(), []);
        store.trim(&Retention::default(), at(100)).await.unwrap();
        tidy(&*store).await;
        assert!(!of(&*store, "s").await.exists());
        assert_eq!(extent(&*store, "s").await, (20, 20));
        assert_eq!(read_all(&*store, "s", 0).await, []);
        assert_eq!(listed(&*store).await, [""; 0]);
        drop(store);
        place.close();
        store = place.store().await;
    }
    assert_eq!(store_lines(&*store, "s", &["z"]).await.first, Offset(20));
    store.restore(&Hidden::All).await.unwrap();
    tidy(&*store).await;
    assert_eq!(read_all(&*store, "s", 0).await, numbered(20, &["z"]));
}

pub(crate) async fn what_retention_hid_comes_back_from_after_a_deletion_only(place: &Place) {
    let store = place.store().await;
    let age = Retention {
        age: Some(Duration::from_secs(60)),
        bytes: None,
    };
    append(&*store, draft_at("s", at(0), &["a", "b"])).await.unwrap();
    append(&*store, draft_at("s", at(90), &["c"])).await.unwrap();
    store.trim(&age, at(100)).await.unwrap();
    assert_eq!(extent(&*store, "s").await, (2, 3));
    assert_eq!(delete(&*store, "s").await, deleted(2, 3));
    append(&*store, draft_at("s", at(100), &["d"])).await.unwrap();
    append(&*store, draft_at("s", at(300), &["e"])).await.unwrap();
    store.trim(&age, at(310)).await.unwrap();
    assert_eq!(extent(&*store, "s").await, (4, 5));

    let restored = store.restore(&Hidden::All).await.unwrap();
    let came_back = Restored {
        stream: stream("s"),
        from: Offset(3),
        to: Offset(4),
    };
    // Where there is no grace it may be deleted by now, and never more than that.
    assert!(restored == [came_back] || restored.is_empty(), "{restored:?}");
    let floor = extent(&*store, "s").await.0;
    assert_eq!(floor, 4 - restored.len() as u64);
    tidy(&*store).await;
    assert_eq!(
        read_all(&*store, "s", 0).await,
        numbered(floor, &["d", "e"][floor as usize - 3..])
    );
}

/// Between the look and the deletion somebody sends: what came then is nothing that anybody meant.
pub(crate) async fn only_what_was_seen_is_deleted(place: &Place) {
    let (store, other) = (place.store().await, place.store().await);
    let ending = async |next| {
        store
            .delete_stream(&stream("s"), Some(Offset(next)))
            .await
            .unwrap()
    };
    assert_eq!(ending(0).await, Deletion::Absent);
    store_lines(&*other, "s", &["a", "b"]).await;
    assert_eq!(ending(1).await, Deletion::Grown { next: Offset(2) });
    store_lines(&*other, "s", &["c"]).await;
    assert_eq!(ending(2).await, Deletion::Grown { next: Offset(3) });
    assert_eq!(read_all(&*other, "s", 0).await, numbered(0, &["a", "b", "c"]));
    assert_eq!(ending(3).await.deleted(), deleted(0, 3));
    assert_eq!(ending(3).await, Deletion::Absent);
    store_lines(&*other, "s", &["d"]).await;
    assert_eq!(
        ending(3).await,
        Deletion::Grown { next: Offset(4) },
        "nor what it is made anew of"
    );
}

/// As whoever asks is killed, at any moment. Somebody else finds a stream that is whole, or none, and can delete it.
pub(crate) async fn a_deletion_that_is_given_up_is_done_or_not(place: &Place) {
    let (store, other) = (place.store().await, place.store().await);
    let mut next = 0;
    for round in 0..20_u64 {
        let first = store_lines(&*store, "s", &["a", "b"]).await.first.0;
        assert_eq!(first, next);
        let deletion = tokio::spawn({
            let store = Arc::clone(&store);
            async move { store.delete_stream(&stream("s"), None).await }
        });
        tokio::time::sleep(Duration::from_micros(round * 500)).await;
        deletion.abort();
        drop(deletion.await);
        // A command that was sent may be done a moment later.
        let found = read_all(&*other, "s", 0).await;
        assert!(
            found.is_empty() || found == numbered(first, &["a", "b"]),
            "{found:?}"
        );
        next = first + 2;
        let last = delete(&*other, "s").await;
        assert!(last.is_none() || last == deleted(first, next), "{last:?}");
        let extent = of(&*other, "s").await;
        assert!(!extent.exists());
        assert_eq!(extent.next, Offset(next));
    }
}
