//! What every store does, one caller at a time.

use lines::log_store::{Digest, PriorRun, StoredKey};
use lines::{AppendError, Extent, Lines, Offset, StoreError, Timestamp};
use store::Compression;

use crate::place::{
    Place, append, at, draft, draft_at, extent, keyed, line, lines, messages, numbered, read_all,
    store_lines, stream,
};

pub(crate) async fn a_stored_batch_is_read_back_byte_for_byte(place: &Place) {
    let store = place.store().await;
    let draft = draft_at("a/b", at(7), &["one", "two\twith \"quotes\"", "drei ✓"]);
    let stored = append(&*store, draft.clone()).await.unwrap();
    assert_eq!(
        (&stored.stream, stored.first, stored.arrived, &stored.lines),
        (&draft.stream, Offset(0), draft.arrived.unwrap(), &draft.lines)
    );
    assert_eq!(store.read(&draft.stream, Offset(0), 1).await.unwrap(), [stored]);
}

/// Invariant 2.
pub(crate) async fn each_append_goes_on_where_the_last_one_ended(place: &Place) {
    let store = place.store().await;
    for (first, messages) in [(0, vec!["a"]), (1, vec!["b", "c", "d"]), (4, vec!["e", "f"])] {
        assert_eq!(store_lines(&*store, "s", &messages).await.first, Offset(first));
    }
    assert_eq!(extent(&*store, "s").await, (0, 6));
    assert_eq!(
        read_all(&*store, "s", 0).await,
        numbered(0, &["a", "b", "c", "d", "e", "f"])
    );
}

pub(crate) async fn many_streams_are_appended_to_at_once_and_answered_in_order(place: &Place) {
    let store = place.store().await;
    store_lines(&*store, "many/7", &["earlier", "lines"]).await;
    let names: Vec<String> = (0..50).map(|i| format!("many/{i}")).collect();
    let drafts = names.iter().map(|name| draft(name, &[name])).collect();
    let stored = store.append(drafts).await;
    let places: Vec<_> = stored
        .into_iter()
        .map(|batch| batch.map(|b| (b.stream.to_string(), b.first.0)).unwrap())
        .collect();
    let expected: Vec<_> = (0..50)
        .map(|i| (format!("many/{i}"), if i == 7 { 2 } else { 0 }))
        .collect();
    assert_eq!(places, expected);
    let streams: Vec<_> = names.iter().map(|name| stream(name)).collect();
    let heads: Vec<u64> = store
        .extents(&streams)
        .await
        .unwrap()
        .iter()
        .map(|extent| extent.next.0)
        .collect();
    assert_eq!(
        heads,
        (0..50).map(|i| if i == 7 { 3 } else { 1 }).collect::<Vec<_>>()
    );
}

pub(crate) async fn reading_begins_with_the_batch_that_holds_the_offset(place: &Place) {
    let store = place.store().await;
    let batches = [
        store_lines(&*store, "s", &["0", "1"]).await,
        store_lines(&*store, "s", &["2", "3", "4"]).await,
        store_lines(&*store, "s", &["5"]).await,
    ];
    for (from, skipped) in [(0, 0), (1, 0), (2, 1), (3, 1), (4, 1), (5, 2)] {
        let found = store.read(&stream("s"), Offset(from), usize::MAX).await.unwrap();
        assert_eq!(found, batches[skipped..], "from {from}");
    }
}

pub(crate) async fn reading_ends_after_about_as_many_bytes_as_asked_for(place: &Place) {
    let store = place.store().await;
    let mut batches = Vec::new();
    for _ in 0..10 {
        batches.push(store_lines(&*store, "s", &["x".repeat(1000).as_str()]).await);
    }
    let size = batches[0].lines.ndjson.len();
    for (most, expected) in [
        (0, 1),
        (1, 1),
        (size, 1),
        (size + 1, 2),
        (4 * size, 4),
        (usize::MAX, 10),
    ] {
        let found = store.read(&stream("s"), Offset(0), most).await.unwrap();
        assert_eq!(found, batches[..expected], "{most} bytes");
    }
}

pub(crate) async fn reading_at_or_beyond_the_head_gives_nothing(place: &Place) {
    let store = place.store().await;
    store_lines(&*store, "s", &["0", "1"]).await;
    for from in [2, 3, 1_000_000, u64::MAX] {
        let found = store.read(&stream("s"), Offset(from), 1000).await.unwrap();
        assert_eq!(found, [], "from {from}");
    }
}

