//! Small neighbouring batches become full ones, once nothing depends any more on where each of them begins.
//!
//! Every batch is a document with its index entries, and costs a reader a look of its own. So those that came one by one
//! are put together later: the first of them becomes the whole, and the others go, in one transaction. Offsets, lines and
//! keys stay what they are, so every reader, whatever moment it sees, finds each line once; a page that sees two
//! moments ends in between, and the next one begins in the whole.
//!
//! That a place is taken is told by a document that begins there. Somebody may still believe that a stream ends at one
//! of them, and if the document had gone by then, the place would be given a second time (against invariant 2). So
//! whoever merges looks what there is, raises the [fence](super::fence), and puts together only what was there before:
//! whoever is let in after that has read an end that lies behind all of it. No clock has a part in that.
//!
//! One process of the cluster does this, as long as it lives; what it does to batches depends on the lease of
//! [`turn`](super::turn), so neither a floor nor another merger ever comes in its way.

mod plan;
mod rewrite;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use lines::log_store::Merged;
use lines::{Offset, StoreError, StreamName, Timestamp};
use mongodb::bson::doc;

use self::plan::Run;
use super::MongoStore;
use super::connection::Ready;
use super::documents::{from_bson, from_date, number, to_date};
use super::fence::{Raised, raise};
use super::transaction::Undone;
use super::turn::{Lease, millis};
use crate::clock::TOLERANCE;

/// The document in `cluster` that says who merges, and how far everything was looked at.
const MERGE: &str = "merge";
/// Batches that are looked at together: each is read whole.
const LOOK: i64 = 5_000;
/// Looks before one raise of the fence, at most.
const MOST_LOOKS: usize = 64;
/// Looks in the time for which small batches stay as they came.
const LOOKS: u32 = 4;
/// Batches that one transaction puts together, about, and their bytes.
const MOST_PARTS: usize = 1000;
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// Streams that are planned for at once.
const PLANS: usize = 8;
/// What may not be done is not prepared again for so long: somebody may have been given the right meanwhile.
const FORBIDDEN: Duration = Duration::from_secs(3_600);
/// The longest pause between two transactions. It is as long as the one before took: others have the servers half the time.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// What a process knows of what is to be merged.
#[derive(Default)]
pub(super) struct Merging {
    /// Told from others by this.
    holder: String,
    /// Everything that arrived up to then was looked at. `None` while this process has not begun.
    after: Option<Timestamp>,
    /// When all there was had been looked at, by the monotonic clock.
    looked: Option<Duration>,
    /// What was there when the fence was raised, and is not merged yet.
    seen: Option<Seen>,
    /// When the database's user was last told that it may not raise the fence, by the monotonic clock.
    forbidden: Option<Duration>,
}

impl Merging {
    /// Whether it is time for another look: each has its price for those who append, however little it finds.
    fn wants_to_look(&self, now: Duration, pause: Duration) -> bool {
        let is_over = |at: Option<Duration>, pause| at.is_none_or(|at| now.saturating_sub(at) >= pause);
        is_over(self.looked, pause) && is_over(self.forbidden, FORBIDDEN)
    }
}

/// Batches that were there at some moment.
struct Seen {
    /// What arrived up to then is in it, or in one before.
    upto: Timestamp,
    /// Whether there was more than one look takes.
    is_cut: bool,
    streams: Vec<Touched>,
}

/// A stream with batches that were not looked at before.
#[derive(Debug)]
struct Touched {
    stream: StreamName,
    /// Where the first of them begins.
    from: Offset,
    /// Where the last of them begins. What comes later may be younger.
    last: Offset,
}

impl MongoStore {
    pub(super) async fn merge_some(&self) -> Result<Merged, StoreError> {
        let ready = self.connection.ready().await?;
        if self.options.merged_bytes == 0 || !ready.has_transactions {
            return Ok(Merged::default());
        }
        // One call at a time.
        let Ok(mut merging) = self.merging.try_lock() else {
            return Ok(Merged::default());
        };
        let until = Instant::now() + self.options.deadline / 2;
        if merging.holder.is_empty() {
            merging.holder = uuid::Uuid::new_v4().to_string();
        }
        let Some((now, after)) = self.elect(ready, &merging.holder).await? else {
            (merging.after, merging.looked, merging.seen) = (None, None, None);
            return Ok(Merged::default());
        };
        let latest = now.plus(TOLERANCE);
        // One from the future is by a clock that was wrong.
        let after = after.filter(|after| *after <= latest);
        merging.after = merging.after.filter(|after| *after <= latest).or(after);
        if merging.seen.is_none() && !self.look_and_raise(ready, &mut merging, now, until).await? {
            return Ok(Merged::default());
        }
        self.merge_seen(ready, &mut merging, until).await
    }

