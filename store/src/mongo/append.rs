//! Appending: one round trip when the ends of the streams are known and nobody else writes to them. Where somebody
//! does, see [`super::contended`].

use std::collections::HashMap;
use std::sync::Arc;

use lines::log_store::{Draft, PriorRun, Told};
use lines::{AppendError, Batch, Offset, StoreError, StreamName, Timestamp};
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::{Error, ErrorKind, InsertManyError};
use tokio::time::{Instant, timeout_at};

use super::connection::{DUPLICATE_KEY, OUT_OF_DISK, Ready, code, durable_write, store_error};
use super::documents::{decode_keys, encode, from_date, to_date};
use super::fence::{NOT_ADMITTED, Token};
use super::keys::only_keys;
use super::times::not_stored;
use super::{MongoStore, queries};
use crate::clock::not_before;
use crate::encoding::{check_size, compress_all};
use crate::timing::answered_by;
use lines::SharedError;

/// The server's label of an error that came before anything was written.
const NO_WRITES_PERFORMED: &str = "NoWritesPerformed";
/// What surely fits one command of the driver. More is split, and then an error says nothing about the first part.
const ONE_COMMAND_BYTES: usize = 32 * 1024 * 1024;

type Outcome = Result<Arc<Batch>, AppendError>;

/// A draft on its way to an outcome.
pub(super) struct Pending {
    pub(super) draft: Draft,
    /// When the lines arrived; never before the batch that they follow.
    pub(super) arrived: Timestamp,
    /// Its lines, when they are fewer bytes compressed.
    pub(super) compressed: Option<Vec<u8>>,
    /// Its place in the call.
    at: usize,
    state: State,
    /// How often somebody else was faster.
    pub(super) defeats: u32,
    /// Whether it was refused, and perhaps for one of its keys.
    pub(super) met_key: bool,
    /// Whether the fence kept it out the last time.
    pub(super) kept_out: bool,
}

/// How far a draft has come.
enum State {
    Open,
    Settled(Outcome),
    /// Whoever called knows the outcome.
    Told,
}

