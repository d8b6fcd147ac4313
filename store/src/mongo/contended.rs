//! Appending to a stream that others append to at the same time.
//!
//! An insert at a known end asks that nobody came in between since the server's last answer. Who won last knows the
//! end, while the others have to ask for it before they try again: it would win again and again (measured: four
//! collectors with six senders each on one stream made one request in a hundred wait for 0.9 s, and one for 6.5 s).
//! So where a stream is known to be contended, the server itself looks for the end and inserts there, in one command
//! (`$merge`): nobody has a lead, and how far away from the server somebody is does not matter. What decides is who
//! comes first once the last batch is on a majority, and those who have lost come before those who have won: see
//! [`pause`].
//!
//! The end is read with read concern `majority` here as everywhere, so no batch that could be rolled back is ever built
//! upon (invariant 2); the unique index refuses whoever came too early. Where the batch went is asked for afterwards,
//! when the race is over.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use lines::log_store::Told;
use lines::{AppendError, Offset, StoreError, Timestamp};
use mongodb::bson::{Document, doc};
use mongodb::error::Error;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::MongoStore;
use super::append::{Pending, came_before_writing, tell_settled};
use super::connection::{DUPLICATE_KEY, Ready, code, store_error};
use super::documents::{encode, from_bson, from_date, number, to_date};
use super::fence::{NOT_ADMITTED, Token, told_first};
use crate::clock::TOLERANCE;

/// Commands of one call that are under way at once: each holds a connection.
const AT_ONCE: usize = 8;
/// The longest pause before an attempt.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// What a round of the race came to.
enum Round {
    /// The batch is stored, begins there, and was admitted by that.
    Won(Offset, Timestamp, Token),
    /// Nothing is stored: the place was taken, or perhaps a key.
    Lost(Taken),
}

enum Taken {
    Place,
    PlaceOrKey,
    /// Nothing: the fence was raised before the token was told.
    NotAdmitted,
}

impl MongoStore {
    /// Plays one round for each: gives it an outcome, which is told at once, or counts a defeat.
    pub(super) async fn append_contended(&self, open: Vec<&mut Pending>, until: Instant, told: Told<'_>) {
        stream::iter(open)
            .for_each_concurrent(AT_ONCE, async |pending| {
                self.append_one(pending, until).await;
                tell_settled(std::iter::once(pending), told);
            })
            .await;
    }

    async fn append_one(&self, pending: &mut Pending, until: Instant) {
        let turn = self.tails.lock().turn(&pending.draft.stream);
        sleep_until((Instant::now() + pause(turn, pending.defeats)).min(until)).await;
        let begun = std::time::Instant::now();
        let outcome = match self.round(pending, until).await {
            Ok(Round::Lost(taken)) => {
                pending.kept_out = matches!(taken, Taken::NotAdmitted);
                pending.defeats += u32::from(!pending.kept_out);
                pending.met_key = !pending.draft.keys.is_empty() && matches!(taken, Taken::PlaceOrKey);
                return;
            }
            Ok(Round::Won(first, arrived, token)) => {
                pending.arrived = arrived;
                let batch = pending.stored_at(first);
                let mut tails = self.tails.lock();
                if tails
                    .get(&batch.stream, begun)
                    .is_none_or(|(known, _)| known != first)
                {
                    tails.overtaken(&batch.stream, begun);
                }
                tails.won(&batch.stream, begun.elapsed());
                tails.learn(&batch.stream, batch.next(), Some(batch.arrived), begun, token);
                Ok(Arc::new(batch))
            }
            Err(error) => Err(error),
        };
        pending.settle(outcome);
    }

