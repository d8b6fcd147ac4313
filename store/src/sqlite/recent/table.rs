//! The table of recent batches: a row each, in the order of their arrival, and no index.

mod load;

use lines::Batch;
use lines::log_store::{Digest, KeyedRun, StoredKey};
use rusqlite::{Connection, TransactionBehavior};

use super::Entry;
use crate::sqlite::queries::{StreamId, to_sql};

pub(in crate::sqlite) use load::load;

type Sql<T> = Result<T, rusqlite::Error>;

/// Writes a row.
pub(in crate::sqlite) fn insert(
    connection: &Connection,
    row: i64,
    id: StreamId,
    batch: &Batch,
    keys: &[KeyedRun],
) -> Sql<()> {
    let keys = (!keys.is_empty()).then(|| encode(keys));
    let numbers = [
        id,
        to_sql(batch.first),
        i64::from(batch.lines.count),
        batch.lines.oldest.nanos(),
        batch.lines.newest.nanos(),
        batch.arrived.nanos(),
    ];
    let sum = sum(&numbers, keys.as_deref().unwrap_or_default(), &batch.lines.ndjson);
    let [id, first, count, oldest, newest, arrived] = numbers;
    connection
        .prepare_cached(
            "INSERT INTO recent (id, stream, first, count, oldest, newest, arrived, sum, keys, lines)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute((
            row,
            id,
            first,
            count,
            oldest,
            newest,
            arrived,
            sum,
            keys,
            &*batch.lines.ndjson,
        ))?;
    Ok(())
}

/// Deletes one row.
pub(in crate::sqlite) fn delete_row(connection: &Connection, row: i64) -> Sql<()> {
    connection
        .prepare_cached("DELETE FROM recent WHERE id = ?1")?
        .execute([row])?;
    Ok(())
}

/// Deletes some rows behind one and up to another, but none of some streams. Up to which row; `None` when that was all.
pub(in crate::sqlite) fn delete(
    connection: &Connection,
    after: i64,
    upto: i64,
    most: i64,
    but: &[StreamId],
) -> Sql<Option<i64>> {
    let first: Option<i64> = connection
        .prepare_cached("SELECT min(id) FROM recent WHERE id > ?1")?
        .query_row([after], |row| row.get(0))?;
    let Some(first) = first.filter(|first| *first <= upto) else {
        return Ok(None);
    };
    let last = upto.min(first.saturating_add(most.max(1) - 1));
    let but: Vec<_> = but.iter().map(StreamId::to_string).collect();
    let kept = if but.is_empty() {
        String::new()
    } else {
        format!(" AND stream NOT IN ({})", but.join(", "))
    };
    connection
        .prepare_cached(&format!("DELETE FROM recent WHERE id >= ?1 AND id <= ?2{kept}"))?
        .execute([first, last])?;
    Ok((last < upto).then_some(last))
}

/// A table that takes the place of `recent` when that is damaged. It is made beforehand: a new table begins at a certain
/// page of the file, and what is there has to move, which it cannot where that is the damaged page. So it is likely to be,
/// since the rows of `recent` follow the beginnings of the tables.
const SPARE: &str = "recent_spare";

/// Makes the spare table, when there is none.
pub(in crate::sqlite) fn keep_spare(connection: &Connection) -> Sql<()> {
    if !exists(connection, SPARE)? {
        let columns = columns(connection)?;
        connection.execute_batch(&format!("CREATE TABLE {SPARE} {columns}"))?;
    }
    Ok(())
}

/// A table in place of one that is damaged, with these rows. The damaged one stays under another name.
pub(in crate::sqlite) fn renew(connection: &mut Connection, entries: &[Entry]) -> Sql<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before: i64 = transaction.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name GLOB 'recent_damaged_*'",
        [],
        |row| row.get(0),
    )?;
    keep_spare(&transaction)?;
    transaction.execute_batch(&format!(
        "ALTER TABLE recent RENAME TO recent_damaged_{}; ALTER TABLE {SPARE} RENAME TO recent",
        before + 1
    ))?;
    let mut in_order: Vec<_> = entries.iter().collect();
    in_order.sort_unstable_by_key(|entry| entry.row);
    for entry in in_order {
        match &entry.batch {
            Ok(batch) => insert(&transaction, entry.row, entry.id, batch, &entry.keys)?,
            Err(_) => insert_damaged(&transaction, entry)?,
        }
    }
    transaction.commit()?;
    if let Err(error) = keep_spare(connection) {
        tracing::warn!(%error, "another damage of the table of recent lines could not be mended");
    }
    Ok(())
}

fn exists(connection: &Connection, table: &str) -> Sql<bool> {
    connection.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1",
        [table],
        |row| row.get(0),
    )
}

