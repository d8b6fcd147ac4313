//! Small batches in a data folder: recent at first, merged later. Whatever is merged when, and whenever the process dies,
//! readers, senders and retention see the same.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lines::log_store::StoredKey;
use lines::retention::Retention;
use lines::{AppendError, LogReader, LogStore, Offset, StoreError};
use store::sqlite::{OpenError, SqliteOptions, SqliteStore};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::place::{append, at, draft, draft_at, extent, keyed, numbered, read_all, store_lines, stream};

pub(crate) const DATABASE: &str = "lines.sqlite3";

/// Merged only where a test says so.
pub(crate) fn by_hand() -> SqliteOptions {
    SqliteOptions {
        merge_after: Duration::MAX,
        ..SqliteOptions::default()
    }
}

/// Another test that starts a process has the folder's lock for a moment, too, until that is another program.
pub(crate) fn open(folder: &Path, options: &SqliteOptions) -> SqliteStore {
    let begun = Instant::now();
    loop {
        match SqliteStore::open(folder, options.clone()) {
            Err(OpenError::InUse { .. }) if begun.elapsed() < Duration::from_secs(30) => {
                std::thread::yield_now();
            }
            opened => return opened.unwrap(),
        }
    }
}

pub(crate) fn database(folder: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.join(DATABASE)).unwrap()
}

pub(crate) fn number(folder: &Path, sql: &str) -> i64 {
    database(folder).query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Rows of the batches in place, and of the recent ones.
fn rows(folder: &Path) -> (i64, i64) {
    let count = |table: &str| number(folder, &format!("SELECT count(*) FROM {table}"));
    (count("batches"), count("recent"))
}

#[tokio::test]
async fn small_batches_of_many_streams_become_one_of_each() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path(), &by_hand());
    for i in 0..50 {
        for name in ["a", "b", "c"] {
            let draft = keyed(
                draft_at(name, at(i), &[&format!("{name} {i}")]),
                &format!("k {i}"),
                i as u8,
            );
            append(&store, draft).await.unwrap();
        }
    }
    assert_eq!(rows(folder.path()), (0, 150));
    store.merge_recent().await.unwrap();
    assert_eq!(rows(folder.path()).0, 3);
    for name in ["a", "b", "c"] {
        let found = store.read(&stream(name), Offset(7), usize::MAX).await.unwrap();
        assert_eq!(
            (found.len(), found[0].first, found[0].lines.count),
            (1, Offset(0), 50)
        );
        assert_eq!((found[0].lines.oldest, found[0].lines.newest), (at(0), at(49)));
        let expected: Vec<_> = (0..50).map(|i| (i, format!("{name} {i}"))).collect();
        assert_eq!(read_all(&store, name, 0).await, expected);
        let key = |i: usize| (stream(name), StoredKey(format!("k {i}").into()));
        let used = store.used_keys(&[key(49), key(0), key(50)]).await.unwrap();
        let places: Vec<_> = used
            .into_iter()
            .map(|it| it.map(|it| (it.digest.0[0], it.first.0, it.next.0)))
            .collect();
        assert_eq!(places, [Some((49, 49, 50)), Some((0, 0, 1)), None]);
    }
}

/// A stream that gets a line now and then has few batches in the end, too.
#[tokio::test]
async fn what_comes_later_joins_what_is_merged_already() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path(), &by_hand());
    let mut expected = Vec::new();
    for i in 0..64 {
        let text = format!("line {i}");
        append(&store, keyed(draft_at("s", at(i), &[&text]), &format!("{i}"), 1))
            .await
            .unwrap();
        store.merge_recent().await.unwrap();
        expected.push(text);
    }
    let (batches, _) = rows(folder.path());
    assert!(batches <= 7, "{batches}");
    let expected: Vec<_> = expected.iter().map(String::as_str).collect();
    assert_eq!(read_all(&store, "s", 0).await, numbered(0, &expected));
    // Keys go with their lines, and so go away with them.
    let all = Retention {
        age: None,
        bytes: Some(0),
    };
    assert_eq!(
        number(
            folder.path(),
            "SELECT count(*) FROM keys k JOIN batches b ON b.stream = k.stream AND b.first = k.batch"
        ),
        64
    );
    store.trim(&all, at(100)).await.unwrap();
    let bytes = number(folder.path(), "SELECT sum(bytes) FROM batches");
    assert_eq!(
        number(folder.path(), "SELECT value FROM meta WHERE name = 'bytes'"),
        bytes
    );
    assert_eq!(extent(&store, "s").await, (64, 64));
}