pub(crate) async fn an_unknown_stream_is_empty_and_not_listed(place: &Place) {
    let store = place.store().await;
    let nobody = stream("nobody/wrote/this");
    assert_eq!(
        store.extents(&[nobody.clone(), nobody.clone()]).await.unwrap(),
        [Extent::default(); 2]
    );
    assert_eq!(store.extents(&[]).await.unwrap(), []);
    assert_eq!(store.read(&nobody, Offset(0), 1000).await.unwrap(), []);
    assert_eq!(store.first_since(&nobody, at(0)).await.unwrap(), Offset(0));
    assert!(store.streams().await.unwrap().is_empty());
    assert!(store.append(Vec::new()).await.is_empty());
}

fn used(outcome: Result<impl std::fmt::Debug, AppendError>) -> Vec<PriorRun> {
    match outcome {
        Err(AppendError::KeysUsed(used)) => used,
        other => panic!("the key was used before: {other:?}"),
    }
}

fn prior(key: &str, digest: u8, first: u64, next: u64) -> PriorRun {
    PriorRun {
        key: StoredKey(key.into()),
        digest: Digest([digest; 32]),
        first: Offset(first),
        next: Offset(next),
    }
}

/// Invariant 4.
pub(crate) async fn what_keys_were_given_is_known_before_anything_is_stored(place: &Place) {
    let store = place.store().await;
    store_lines(&*store, "s", &["before"]).await;
    append(&*store, keyed(draft("s", &["a", "b"]), "alice:1", 1))
        .await
        .unwrap();
    append(&*store, keyed(draft("s", &["c"]), "alice:2", 2))
        .await
        .unwrap();
    append(&*store, keyed(draft("t", &["d"]), "alice:1", 3))
        .await
        .unwrap();
    let asked = [
        ("t", "alice:1"),
        ("s", "alice:2"),
        ("t", "alice:2"),
        ("nobody/wrote/this", "alice:1"),
        ("s", "alice:1"),
        ("s", "alice:1"),
    ];
    let asked = asked.map(|(name, key)| (stream(name), StoredKey(key.into())));
    assert_eq!(
        store.used_keys(&asked).await.unwrap(),
        [
            Some(prior("alice:1", 3, 0, 1)),
            Some(prior("alice:2", 2, 3, 4)),
            None,
            None,
            Some(prior("alice:1", 1, 1, 3)),
            Some(prior("alice:1", 1, 1, 3)),
        ]
    );
    assert_eq!(store.used_keys(&[]).await.unwrap(), []);
}

/// Invariant 4.
pub(crate) async fn a_repeated_key_gives_the_first_answer_and_stores_nothing(place: &Place) {
    let store = place.store().await;
    store_lines(&*store, "s", &["before"]).await;
    let first = keyed(draft("s", &["a", "b"]), "alice:1", 1);
    append(&*store, first.clone()).await.unwrap();
    store_lines(&*store, "s", &["after"]).await;

    let other_object = place.store().await;
    for store in [&store, &other_object] {
        assert_eq!(
            used(append(&**store, first.clone()).await),
            [prior("alice:1", 1, 1, 3)]
        );
        let other_body = keyed(draft("s", &["c"]), "alice:1", 2);
        assert_eq!(
            used(append(&**store, other_body).await),
            [prior("alice:1", 1, 1, 3)]
        );
    }
    assert_eq!(
        read_all(&*store, "s", 0).await,
        numbered(0, &["before", "a", "b", "after"])
    );
}

/// Invariant 4. What is known for a while only is kept under a key for each stretch of time.
pub(crate) async fn lines_with_two_keys_are_found_by_each_of_them(place: &Place) {
    let store = place.store().await;
    let with = |one: &str, other: &str| keyed(keyed(draft("s", &["a", "b"]), one, 1), other, 1);
    append(&*store, with("alice:1", "alice:2")).await.unwrap();
    for (one, other, found) in [
        ("alice:2", "alice:3", "alice:2"),
        ("alice:0", "alice:1", "alice:1"),
    ] {
        assert_eq!(
            used(append(&*store, with(one, other)).await),
            [prior(found, 1, 0, 2)]
        );
    }
    let mut both = used(append(&*store, with("alice:1", "alice:2")).await);
    both.sort_by(|one, other| one.key.0.cmp(&other.key.0));
    assert_eq!(both, [prior("alice:1", 1, 0, 2), prior("alice:2", 1, 0, 2)]);
    assert_eq!(read_all(&*store, "s", 0).await, numbered(0, &["a", "b"]));
    // Nothing of what was refused is known.
    append(&*store, with("alice:3", "alice:0")).await.unwrap();
}

/// Invariant 4.
pub(crate) async fn a_key_counts_in_its_own_stream_only(place: &Place) {
    let store = place.store().await;
    for name in ["s", "t", "@s"] {
        let stored = append(&*store, keyed(draft(name, &["x"]), "same", 1))
            .await
            .unwrap();
        assert_eq!(stored.first, Offset(0));
    }
    let two_without = store.append(vec![draft("s", &["y"]), draft("t", &["y"])]).await;
    assert!(two_without.iter().all(Result::is_ok), "{two_without:?}");
}

