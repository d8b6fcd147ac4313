//! What only the ledger in a data folder has: one thread that writes lines, too, and a disk that may be full.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lines::LogStore;
use lines::ledger::{CommitError, LedgerError, Revision};
use store::Compression;
use store::sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;

use crate::desk::{commit, done, get, put};
use crate::place::draft;

/// A commit waits for the append that is being written, and for none of those that wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_goes_before_the_appends_that_wait() {
    let folder = TempDir::new().unwrap();
    let options = SqliteOptions {
        compression: Compression::None,
        // Each append is one commit.
        commit_bytes: 1,
        ..SqliteOptions::default()
    };
    let store = Arc::new(SqliteStore::open(folder.path(), options).unwrap());
    let text = "x".repeat(32 * 1024);
    let appended = Arc::new(AtomicUsize::new(0));
    let drafts: Vec<_> = (0..400).map(|_| draft("s", &[&text])).collect();
    let appends: Vec<_> = drafts
        .into_iter()
        .map(|draft| {
            let (store, appended) = (store.clone(), appended.clone());
            tokio::spawn(async move {
                assert!(store.append(vec![draft]).await[0].is_ok());
                appended.fetch_add(1, Ordering::SeqCst);
            })
        })
        .collect();
    let mut commits = 0;
    while appended.load(Ordering::SeqCst) < 50 {
        let before = appended.load(Ordering::SeqCst);
        done(&*store, put("k", commits.to_string())).await;
        let passed = appended.load(Ordering::SeqCst) - before;
        // One that was being written, and those whose answers were on their way.
        assert!(
            passed < 40,
            "{passed} of 400 appends went before commit {commits}"
        );
        commits += 1;
    }
    assert!(commits > 2, "{commits} commits among 50 appends");
    for append in appends {
        append.await.unwrap();
    }
}

/// A file system of its own, of 32 MiB. Needs to be root on Linux, as a container is.
struct Disk(TempDir);

impl Disk {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=32m", "tmpfs"])
            .arg(folder.path());
        assert!(
            mount.status().unwrap().success(),
            "root can mount a file system in memory"
        );
        Self(folder)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

#[tokio::test]
async fn on_a_full_disk_commits_are_refused_and_what_is_there_can_be_read() {
    let disk = Disk::new();
    let data = disk.0.path().join("data");
    let store = SqliteStore::open(&data, SqliteOptions::default()).unwrap();
    let revision = done(&store, put("k", "before")).await;
    let theirs = disk.0.path().join("theirs");
    let filled = Command::new("dd")
        .args(["if=/dev/zero", "bs=64k"])
        .arg(format!("of={}", theirs.display()))
        .stderr(std::process::Stdio::null())
        .status();
    assert!(!filled.unwrap().success(), "until the disk is full");
    let outcome = commit(&store, put("k", "lost")).await;
    assert!(
        matches!(outcome, Err(CommitError::NotDone(LedgerError::Full(_)))),
        "{outcome:?}"
    );
    assert_eq!(get(&store, "k").await, Some((revision.0, "before".to_owned())));
    std::fs::remove_file(theirs).unwrap();
    assert_eq!(done(&store, put("k", "after")).await, revision.next());
    drop(store);
    let store = SqliteStore::open(&data, SqliteOptions::default()).unwrap();
    assert_eq!(get(&store, "k").await, Some((2, "after".to_owned())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_wait_are_written_together_and_each_is_answered() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(folder.path(), SqliteOptions::default()).unwrap();
    let names: Vec<String> = (0..500).map(|i| format!("k/{i}")).collect();
    let commits = names.iter().map(|name| commit(&store, put(name, "x")));
    let outcomes = futures_util::future::join_all(commits).await;
    let last = outcomes
        .into_iter()
        .map(|outcome| outcome.unwrap())
        .max()
        .unwrap();
    assert!(last < Revision(250), "{last} transactions for 500 commits");
    let same = (0..100).map(|i| commit(&store, put("same", i.to_string())));
    let mut revisions: Vec<_> = futures_util::future::join_all(same)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    revisions.sort();
    revisions.dedup();
    assert_eq!(revisions.len(), 100, "what changes one key takes turns");
}

/// Somebody else keeps the database locked, a backup for example.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_database_is_an_error_and_works_again_afterwards() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(folder.path(), SqliteOptions::default()).unwrap();
    done(&store, put("k", "1")).await;
    let other = rusqlite::Connection::open(folder.path().join("lines.sqlite3")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let outcome = commit(&store, put("k", "2")).await;
    assert!(
        matches!(outcome, Err(CommitError::NotDone(LedgerError::Away(_)))),
        "{outcome:?}"
    );
    assert_eq!(get(&store, "k").await, Some((1, "1".to_owned())));
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(done(&store, put("k", "3")).await, Revision(2));
}
