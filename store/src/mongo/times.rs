//! The database's clock, as this process sees it.
//!
//! It is asked for with every look, and between looks told on by this machine's monotonic clock. What lines are stamped
//! with is therefore off by half a round trip, by what the two clocks drift apart in [`FRESH`], and, when the database's
//! clock was set (or another member with another clock became the primary), by that until the next look. No stamp ever
//! comes from this machine's calendar.

use std::sync::Arc;
use std::time::Duration;

use lines::log_store::{Draft, Look};
use lines::{AppendError, StoreError, Timestamp};
use mongodb::bson::{DateTime, Document, doc};
use parking_lot::Mutex;

use super::connection::Ready;
use super::documents::{from_date, to_date};
use super::{MongoOptions, MongoStore};
use crate::clock::{Clock, Mark, Stamped, TOLERANCE, Watch};

/// How old a reading of the database's clock may be when lines are stamped.
const FRESH: Duration = Duration::from_secs(60);
/// The document in `cluster` that remembers the clock.
const CLOCK: &str = "clock";

/// What is known of the database's clock.
pub(super) struct Times {
    clock: Arc<dyn Clock>,
    /// Stands for the database's clock in tests.
    database: Option<Arc<dyn Clock>>,
    reading: Mutex<Option<Reading>>,
    pub(super) watch: Mutex<Watch>,
}

#[derive(Clone, Copy)]
struct Reading {
    time: Timestamp,
    /// When it showed that, by the monotonic clock.
    at: Duration,
}

impl Times {
    pub(super) fn new(options: &MongoOptions) -> Self {
        Self {
            clock: Arc::clone(&options.clock),
            database: options.database_clock.clone(),
            reading: Mutex::default(),
            watch: Mutex::default(),
        }
    }

    pub(super) fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Asks the database.
    async fn read(&self, ready: &Ready) -> Result<Reading, StoreError> {
        let begun = self.clock.monotonic();
        let time = match &self.database {
            Some(given) => given.wall(),
            None => {
                let answer = ready.command(doc! {"hello": 1}).await?;
                let time = answer.get_datetime("localTime");
                from_date(*time.map_err(|error| StoreError::Away(Box::new(error)))?)
            }
        };
        let reading = Reading {
            time,
            at: begun + (self.clock.monotonic().saturating_sub(begun)) / 2,
        };
        *self.reading.lock() = Some(reading);
        Ok(reading)
    }

    /// The database's time, now.
    pub(super) async fn now(&self, ready: &Ready) -> Result<Timestamp, StoreError> {
        let known = *self.reading.lock();
        let monotonic = self.clock.monotonic();
        let reading = match known {
            Some(reading) if monotonic.saturating_sub(reading.at) < FRESH => reading,
            known => match (self.read(ready).await, known) {
                (Ok(reading), _) | (Err(_), Some(reading)) => reading,
                (Err(error), None) => return Err(error),
            },
        };
        Ok(reading
            .time
            .plus(self.clock.monotonic().saturating_sub(reading.at)))
    }
}

impl MongoStore {
    /// What drafts are stamped with that arrive now.
    pub(super) async fn stamp(&self, drafts: &[Draft]) -> Result<Timestamp, StoreError> {
        if let Some(given) = drafts.first().and_then(|draft| draft.arrived) {
            return Ok(given);
        }
        let ready = self.connection.ready().await?;
        let now = self.times.now(ready).await?;
        Ok(self.times.watch.lock().stamp(now, self.times.monotonic()))
    }

    pub(super) async fn look_at_the_clock(&self) -> Result<Look, StoreError> {
        let ready = self.connection.ready().await?;
        // A database that nothing is remembered of has this machine's clock beside its own, and whoever looks compares them.
        let mark = remembered(ready).await?;
        let Reading { time, at } = self.times.read(ready).await?;
        let monotonic = self.times.monotonic();
        let now = time.plus(monotonic.saturating_sub(at));
        let seen = self.times.watch.lock().look(now, monotonic, mark);
        if let Some(mark) = seen.mark {
            keep_mark(ready, mark, None).await?;
        }
        if let Some(stamped) = seen.stamped {
            stamp_anew(ready, stamped).await?;
        }
        Ok(Look {
            now,
            ahead: self.times.clock.wall().since(now),
            leap: seen.leap,
        })
    }

