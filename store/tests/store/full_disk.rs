//! A disk that has no room: nothing that was acknowledged is lost, and it gets out by itself. The disks are file systems
//! in memory, so these tests need to be root on Linux, as a container is.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use lines::retention::{Deletable, Retention};
use lines::{AppendError, Filter, LogStore, Offset, StoreError};
use store::Compression;
use store::sketcher::{Sizes, Sketcher};
use store::sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;

use crate::place::{append, at, draft_at, extent, read_all, stream};

/// A file system of its own, of 32 MiB.
struct Disk(TempDir);

impl Disk {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=32m", "tmpfs"])
            .arg(folder.path());
        let mounted = mount.status().unwrap();
        assert!(
            mounted.success(),
            "a file system in memory can be mounted by root"
        );
        Self(folder)
    }

    fn data(&self) -> std::path::PathBuf {
        self.0.path().join("data")
    }

    fn open(&self) -> SqliteStore {
        let options = SqliteOptions {
            compression: Compression::None,
            ..SqliteOptions::default()
        };
        SqliteStore::open(&self.data(), options).unwrap()
    }

    /// Somebody else takes all that is left but this.
    fn fill(&self, but: u64) -> std::path::PathBuf {
        let path = self.0.path().join(uuid::Uuid::new_v4().to_string());
        let disk = rustix::fs::statvfs(self.0.path()).unwrap();
        let mut file = std::fs::File::create(&path).unwrap();
        let bytes = (disk.f_bavail * disk.f_frsize).saturating_sub(but);
        file.write_all(&vec![b'x'; bytes as usize]).unwrap();
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

/// Appends until nothing is taken any more; every failure is of the one kind. How many lines were acknowledged.
async fn append_until_full(store: &SqliteStore, from: u64) -> u64 {
    let text = "x".repeat(100_000);
    for i in from.. {
        match append(store, draft_at("s", at(i as i64), &[&text])).await {
            Ok(batch) => assert_eq!(batch.first.0, i),
            Err(AppendError::NotStored(StoreError::Full(why))) => {
                assert!(why.contains("MB are free on the disk of"), "{why}");
                return i;
            }
            Err(other) => panic!("{other}"),
        }
    }
    unreachable!("a disk ends")
}

/// Removes what arrived before the line of that number, as often as retention would.
async fn trim_before(store: &SqliteStore, line: u64) {
    let retention = Retention {
        age: Some(Duration::from_nanos(1)),
        bytes: None,
    };
    loop {
        let trimmed = store.trim(&retention, at(line as i64)).await.unwrap();
        if !trimmed.more {
            break;
        }
    }
    while store.delete_hidden(Deletable::All).await.unwrap().more {}
}

async fn is_full(store: &SqliteStore) -> bool {
    match store.check().await {
        Ok(()) => false,
        Err(StoreError::Full(_)) => true,
        Err(other) => panic!("{other}"),
    }
}

fn len(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}

#[tokio::test]
async fn lines_are_refused_before_the_disk_ends_and_taken_again_once_retention_made_room() {
    let disk = Disk::new();
    let store = disk.open();
    assert!(!is_full(&store).await);
    let mut head = append_until_full(&store, 0).await;
    assert!(head > 100, "most of the disk was used: {head}");
    for _ in 0..3 {
        assert!(is_full(&store).await);
        assert_eq!(extent(&store, "s").await.1, head);
        trim_before(&store, head - 20).await;
        assert!(!is_full(&store).await);
        let (first, size) = (
            extent(&store, "s").await.0,
            len(&disk.data().join("lines.sqlite3")),
        );
        // What was removed lies free within the file, and is used again.
        let next = append_until_full(&store, head).await;
        assert!(next > head + 100, "{head} {next}");
        assert!(len(&disk.data().join("lines.sqlite3")) < size + 6_000_000);
        let kept = read_all(&store, "s", first).await;
        assert_eq!(
            (kept.first().unwrap().0, kept.len() as u64),
            (first, next - first)
        );
        head = next;
    }
}

#[tokio::test]
async fn lines_can_be_removed_from_a_disk_that_others_filled_to_the_last_byte() {
    let disk = Disk::new();
    let store = disk.open();
    let text = "x".repeat(100_000);
    for i in 0..150 {
        append(&store, draft_at("s", at(i), &[&text])).await.unwrap();
    }
    let theirs = disk.fill(5_000_000);
    assert!(!is_full(&store).await);
    disk.fill(0);
    assert_eq!(append_until_full(&store, 150).await, 150);
    assert!(is_full(&store).await);
    assert_eq!(read_all(&store, "s", 0).await.len(), 150);

    trim_before(&store, 140).await;
    assert_eq!(extent(&store, "s").await, (140, 150));
    assert!(!is_full(&store).await, "pages went back to the disk");
    append(&store, draft_at("s", at(150), &[&text])).await.unwrap();

    disk.fill(0);
    assert!(is_full(&store).await);
    std::fs::remove_file(theirs).unwrap();
    assert!(!is_full(&store).await);
    append(&store, draft_at("s", at(151), &[&text])).await.unwrap();
}

#[tokio::test]
async fn a_store_that_is_opened_on_a_full_disk_is_full_and_gets_out_of_it() {
    let disk = Disk::new();
    let head = append_until_full(&disk.open(), 0).await;
    // The journal goes when a store is closed, and somebody takes its place.
    disk.fill(1_000_000);
    let store = disk.open();
    assert!(is_full(&store).await);
    assert_eq!(append_until_full(&store, head).await, head);
    trim_before(&store, head - 10).await;
    assert!(!is_full(&store).await);
    assert!(append_until_full(&store, head).await > head);
}

/// Small batches have to be merged before they can be removed, and that takes no room either.
#[tokio::test]
async fn recent_lines_can_be_removed_from_a_disk_that_others_filled_to_the_last_byte() {
    let disk = Disk::new();
    let options = SqliteOptions {
        merge_after: Duration::MAX,
        ..SqliteOptions::default()
    };
    let store = SqliteStore::open(&disk.data(), options).unwrap();
    let text = "x".repeat(200);
    for i in 0..800 {
        let drafts = ["s", "t", "u", "v"].map(|name| draft_at(name, at(i), &[&text]));
        let stored = store.append(drafts.to_vec()).await;
        assert!(stored.iter().all(Result::is_ok), "{stored:?}");
    }
    disk.fill(5_000_000);
    assert!(!is_full(&store).await);
    disk.fill(0);
    assert!(is_full(&store).await);
    assert_eq!(append_until_full(&store, 800).await, 800);
    assert_eq!(read_all(&store, "t", 0).await.len(), 800);

    trim_before(&store, 10_000).await;
    for name in ["s", "t", "u", "v"] {
        assert_eq!(extent(&store, name).await, (800, 800));
    }
}

/// What room there is, is for lines; what was not made of them then is made later.
#[tokio::test]
async fn sketches_that_had_no_room_are_made_once_there_is_some() {
    let disk = Disk::new();
    let store: Arc<dyn LogStore> = Arc::new(disk.open());
    for i in 0..100_i64 {
        let number = |nth: u64| (i.unsigned_abs() * 10 + nth + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let said: Vec<String> = (0..10).map(|nth| format!("line {:020}", number(nth))).collect();
        let said: Vec<&str> = said.iter().map(String::as_str).collect();
        append(&*store, draft_at("s", at(i), &said)).await.unwrap();
    }
    let theirs = disk.fill(0);
    let sizes = Sizes {
        block: 512,
        fewest: 16,
    };
    let mut sketcher = Sketcher::new(Arc::clone(&store), sizes);
    let reach = async || {
        let reach = store.sketched(&stream("s"), Offset(u64::MAX)).await;
        reach.unwrap().unwrap().next.0
    };
    assert!(matches!(store.check().await, Err(StoreError::Full(_))));
    assert!(sketcher.round().await.unwrap());
    assert_eq!(reach().await, 0);
    std::fs::remove_file(theirs).unwrap();
    store.check().await.unwrap();
    assert!(sketcher.round().await.unwrap());
    let known = reach().await;
    assert!(known > 100, "{known}");
    let nowhere = Filter::parse("nowhere").unwrap();
    let within = Offset(0)..Offset(known);
    let places = store.places(&stream("s"), within, nowhere.needs()).await;
    assert_eq!(places.unwrap(), []);
}
