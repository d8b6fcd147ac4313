//! The table of recent batches: a row each, in the order of their arrival, and no index.

use std::sync::Arc;

use lines::log_store::{Digest, KeyedRun, StoredKey};
use lines::{Batch, Lines, Offset, StreamName, Timestamp};
use rusqlite::Connection;

use super::Entry;
use crate::encoding::{Read, checked_lines, end_of};
use crate::sqlite::insert::stored_bytes;
use crate::sqlite::queries::{StreamId, from_sql, to_sql};

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

/// Deletes some of the first rows up to one. Whether there are more of them.
pub(in crate::sqlite) fn delete_upto(connection: &Connection, row: i64, most: i64) -> Sql<bool> {
    let first: Option<i64> = connection
        .prepare_cached("SELECT min(id) FROM recent")?
        .query_row([], |row| row.get(0))?;
    let Some(first) = first.filter(|first| *first <= row) else {
        return Ok(false);
    };
    let last = row.min(first.saturating_add(most.max(1) - 1));
    connection
        .prepare_cached("DELETE FROM recent WHERE id <= ?1")?
        .execute([last])?;
    Ok(last < row)
}

/// What counts of the table, and its last row. Whoever does not know a stream's name cannot serve its lines.
pub(in crate::sqlite) fn load(connection: &Connection) -> Sql<(Vec<(StreamName, Entry)>, i64)> {
    let mut statement = connection.prepare(
        "SELECT r.id, r.stream, r.first, r.count, r.oldest, r.newest, r.arrived, r.sum, r.keys, r.lines,
                s.name, s.merged
         FROM recent r LEFT JOIN streams s ON s.id = r.stream ORDER BY r.id",
    )?;
    let mut rows = statement.query([])?;
    let (mut entries, mut last) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        last = row.get(0)?;
        let name: Option<String> = row.get(10)?;
        let Some(stream) = name.and_then(|name| StreamName::parse(&name).ok()) else {
            let id: StreamId = row.get(1)?;
            tracing::error!(
                row = last,
                stream = id,
                "a recent batch in the store is of no stream, it is left out"
            );
            continue;
        };
        let first = from_sql(row.get(2)?);
        if first >= from_sql(row.get(11)?) {
            entries.push((stream.clone(), entry(&stream, first, row)?));
        }
    }
    Ok((entries, last))
}

fn entry(stream: &StreamName, first: Offset, row: &rusqlite::Row<'_>) -> Sql<Entry> {
    let [id, count, oldest, newest, arrived, sum] = {
        let number = |column| row.get::<_, i64>(column);
        [
            number(1)?,
            number(3)?,
            number(4)?,
            number(5)?,
            number(6)?,
            number(7)?,
        ]
    };
    let keys = row.get_ref(8)?.as_blob_or_null()?.unwrap_or_default();
    let lines = row.get_ref(9)?.as_blob()?;
    let numbers = [id, to_sql(first), count, oldest, newest, arrived];
    let is_sound = self::sum(&numbers, keys, lines) == sum;
    let (oldest, newest) = (Timestamp::from_nanos(oldest), Timestamp::from_nanos(newest));
    let arrived = Timestamp::from_nanos(arrived);
    let batch = if is_sound {
        checked_lines(Read::plain(lines.to_vec().into()), count, oldest, newest)
    } else {
        Err("its checksum is that of something else".to_owned())
    };
    let batch = batch.map(|lines: Lines| {
        Arc::new(Batch {
            stream: stream.clone(),
            first,
            arrived,
            lines,
        })
    });
    let runs = decode(keys).unwrap_or_else(|| {
        tracing::error!(%stream, %first, "the idempotency keys of recent lines in the store are damaged");
        Vec::new()
    });
    Ok(Entry {
        row: row.get(0)?,
        id,
        first,
        next: end_of(first, Some(count)),
        arrived,
        bytes: stored_bytes(lines.len(), runs.len()),
        batch,
        keys: runs,
    })
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