#[tokio::test]
async fn what_follows_recent_lines_is_read_behind_them_however_large() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path(), &by_hand());
    let large = "x".repeat(300_000);
    store_lines(&store, "s", &["small"]).await;
    store_lines(&store, "s", &[&large]).await;
    store_lines(&store, "t", &[&large]).await;
    store_lines(&store, "s", &["last"]).await;
    assert_eq!(
        rows(folder.path()),
        (3, 1),
        "what is large merges what is before it"
    );
    for _ in 0..2 {
        assert_eq!(
            read_all(&store, "s", 0).await,
            numbered(0, &["small", &large, "last"])
        );
        store.merge_recent().await.unwrap();
    }
    assert_eq!(rows(folder.path()).0, 4, "what is full stays as it is");
}

/// One small body does not bring a stream of large ones to where they are written twice.
#[tokio::test]
async fn a_large_batch_goes_in_place_with_what_is_recent_of_its_stream() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path(), &by_hand());
    let large = "x".repeat(300_000);
    let mut texts = Vec::new();
    for i in 0..3 {
        for text in ["one", "two", "three"] {
            let first = texts.len() as u8;
            append(&store, keyed(draft("s", &[text]), &format!("{first}"), first))
                .await
                .unwrap();
            texts.push(text);
        }
        store_lines(&store, "other", &["small"]).await;
        let key = format!("large {i}");
        append(&store, keyed(draft("s", &[&large]), &key, 100 + i))
            .await
            .unwrap();
        texts.push(&large);
        assert_eq!(rows(folder.path()), (2 * (i64::from(i) + 1), i64::from(i) + 1));
    }
    let (sum, bytes) = (
        "SELECT sum(bytes) FROM batches",
        "SELECT value FROM meta WHERE name = 'bytes'",
    );
    assert_eq!(number(folder.path(), bytes), number(folder.path(), sum));
    let mut store = store;
    for _ in 0..2 {
        assert_eq!(read_all(&store, "s", 0).await, numbered(0, &texts));
        let asked = ["0", "7", "large 2"].map(|key| (stream("s"), StoredKey(key.into())));
        let used = store.used_keys(&asked).await.unwrap();
        let places: Vec<_> = used.into_iter().map(|it| it.map(|it| it.first.0)).collect();
        assert_eq!(places, [Some(0), None, Some(11)]);
        drop(store);
        store = open(folder.path(), &by_hand());
    }
    // What is before it cannot be merged: it goes behind it, and nothing is lost.
    store_lines(&store, "s", &["more"]).await;
    database(folder.path())
        .execute_batch("CREATE TRIGGER bad BEFORE DELETE ON recent BEGIN SELECT RAISE(ABORT, 'bad'); END")
        .unwrap();
    store_lines(&store, "s", &[&large]).await;
    texts.extend(["more", &large]);
    assert_eq!(rows(folder.path()), (6, 5));
    for _ in 0..2 {
        assert_eq!(read_all(&store, "s", 0).await, numbered(0, &texts));
        drop(store);
        store = open(folder.path(), &by_hand());
    }
}

/// Lines that went bad before they were merged are named before and after that, and no offset is given twice.
#[tokio::test]
async fn recent_lines_that_went_bad_are_named_and_stay_so() {
    for spoil in [
        "lines = x'7b7d0a'",
        "count = 2",
        "arrived = arrived + 1",
        "keys = x'00'",
    ] {
        let folder = TempDir::new().unwrap();
        let store = open(folder.path(), &by_hand());
        for text in ["a", "b", "c"] {
            store_lines(&store, "s", &[text]).await;
        }
        drop(store);
        let changed =
            database(folder.path()).execute(&format!("UPDATE recent SET {spoil} WHERE first = 1"), []);
        assert_eq!(changed.unwrap(), 1);
        let store = open(folder.path(), &by_hand());
        for _ in 0..2 {
            assert_eq!(extent(&store, "s").await, (0, 3));
            let read = async |from| store.read(&stream("s"), Offset(from), 1).await;
            assert_eq!(read(0).await.unwrap()[0].next(), Offset(1));
            let damage = match read(1).await {
                Err(StoreError::Damaged(damage)) => (damage.from.0, damage.to.0),
                other => panic!("{spoil}: {other:?}"),
            };
            assert_eq!(damage, (1, 2), "{spoil}");
            assert_eq!(read_all(&store, "s", 2).await, numbered(2, &["c"]));
            store.merge_recent().await.unwrap();
        }
        assert_eq!(store_lines(&store, "s", &["d"]).await.first, Offset(3));
    }
}

