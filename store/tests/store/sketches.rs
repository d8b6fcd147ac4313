//! What a store knows of lines without reading them: that they lack what a filter needs, and never too much of it.
#![allow(
    clippy::single_range_in_vec_init,
    reason = "places are ranges, and often there is one"
)]

use std::io::{Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use lines::retention::{Deletable, Hidden, Retention};
use lines::{Filter, LogStore, Offset, Timestamp};
use store::sketcher::{Sizes, Sketcher};
use store::sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;

use crate::damaging::Spoil;
use crate::place::{Place, append, at, draft_at, extent, store_lines, stream};

/// Small blocks, so that few lines fill a sketch.
const SIZES: Sizes = Sizes {
    block: 512,
    fewest: 16,
};

/// Lines of each batch.
const LINES: u64 = 10;

/// Batches in which nothing is said twice, so that their sizes are alike; the one with this number has the word "needle".
async fn fill(store: &dyn LogStore, batches: Range<u64>, needle: u64) {
    for batch in batches {
        let said = |nth: u64| {
            let number = (batch * LINES + nth + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let word = if (batch, nth) == (needle, 3) {
                "a needle"
            } else {
                "some hay"
            };
            format!("{word} {number:020} {}", number.rotate_left(32))
        };
        let said: Vec<String> = (0..LINES).map(said).collect();
        let said: Vec<&str> = said.iter().map(String::as_str).collect();
        append(store, draft_at("s", at(batch as i64), &said))
            .await
            .unwrap();
    }
}

async fn sketch(store: &Arc<dyn LogStore>) {
    let mut sketcher = Sketcher::new(Arc::clone(store), SIZES);
    assert!(sketcher.round().await.unwrap());
}

async fn sketched(store: &dyn LogStore) -> u64 {
    let reach = store.sketched(&stream("s"), Offset(u64::MAX)).await;
    reach.unwrap().unwrap().next.0
}

/// Where lines may be that the filter finds.
async fn places(store: &dyn LogStore, within: Range<u64>, filter: &str) -> Vec<Range<u64>> {
    let filter = Filter::parse(filter).unwrap();
    let within = Offset(within.start)..Offset(within.end);
    let places = store.places(&stream("s"), within, filter.needs()).await.unwrap();
    places.iter().map(|place| place.start.0..place.end.0).collect()
}

/// How many lines are in some of these places.
fn size(places: &[Range<u64>]) -> u64 {
    places.iter().map(|place| place.end - place.start).sum()
}

pub(crate) async fn what_is_sketched_is_passed_over_where_it_lacks_what_is_needed(place: &Place) {
    let store = place.store().await;
    fill(&*store, 0..100, 57).await;
    assert_eq!(
        places(&*store, 0..1000, "needle").await,
        [0..1000],
        "nothing is known yet"
    );
    sketch(&store).await;
    let known = sketched(&*store).await;
    assert!((500..1000).contains(&known), "{known}");

    assert_eq!(places(&*store, 0..1000, "nowhere").await, [known..1000]);
    assert_eq!(places(&*store, 20..known, "nowhere").await, []);
    let found = places(&*store, 0..known, "needle").await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains(&573) && size(&found) <= 40, "{found:?}");
    assert_eq!(places(&*store, 570..580, "NEEDLE").await, [570..580]);
    assert_eq!(places(&*store, 0..known, "hay").await, [0..known]);
    assert_eq!(places(&*store, 0..known, "-needle").await, [0..known]);
    assert_eq!(places(&*store, 0..known, "level>=error").await, []);

    // What comes later is not known, and then it is.
    fill(&*store, 100..300, 250).await;
    assert_eq!(places(&*store, 0..3000, "nowhere").await, [known..3000]);
    sketch(&store).await;
    let known = sketched(&*store).await;
    assert!(known > 2500, "{known}");
    let found = places(&*store, 0..known, "needle").await;
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].contains(&2503), "{found:?}");
}

pub(crate) async fn a_stream_with_few_lines_has_no_sketch(place: &Place) {
    let store = place.store().await;
    store_lines(&*store, "s", &["a", "b"]).await;
    sketch(&store).await;
    fill(&*store, 0..4, 1).await;
    sketch(&store).await;
    assert_eq!(sketched(&*store).await, 0);
    assert_eq!(places(&*store, 0..42, "nowhere").await, [0..42]);
}

