//! Recent lines on a disk that went bad: rows, pages, and what stands in their way. What is sound is served, what is not is
//! named, and no stream holds up another one.

use std::path::Path;
use std::time::Duration;

use lines::retention::Retention;
use lines::{AppendError, LogReader, LogStore, Offset, StoreError};
use store::sqlite::SqliteOptions;
use tempfile::TempDir;

use crate::place::{append, at, draft_at, extent, messages, numbered, read_all, store_lines, stream};
use crate::recent::{by_hand, database, number, open};

/// What a row that went bad says of its place and its length is believed as far as it can be so.
#[tokio::test]
async fn a_recent_row_that_does_not_know_its_place_or_length_spoils_no_other() {
    for (spoil, at_end) in [
        ("first = 0 WHERE first = 1", false),
        ("first = 7 WHERE first = 1", false),
        ("stream = 2 WHERE first = 1 AND stream = 1", false),
        ("stream = 9 WHERE first = 1 AND stream = 1", false),
        ("count = 200000 WHERE first = 1 AND stream = 1", false),
        ("count = 1 WHERE first = 2 AND stream = 1", true),
        ("first = 0, count = 1 WHERE first = 2 AND stream = 1", true),
    ] {
        let folder = TempDir::new().unwrap();
        let full = SqliteOptions {
            merged_bytes: 1,
            ..by_hand()
        };
        let store = open(folder.path(), &full);
        for texts in [&["a"][..], &["b"], &["c", "d", "e"]] {
            store_lines(&store, "s", texts).await;
            store_lines(&store, "t", texts).await;
        }
        drop(store);
        database(folder.path())
            .execute(&format!("UPDATE recent SET {spoil}"), [])
            .unwrap();
        for _ in 0..2 {
            let store = open(folder.path(), &full);
            let read = async |from| store.read(&stream("s"), Offset(from), 1).await;
            assert_eq!(read(0).await.unwrap()[0].next(), Offset(1), "{spoil}");
            let (_, next) = extent(&store, "s").await;
            if at_end {
                assert!(next >= 5, "{spoil}: {next} is given twice");
                assert_eq!(read(1).await.unwrap()[0].next(), Offset(2));
            } else {
                assert_eq!(next, 5, "{spoil}");
                match read(1).await {
                    Err(StoreError::Damaged(damage)) => {
                        assert_eq!((damage.from.0, damage.to.0), (1, 2), "{spoil}");
                    }
                    other => panic!("{spoil}: {other:?}"),
                }
                assert_eq!(read_all(&store, "s", 2).await, numbered(2, &["c", "d", "e"]));
            }
            store.merge_recent().await.unwrap();
            assert_eq!(
                number(folder.path(), "SELECT max(merged) FROM streams"),
                next.max(5) as i64
            );
        }
        let store = open(folder.path(), &full);
        let (_, next) = extent(&store, "s").await;
        assert_eq!(store_lines(&store, "s", &["f"]).await.first, Offset(next));
        assert_eq!(extent(&store, "s").await.1, next + 1);
    }
}

/// What stands where it should be merged to, is no fault of the other streams.
#[tokio::test]
async fn a_stream_that_cannot_be_merged_holds_up_no_other_stream() {
    let folder = TempDir::new().unwrap();
    let options = SqliteOptions {
        recent_bytes: 4_000,
        grace: Duration::ZERO,
        ..by_hand()
    };
    let store = open(folder.path(), &options);
    for name in ["a", "m", "z"] {
        append(&store, draft_at(name, at(0), &["first"])).await.unwrap();
    }
    database(folder.path())
        .execute_batch(
            "INSERT INTO batches (stream, first, count, oldest, newest, arrived, bytes, compressed, lines)
             SELECT id, 0, 1, 0, 0, 0, 1, 0, x'' FROM streams WHERE name = 'm'",
        )
        .unwrap();
    for i in 1..100 {
        for name in ["a", "z"] {
            append(&store, draft_at(name, at(i), &["more"])).await.unwrap();
        }
    }
    // The stream itself takes what it may.
    let mut texts = vec!["first"];
    let refused = loop {
        match append(&store, draft_at("m", at(100), &["more"])).await {
            Ok(_) => texts.push("more"),
            Err(refused) => break refused,
        }
    };
    assert!(
        matches!(refused, AppendError::NotStored(StoreError::Away(_))),
        "{refused}"
    );
    append(&store, draft_at("a", at(100), &["last"])).await.unwrap();
    store.merge_recent().await.unwrap();
    let kept = number(
        folder.path(),
        "SELECT count(*) FROM recent r JOIN streams s ON s.id = r.stream AND s.name = 'm'",
    );
    assert_eq!(kept, texts.len() as i64);
    // Retention goes on.
    let all = Retention {
        age: Some(Duration::from_secs(1)),
        bytes: None,
    };
    store.trim(&all, at(10_000)).await.unwrap();
    assert_eq!(extent(&store, "z").await, (100, 100));
    drop(store);
    database(folder.path())
        .execute_batch("DELETE FROM batches WHERE stream = (SELECT id FROM streams WHERE name = 'm'); UPDATE streams SET floor = 0 WHERE name = 'm'")
        .unwrap();
    let store = open(folder.path(), &options);
    for _ in 0..2 {
        assert_eq!(read_all(&store, "m", 0).await, numbered(0, &texts));
        store.merge_recent().await.unwrap();
    }
    while number(folder.path(), "SELECT count(*) FROM recent") > 0 {
        tokio::task::yield_now().await;
    }
}

