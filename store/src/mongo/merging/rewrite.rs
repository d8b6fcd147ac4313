//! Putting batches together: one transaction, that reads what is there, makes the whole of it, and lets the parts go.

use std::collections::HashMap;

use bytes::Bytes;
use lines::batch::MAX_BATCH_BYTES;
use lines::log_store::{Draft, KeyedRun, Merged};
use lines::{Batch, Lines, Offset, StoreError, Timestamp};
use mongodb::bson::{Document, RawDocument, RawDocumentBuf, doc};

use super::plan::Run;
use crate::Compression;
use crate::encoding::compress;
use crate::mongo::connection::Ready;
use crate::mongo::documents::{decode_keys, encode, from_bson, number, row, to_bson};
use crate::mongo::fence::Token;
use crate::mongo::transaction::{Transaction, Undone};
use crate::mongo::turn::Lease;

/// Puts together what is still as it was planned.
pub(super) async fn merge(
    ready: &Ready,
    lease: &Lease,
    runs: Vec<Run>,
    compression: Compression,
) -> Result<Merged, Undone> {
    let mut transaction = Transaction::begin(ready).await?;
    let runs = above_floors(ready, &mut transaction, runs).await?;
    let parts = parts(ready, &mut transaction, &runs).await?;
    // Decompressing and compressing takes its time.
    let joining = tokio::task::spawn_blocking(move || -> Vec<Joined> {
        let pairs = runs.into_iter().zip(parts);
        pairs
            .filter_map(|(run, parts)| join(run, &parts, compression))
            .collect()
    });
    let joined = joining
        .await
        .map_err(|stopped| Undone::Failed(StoreError::Away(Box::new(stopped))))?;
    if joined.is_empty() {
        return Ok(Merged::default());
    }
    let mut merged = Merged {
        into: joined.len() as u64,
        ..Merged::default()
    };
    let (mut deletes, mut updates) = (Vec::new(), Vec::new());
    for Joined { run, document } in joined {
        merged.batches += run.parts as u64;
        let (stream, first, next) = (run.stream.as_str(), to_bson(run.first), to_bson(run.next));
        deletes.push(doc! {"q": {"s": stream, "o": {"$gt": first, "$lt": next}}, "limit": 0});
        updates.push(doc! {"q": {"s": stream, "o": first}, "u": document});
    }
    // First, since a key is in one document at a time.
    let deleted = transaction
        .write(doc! {"delete": "batches", "deletes": deletes})
        .await?;
    let replaced = transaction
        .write(doc! {"update": "batches", "updates": updates})
        .await?;
    if deleted + merged.into != merged.batches || replaced != merged.into {
        return Err(Undone::Overtaken);
    }
    lease.commit(transaction).await?;
    Ok(merged)
}

/// A floor is always where a batch begins: what lies below one stays as it is.
async fn above_floors(
    ready: &Ready,
    transaction: &mut Transaction<'_>,
    runs: Vec<Run>,
) -> Result<Vec<Run>, Undone> {
    let names: Vec<&str> = runs.iter().map(|run| run.stream.as_str()).collect();
    let found = transaction
        .find(&ready.streams, doc! {"_id": {"$in": names}})
        .await?;
    let floors: HashMap<&str, Offset> = found
        .iter()
        .filter_map(|document| {
            let floor = from_bson(number(document, "floor")?);
            Some((document.get_str("_id").ok()?, floor))
        })
        .collect();
    let is_above = |run: &Run| {
        let floor = floors.get(run.stream.as_str());
        floor.is_some_and(|floor| *floor <= run.first)
    };
    Ok(runs.into_iter().filter(is_above).collect())
}

