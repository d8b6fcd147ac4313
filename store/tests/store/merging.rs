//! Small batches become full ones: what is written down then, when, and that nobody notices.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lines::log_store::{Digest, Merged, PriorRun, StoredKey};
use lines::retention::{Deletable, Hidden, Retention};
use lines::{AppendError, LogStore, Offset};
use mongodb::bson::{Document, doc};
use store::Compression;
use store::mongo::MongoOptions;
use tokio::sync::watch;

use crate::damaging::Spoil;
use crate::merged::merge_all;
use crate::place::{
    Place, append, at, draft, draft_at, extent, keyed, messages, numbered, read_all, store_lines, stream,
};

/// Everything is merged at once, by stores of one's own.
pub(crate) fn place() -> (Place, String, MongoOptions) {
    let Place::Mongo { address, options } = Place::mongo_without_grace() else {
        unreachable!("it is on MongoDB");
    };
    let place = Place::Mongo {
        address: address.clone(),
        options: options.clone(),
    };
    (place, address, options)
}

async fn documents(place: &Place, of: &str) -> Vec<Document> {
    let batches = place.database().await.collection::<Document>("batches");
    let mut found = batches.find(doc! {"s": of}).sort(doc! {"o": 1}).await.unwrap();
    let mut documents = Vec::new();
    while found.advance().await.unwrap() {
        documents.push(found.deserialize_current().unwrap());
    }
    documents
}

/// Where the batches of a stream begin, and how many lines each has.
pub(crate) async fn shape(place: &Place, of: &str) -> Vec<(i64, i64)> {
    let documents = documents(place, of).await;
    documents
        .iter()
        .map(|document| (document.get_i64("o").unwrap(), document.get_i64("n").unwrap()))
        .collect()
}

#[tokio::test]
async fn a_merged_batch_is_a_batch_as_the_contract_has_it() {
    let (place, address, mut options) = place();
    options.compression = Compression::None;
    place
        .run(async |place| {
            let store = place.store().await;
            append(&*store, keyed(draft_at("s", at(5), &["a", "b"]), "one", 1))
                .await
                .unwrap();
            append(&*store, draft_at("s", at(3), &["c"])).await.unwrap();
            append(&*store, keyed(draft_at("s", at(9), &["d", "e"]), "two", 2))
                .await
                .unwrap();
            let before = read_all(&*store, "s", 0).await;
            let merged = merge_all(&address, &options).await;
            assert_eq!((merged.batches, merged.into), (3, 1));

            let mut found = documents(place, "s").await;
            assert_eq!(found.len(), 1);
            let mut whole = found.remove(0);
            whole.remove("_id");
            let keys = whole.remove("keys").unwrap();
            let date = |seconds| mongodb::bson::DateTime::from_millis(at(seconds).nanos() / 1_000_000);
            let line =
                |seconds, message| format!("{{\"ts\":\"{}\",\"message\":\"{message}\"}}\n", at(seconds));
            let lines: String = [(5, "a"), (5, "b"), (3, "c"), (9, "d"), (9, "e")]
                .map(|(s, m)| line(s, m))
                .concat();
            assert_eq!(
                whole,
                doc! {
                    "s": "s", "o": 0_i64, "n": 5_i64, "t0": at(3).nanos(), "t1": at(9).nanos(), "at": date(9), "f": 0,
                    "lines": lines,
                }
            );
            let keys: Vec<_> = keys
                .as_array()
                .unwrap()
                .iter()
                .map(|key| key.as_document().unwrap())
                .map(|key| {
                    (
                        key.get_str("k").unwrap(),
                        key.get_i64("i").unwrap(),
                        key.get_i64("n").unwrap(),
                    )
                })
                .collect();
            assert_eq!(keys, [("one", 0, 2), ("two", 3, 2)]);
            assert_eq!(read_all(&*store, "s", 0).await, before);
            for from in 0..5 {
                assert_eq!(read_all(&*store, "s", from).await, before[from as usize..]);
            }
            let prior = |key: &str, digest, first, next| {
                Some(PriorRun {
                    key: StoredKey(key.into()),
                    digest: Digest([digest; 32]),
                    first: Offset(first),
                    next: Offset(next),
                })
            };
            let asked = ["two", "one", "three"].map(|key| (stream("s"), StoredKey(key.into())));
            assert_eq!(
                store.used_keys(&asked).await.unwrap(),
                [prior("two", 2, 3, 5), prior("one", 1, 0, 2), None]
            );
            let again = append(&*store, keyed(draft("s", &["d", "e"]), "two", 2)).await;
            let Err(AppendError::KeysUsed(used)) = again else {
                panic!("the key was used: {again:?}");
            };
            assert_eq!(used.into_iter().next(), prior("two", 2, 3, 5));
            assert_eq!(store_lines(&*store, "s", &["f"]).await.first, Offset(5));
        })
        .await;
}