    /// Looks what there is to merge, and lets nobody in any more who does not know of it. Whether there is anything.
    async fn look_and_raise(
        &self,
        ready: &Ready,
        merging: &mut Merging,
        now: Timestamp,
        until: Instant,
    ) -> Result<bool, StoreError> {
        let begun = self.times.monotonic();
        if !merging.wants_to_look(begun, self.options.merge_after / LOOKS) {
            return Ok(false);
        }
        let mut all: Option<Seen> = None;
        for _ in 0..MOST_LOOKS {
            let after = all.as_ref().map(|seen| seen.upto).or(merging.after);
            let seen = self.see(ready, after, now).await?;
            let is_cut = seen.is_cut;
            let streams = all.take().map(|all| all.streams);
            let streams = streams.into_iter().flatten().chain(seen.streams).collect();
            all = Some(Seen { streams, ..seen });
            if !is_cut || Instant::now() >= until {
                break;
            }
        }
        let seen = all.filter(|seen| !seen.streams.is_empty());
        if seen.as_ref().is_none_or(|seen| !seen.is_cut) {
            merging.looked = Some(begun);
        }
        let Some(seen) = seen else { return Ok(false) };
        if raise(ready).await? == Raised::Forbidden {
            if merging.forbidden.replace(begun).is_none() {
                tracing::warn!(
                    "small batches are not merged: the database's user may not change collections (collMod on \
                     batches, as in the role dbAdmin)"
                );
            }
            return Ok(false);
        }
        merging.forbidden = None;
        merging.seen = Some(seen);
        Ok(true)
    }

    /// Who merges, for so long as it goes on asking: the database's time, and how far everything was merged before.
    async fn elect(
        &self,
        ready: &Ready,
        holder: &str,
    ) -> Result<Option<(Timestamp, Option<Timestamp>)>, StoreError> {
        // It is not taken from anybody who is only slow: where it changes hands, the fence is raised for each of them.
        let length = millis(self.options.grace + self.options.deadline * 2);
        let free = doc! {"_id": MERGE, "$expr": {"$lte": ["$until", "$$NOW"]}};
        let wrong = doc! {"_id": MERGE, "$expr": {"$gt": ["$until", {"$add": ["$$NOW", length * 2]}]}};
        let own = doc! {"_id": MERGE, "holder": holder};
        let take = doc! {"$set": {"until": {"$add": ["$$NOW", length]}, "holder": holder, "taken": "$$NOW"}};
        let taken = ready
            .change("cluster", doc! {"$or": [free, wrong, own]}, vec![take])
            .await?;
        let date = |name| taken.as_ref()?.get_datetime(name).ok().copied().map(from_date);
        Ok(date("taken").map(|now| (now, date("after"))))
    }

    /// Looks at what arrived since, up to a while ago: what was stamped before and comes in later is met when its stream
    /// goes on.
    async fn see(&self, ready: &Ready, after: Option<Timestamp>, now: Timestamp) -> Result<Seen, StoreError> {
        let upto = now.minus(self.options.merge_after);
        let mut arrived = doc! {"$lte": to_date(upto)};
        if let Some(after) = after {
            arrived.insert("$gt", to_date(after));
        }
        let pipeline = vec![
            doc! {"$match": {"at": arrived}},
            doc! {"$sort": {"at": 1}},
            doc! {"$limit": LOOK},
            doc! {"$group": {
                "_id": "$s", "from": {"$min": "$o"}, "last": {"$max": "$o"}, "batches": {"$sum": 1},
                "at": {"$max": "$at"},
            }},
        ];
        let mut cursor = ready.aggregate(&ready.batches, pipeline, 10_000).await?;
        let (mut streams, mut batches, mut last) = (Vec::new(), 0, None);
        while cursor.advance().await.map_err(|e| ready.error(e))? {
            let document = cursor.current();
            batches += number(document, "batches").unwrap_or_default();
            last = last.max(document.get_datetime("at").ok().map(from_date));
            let touched = || {
                Some(Touched {
                    stream: StreamName::parse(document.get_str("_id").ok()?).ok()?,
                    from: from_bson(number(document, "from")?),
                    last: from_bson(number(document, "last")?),
                })
            };
            streams.extend(touched());
        }
        // Of the last stamp not all may have been among them.
        let is_cut = batches >= LOOK;
        let upto = match last {
            Some(last) if is_cut => last.minus(Duration::from_millis(1)),
            _ => upto,
        };
        Ok(Seen {
            upto,
            is_cut,
            streams,
        })
    }