/// Destroys the page of the database with this text.
fn spoil_page(folder: &Path, text: &str) {
    const PAGE: usize = 4096;
    database(folder)
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    let file = folder.join("lines.sqlite3");
    let mut bytes = std::fs::read(&file).unwrap();
    // A leaf has the text, and not what is left of it in a page that is used for something else.
    const LEAF: u8 = 0x0d;
    let page = bytes
        .chunks(PAGE)
        .position(|page| page[0] == LEAF && page.windows(text.len()).any(|window| window == text.as_bytes()))
        .unwrap();
    bytes[page * PAGE..][..PAGE].fill(0xff);
    std::fs::write(&file, bytes).unwrap();
}

fn long(text: &str) -> String {
    format!("{text} {}", "-".repeat(1_500))
}

#[tokio::test]
async fn a_stream_whose_lines_in_place_cannot_be_read_is_merged_without_them() {
    let folder = TempDir::new().unwrap();
    let options = SqliteOptions {
        compression: store::Compression::None,
        ..by_hand()
    };
    let store = open(folder.path(), &options);
    for i in 0..8 {
        append(
            &store,
            draft_at(&format!("s{i}"), at(0), &[&long(&format!("old {i}"))]),
        )
        .await
        .unwrap();
    }
    store.merge_recent().await.unwrap();
    while number(folder.path(), "SELECT count(*) FROM recent") > 0 {
        tokio::task::yield_now().await;
    }
    for i in 0..8 {
        append(&store, draft_at(&format!("s{i}"), at(1), &["new"]))
            .await
            .unwrap();
    }
    drop(store);
    spoil_page(folder.path(), "old 2");
    let store = open(folder.path(), &options);
    store.merge_recent().await.unwrap();
    assert_eq!(read_all(&store, "s2", 1).await, numbered(1, &["new"]));
    assert_eq!(
        read_all(&store, "s7", 0).await,
        numbered(0, &[&long("old 7"), "new"])
    );
}

#[tokio::test]
async fn a_page_of_recent_lines_that_cannot_be_read_is_stepped_over() {
    // The next table would begin where the first of these lines are.
    for (spoilt, behind) in [
        (0, false),
        (0, true),
        (1, false),
        (9, false),
        (9, true),
        (19, true),
    ] {
        let folder = TempDir::new().unwrap();
        let store = open(folder.path(), &by_hand());
        if behind {
            store_lines(&store, "other", &[&"x".repeat(300_000)]).await;
        }
        let texts: Vec<_> = (0..20).map(|i| long(&format!("line {i},"))).collect();
        for text in &texts {
            store_lines(&store, "s", &[text]).await;
        }
        drop(store);
        spoil_page(folder.path(), &format!("line {spoilt},"));
        for round in 0..2 {
            let store = open(folder.path(), &by_hand());
            let (_, next) = extent(&store, "s").await;
            assert!(next == 20 || spoilt == 19 && next >= 17, "{next}");
            let replaced = "SELECT count(*) FROM sqlite_schema WHERE name GLOB 'recent_damaged_*'";
            assert_eq!(number(folder.path(), replaced), 1, "{spoilt}, {behind}");
            let (mut from, mut lost) = (0, 0);
            while from < next {
                match store.read(&stream("s"), Offset(from), 1).await {
                    Ok(batches) => {
                        for batch in batches {
                            let read = messages(&batch);
                            assert!(read.iter().all(|(i, text)| *text == texts[*i as usize]));
                            from = batch.next().0;
                        }
                    }
                    Err(StoreError::Damaged(damage)) => {
                        lost += damage.to.since(damage.from);
                        from = damage.to.0;
                    }
                    Err(other) => panic!("{other}"),
                }
            }
            assert!(spoilt == 19 || (1..=4).contains(&lost), "{lost} of {spoilt}");
            if round == 0 {
                store.merge_recent().await.unwrap();
            }
        }
        let store = open(folder.path(), &by_hand());
        let (_, next) = extent(&store, "s").await;
        assert_eq!(store_lines(&store, "s", &["after"]).await.first, Offset(next));
        store.merge_recent().await.unwrap();
    }
}

/// The table does not grow for ever.
#[tokio::test]
async fn a_table_whose_rows_cannot_be_deleted_is_replaced() {
    let folder = TempDir::new().unwrap();
    let options = SqliteOptions {
        merge_after: Duration::ZERO,
        ..SqliteOptions::default()
    };
    let store = open(folder.path(), &options);
    database(folder.path())
        .execute_batch("CREATE TRIGGER bad BEFORE DELETE ON recent BEGIN SELECT RAISE(ABORT, 'bad'); END")
        .unwrap();
    let mut texts = Vec::new();
    let replaced = "SELECT count(*) FROM sqlite_schema WHERE name = 'recent_damaged_1'";
    while number(folder.path(), replaced) == 0 {
        store_lines(&store, "s", &["line"]).await;
        texts.push("line");
    }
    for _ in 0..2 {
        store_lines(&store, "s", &["line"]).await;
        texts.push("line");
        assert_eq!(read_all(&store, "s", 0).await, numbered(0, &texts));
        store.merge_recent().await.unwrap();
    }
    while number(folder.path(), "SELECT count(*) FROM recent") > 0 {
        tokio::task::yield_now().await;
    }
    drop(store);
    let store = open(folder.path(), &options);
    assert_eq!(read_all(&store, "s", 0).await, numbered(0, &texts));
}