pub(crate) async fn two_who_make_the_same_sketch_keep_one(place: &Place) {
    let store = place.store().await;
    fill(&*store, 0..100, 57).await;
    sketch(&store).await;
    let known = sketched(&*store).await;
    let mut other = lines::sketch::Draft::new(Offset(0));
    other.begin();
    for batch in store.read(&stream("s"), Offset(0), 1).await.unwrap() {
        other.add(&batch);
    }
    store.keep_sketch(&stream("s"), other.done()).await.unwrap();
    assert_eq!(sketched(&*store).await, known);
    assert_eq!(places(&*store, 0..known, "nowhere").await, []);
    let found = places(&*store, 0..known, "needle").await;
    assert!(found[0].contains(&573), "{found:?}");
}

pub(crate) async fn sketches_are_there_when_the_store_is_opened_again(place: &Place) {
    let store = place.store().await;
    fill(&*store, 0..100, 57).await;
    sketch(&store).await;
    let known = sketched(&*store).await;
    drop(store);
    place.close();
    let store = place.store().await;
    assert_eq!(sketched(&*store).await, known);
    assert_eq!(places(&*store, 0..known, "nowhere").await, []);
}

/// Lines that cannot be read have no sketch: so whoever searches reads them, and is told.
pub(crate) async fn damaged_lines_are_never_passed_over_unless_they_were_known_before(place: &Place) {
    let store = place.store().await;
    fill(&*store, 0..20, 0).await;
    place.spoil("s", 100, Spoil::Lines).await;
    fill(&*store, 20..200, 0).await;
    sketch(&store).await;
    let known = sketched(&*store).await;
    assert!(known > 1000, "{known}");
    assert_eq!(places(&*store, 0..known, "nowhere").await, [0..110]);
    place.spoil("s", 500, Spoil::Lines).await;
    assert_eq!(places(&*store, 0..known, "nowhere").await, [0..110]);
}

pub(crate) async fn sketches_stay_with_lines_that_come_back(place: &Place) {
    let store = place.store().await;
    fill(&*store, 0..200, 57).await;
    sketch(&store).await;
    let known = sketched(&*store).await;
    assert!(known > 1500, "{known}");
    while store.trim(&older_than(100), at(200)).await.unwrap().more {}
    assert_eq!(extent(&*store, "s").await.0, 1000);
    assert_eq!(places(&*store, 1000..known, "nowhere").await, []);
    assert_eq!(store.restore(&Hidden::All).await.unwrap().len(), 1);
    let found = places(&*store, 0..known, "needle").await;
    assert!(found.len() == 1 && found[0].contains(&573), "{found:?}");
}

/// As in a database that was brought back from a backup of two moments.
pub(crate) async fn sketches_of_lines_that_were_lost_hide_no_others(place: &Place) {
    let store = place.store().await;
    fill(&*store, 0..100, 0).await;
    sketch(&store).await;
    let known = sketched(&*store).await;
    let batches = store.read(&stream("s"), Offset(500), 1).await.unwrap();
    let mut lost = lines::sketch::Draft::new(Offset(known));
    lost.begin();
    lost.add(&lines::Batch {
        first: Offset(5000),
        ..(*batches[0]).clone()
    });
    let lost = lost.done();
    let end = lost.outline.next().0;
    store.keep_sketch(&stream("s"), lost).await.unwrap();
    assert_eq!(sketched(&*store).await, end);
    assert_eq!(places(&*store, 0..1000, "nowhere").await, [known..1000]);

    fill(&*store, 100..200, 150).await;
    assert_eq!(places(&*store, 0..2000, "nowhere").await, [known..2000]);
    sketch(&store).await;
    let known = sketched(&*store).await;
    assert!((1503..2000).contains(&known), "{known}");
    let found = places(&*store, 100..known, "needle").await;
    assert!(found.len() == 1 && found[0].contains(&1503), "{found:?}");
}

