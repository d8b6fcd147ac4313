//! What idempotency keys were given before.

use lines::StreamName;
use lines::log_store::{Digest, PriorRun, StoredKey};
use rusqlite::{Connection, OptionalExtension};

use super::queries::{self, StreamId, from_sql};

/// Each key's, in its stream.
pub(super) fn used(
    connection: &Connection,
    keys: &[(StreamName, StoredKey)],
) -> Result<Vec<Option<PriorRun>>, rusqlite::Error> {
    let mut used = Vec::with_capacity(keys.len());
    for (stream, key) in keys {
        let found = match queries::find(connection, stream)? {
            Some((id, _)) => prior(connection, id, key)?,
            None => None,
        };
        used.push(found);
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