/// Where it is switched off, every batch stays as it came.
#[tokio::test]
async fn nothing_is_merged_where_it_is_switched_off() {
    let (place, address, mut options) = place();
    options.merged_bytes = 0;
    place
        .run(async |place| {
            let store = place.store().await;
            for message in ["a", "b", "c"] {
                store_lines(&*store, "s", &[message]).await;
            }
            assert_eq!(merge_all(&address, &options).await, Merged::default());
            assert_eq!(shape(place, "s").await, [(0, 1), (1, 1), (2, 1)]);
        })
        .await;
}

/// By the database's clock.
#[tokio::test]
async fn what_came_lately_stays_as_it_is() {
    let (place, address, mut options) = place();
    options.merge_after = MongoOptions::default().merge_after;
    place
        .run(async |place| {
            let store = place.store().await;
            store_lines(&*store, "s", &["a"]).await;
            store_lines(&*store, "s", &["b"]).await;
            for message in ["c", "d"] {
                append(&*store, draft_at("old", at(1), &[message])).await.unwrap();
            }
            let merged = merge_all(&address, &options).await;
            assert_eq!((merged.batches, merged.into), (2, 1));
            assert_eq!(shape(place, "s").await, [(0, 1), (1, 1)]);
        })
        .await;
}

#[tokio::test]
async fn damage_is_left_where_it_is_and_the_rest_is_merged() {
    let (place, address, options) = place();
    place
        .run(async |place| {
            let store = place.store().await;
            for message in ["a", "b", "c", "d", "e"] {
                store_lines(&*store, "s", &[message]).await;
            }
            store_lines(&*store, "t", &["x"]).await;
            store_lines(&*store, "t", &["y"]).await;
            place.spoil("s", 2, Spoil::Count).await;
            let merged = merge_all(&address, &options).await;
            assert_eq!((merged.batches, merged.into), (6, 3));
            assert_eq!(shape(place, "t").await, [(0, 2)]);
            assert_eq!(read_all(&*store, "s", 3).await, numbered(3, &["d", "e"]));
            let sound = store.read(&stream("s"), Offset(0), usize::MAX).await.unwrap();
            assert_eq!(sound.len(), 1);
            assert_eq!(messages(&sound[0]), numbered(0, &["a", "b"]));

            // One whose lines went bad is noticed when it is read.
            store_lines(&*store, "u", &["x"]).await;
            store_lines(&*store, "u", &["y"]).await;
            place.spoil("u", 1, Spoil::Lines).await;
            assert_eq!(merge_all(&address, &options).await.batches, 0);
            assert_eq!(shape(place, "u").await, [(0, 1), (1, 1)]);
        })
        .await;
}