/// Small batches in place, as versions before this one left them.
#[tokio::test]
async fn small_batches_of_an_older_version_are_joined_while_nothing_else_is_to_be_done() {
    let folder = TempDir::new().unwrap();
    let in_place = SqliteOptions {
        small_bytes: 0,
        merged_bytes: 1,
        ..SqliteOptions::default()
    };
    let store = open(folder.path(), &in_place);
    let large = "y".repeat(200_000);
    let mut expected = BTreeMap::<&str, Vec<String>>::new();
    for i in 0..1_500 {
        let name = ["a", "b", "c"][i % 3];
        let text = if i == 700 {
            large.clone()
        } else {
            format!("line {i}")
        };
        append(
            &store,
            keyed(draft_at(name, at(i as i64 / 10), &[&text]), &format!("{i}"), 1),
        )
        .await
        .unwrap();
        expected.entry(name).or_default().push(text);
    }
    drop(store);
    database(folder.path())
        .execute_batch(
            "DROP TABLE recent; ALTER TABLE streams DROP COLUMN merged; ALTER TABLE streams DROP COLUMN deleted;
             ALTER TABLE sketches DROP COLUMN last;
             DELETE FROM meta WHERE name = 'swept';
             PRAGMA user_version = 4;",
        )
        .unwrap();
    let store = open(folder.path(), &SqliteOptions::default());
    // They are read all the while.
    loop {
        for (name, texts) in &expected {
            let texts: Vec<_> = texts.iter().map(String::as_str).collect();
            assert_eq!(read_all(&store, name, 0).await, numbered(0, &texts));
        }
        if number(folder.path(), "SELECT count(*) FROM meta WHERE name = 'swept'") == 1 {
            break;
        }
    }
    let (batches, _) = rows(folder.path());
    assert!((4..30).contains(&batches), "{batches}");
    let key = |i: usize| (stream(["a", "b", "c"][i % 3]), StoredKey(format!("{i}").into()));
    let used = store.used_keys(&[key(0), key(1_499)]).await.unwrap();
    let places: Vec<_> = used.into_iter().map(|it| it.map(|it| it.first.0)).collect();
    assert_eq!(places, [Some(0), Some(499)]);
    let sum = number(folder.path(), "SELECT sum(bytes) FROM batches");
    assert_eq!(
        number(folder.path(), "SELECT value FROM meta WHERE name = 'bytes'"),
        sum
    );
    let orphans = "SELECT count(*) FROM keys k WHERE NOT EXISTS (SELECT 1 FROM batches b WHERE b.stream = k.stream AND b.first = k.batch)";
    assert_eq!(number(folder.path(), orphans), 0);
}

/// Says to the executable of these tests that it is to append to a folder.
const CHILD: &str = "TAILCAST_TEST_STORE_CHILD";

/// What such a process does: one line after the other, each with a key, told when it is stored. Nothing, when the tests
/// are run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_process() {
    let Ok(folder) = std::env::var(CHILD) else {
        return;
    };
    let options = SqliteOptions {
        merge_after: Duration::ZERO,
        ..SqliteOptions::default()
    };
    let store = open(folder.as_ref(), &options);
    let begin = extent(&store, "s").await.1;
    for i in begin.. {
        let drafts =
            ["s", "t"].map(|name| keyed(draft(name, &[&format!("line {i}")]), &format!("key {i}"), 1));
        for outcome in store.append(drafts.to_vec()).await {
            outcome.unwrap();
        }
        println!("stored {i}");
    }
}

/// Invariants 1 and 4: kill -9, in the middle of merging.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_before_a_kill_is_there_once() {
    let folder = TempDir::new().unwrap();
    for round in 0..8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "recent::child_process", "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let told = tokio::process::ChildStdout::from_std(child.stdout.take().unwrap()).unwrap();
        let mut told = BufReader::new(told).lines();
        let (mut acknowledged, mut heard) = (0, 0);
        while let Ok(Some(line)) = told.next_line().await {
            let Some(i) = line.strip_prefix("stored ") else {
                continue;
            };
            (acknowledged, heard) = (i.parse::<u64>().unwrap() + 1, heard + 1);
            if heard == 20 + 7 * round {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let store = open(folder.path(), &by_hand());
        for name in ["s", "t"] {
            let (floor, next) = extent(&store, name).await;
            assert!(floor == 0 && next >= acknowledged, "{next} of {acknowledged}");
            let expected: Vec<_> = (0..next).map(|i| (i, format!("line {i}"))).collect();
            assert_eq!(read_all(&store, name, 0).await, expected);
            let last = keyed(draft(name, &["again"]), &format!("key {}", next - 1), 1);
            match append(&store, last).await {
                Err(AppendError::KeysUsed(used)) => assert_eq!(used[0].first, Offset(next - 1)),
                other => panic!("{other:?}"),
            }
        }
    }
}
