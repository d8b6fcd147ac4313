//! What idempotency keys were given before.

use lines::log_store::{Digest, PriorRun, StoredKey};
use lines::{Offset, StreamName};
use rusqlite::{Connection, OptionalExtension};

use super::queries::{self, StreamId, from_sql, to_sql};
use super::recent::Recent;

/// Each key's, in its stream. What is recent is looked up first: by then it may be merged, and never the other way round.
pub(super) fn used(
    connection: &Connection,
    recent: &Recent,
    keys: &[(StreamName, StoredKey)],
) -> Result<Vec<Option<PriorRun>>, rusqlite::Error> {
    let lately: Vec<_> = keys
        .iter()
        .map(|(stream, key)| recent.prior(stream, key))
        .collect();
    let mut used = Vec::with_capacity(keys.len());
    for ((stream, key), lately) in keys.iter().zip(lately) {
        used.push(match lately {
            Some(prior) => Some(prior),
            None => match queries::find(connection, stream)? {
                Some((id, _)) => prior(connection, id, key)?,
                None => None,
            },
        });
    }
    Ok(used)
}

/// One key's.
pub(super) fn prior(
    connection: &Connection,
    stream: StreamId,
    key: &StoredKey,
) -> Result<Option<PriorRun>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT digest, first, next FROM keys WHERE stream = ?1 AND key = ?2")?
        .query_row((stream, &*key.0), |row| {
            Ok(PriorRun {
                key: key.clone(),
                digest: Digest(row.get(0)?),
                first: from_sql(row.get(1)?),
                next: from_sql(row.get(2)?),
            })
        })
        .optional()
}

/// A key of the batch that begins at `batch`.
pub(super) fn insert(
    connection: &Connection,
    stream: StreamId,
    batch: Offset,
    given: &PriorRun,
) -> Result<(), rusqlite::Error> {
    const INSERT: &str =
        "INSERT INTO keys (stream, key, digest, batch, first, next) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    put(connection, INSERT, stream, batch, given)
}

/// The same, unless the key is there, as it may be of a damaged batch.
pub(super) fn insert_new(
    connection: &Connection,
    stream: StreamId,
    batch: Offset,
    given: &PriorRun,
) -> Result<(), rusqlite::Error> {
    const INSERT: &str = "INSERT OR IGNORE INTO keys (stream, key, digest, batch, first, next) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    put(connection, INSERT, stream, batch, given)
}

fn put(
    connection: &Connection,
    insert: &str,
    stream: StreamId,
    batch: Offset,
    given: &PriorRun,
) -> Result<(), rusqlite::Error> {
    connection.prepare_cached(insert)?.execute((
        stream,
        &*given.key.0,
        given.digest.0,
        to_sql(batch),
        to_sql(given.first),
        to_sql(given.next),
    ))?;
    Ok(())
}

/// The keys of one batch are another one's from now on.
pub(super) fn rebind(
    connection: &Connection,
    stream: StreamId,
    from: Offset,
    to: Offset,
) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached("UPDATE keys SET batch = ?3 WHERE stream = ?1 AND batch = ?2")?
        .execute((stream, to_sql(from), to_sql(to)))?;
    Ok(())
}
