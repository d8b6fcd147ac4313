//! Small batches in a data folder: recent at first, merged later. Whatever is merged when, and whenever the process dies,
//! readers, senders and retention see the same.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lines::log_store::{PriorRun, StoredKey};
use lines::retention::{Deletable, Hidden, Retention};
use lines::{AppendError, LogReader, LogStore, Offset, StoreError};
use store::sqlite::{OpenError, SqliteOptions, SqliteStore};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::place::{append, at, draft, draft_at, extent, keyed, numbered, read_all, store_lines, stream};

const DATABASE: &str = "lines.sqlite3";
/// Seconds between the arrivals of what is joined, in these tests.
const SPAN: u64 = 20;

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
    assert_eq!(rows(folder.path()), (1, 3));
    for _ in 0..2 {
        assert_eq!(
            read_all(&store, "s", 0).await,
            numbered(0, &["small", &large, "last"])
        );
        store.merge_recent().await.unwrap();
    }
    assert_eq!(rows(folder.path()).0, 4, "what is full stays as it is");
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
            "DROP TABLE recent; ALTER TABLE streams DROP COLUMN merged; DELETE FROM meta WHERE name = 'swept';
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

/// What the store is to be like, line by line.
#[derive(Default)]
struct Model {
    streams: BTreeMap<&'static str, Vec<(i64, String)>>,
    keys: BTreeMap<(&'static str, String), (Offset, Offset)>,
    /// Lines were brought back, and age takes no more of their streams.
    brought_back: bool,
    now: i64,
}

struct Noise(u64);

impl Noise {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

impl Model {
    async fn append(&mut self, store: &SqliteStore, noise: &mut Noise) {
        let name = ["a", "b", "c"][noise.below(3) as usize];
        let lines = self.streams.entry(name).or_default();
        let texts: Vec<_> = (0..=noise.below(3))
            .map(|i| {
                format!(
                    "{name} {} {}",
                    lines.len() as u64 + i,
                    "-".repeat(noise.below(4) as usize * 100)
                )
            })
            .collect();
        let texts: Vec<_> = texts.iter().map(String::as_str).collect();
        let first = lines.len() as u64;
        let mut draft = draft_at(name, at(self.now), &texts);
        if noise.below(2) == 0 {
            let key = format!("key {}", noise.below(60));
            draft = keyed(draft, &key, 1);
            if let Some(&(first, next)) = self.keys.get(&(name, key.clone())) {
                let used = PriorRun {
                    key: StoredKey(key.as_str().into()),
                    digest: draft.keys[0].digest,
                    first,
                    next,
                };
                match append(store, draft).await {
                    Err(AppendError::KeysUsed(found)) => return assert_eq!(found, [used]),
                    Ok(batch) => {
                        // It went with its lines.
                        let (floor, _) = extent(store, name).await;
                        assert!(first.0 < floor, "{key} of {name} was forgotten");
                        let next = Offset(batch.first.0 + u64::from(batch.lines.count));
                        self.keys.insert((name, key), (batch.first, next));
                    }
                    Err(other) => panic!("{other}"),
                }
            } else {
                let batch = append(store, draft).await.unwrap();
                self.keys.insert((name, key), (batch.first, batch.next()));
            }
        } else {
            let batch = append(store, draft).await.unwrap();
            assert_eq!(batch.first, Offset(first));
        }
        lines.extend(texts.iter().map(|text| (self.now, (*text).to_owned())));
    }

