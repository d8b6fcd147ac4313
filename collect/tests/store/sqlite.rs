//! What only the store in a data folder has: the folder.

use std::path::Path;

use collect::store::sqlite::{OpenError, SqliteOptions, SqliteStore};
use tempfile::TempDir;

use crate::place::{extent, store_lines};

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
    database.pragma_update(None, "user_version", 7).unwrap();
    drop(database);
    assert_eq!(
        refusal(root.path()),
        format!(
            "{} was written by a newer tailcast (format 7, this one knows 1): use that version",
            file.display()
        )
    );
}
