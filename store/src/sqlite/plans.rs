//! How SQLite goes about every statement that runs while somebody waits: by an index, never through the whole table.

use std::collections::BTreeSet;
use std::sync::Arc;

use lines::ledger::{KeyPrefix, LedgerKey, Revision};
use lines::log_store::{Digest, Draft, KeyedRun, StoredKey};
use lines::{Line, Lines, Offset, StreamName, Timestamp};
use parking_lot::Mutex;
use rusqlite::Connection;
use rusqlite::trace::{TraceEvent, TraceEventCodes};

use super::insert::{Appending, Ends};
use super::merging::Merging;
use super::recent::Recent;
use super::writer::Encoded;
use super::{SqliteOptions, keys, ledger, queries, schema, writer};
use crate::damage::Damages;

/// Goes through streams, by name, since all of them are asked for.
const LISTING: &str = "SCAN s USING INDEX sqlite_autoindex_streams_1";

fn stream() -> StreamName {
    StreamName::parse("s").unwrap()
}

fn draft() -> Draft {
    let line = Line {
        ts: Timestamp::from_nanos(5),
        level: None,
        message: "x".to_owned(),
        fields: Vec::new(),
    };
    Draft {
        stream: stream(),
        arrived: None,
        lines: Lines::encode([&line]).unwrap(),
        keys: vec![KeyedRun {
            key: StoredKey("k".into()),
            digest: Digest([0; 32]),
            skip: 0,
            count: 1,
        }],
    }
}

/// Does everything that a request may ask of the store, and answers which statements that took.
fn statements_of_requests(connection: &mut Connection) -> BTreeSet<String> {
    let seen: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let into = Arc::clone(&seen);
    let note = move |event: TraceEvent<'_>| {
        if let TraceEvent::Stmt(statement, _) = event {
            into.lock().insert(statement.sql().into_owned());
        }
    };
    let masked = TraceEventCodes::SQLITE_TRACE_STMT;
    connection.trace_v2(masked, Some(note)).unwrap();
    let (recent, mut ends, mut last_row) = (Recent::default(), Ends::default(), 0);
    let joins = Merging::new(connection, &recent, &SqliteOptions::default()).unwrap();
    let mut append = |connection: &Connection, draft, small_bytes| {
        let stamp = Timestamp::from_nanos(5);
        let encoded = [Encoded {
            draft,
            stamp,
            compressed: None,
        }];
        let mut appending = Appending {
            connection,
            ends: &mut ends,
            recent: &recent,
            merging: &joins,
            small_bytes,
            last_row: &mut last_row,
            added: Vec::new(),
            given: Default::default(),
            merged: Vec::new(),
            written: 0,
        };
        appending.append_all([&encoded[..]].into_iter()).unwrap();
        for (stream, row) in appending.merged {
            recent.merged(&stream, row);
        }
        recent.add(appending.added);
    };
    // In place, then recent, then in place with what was recent, then recent, then merged.
    for small_bytes in [0, usize::MAX, 0, usize::MAX] {
        let mut next = draft();
        next.keys[0].key = StoredKey(uuid::Uuid::new_v4().to_string().into());
        for draft in [draft(), next] {
            append(connection, draft, small_bytes);
        }
    }
    let mut merging = Merging::new(connection, &recent, &SqliteOptions::default()).unwrap();
    let before = queries::read(connection, &recent, &stream(), Offset(1), 1).unwrap();
    assert_eq!(before.len(), 1);
    let mut ends = Ends::default();
    while recent.last_row().is_some() {
        merging.slice(connection, &recent, &mut ends, None).unwrap();
    }
    merging.slice(connection, &recent, &mut ends, None).unwrap();
    merging.sweep(connection).unwrap();
    writer::check(connection).unwrap();
    let key = (stream(), StoredKey("k".into()));
    assert!(keys::used(connection, &recent, &[key]).unwrap()[0].is_some());
    queries::extents(connection, &recent, &[stream()]).unwrap();
    assert_eq!(
        queries::read(connection, &recent, &stream(), Offset(1), 1)
            .unwrap()
            .len(),
        1
    );
    queries::streams(connection, &recent, &Default::default()).unwrap();
    let since = Timestamp::from_nanos(1);
    assert_eq!(
        queries::first_since(connection, &recent, &stream(), since, &Damages::default()).unwrap(),
        Offset(0)
    );
    queries::end_before(connection, &recent, &stream(), Timestamp::from_nanos(9)).unwrap();
    queries::arrivals(connection, since, Timestamp::from_nanos(9), |_, _, _| ()).unwrap();
    ledger::find(connection, &LedgerKey::parse("k").unwrap()).unwrap();
    ledger::list(connection, "a", "b", 1).unwrap();
    ledger::history(connection, &KeyPrefix::all(), Revision(0)).unwrap();
    connection.trace_v2(masked, None::<fn(TraceEvent<'_>)>).unwrap();
    let seen = seen.lock();
    seen.clone()
}

#[test]
fn no_request_goes_through_all_batches() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut connection = schema::open(folder.path()).unwrap().connection;
    let statements = statements_of_requests(&mut connection);
    let asked = statements.iter().filter(|sql| sql.starts_with("SELECT")).count();
    assert!(asked >= 8, "{statements:#?}");
    for sql in &statements {
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let mut rows = explain.raw_query();
        while let Some(row) = rows.next().unwrap() {
            let step: String = row.get("detail").unwrap();
            let is_looked_up = !step.starts_with("SCAN") && !step.contains("TEMP B-TREE");
            assert!(is_looked_up || step == LISTING, "{step}: {sql}");
        }
    }
}