/// Invariant 4.
pub(crate) async fn what_is_left_of_a_draft_is_stored_without_the_used_keys(place: &Place) {
    let store = place.store().await;
    append(&*store, keyed(draft("s", &["a"]), "one", 1))
        .await
        .unwrap();
    let mut grouped = draft("s", &["a", "b", "c"]);
    for (key, skip, count) in [("one", 0, 1), ("two", 1, 2)] {
        grouped = keyed(grouped, key, 9);
        let run = grouped.keys.last_mut().unwrap();
        (run.skip, run.count) = (skip, count);
    }
    let neighbour = draft("t", &["x"]);
    let mut outcomes = store.append(vec![grouped.clone(), neighbour]).await;
    assert!(outcomes.remove(1).is_ok());
    assert_eq!(used(outcomes.remove(0)), [prior("one", 1, 0, 1)]);

    let rest = keyed(draft("s", &["b", "c"]), "two", 9);
    assert_eq!(append(&*store, rest).await.unwrap().first, Offset(1));
    assert_eq!(
        used(append(&*store, grouped).await),
        [prior("one", 1, 0, 1), prior("two", 9, 1, 3)]
    );
    assert_eq!(read_all(&*store, "s", 0).await, numbered(0, &["a", "b", "c"]));
}

pub(crate) async fn lines_and_names_that_look_like_operators_stay_values(place: &Place) {
    let store = place.store().await;
    let hostile = [
        "{\"$where\": \"sleep(1000)\"}",
        "'; DROP TABLE batches; --",
        "$s",
        "a.b.$[]",
        "\u{0}\u{1}\u{7f}",
        "\u{2028}\u{feff}",
        "\r\n\\\"",
    ];
    let names = ["...a", "a.b/c.d", "@$", "_id", "s", "@o~27~3b--", "-"];
    let names = names.map(|name| name.replace('$', "~24"));
    for name in &names {
        let keyed = keyed(draft(name, &hostile), "$ne: {\"$gt\": \"\"} ' \" .", 3);
        append(&*store, keyed.clone()).await.unwrap();
        assert_eq!(
            used(append(&*store, keyed).await),
            [prior("$ne: {\"$gt\": \"\"} ' \" .", 3, 0, hostile.len() as u64)]
        );
        assert_eq!(read_all(&*store, name, 0).await, numbered(0, &hostile));
    }
    let mut sorted = names.to_vec();
    sorted.sort();
    let listed: Vec<String> = store
        .streams()
        .await
        .unwrap()
        .iter()
        .map(|info| info.name.to_string())
        .collect();
    assert_eq!(listed, sorted);
}

/// Invariant 3.
pub(crate) async fn lines_are_the_same_whether_compressed_or_not(place: &Place) {
    let text = "the same words again and again ".repeat(50);
    for compression in [Compression::Zstd, Compression::None] {
        let store = place.store_with(compression).await;
        append(&*store, draft_at("s", at(1), &["short"])).await.unwrap();
        append(&*store, draft_at("s", at(1), &[text.as_str(); 20]))
            .await
            .unwrap();
        place.close();
    }
    let store = place.store().await;
    let found = store.read(&stream("s"), Offset(0), usize::MAX).await.unwrap();
    let found: Vec<_> = found.iter().map(|batch| &batch.lines).collect();
    let (short, long) = (lines(at(1), &["short"]), lines(at(1), &[text.as_str(); 20]));
    assert_eq!(found, [&short, &long, &short, &long]);
}

pub(crate) async fn a_large_batch_is_kept_whole(place: &Place) {
    let store = place.store().await;
    let mut noise = 1u64;
    let messages: Vec<String> = (0..8000)
        .map(|_| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            format!(
                "{noise:x} {:x} {:x}",
                noise.rotate_left(17),
                noise.rotate_left(31)
            )
        })
        .collect();
    let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
    let stored = store_lines(&*store, "s", &messages).await;
    assert_eq!(store.read(&stream("s"), Offset(7999), 1).await.unwrap(), [stored]);
    assert_eq!(read_all(&*store, "s", 0).await, numbered(0, &messages));
}

pub(crate) async fn a_batch_that_is_too_large_is_refused_alone(place: &Place) {
    let store = place.store().await;
    let huge = "x".repeat(13 * 1024 * 1024);
    let mut outcomes = store
        .append(vec![draft("s", &[&huge]), draft("t", &["small"])])
        .await;
    assert_eq!(outcomes.remove(1).unwrap().first, Offset(0));
    assert!(
        matches!(
            outcomes.remove(0),
            Err(AppendError::NotStored(StoreError::Away(_)))
        ),
        "more than a store keeps"
    );
    assert_eq!(extent(&*store, "s").await, (0, 0));
}