    async fn round(&self, pending: &Pending, until: Instant) -> Result<Round, AppendError> {
        let deadline = self.options.deadline;
        let ready = timeout_at(until, self.connection.ready()).await;
        let ready = ready.unwrap_or(Err(StoreError::Timeout(deadline)));
        let ready = ready.map_err(AppendError::NotStored)?;
        let document = encode(
            &pending.draft,
            pending.arrived,
            pending.compressed.as_deref(),
            Offset::ZERO,
            None,
        );
        let document = Document::try_from(document).map_err(|error| away(error.into()))?;
        let id = document.get("_id").cloned();
        if Instant::now() >= until {
            return Err(AppendError::NotStored(StoreError::Timeout(deadline)));
        }
        match timeout_at(until, ready.put(append_at_end(document, pending.arrived))).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) if code(&error) == Some(DUPLICATE_KEY) => return Ok(Round::Lost(taken(&error))),
            Ok(Err(error)) if code(&error) == Some(NOT_ADMITTED) => {
                return Ok(Round::Lost(Taken::NotAdmitted));
            }
            Ok(Err(error)) => {
                let outcome = if came_before_writing(&error) {
                    AppendError::NotStored
                } else {
                    AppendError::Unknown
                };
                return Err(outcome(store_error(error, deadline)));
            }
            Err(_) => return Err(AppendError::Unknown(StoreError::Timeout(deadline))),
        }
        match timeout_at(until, place_of(ready, doc! {"_id": id})).await {
            Ok(Ok(Some((first, arrived, token)))) => Ok(Round::Won(first, arrived, token)),
            // It was made part of another one meanwhile, or the command found no stream to append to.
            Ok(Ok(None)) => Err(AppendError::Unknown(StoreError::Away("the batch is gone".into()))),
            Ok(Err(error)) => Err(AppendError::Unknown(error)),
            Err(_) => Err(AppendError::Unknown(StoreError::Timeout(deadline))),
        }
    }
}

fn away(error: Box<dyn std::error::Error + Send + Sync>) -> AppendError {
    AppendError::NotStored(StoreError::Away(error))
}

/// How long to wait before an attempt, where a turn takes `turn`. No back-off, which spares somebody who failed: here all is
/// well, and whoever waited longest is to be next. A share of a turn that is left to chance, the smaller
/// the more often the batch was refused: those who wait longest come first.
fn pause(turn: Duration, defeats: u32) -> Duration {
    let share = rand::random::<f64>()
        * [1.0, 0.5, 0.25]
            .get(defeats as usize)
            .copied()
            .unwrap_or_default();
    turn.mul_f64(share).min(LONGEST_PAUSE)
}

/// What the server found taken. It tells the index that refused, and looks at that of the places first: a used key is
/// found out in a round whose place was free.
fn taken(error: &Error) -> Taken {
    let answer = error.server_response();
    let index = answer.and_then(|answer| answer.get_document("keyPattern").ok());
    if index.is_some_and(|index| index.get("o").is_ok_and(|place| place.is_some())) {
        Taken::Place
    } else {
        Taken::PlaceOrKey
    }
}

/// The command that finds a stream's end and inserts a batch there, whatever offset it has.
fn append_at_end(batch: Document, stamp: Timestamp) -> Document {
    let name = batch.get("s").cloned();
    let end = doc! {"$max": ["$floor", {"$add": [{"$first": "$last.o"}, {"$first": "$last.n"}]}]};
    // Stamps never go back within a stream, unless the one before cannot be right.
    let before = doc! {"$first": "$last.at"};
    let can_be_right = doc! {"$lte": [&before, to_date(stamp.plus(TOLERANCE))]};
    let arrived = doc! {"$cond": [can_be_right, {"$max": [before, to_date(stamp)]}, to_date(stamp)]};
    let token = doc! {"$ifNull": [{"$first": "$fence.open"}, Token::default().0]};
    doc! {
        "aggregate": "streams",
        "pipeline": [
            {"$match": {"_id": &name}},
            // Before the end is looked for.
            {"$lookup": {"from": "cluster", "as": "fence", "pipeline": told_first().to_vec()}},
            {"$lookup": {"from": "batches", "as": "last", "pipeline": [
                {"$match": {"s": &name}},
                {"$sort": {"s": -1, "o": -1}},
                {"$limit": 1},
                {"$project": {"o": 1, "n": 1, "at": 1}},
            ]}},
            // Lines are values, never names or operators.
            {"$replaceWith": {"$mergeObjects": [{"$literal": batch}, {"o": end, "at": arrived, "f": token}]}},
            {"$merge": {"into": "batches", "on": ["s", "o"], "whenMatched": "fail", "whenNotMatched": "insert"}},
        ],
        "cursor": {},
    }
}

/// Where a batch begins, what it is stamped with, and by what it was admitted.
async fn place_of(ready: &Ready, batch: Document) -> Result<Option<(Offset, Timestamp, Token)>, StoreError> {
    let question = ready
        .batches
        .find_one(batch)
        .projection(doc! {"_id": 0, "o": 1, "at": 1, "f": 1});
    let found = question.await.map_err(|error| ready.error(error))?;
    Ok(found.and_then(|document| {
        let arrived = from_date(document.get_datetime("at").ok()?);
        let token = Token::of(&document).unwrap_or_default();
        Some((from_bson(number(&document, "o")?), arrived, token))
    }))
}