/// What `recent` was made with, behind its name.
fn columns(connection: &Connection) -> Sql<String> {
    let made: String = connection.query_row(
        "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = 'recent'",
        [],
        |row| row.get(0),
    )?;
    Ok(made
        .find('(')
        .map_or(String::new(), |begin| made[begin..].to_owned()))
}

/// Writes a row whose checksum says that it is damaged.
fn insert_damaged(connection: &Connection, entry: &Entry) -> Sql<()> {
    let count = i64::try_from(entry.next.since(entry.first)).unwrap_or(i64::MAX);
    let arrived = entry.arrived.nanos();
    let keys = encode(&entry.keys);
    let numbers = [entry.id, to_sql(entry.first), count, arrived, arrived, arrived];
    let sum = !sum(&numbers, &keys, &[]);
    let [id, first, ..] = numbers;
    connection
        .prepare_cached(
            "INSERT INTO recent (id, stream, first, count, oldest, newest, arrived, sum, keys, lines)
             VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?5, ?6, ?7, x'')",
        )?
        .execute((entry.row, id, first, count, arrived, sum, keys))?;
    Ok(())
}

/// Tells a row from one that went bad: any bit of it changes the sum.
fn sum(numbers: &[i64], keys: &[u8], lines: &[u8]) -> i64 {
    // Each step can be undone, so two rows that differ in one word never have the same sum.
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let step = |sum: u64, word: u64| (sum ^ word).wrapping_mul(ODD).rotate_left(29);
    let words = |bytes: &[u8]| {
        let (words, rest) = bytes.as_chunks::<8>();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        let all = words.iter().chain(std::iter::once(&last));
        all.fold(bytes.len() as u64, |sum, word| {
            step(sum, u64::from_le_bytes(*word))
        })
    };
    let numbers = numbers
        .iter()
        .fold(0, |sum, number| step(sum, number.cast_unsigned()));
    step(step(numbers, words(keys)), words(lines)).cast_signed()
}

/// Of each key: its length, itself, the digest, and which lines of the batch are its.
fn encode(keys: &[KeyedRun]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(keys.len() * 96);
    for KeyedRun {
        key,
        digest,
        skip,
        count,
    } in keys
    {
        bytes.extend((key.0.len() as u32).to_le_bytes());
        bytes.extend(key.0.as_bytes());
        bytes.extend(digest.0);
        bytes.extend(skip.to_le_bytes());
        bytes.extend(count.to_le_bytes());
    }
    bytes
}

fn decode(mut bytes: &[u8]) -> Option<Vec<KeyedRun>> {
    let mut keys = Vec::new();
    while !bytes.is_empty() {
        let number = |bytes: &mut &[u8]| {
            let (number, rest) = bytes.split_first_chunk::<4>()?;
            *bytes = rest;
            Some(u32::from_le_bytes(*number))
        };
        let length = number(&mut bytes)? as usize;
        let (key, rest) = bytes.split_at_checked(length)?;
        let (digest, rest) = rest.split_first_chunk::<32>()?;
        bytes = rest;
        keys.push(KeyedRun {
            key: StoredKey(std::str::from_utf8(key).ok()?.into()),
            digest: Digest(*digest),
            skip: number(&mut bytes)?,
            count: number(&mut bytes)?,
        });
    }
    Some(keys)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn keys() -> Vec<KeyedRun> {
        let key = |text: &str, skip| KeyedRun {
            key: StoredKey(text.into()),
            digest: Digest([skip as u8; 32]),
            skip,
            count: 7,
        };
        vec![
            key("", 0),
            key("alice: \u{0} ✓", 3),
            key(&"x".repeat(64), u32::MAX),
        ]
    }

    #[test]
    fn keys_come_back_as_they_were() {
        assert_eq!(decode(&encode(&keys())), Some(keys()));
        assert_eq!(decode(&[]), Some(Vec::new()));
        let whole = encode(&keys());
        for end in 1..whole.len() {
            assert_ne!(decode(&whole[..end]), Some(keys()), "{end}");
        }
    }

    #[test]
    fn any_bit_changes_the_sum() {
        let (numbers, lines) = ([1, -2, 3], b"twenty bytes of lines".to_vec());
        let whole = sum(&numbers, b"k", &lines);
        for bit in 0..lines.len() * 8 {
            let mut bad = lines.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(sum(&numbers, b"k", &bad), whole, "{bit}");
        }
        for bit in 0..64 {
            assert_ne!(sum(&[1, -2 ^ (1 << bit), 3], b"k", &lines), whole, "{bit}");
        }
        assert_ne!(sum(&numbers, b"", &lines), whole);
        assert_ne!(sum(&numbers, b"k\0", &lines), whole);
    }
}