/// The documents of each run, in their order.
async fn parts(
    ready: &Ready,
    transaction: &mut Transaction<'_>,
    runs: &[Run],
) -> Result<Vec<Vec<RawDocumentBuf>>, Undone> {
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let any: Vec<Document> = runs
        .iter()
        .map(|run| {
            let within = doc! {"$gte": to_bson(run.first), "$lt": to_bson(run.next)};
            doc! {"s": run.stream.as_str(), "o": within}
        })
        .collect();
    let found = transaction.find(&ready.batches, doc! {"$or": any}).await?;
    let place = |document: &RawDocument| -> Option<(String, Offset)> {
        let first = from_bson(number(document, "o")?);
        Some((document.get_str("s").ok()?.to_owned(), first))
    };
    let mut parts: Vec<Vec<(Offset, RawDocumentBuf)>> = vec![Vec::new(); runs.len()];
    for document in found {
        let Some((stream, first)) = place(&document) else {
            continue;
        };
        let holds = |run: &Run| run.stream.as_str() == stream && (run.first..run.next).contains(&first);
        if let Some(at) = runs.iter().position(holds) {
            parts[at].push((first, document));
        }
    }
    let in_order = |mut parts: Vec<(Offset, RawDocumentBuf)>| {
        parts.sort_by_key(|(first, _)| *first);
        parts.into_iter().map(|(_, document)| document).collect()
    };
    Ok(parts.into_iter().map(in_order).collect())
}

/// What a run has become.
struct Joined {
    run: Run,
    document: Document,
}

/// The whole of a run, where its parts are sound, as many as was thought, and follow each other. What is damaged stays
/// as it is: a reader is told of it there, and somebody may still mend it.
fn join(run: Run, parts: &[RawDocumentBuf], compression: Compression) -> Option<Joined> {
    if parts.len() != run.parts {
        return None;
    }
    let mut ndjson = Vec::with_capacity(run.bytes);
    let mut keys = Vec::new();
    let mut next = run.first;
    let mut arrived = Timestamp::from_nanos(i64::MIN);
    let (mut oldest, mut newest) = (Timestamp::from_nanos(i64::MAX), Timestamp::from_nanos(i64::MIN));
    for document in parts {
        let batch: Batch = row(&run.stream, document)?.batch.ok()?;
        if batch.first != next {
            return None;
        }
        let skip = u32::try_from(batch.first.since(run.first)).ok()?;
        keys.extend(keys_of(document, &batch, skip)?);
        next = batch.next();
        arrived = arrived.max(batch.arrived);
        oldest = oldest.min(batch.lines.oldest);
        newest = newest.max(batch.lines.newest);
        ndjson.extend_from_slice(&batch.lines.ndjson);
    }
    if next != run.next || ndjson.len() > MAX_BATCH_BYTES {
        return None;
    }
    let lines = Lines {
        ndjson: Bytes::from(ndjson),
        count: u32::try_from(next.since(run.first)).ok()?,
        oldest,
        newest,
    };
    let compressed = compress(&lines.ndjson, compression);
    let draft = Draft {
        stream: run.stream.clone(),
        arrived: Some(arrived),
        lines,
        keys,
    };
    // An update needs no token where the document has none that is admitted, and has to keep it where it has: of what was
    // restored from a dump it may be any.
    let token = Token::of(parts.first()?);
    let encoded = encode(&draft, arrived, compressed.as_deref(), run.first, token);
    let mut document = Document::try_from(encoded).ok()?;
    // The first document stays, with another content.
    document.remove("_id");
    Some(Joined { run, document })
}

/// A part's keys, by their place in the whole. `None` when not all of them can be read: none may be lost.
fn keys_of(document: &RawDocument, batch: &Batch, skip: u32) -> Option<Vec<KeyedRun>> {
    let there = match document.get("keys") {
        Ok(None) => return Some(Vec::new()),
        Ok(Some(keys)) => keys.as_array()?.into_iter().count(),
        Err(_) => return None,
    };
    let keys: Option<Vec<KeyedRun>> = decode_keys(document)
        .into_iter()
        .map(|prior| {
            let within = u32::try_from(prior.first.since(batch.first)).ok()?;
            Some(KeyedRun {
                key: prior.key,
                digest: prior.digest,
                skip: skip.checked_add(within)?,
                count: u32::try_from(prior.next.since(prior.first)).ok()?,
            })
        })
        .collect();
    keys.filter(|keys| keys.len() == there)
}