pub(crate) async fn the_first_line_since_a_time_is_found(place: &Place) {
    let store = place.store().await;
    // Offsets:       0   1    2   3    4   5   6
    let batches = [vec![10, 20], vec![50, 5], vec![30, 40, 60]];
    for seconds in &batches {
        let lines: Vec<_> = seconds.iter().map(|&s| line(at(s), "x")).collect();
        let mut draft = draft("s", &["x"]);
        draft.lines = Lines::encode(&lines).unwrap();
        append(&*store, draft).await.unwrap();
    }
    for (since, expected) in [
        (0, 0),
        (10, 0),
        (11, 1),
        (20, 1),
        (21, 2),
        (41, 2),
        (50, 2),
        (51, 6),
        (60, 6),
        (61, 7),
    ] {
        let found = store.first_since(&stream("s"), at(since)).await.unwrap();
        assert_eq!(found, Offset(expected), "since {since}");
    }
    let between = Timestamp::from_nanos(at(20).nanos() + 1);
    assert_eq!(store.first_since(&stream("s"), between).await.unwrap(), Offset(2));
}

/// Lines at a time before `until` may also come earlier; a store that knows batches only may answer with the end of one.
pub(crate) async fn no_line_before_a_time_comes_after_the_end_before_it(place: &Place) {
    let store = place.store().await;
    assert_eq!(store.end_before(&stream("s"), at(5)).await.unwrap(), Offset(0));
    // Offsets:       0   1    2   3    4   5   6    7
    let batches = [vec![10, 20], vec![50, 5], vec![30, 40, 60], vec![70]];
    for seconds in &batches {
        let lines: Vec<_> = seconds.iter().map(|&s| line(at(s), "x")).collect();
        let mut draft = draft("s", &["x"]);
        draft.lines = Lines::encode(&lines).unwrap();
        append(&*store, draft).await.unwrap();
    }
    for (until, expected) in [
        (0, 0),
        (5, 0),
        (6, 4),
        (30, 4),
        (31, 7),
        (70, 7),
        (71, 8),
        (99, 8),
    ] {
        let end = store.end_before(&stream("s"), at(until)).await.unwrap();
        assert_eq!(end, Offset(expected), "until {until}");
    }
}

pub(crate) async fn streams_are_listed_by_name_with_what_is_kept(place: &Place) {
    let store = place.store().await;
    store_lines(&*store, "b/now", &["x"; 30]).await;
    let last = store_lines(&*store, "b/now", &["x"; 90]).await;
    append(&*store, draft_at("a/long/ago", at(1), &["x"; 5]))
        .await
        .unwrap();
    store_lines(&*store, "@carol", &["x"]).await;
    let listed: Vec<_> = store
        .streams()
        .await
        .unwrap()
        .iter()
        .map(|s| {
            let tenths = (s.lines_per_second * 600.0).round() / 10.0;
            (
                s.name.to_string(),
                s.extent.first_available.0,
                s.extent.next.0,
                s.last_arrival,
                tenths,
            )
        })
        .collect();
    assert_eq!(listed[0].0, "@carol");
    assert_eq!(
        listed[1..],
        [
            ("a/long/ago".to_owned(), 0, 5, Some(at(1)), 0.0),
            ("b/now".to_owned(), 0, 120, Some(last.arrived), 120.0),
        ]
    );
}

/// Invariant 10.
pub(crate) async fn the_epoch_stays_the_same_when_the_store_is_opened_again(place: &Place) {
    let first = place.store().await.epoch().await.unwrap();
    assert!(!first.as_str().is_empty());
    place.close();
    assert_eq!(place.store().await.epoch().await.unwrap(), first);
}

pub(crate) async fn everything_is_there_when_the_store_is_opened_again(place: &Place) {
    let stored = append(&*place.store().await, keyed(draft("s", &["a", "b"]), "k", 4))
        .await
        .unwrap();
    place.close();
    let store = place.store().await;
    assert_eq!(store.read(&stream("s"), Offset(0), 1).await.unwrap(), [stored]);
    assert_eq!(
        used(append(&*store, keyed(draft("s", &["c"]), "k", 4)).await),
        [prior("k", 4, 0, 2)]
    );
    let next = store_lines(&*store, "s", &["c"]).await;
    assert_eq!(messages(&next), numbered(2, &["c"]));
}

pub(crate) async fn a_store_that_works_says_so(place: &Place) {
    place.store().await.check().await.unwrap();
}