impl Pending {
    /// The first outcome stays.
    pub(super) fn settle(&mut self, outcome: Outcome) {
        if self.is_open() {
            self.state = State::Settled(outcome);
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Its outcome, once.
    fn tell(&mut self) -> Option<(usize, Outcome)> {
        if self.is_open() {
            return None;
        }
        match std::mem::replace(&mut self.state, State::Told) {
            State::Settled(outcome) => Some((self.at, outcome)),
            State::Open | State::Told => None,
        }
    }

    /// Stamps never go back within a stream, unless the one before cannot be right.
    fn follow(&mut self, before: Option<Timestamp>) {
        if self.draft.arrived.is_none() {
            self.arrived = not_before(before, self.arrived);
        }
    }

    /// The batch that the draft became, as it will be read back.
    pub(super) fn stored_at(&self, first: Offset) -> Batch {
        Batch {
            stream: self.draft.stream.clone(),
            first,
            arrived: from_date(to_date(self.arrived)),
            lines: self.draft.lines.clone(),
        }
    }
}

impl MongoStore {
    pub(super) async fn write(&self, drafts: Vec<Draft>, told: Told<'_>) {
        let until = Instant::now() + self.options.deadline;
        let stamp = match timeout_at(until, self.stamp(&drafts)).await {
            Ok(Ok(stamp)) => stamp,
            Ok(Err(error)) => return told(not_stored(drafts.len(), error)),
            Err(_) => {
                let late = StoreError::Timeout(self.options.deadline);
                return told(not_stored(drafts.len(), late));
            }
        };
        let mut pending = self.prepare(drafts, stamp).await;
        let mut kept_out = None;
        while tell_settled(pending.iter_mut(), told) < pending.len() {
            pending.retain(Pending::is_open);
            let now = std::time::Instant::now();
            let (contended, mut quiet): (Vec<_>, Vec<_>) = {
                let tails = self.tails.lock();
                pending
                    .iter_mut()
                    .partition(|p| tails.is_contended(&p.draft.stream, now))
            };
            let quiet = async {
                self.append_quiet(&mut quiet, until).await;
                // Whoever races with others keeps nobody waiting but himself.
                tell_settled(quiet.iter_mut().map(|p| &mut **p), told);
            };
            tokio::join!(self.append_contended(contended, until, told), quiet);
            self.settle_met(&mut pending, until).await;
            self.wait_at_the_fence(&mut pending, &mut kept_out, until).await;
        }
    }

    async fn prepare(&self, drafts: Vec<Draft>, stamp: Timestamp) -> Vec<Pending> {
        let compression = self.options.compression;
        let texts = drafts.iter().map(|draft| draft.lines.ndjson.clone()).collect();
        let compressed = compress_all(texts, compression).await;
        let drafts = drafts.into_iter().zip(compressed).enumerate();
        drafts
            .map(|(at, (draft, compressed))| Pending {
                at,
                state: match check_size(&draft.lines) {
                    Ok(()) => State::Open,
                    Err(too_big) => State::Settled(Err(AppendError::NotStored(too_big))),
                },
                compressed,
                defeats: 0,
                met_key: false,
                kept_out: false,
                arrived: draft.arrived.unwrap_or(stamp),
                draft,
            })
            .collect()
    }

    /// Gives every draft an outcome, except those that met a batch that was there.
    async fn append_quiet(&self, open: &mut [&mut Pending], until: Instant) {
        if open.is_empty() {
            return;
        }
        let late = || StoreError::Timeout(self.options.deadline);
        let streams: Vec<StreamName> = open.iter().map(|p| p.draft.stream.clone()).collect();
        let prepared = timeout_at(until, async {
            let ready = self.connection.ready().await?;
            Ok((ready, self.ends(ready, &streams).await?))
        });
        let (ready, ends) = match prepared.await.unwrap_or_else(|_| Err(late())) {
            Ok(prepared) => prepared,
            Err(error) => return settle_all(open, AppendError::NotStored, error),
        };

        {
            let tails = self.tails.lock();
            for pending in open.iter_mut() {
                pending.follow(tails.arrived(&pending.draft.stream));
            }
        }
        let begun = std::time::Instant::now();
        let size = |p: &Pending| p.compressed.as_ref().map_or(p.draft.lines.ndjson.len(), Vec::len) + 1024;
        let one_command = open.iter().map(|p| size(p)).sum::<usize>() < ONE_COMMAND_BYTES;
        let documents: Vec<_> = open
            .iter()
            .zip(&ends)
            .map(|(p, &(first, token))| {
                encode(&p.draft, p.arrived, p.compressed.as_deref(), first, Some(token))
            })
            .collect();
        let insert = ready
            .batches
            .insert_many(documents)
            .ordered(false)
            .write_concern(durable_write(self.options.deadline));
        // A place that was known to be free is free for a grace and not for ever: see `tails`.
        match answered_by(until, insert).await {
            Some(Ok(_)) => self.stored(open, &ends, &InsertFailure::default(), begun),
            Some(Err(error)) => match InsertFailure::read(&error) {
                Some(failure) => self.stored(open, &ends, &failure, begun),
                None => {
                    self.forget(open);
                    let outcome = if one_command && came_before_writing(&error) {
                        AppendError::NotStored
                    } else {
                        AppendError::Unknown
                    };
                    settle_all(open, outcome, store_error(error, self.options.deadline));
                }
            },
            None => {
                self.forget(open);
                settle_all(open, AppendError::Unknown, late());
            }
        }
    }

    /// Where each stream ends, and by what an insert there is admitted, asking for those of which it is not known well enough.
    async fn ends(&self, ready: &Ready, streams: &[StreamName]) -> Result<Vec<(Offset, Token)>, StoreError> {
        let begun = std::time::Instant::now();
        // What is known now is used: by the time the others are answered, somebody may have made us forget it.
        let mut ends: HashMap<&StreamName, (Offset, Token)> = {
            let tails = self.tails.lock();
            let known = |stream| Some((stream, tails.get(stream, begun)?));
            streams.iter().filter_map(known).collect()
        };
        let unknown: Vec<StreamName> = streams
            .iter()
            .filter(|s| !ends.contains_key(*s))
            .cloned()
            .collect();
        if !unknown.is_empty() {
            let (found, token) = queries::ends(ready, &unknown).await?;
            let missing: Vec<&StreamName> = unknown.iter().filter(|s| !found.contains_key(*s)).collect();
            // Before the first batch, so that every stream that has one is listed.
            create(ready, &missing).await?;
            let mut tails = self.tails.lock();
            for stream in streams
                .iter()
                .filter(|s| !ends.contains_key(*s))
                .collect::<Vec<_>>()
            {
                // A stream that nobody has made has no line, and begins at 0.
                let queries::End { extent, arrived } = found.get(stream).copied().unwrap_or_default();
                tails.learn(stream, extent.next, arrived, begun, token);
                ends.insert(stream, (extent.next, token));
            }
        }
        Ok(streams.iter().map(|stream| ends[stream]).collect())
    }

    /// What became of each, once the server has answered.
    fn stored(
        &self,
        open: &mut [&mut Pending],
        ends: &[(Offset, Token)],
        failure: &InsertFailure,
        begun: std::time::Instant,
    ) {
        let mut tails = self.tails.lock();
        for (i, (pending, &(first, token))) in open.iter_mut().zip(ends).enumerate() {
            let batch = pending.stored_at(first);
            match (failure.of.get(&i), &failure.of_majority) {
                (None, None) => {
                    tails.learn(&batch.stream, batch.next(), Some(batch.arrived), begun, token);
                    pending.settle(Ok(Arc::new(batch)));
                }
                (None, Some(what)) => {
                    tails.forget(&batch.stream);
                    pending.settle(Err(AppendError::Unknown(StoreError::Away(what.clone().into()))));
                }
                // The server has answered when the batch in the way was on a majority, so the next look sees it.
                (Some((DUPLICATE_KEY, _)), _) => {
                    pending.met_key = !pending.draft.keys.is_empty();
                    pending.kept_out = false;
                    tails.forget(&batch.stream);
                }
                (Some((NOT_ADMITTED, _)), _) => {
                    pending.kept_out = true;
                    tails.forget(&batch.stream);
                }
                (Some((OUT_OF_DISK, what)), _) => {
                    pending.settle(Err(AppendError::NotStored(StoreError::Full(what.clone()))));
                }
                (Some((_, what)), _) => {
                    pending.settle(Err(AppendError::NotStored(StoreError::Away(what.clone().into()))));
                }
            }
        }
    }

    /// Those who are still open met a batch that was there: with one of their keys, and then they are answered, or else
    /// at their place, and then somebody else writes to their stream.
    async fn settle_met(&self, pending: &mut [Pending], until: Instant) {
        let met_key = |p: &mut Pending| p.is_open() && std::mem::take(&mut p.met_key);
        let mut keyed: Vec<&mut Pending> = Vec::new();
        for pending in pending.iter_mut() {
            if met_key(pending) {
                keyed.push(pending);
            }
        }
        if !keyed.is_empty() {
            self.answer_used_keys(&mut keyed, until).await;
        }
        let now = std::time::Instant::now();
        let mut tails = self.tails.lock();
        for met in pending.iter().filter(|p| p.is_open() && !p.kept_out) {
            tails.overtaken(&met.draft.stream, now);
        }
    }

    async fn answer_used_keys(&self, open: &mut [&mut Pending], until: Instant) {
        let keyed: Vec<&Draft> = open.iter().map(|p| &p.draft).collect();
        let found = timeout_at(until, async {
            used_keys(self.connection.ready().await?, &keyed).await
        })
        .await
        .unwrap_or(Err(StoreError::Timeout(self.options.deadline)));
        let mut found = match found {
            Ok(found) => found,
            Err(error) => return settle_all(open, AppendError::NotStored, error),
        };
        for pending in open.iter_mut() {
            let prior = found.remove(pending.draft.stream.as_str()).unwrap_or_default();
            let wanted = |prior: &PriorRun| pending.draft.keys.iter().any(|run| run.key == prior.key);
            let used: Vec<PriorRun> = prior.into_iter().filter(wanted).collect();
            if !used.is_empty() {
                pending.settle(Err(AppendError::KeysUsed(used)));
            }
        }
    }

    fn forget(&self, open: &[&mut Pending]) {
        let mut tails = self.tails.lock();
        for pending in open {
            tails.forget(&pending.draft.stream);
        }
    }
}

/// What the server said about an insert that did not succeed as a whole.
#[derive(Default)]
struct InsertFailure {
    /// By the document's place: the error's code and text.
    of: HashMap<usize, (i32, String)>,
    /// What was inserted may not be on a majority.
    of_majority: Option<String>,
}

impl InsertFailure {
    /// `None` when the server gave no answer about the documents.
    fn read(error: &Error) -> Option<Self> {
        let ErrorKind::InsertMany(InsertManyError {
            write_errors,
            write_concern_error,
            ..
        }) = &*error.kind
        else {
            return None;
        };
        Some(Self {
            of: write_errors
                .iter()
                .flatten()
                .map(|error| (error.index, (error.code, error.message.clone())))
                .collect(),
            of_majority: write_concern_error.as_ref().map(|error| error.message.clone()),
        })
    }
}

/// Says what is known by now, and of how many in all everybody knows.
pub(super) fn tell_settled<'a>(pending: impl Iterator<Item = &'a mut Pending>, told: Told<'_>) -> usize {
    let (mut some, mut known) = (Vec::new(), 0);
    for pending in pending {
        some.extend(pending.tell());
        known += usize::from(!pending.is_open());
    }
    if !some.is_empty() {
        told(some);
    }
    known
}

/// The same error for all that have no outcome yet.
fn settle_all(open: &mut [&mut Pending], outcome: fn(StoreError) -> AppendError, error: StoreError) {
    let error = SharedError::new(error);
    for pending in open.iter_mut().filter(|p| p.is_open()) {
        pending.settle(Err(outcome(error.again())));
    }
}

/// Whether nothing can have been written. When in doubt it can. A server that has no room says so before it writes.
pub(super) fn came_before_writing(error: &Error) -> bool {
    error.contains_label(NO_WRITES_PERFORMED)
        || code(error) == Some(OUT_OF_DISK)
        || matches!(
            *error.kind,
            ErrorKind::ServerSelection { .. }
                | ErrorKind::DnsResolve { .. }
                | ErrorKind::Authentication { .. }
        )
}

async fn create(ready: &Ready, streams: &[&StreamName]) -> Result<(), StoreError> {
    if streams.is_empty() {
        return Ok(());
    }
    let created = mongodb::bson::DateTime::now();
    let updates: Vec<Document> = streams
        .iter()
        .map(|stream| {
            doc! {
                "q": {"_id": stream.as_str()},
                "u": {"$setOnInsert": {"floor": 0_i64, "created": created, "labels": {}}},
                "upsert": true,
            }
        })
        .collect();
    ready
        .write(doc! {"update": "streams", "updates": updates})
        .await
        .map(drop)
}

/// What the drafts' keys were given before, by stream. A batch's other keys come along.
async fn used_keys(ready: &Ready, drafts: &[&Draft]) -> Result<HashMap<String, Vec<PriorRun>>, StoreError> {
    let any: Vec<Document> = drafts
        .iter()
        .map(|draft| {
            let keys: Vec<Bson> = draft.keys.iter().map(|run| Bson::from(&*run.key.0)).collect();
            doc! {"s": draft.stream.as_str(), "keys.k": {"$in": keys}}
        })
        .collect();
    let pipeline = vec![doc! {"$match": {"$or": any}}, only_keys()];
    let mut cursor = ready.aggregate(&ready.batches, pipeline, 1000).await?;
    let mut found: HashMap<String, Vec<PriorRun>> = HashMap::new();
    while cursor.advance().await.map_err(|e| ready.error(e))? {
        let document = cursor.current();
        if let Ok(stream) = document.get_str("s") {
            found
                .entry(stream.to_owned())
                .or_default()
                .extend(decode_keys(document));
        }
    }
    Ok(found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use mongodb::error::CommandError;

    use super::*;

    /// What a whole command came to, as it does at a contended stream.
    fn command_failed(code: i32) -> Error {
        let answer = doc! {"ok": 0, "code": code, "codeName": "", "errmsg": "why"};
        let error: CommandError = mongodb::bson::deserialize_from_document(answer).unwrap();
        ErrorKind::Command(error).into()
    }

    #[test]
    fn a_server_that_has_no_room_has_certainly_stored_nothing() {
        let no_room = command_failed(OUT_OF_DISK);
        assert!(came_before_writing(&no_room));
        assert!(matches!(
            store_error(no_room, Duration::ZERO),
            StoreError::Full(_)
        ));
        const INTERRUPTED: i32 = 11_601;
        assert!(!came_before_writing(&command_failed(INTERRUPTED)));
    }
}
