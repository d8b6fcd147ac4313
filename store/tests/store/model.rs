//! A model of a data folder: whatever is appended, merged, removed and brought back in which order, and wherever the process
//! dies in between, the store answers as a list of lines would.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use lines::log_store::{PriorRun, StoredKey};
use lines::retention::{Deletable, Hidden, Retention};
use lines::{AppendError, LogReader, LogStore, Offset};
use store::sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;

use crate::place::{append, at, draft_at, extent, keyed, read_all, stream};
use crate::recent::{DATABASE, database, number, open};

/// Seconds between the arrivals of what is joined, in these tests.
const SPAN: u64 = 20;

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
