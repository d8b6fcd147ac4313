//! What only the store in a data folder has: the folder.

use std::path::Path;
use std::time::Duration;

use lines::LogStore;
use lines::retention::{Deletable, Hidden, Retention};
use store::Compression;
use store::sqlite::{OpenError, SqliteOptions, SqliteStore};
use tempfile::TempDir;

use crate::place::{append, at, draft, draft_at, extent, store_lines};

fn open(folder: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(folder, SqliteOptions::default())
}

fn refusal(folder: &Path) -> String {
    open(folder).err().expect("it cannot be opened").to_string()
}

#[tokio::test]
async fn a_data_folder_is_made_and_belongs_to_one_at_a_time() {
    let root = TempDir::new().unwrap();
    let folder = root.path().join("new/data");
    let store = open(&folder).unwrap();
    store_lines(&store, "s", &["a"]).await;
    assert_eq!(
        refusal(&folder),
        format!(
            "the data folder {} is in use by another tailcast: stop that one, or choose another folder",
            folder.display()
        )
    );
    drop(store);
    assert_eq!(extent(&open(&folder).unwrap(), "s").await, (0, 1));
}

#[tokio::test]
async fn a_data_folder_that_is_a_file_is_named() {
    let root = TempDir::new().unwrap();
    let file = root.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for folder in [file.clone(), file.join("below")] {
        let refusal = refusal(&folder);
        assert!(
            refusal.starts_with(&format!("the data folder {} cannot be used: ", folder.display())),
            "{refusal}"
        );
    }
}

#[tokio::test]
async fn a_file_that_is_something_else_is_left_alone() {
    let root = TempDir::new().unwrap();
    let file = root.path().join("lines.sqlite3");
    let text = "not a database, but long enough to be looked at as one ".repeat(10);
    std::fs::write(&file, &text).unwrap();
    let expected = format!(
        "{} is not a database of tailcast: move it away, or choose another folder",
        file.display()
    );
    assert_eq!(refusal(root.path()), expected);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);

    std::fs::remove_file(&file).unwrap();
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute("CREATE TABLE somebody_elses (x)", []).unwrap();
    drop(other);
    assert_eq!(refusal(root.path()), expected);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let root = TempDir::new().unwrap();
    drop(open(root.path()).unwrap());
    let file = root.path().join("lines.sqlite3");
    let database = rusqlite::Connection::open(&file).unwrap();
    database.pragma_update(None, "user_version", 8).unwrap();
    drop(database);
    assert_eq!(
        refusal(root.path()),
        format!(
            "{} was written by a newer tailcast (format 8, this one knows 7): use that version",
            file.display()
        )
    );
}

#[tokio::test]
async fn the_file_shrinks_when_much_was_removed() {
    let root = TempDir::new().unwrap();
    let options = SqliteOptions {
        compression: Compression::None,
        spare_bytes: 1024 * 1024,
        grace: Duration::ZERO,
        ..SqliteOptions::default()
    };
    let store = SqliteStore::open(root.path(), options).unwrap();
    let megabyte = "x".repeat(1024 * 1024);
    for i in 0..12 {
        append(&store, draft_at("s", at(i), &[&megabyte])).await.unwrap();
    }
    let retention = Retention {
        age: Some(Duration::from_secs(1)),
        bytes: None,
    };
    store.trim(&retention, at(12)).await.unwrap();
    assert_eq!(extent(&store, "s").await, (11, 12));
    let deleted = store.delete_hidden(Deletable::All).await.unwrap();
    assert_eq!((deleted.batches, deleted.more), (11, false));
    assert_eq!(
        store.restore(&Hidden::All).await.unwrap(),
        [],
        "what is deleted does not come back"
    );
    assert_eq!(extent(&store, "s").await, (11, 12));
    // The journal goes into the file at the latest now.
    drop(store);
    let size = std::fs::metadata(root.path().join("lines.sqlite3"))
        .unwrap()
        .len();
    assert!((1..4).contains(&(size >> 20)), "{size}");
}

/// Whoever comes from the first format finds everything, and what was removed then stays removed.
#[tokio::test]
async fn a_database_of_an_older_version_is_brought_up_to_date() {
    let root = TempDir::new().unwrap();
    let in_place = SqliteOptions {
        small_bytes: 0,
        ..SqliteOptions::default()
    };
    let store = SqliteStore::open(root.path(), in_place).unwrap();
    for i in 0..3 {
        append(&store, draft_at("s", at(i), &["x"])).await.unwrap();
    }
    drop(store);
    let database = rusqlite::Connection::open(root.path().join("lines.sqlite3")).unwrap();
    database
        .execute_batch(
            "DROP TABLE recent; ALTER TABLE streams DROP COLUMN merged; DROP TABLE sketches; DROP TABLE sketch_slices;
             DROP TABLE ledger; DROP TABLE ledger_log; DELETE FROM meta WHERE name LIKE 'ledger_%';
             DROP TABLE hidden; ALTER TABLE streams DROP COLUMN held;
             ALTER TABLE streams DROP COLUMN deleted; PRAGMA user_version = 1;
             DELETE FROM batches WHERE first < 1; UPDATE streams SET floor = 1;",
        )
        .unwrap();
    drop(database);
    let store = open(root.path()).unwrap();
    assert_eq!(extent(&store, "s").await, (1, 3));
    assert_eq!(store.restore(&Hidden::All).await.unwrap(), []);
    let all = Retention {
        age: None,
        bytes: Some(0),
    };
    store.trim(&all, at(10)).await.unwrap();
    assert_eq!(extent(&store, "s").await, (3, 3));
    assert_eq!(store.restore(&Hidden::All).await.unwrap().len(), 1);
    assert_eq!(extent(&store, "s").await, (1, 3));
}

/// Invariant 2: appends of many callers are taken into few commits, and each gets its own answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_at_once_are_each_answered() {
    let root = TempDir::new().unwrap();
    let store = open(root.path()).unwrap();
    let appends = (0..300).map(|i| append(&store, draft(["a", "b", "c"][i % 3], &["x", "y"])));
    let mut firsts: Vec<_> = futures_util::future::join_all(appends)
        .await
        .into_iter()
        .map(|batch| {
            batch
                .map(|batch| (batch.stream.to_string(), batch.first.0))
                .unwrap()
        })
        .collect();
    firsts.sort();
    let expected: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .flat_map(|name| (0..100).map(move |i| (name.to_owned(), 2 * i)))
        .collect();
    assert_eq!(firsts, expected);
}