    /// Merges what was seen.
    async fn merge_seen(
        &self,
        ready: &Ready,
        merging: &mut Merging,
        until: Instant,
    ) -> Result<Merged, StoreError> {
        let mut merged = Merged::default();
        let Some(seen) = &mut merging.seen else {
            return Ok(merged);
        };
        // Whoever has it trims or deletes, and is not to be asked all the time whether it is done.
        let Some(lease) = Lease::take(ready, self.options.deadline * 2).await? else {
            return Ok(merged);
        };
        let done = self.merge_streams(ready, &lease, seen, until, &mut merged).await;
        let position = lease.position;
        lease.give_back(ready, position).await?;
        done?;
        merged.more = !seen.streams.is_empty() || seen.is_cut;
        if seen.streams.is_empty() {
            let set = doc! {"$set": {"after": to_date(seen.upto)}};
            merging.after = Some(seen.upto);
            merging.seen = None;
            let which = doc! {"_id": MERGE, "holder": &merging.holder};
            ready
                .write(doc! {"update": "cluster", "updates": [{"q": which, "u": set}]})
                .await?;
        }
        Ok(merged)
    }

    /// Takes from `seen` what is done.
    async fn merge_streams(
        &self,
        ready: &Ready,
        lease: &Lease,
        seen: &mut Seen,
        until: Instant,
        merged: &mut Merged,
    ) -> Result<(), StoreError> {
        while !seen.streams.is_empty() && Instant::now() < until {
            let begun = seen.streams.len().saturating_sub(PLANS);
            let mut plans = Vec::with_capacity(PLANS);
            for touched in &seen.streams[begun..] {
                plans.push(plan::of(ready, touched, &self.options));
            }
            let plans = try_join_all(plans).await?;
            let (mut runs, mut rest) = (VecDeque::new(), Vec::new());
            for plan in plans {
                runs.extend(plan.runs);
                rest.extend(plan.rest);
            }
            while !runs.is_empty() {
                // What is planned is planned again.
                if Instant::now() >= until {
                    return Ok(());
                }
                let group = take_group(&mut runs);
                let started = Instant::now();
                match rewrite::merge(ready, lease, group, self.options.compression).await {
                    Ok(some) => {
                        merged.batches += some.batches;
                        merged.into += some.into;
                    }
                    // They are met again when their streams go on.
                    Err(Undone::Overtaken) => tracing::debug!("batches that were to be merged have changed"),
                    Err(Undone::Failed(error)) => return Err(error),
                }
                tokio::time::sleep(started.elapsed().min(LONGEST_PAUSE)).await;
            }
            seen.streams.truncate(begun);
            seen.streams.extend(rest);
        }
        Ok(())
    }
}

/// The first runs, as far as one transaction goes.
fn take_group(runs: &mut VecDeque<Run>) -> Vec<Run> {
    let (mut group, mut parts, mut bytes) = (Vec::new(), 0, 0);
    while let Some(run) = runs.front()
        && (group.is_empty() || (parts + run.parts <= MOST_PARTS && bytes + run.bytes <= MOST_BYTES))
    {
        (parts, bytes) = (parts + run.parts, bytes + run.bytes);
        group.extend(runs.pop_front());
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_merge_looks_for_what_to_merge_once_an_hour() {
        let (minute, second) = (Duration::from_secs(60), Duration::from_secs(1));
        let mut merging = Merging::default();
        assert!(merging.wants_to_look(second, minute));
        merging.forbidden = Some(second);
        assert!(!merging.wants_to_look(FORBIDDEN, minute));
        assert!(merging.wants_to_look(FORBIDDEN + second, minute));
        merging.looked = Some(FORBIDDEN);
        assert!(!merging.wants_to_look(FORBIDDEN + second, minute));
    }
}