/// A floor is where a batch begins, before and after; and what it hid comes back whole.
#[tokio::test]
async fn what_lies_below_a_floor_is_not_merged_with_what_lies_above() {
    let (place, address, mut options) = place();
    options.grace = Duration::ZERO;
    place
        .run(async |place| {
            let store = place.store().await;
            for seconds in 0..10 {
                append(&*store, draft_at("s", at(seconds), &["x"])).await.unwrap();
            }
            let age = Retention {
                age: Some(Duration::from_secs(5)),
                bytes: None,
            };
            store.trim(&age, at(10)).await.unwrap();
            assert_eq!(extent(&*store, "s").await, (5, 10));
            merge_all(&address, &options).await;
            assert_eq!(extent(&*store, "s").await, (5, 10));
            assert_eq!(read_all(&*store, "s", 0).await.len(), 5);
            let restored = store.restore(&Hidden::All).await.unwrap();
            assert_eq!(restored.len(), 1);
            assert_eq!(extent(&*store, "s").await, (0, 10));
            assert_eq!(read_all(&*store, "s", 0).await.len(), 10);
            merge_all(&address, &options).await;
            assert_eq!(read_all(&*store, "s", 0).await.len(), 10);
        })
        .await;
}

/// Invariants 2, 3, 4 and 10, with everything going on at once: what is answered is what is read, at every moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_merges_retention_and_reads_at_once_equal_the_model() {
    let (place, _, mut options) = place();
    let Place::Mongo { address, .. } = place else {
        unreachable!("made right above");
    };
    // Batches are merged and deleted while their streams are written to, by those who believe in ends for an hour.
    options.tail_valid = Duration::from_secs(3_600);
    // Whoever races asks afterwards where its batch went.
    options.merge_after = Duration::from_millis(500);
    options.merged_bytes = 4_000;
    let place = Place::Mongo { address, options };
    place.run(everything_at_once).await;
}

const STREAMS: usize = 3;

async fn everything_at_once(place: &Place) {
    let going = Arc::new(AtomicBool::new(true));
    let (merged, appended) = (watch::Sender::new(0), watch::Sender::new(0));
    let appenders: Vec<_> = [place.store().await, place.store().await]
        .into_iter()
        .enumerate()
        .map(|(who, store)| tokio::spawn(append_on(store, who, Arc::clone(&going), appended.clone())))
        .collect();
    let readers: Vec<_> = (0..2)
        .map(|i| (i, Arc::clone(&going)))
        .map(async |(i, going)| tokio::spawn(read_on(place.store().await, i, going)))
        .collect();
    let readers = futures_util::future::join_all(readers).await;
    let others: Vec<_> = [place.store().await, place.store().await]
        .into_iter()
        .map(|store| {
            tokio::spawn(keep_tidy(
                store,
                Arc::clone(&going),
                merged.clone(),
                appended.subscribe(),
            ))
        })
        .collect();
    drop(appended);
    // As long as it takes until much was merged under them.
    let mut enough = merged.subscribe();
    tokio::time::timeout(Duration::from_secs(300), enough.wait_for(|merged| *merged >= 120))
        .await
        .expect("batches are merged")
        .unwrap();
    going.store(false, Ordering::SeqCst);

    let mut model: BTreeMap<(String, u64), String> = BTreeMap::new();
    let mut keys = Vec::new();
    for appender in appenders {
        let (answered, used) = appender.await.unwrap();
        for (place, text) in answered {
            assert_eq!(
                model.insert(place.clone(), text),
                None,
                "{place:?} was given twice"
            );
        }
        keys.extend(used);
    }
    for other in others {
        other.await.unwrap();
    }
    let store = place.store().await;
    for i in 0..STREAMS {
        let name = format!("s/{i}");
        let (floor, next) = extent(&*store, &name).await;
        let expected: Vec<_> = (floor..next)
            .map(|offset| (offset, model[&(name.clone(), offset)].clone()))
            .collect();
        assert_eq!(read_all(&*store, &name, 0).await, expected, "{name}");
        let all = model.keys().filter(|(stream, _)| *stream == name).count() as u64;
        assert_eq!(next, all, "there is no hole in {name}");
    }
    for reader in readers {
        for (place, text) in reader.await.unwrap() {
            assert_eq!(
                model.get(&place),
                Some(&text),
                "{place:?} was read as something else"
            );
        }
    }
    for (name, key, first) in keys {
        let (floor, _) = extent(&*store, &name).await;
        let asked = [(stream(&name), StoredKey(key.as_str().into()))];
        let found = store.used_keys(&asked).await.unwrap().remove(0);
        if first >= floor {
            assert_eq!(
                found.map(|prior| prior.first),
                Some(Offset(first)),
                "{name} {key}"
            );
        }
    }
}