    /// Somebody says that the database's clock is right. What everything may go up to is kept with it.
    pub(super) async fn believe_the_clock(&self, ready: &Ready) -> Result<Timestamp, StoreError> {
        let Reading { time, at } = self.times.read(ready).await?;
        let mark = self.times.watch.lock().allow(time, at);
        keep_mark(ready, mark, Some(time)).await?;
        Ok(time)
    }
}

async fn remembered(ready: &Ready) -> Result<Option<Mark>, StoreError> {
    let kept = ready.cluster(CLOCK).await?;
    Ok(kept.and_then(|kept| {
        let steady = kept.get_i64("steady").unwrap_or_default();
        Some(Mark {
            time: from_date(*kept.get_datetime("seen").ok()?),
            steady: Duration::from_secs(u64::try_from(steady).unwrap_or_default()),
        })
    }))
}

/// Up to which arrival somebody said that everything may go.
pub(super) async fn allowed(ready: &Ready) -> Result<Option<Timestamp>, StoreError> {
    let kept = ready.cluster(CLOCK).await?;
    Ok(kept.and_then(|kept| kept.get_datetime("allowed").ok().map(|date| from_date(*date))))
}

async fn keep_mark(ready: &Ready, mark: Mark, allowed: Option<Timestamp>) -> Result<(), StoreError> {
    let steady = i64::try_from(mark.steady.as_secs()).unwrap_or(i64::MAX);
    let mut set: Document = doc! {"seen": to_date(mark.time), "steady": steady};
    if let Some(allowed) = allowed {
        set.insert("allowed", to_date(allowed));
    }
    ready
        .write(doc! {"update": "cluster", "updates": [{"q": {"_id": CLOCK}, "u": {"$set": set}, "upsert": true}]})
        .await
        .map(drop)
}

async fn stamp_anew(ready: &Ready, stamped: Stamped) -> Result<(), StoreError> {
    let Stamped { from, to, behind } = stamped;
    let behind = i64::try_from(behind.as_millis()).unwrap_or(i64::MAX);
    let within = doc! {"at": {"$gte": to_date(from), "$lte": to_date(to)}};
    let later = doc! {"$set": {"at": {"$add": ["$at", behind]}}};
    ready
        .write(doc! {"update": "batches", "updates": [{"q": within, "u": [later], "multi": true}]})
        .await
        .map(drop)
}

/// When the newest batch arrived, of those that can have arrived.
pub(super) async fn newest(ready: &Ready, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let at: DateTime = to_date(now.plus(TOLERANCE));
    first_arrival(ready, doc! {"$lte": at}, -1).await
}

/// When the first batch arrived of those whose arrival is so, in the order of `direction`.
pub(super) async fn first_arrival(
    ready: &Ready,
    so: Document,
    direction: i32,
) -> Result<Option<Timestamp>, StoreError> {
    let pipeline = vec![
        doc! {"$match": {"at": so}},
        doc! {"$sort": {"at": direction}},
        doc! {"$limit": 1},
        doc! {"$project": {"_id": 0, "at": 1}},
    ];
    let mut cursor = ready.aggregate(&ready.batches, pipeline, 1).await?;
    if cursor.advance().await.map_err(|e| ready.error(e))? {
        Ok(cursor.current().get_datetime("at").ok().map(from_date))
    } else {
        Ok(None)
    }
}

/// Every draft gets the same: nothing was stored.
pub(super) fn not_stored<T>(drafts: usize, error: StoreError) -> Vec<(usize, Result<T, AppendError>)> {
    let error = lines::SharedError::new(error);
    (0..drafts)
        .map(|at| (at, Err(AppendError::NotStored(error.again()))))
        .collect()
}