/// The same where by now other lines have the offsets of those that were lost.
pub(crate) async fn sketches_of_lines_that_others_came_in_place_of_are_made_anew(place: &Place) {
    let store = place.store().await;
    fill(&*store, 0..200, 57).await;
    sketch(&store).await;
    let known = sketched(&*store).await;
    assert!(known > 1500, "{known}");
    place.go_back("s", 1000).await;
    drop(store);
    place.close();
    let store = place.store().await;
    assert_eq!(extent(&*store, "s").await, (0, 1000));
    fill(&*store, 300..500, 350).await;

    sketch(&store).await;
    let found = places(&*store, 0..known, "needle").await;
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains(&573), "{found:?}");
    assert!(found[1].contains(&1503) && size(&found) <= 80, "{found:?}");
}

fn older_than(seconds: u64) -> Retention {
    Retention {
        age: Some(Duration::from_secs(seconds)),
        bytes: None,
    }
}

#[tokio::test]
async fn sketches_in_a_folder_go_with_their_lines() {
    let root = TempDir::new().unwrap();
    let options = SqliteOptions {
        grace: Duration::ZERO,
        ..SqliteOptions::default()
    };
    let store: Arc<dyn LogStore> = Arc::new(SqliteStore::open(root.path(), options).unwrap());
    fill(&*store, 0..200, 57).await;
    sketch(&store).await;
    let known = sketched(&*store).await;
    let count = |table| {
        let database = rusqlite::Connection::open(root.path().join("lines.sqlite3")).unwrap();
        let sql = format!("SELECT count(*) FROM {table}");
        database.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let sketches = count("sketches");
    assert!(sketches > 2, "{sketches}");
    assert_eq!(
        count("sketch_slices"),
        sketches * i64::from(lines::sketch::SLICES)
    );
    while store.trim(&older_than(100), at(200)).await.unwrap().more {}
    while store.delete_hidden(Deletable::All).await.unwrap().more {}
    let left = count("sketches");
    assert!(left < sketches && left > 0, "{left} of {sketches}");
    assert_eq!(count("sketch_slices"), left * i64::from(lines::sketch::SLICES));
    assert_eq!(places(&*store, 1000..known, "nowhere").await, []);

    while store.trim(&older_than(100), at(10_000)).await.unwrap().more {}
    while store.delete_hidden(Deletable::All).await.unwrap().more {}
    assert_eq!((count("sketches"), count("sketch_slices")), (0, 0));
}

/// Overwrites the first page of a table or an index.
fn spoil_page(root: &TempDir, name: &str) {
    let path = root.path().join("lines.sqlite3");
    let database = rusqlite::Connection::open(&path).unwrap();
    let number = |sql: &str| database.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap();
    let size = number("PRAGMA page_size");
    let page = number(&format!(
        "SELECT rootpage FROM sqlite_schema WHERE name = '{name}'"
    ));
    drop(database);
    let mut file = std::fs::File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(u64::from(page - 1) * u64::from(size)))
        .unwrap();
    file.write_all(&vec![0xff; size as usize]).unwrap();
}

#[tokio::test]
async fn lines_go_though_their_sketches_cannot() {
    for name in ["sketches", "sketches_place", "sketch_slices"] {
        let root = TempDir::new().unwrap();
        let options = SqliteOptions {
            grace: Duration::ZERO,
            ..SqliteOptions::default()
        };
        let store: Arc<dyn LogStore> = Arc::new(SqliteStore::open(root.path(), options.clone()).unwrap());
        fill(&*store, 0..200, 57).await;
        sketch(&store).await;
        drop(store);
        spoil_page(&root, name);
        let store: Arc<dyn LogStore> = Arc::new(SqliteStore::open(root.path(), options).unwrap());
        while store.trim(&older_than(100), at(200)).await.unwrap().more {}
        let mut lines = 0;
        loop {
            let deleted = store.delete_hidden(Deletable::All).await.unwrap();
            lines += deleted.lines;
            if !deleted.more {
                break;
            }
        }
        assert_eq!(lines, 1000, "{name}");
        assert_eq!(extent(&*store, "s").await, (1000, 2000), "{name}");
    }
}