type Answered = Vec<((String, u64), String)>;

/// Appends single lines, some with a key, and says what was answered.
async fn append_on(
    store: Arc<dyn LogStore>,
    who: usize,
    going: Arc<AtomicBool>,
    appended: watch::Sender<usize>,
) -> (Answered, Vec<(String, String, u64)>) {
    let (mut answered, mut keys) = (Vec::new(), Vec::new());
    let mut i = 0;
    while going.load(Ordering::SeqCst) {
        let drafts: Vec<_> = (0..STREAMS)
            .map(|stream| {
                let name = format!("s/{stream}");
                let line = draft(&name, &[&format!("{who} {i}")]);
                if i % 3 == 0 {
                    keyed(line, &format!("{who} {i}"), 1)
                } else {
                    line
                }
            })
            .collect();
        for outcome in store.append(drafts).await {
            let batch = outcome.unwrap();
            let name = batch.stream.to_string();
            if i % 3 == 0 {
                keys.push((name.clone(), format!("{who} {i}"), batch.first.0));
            }
            answered.extend(
                messages(&batch)
                    .into_iter()
                    .map(|(offset, text)| ((name.clone(), offset), text)),
            );
        }
        i += 1;
        appended.send_modify(|appended| *appended += 1);
    }
    (answered, keys)
}

/// Reads streams from their beginnings on, again and again: no line is missing, none comes twice.
async fn read_on(store: Arc<dyn LogStore>, which: usize, going: Arc<AtomicBool>) -> Answered {
    let name = format!("s/{which}");
    let mut seen = BTreeMap::new();
    while going.load(Ordering::SeqCst) {
        let mut from = Offset(0);
        loop {
            let batches = store.read(&stream(&name), from, 500).await.unwrap();
            let Some(first) = batches.first() else { break };
            // Retention may have taken what comes before.
            from = from.max(first.first);
            for batch in &batches {
                assert!(
                    batch.first <= from,
                    "there is a hole before {} of {name}",
                    batch.first
                );
                for (offset, text) in messages(batch)
                    .into_iter()
                    .filter(|(offset, _)| *offset >= from.0)
                {
                    let before = seen.insert((name.clone(), offset), text.clone());
                    assert!(
                        before.is_none_or(|before| before == text),
                        "{offset} of {name} changed"
                    );
                }
                from = batch.next();
            }
            // Nobody passes over the batch that a time is in, while it becomes part of another one.
            for batch in &batches {
                let found = store
                    .first_since(&stream(&name), batch.lines.newest)
                    .await
                    .unwrap();
                let floor = store.extents(&[stream(&name)]).await.unwrap()[0].first_available;
                assert!(
                    found < batch.next() || found <= floor,
                    "{found} of {name} is too late"
                );
            }
        }
    }
    seen.into_iter().collect()
}

/// Merges, removes the oldest, brings it back, and deletes some of it.
async fn keep_tidy(
    store: Arc<dyn LogStore>,
    going: Arc<AtomicBool>,
    merged: watch::Sender<u64>,
    mut appended: watch::Receiver<usize>,
) {
    let mut round = 0;
    while going.load(Ordering::SeqCst) {
        let batches = store.merge().await.unwrap().batches;
        merged.send_modify(|merged| *merged += batches);
        let bytes = store.holdings().await.unwrap().bytes;
        let retention = Retention {
            age: None,
            bytes: Some(bytes.saturating_sub(2_000).max(150_000)),
        };
        if round % 4 == 0 {
            store.trim(&retention, at(1_000_000_000)).await.unwrap();
        }
        if round % 7 == 3 {
            store.restore(&Hidden::All).await.unwrap();
        }
        store.delete_hidden(Deletable::All).await.unwrap();
        round += 1;
        // There is nothing new before, and when nobody appends any more, this ends.
        let _ = appended.changed().await;
    }
}