    /// Everything that can be asked of the store, against what is known of its lines.
    async fn compare(&self, store: &SqliteStore, noise: &mut Noise) {
        for (name, lines) in &self.streams {
            let (floor, next) = extent(store, name).await;
            assert_eq!(next, lines.len() as u64, "{name}");
            let from = floor + noise.below(next - floor + 1);
            for from in [floor, from] {
                let expected: Vec<_> = lines
                    .iter()
                    .zip(0..)
                    .skip(from as usize)
                    .map(|((_, text), i)| (i, text.clone()))
                    .collect();
                assert_eq!(read_all(store, name, from).await, expected, "{name} from {from}");
            }
            let since = at(noise.below(self.now as u64 + 5) as i64);
            let first = lines
                .iter()
                .zip(0..)
                .skip(floor as usize)
                .find(|((arrived, _), _)| at(*arrived) >= since);
            let first = first.map_or(next, |(_, i)| i);
            assert_eq!(
                store.first_since(&stream(name), since).await.unwrap(),
                Offset(first),
                "{name}"
            );
            let end = store.end_before(&stream(name), since).await.unwrap().0;
            assert!(
                (first..=next.max(floor)).contains(&end) || end == floor,
                "{name}: {end} of {first}"
            );
            let listed = store.streams().await.unwrap();
            let listed = listed.iter().find(|it| it.name == stream(name)).unwrap();
            assert_eq!(
                (listed.extent.first_available.0, listed.extent.next.0),
                (floor, next)
            );
        }
        for ((name, key), (first, next)) in &self.keys {
            let (floor, _) = extent(store, name).await;
            let asked = (stream(name), StoredKey(key.as_str().into()));
            if first.0 >= floor {
                let found = store
                    .used_keys(&[asked])
                    .await
                    .unwrap()
                    .remove(0)
                    .map(|it| (it.first, it.next));
                assert_eq!(found, Some((*first, *next)), "{key} of {name}");
            }
        }
    }

    /// What is old goes, and nothing that is young; at most what was joined with something young stays.
    async fn trim(&self, store: &SqliteStore, seconds: u64) {
        let retention = Retention {
            age: Some(Duration::from_secs(seconds)),
            bytes: None,
        };
        let mut before = Vec::new();
        for name in self.streams.keys() {
            before.push(extent(store, name).await.0);
        }
        while store.trim(&retention, at(self.now)).await.unwrap().more {}
        let cutoff = self.now - seconds as i64;
        for ((name, lines), before) in self.streams.iter().zip(before) {
            let (floor, _) = extent(store, name).await;
            let gone = &lines[before as usize..floor as usize];
            let all_old = gone.iter().all(|(arrived, _)| *arrived < cutoff);
            assert!(all_old, "{name}: {floor} at {cutoff}");
            let is_due = |arrived: i64| arrived + (SPAN as i64) < cutoff;
            let mut kept = lines[floor as usize..].iter();
            let left = kept.any(|(arrived, _)| is_due(*arrived));
            assert!(self.brought_back || !left, "{name}: {floor} at {cutoff}");
        }
    }
}

/// What a kill at this moment would leave: the state between two transactions, whatever is under way.
fn killed(folder: &Path) -> TempDir {
    let copy = TempDir::new().unwrap();
    let file = copy.path().join(DATABASE);
    database(folder)
        .execute("VACUUM INTO ?1", [file.to_str().unwrap()])
        .unwrap();
    copy
}

/// Invariants 1 to 4 and 10.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_order_of_appends_merges_deaths_and_removals_equals_the_model() {
    for seed in 0..24 {
        let mut noise = Noise(seed);
        let mut folder = TempDir::new().unwrap();
        let options = SqliteOptions {
            small_bytes: 400,
            merge_after: [Duration::ZERO, Duration::from_millis(3), Duration::MAX][seed as usize % 3],
            recent_bytes: [2_000, 20_000, usize::MAX][seed as usize / 3 % 3],
            merged_bytes: [1, 700, 4_000, 100_000][seed as usize % 4],
            merge_span: Duration::from_secs(SPAN),
            grace: Duration::ZERO,
            ..SqliteOptions::default()
        };
        let mut store = open(folder.path(), &options);
        let mut model = Model::default();
        for _ in 0..70 {
            model.now += noise.below(3) as i64;
            match noise.below(20) {
                0 => store.merge_recent().await.unwrap(),
                1 => model.trim(&store, 5 + noise.below(60)).await,
                2 => while store.delete_hidden(Deletable::All).await.unwrap().more {},
                3 => model.brought_back |= !store.restore(&Hidden::All).await.unwrap().is_empty(),
                4 => {
                    drop(store);
                    store = open(folder.path(), &options);
                }
                5 | 6 => {
                    let copy = killed(folder.path());
                    drop(store);
                    folder = copy;
                    store = open(folder.path(), &options);
                }
                7 | 8 => model.compare(&store, &mut noise).await,
                _ => model.append(&store, &mut noise).await,
            }
        }
        store.merge_recent().await.unwrap();
        model.compare(&store, &mut noise).await;
        drop(store);
        let sum = number(folder.path(), "SELECT coalesce(sum(bytes), 0) FROM batches");
        assert_eq!(
            number(folder.path(), "SELECT value FROM meta WHERE name = 'bytes'"),
            sum,
            "{seed}"
        );
    }
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