/// What could hide lines without a trace is not believed; sketches of an earlier layout are made anew.
#[tokio::test]
async fn sketches_in_a_folder_that_are_not_sound_say_nothing() {
    for (spoiled, is_made_anew) in [
        ("UPDATE sketch_slices SET rows = zeroblob(length(rows))", false),
        ("UPDATE sketches SET next = next + 1", false),
        ("UPDATE sketches SET ends = zeroblob(8)", false),
        ("UPDATE sketches SET first = first + 1", false),
        ("UPDATE sketches SET last = last + 1", false),
        ("UPDATE sketches SET kinds = kinds & 31", true),
    ] {
        let root = TempDir::new().unwrap();
        let store: Arc<dyn LogStore> =
            Arc::new(SqliteStore::open(root.path(), SqliteOptions::default()).unwrap());
        fill(&*store, 0..200, 57).await;
        sketch(&store).await;
        let known = sketched(&*store).await;
        assert_eq!(places(&*store, 0..known, "nowhere").await, []);
        let database = rusqlite::Connection::open(root.path().join("lines.sqlite3")).unwrap();
        let count = || {
            let sql = "SELECT (SELECT count(*) FROM sketches), (SELECT count(*) FROM sketch_slices)";
            let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
            database.query_row(sql, [], row).unwrap()
        };
        let before = count();
        database.execute_batch(spoiled).unwrap();
        assert_eq!(
            places(&*store, 0..known, "nowhere").await,
            [0..known],
            "{spoiled}"
        );
        if is_made_anew {
            assert_eq!(sketched(&*store).await, 0, "{spoiled}");
            sketch(&store).await;
            assert_eq!(sketched(&*store).await, known, "{spoiled}");
            assert_eq!(places(&*store, 0..known, "nowhere").await, [], "{spoiled}");
            assert_eq!(count(), before, "{spoiled}");
        }
    }
}

#[tokio::test]
async fn lines_in_mongodb_go_though_their_sketches_cannot() {
    Place::mongo_without_grace().run(mongodb_lets_lines_go).await;
}

async fn mongodb_lets_lines_go(place: &Place) {
    let store = place.store().await;
    fill(&*store, 0..200, 57).await;
    sketch(&store).await;
    // Nothing can be deleted from a view.
    let database = place.database().await;
    for name in ["sketches", "sketch_slices"] {
        let collection = database.collection::<mongodb::bson::Document>(name);
        collection.drop().await.unwrap();
        let view = mongodb::bson::doc! {"create": name, "viewOn": "batches", "pipeline": []};
        database.run_command(view).await.unwrap();
    }
    while store.trim(&older_than(100), at(200)).await.unwrap().more {}
    let mut batches = 0;
    loop {
        let deleted = store.delete_hidden(Deletable::All).await.unwrap();
        batches += deleted.batches;
        if !deleted.more {
            break;
        }
    }
    assert_eq!(batches, 100);
    assert_eq!(extent(&*store, "s").await, (1000, 2000));
    assert_eq!(store.holdings().await.unwrap().hidden_streams, 0);
}

#[tokio::test]
async fn of_several_processes_on_one_mongodb_one_makes_sketches() {
    Place::mongo().run(one_makes_sketches).await;
}

async fn one_makes_sketches(place: &Place) {
    let (one, other) = (place.store().await, place.store().await);
    let is_to_sketch = async |store: &dyn LogStore| store.is_to_sketch().await.unwrap();
    assert!(is_to_sketch(&*one).await);
    assert!(!is_to_sketch(&*other).await);
    assert!(is_to_sketch(&*one).await, "it stays so");

    fill(&*one, 0..100, 57).await;
    sketch(&other).await;
    assert_eq!(sketched(&*one).await, 0, "it is not its turn");
    sketch(&one).await;
    assert!(sketched(&*one).await > 0);

    let cluster = place
        .database()
        .await
        .collection::<mongodb::bson::Document>("cluster");
    let hours = |hours: i64| {
        mongodb::bson::DateTime::from_millis(Timestamp::now().nanos() / 1_000_000 + hours * 3_600_000)
    };
    for until in [hours(-1), hours(5)] {
        // It is over, or by a clock that was wrong.
        let set = mongodb::bson::doc! {"$set": {"until": until, "holder": "somebody"}};
        cluster
            .update_one(mongodb::bson::doc! {"_id": "sketch"}, set)
            .await
            .unwrap();
        assert!(is_to_sketch(&*other).await);
        assert!(!is_to_sketch(&*one).await);
    }
}
