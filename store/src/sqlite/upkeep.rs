//! What upkeep asks of the store: merging before its time, the clock, and what retention removes. All of it goes through
//! the writer in steps, between which appends get their turn.

use std::sync::Arc;
use std::time::Instant;

use lines::log_store::Look;
use lines::retention::{Deletable, Hidden, Restored, Retention, Trimmed};
use lines::{StoreError, Timestamp};

use super::readers::Cost;
use super::retention::{self, Plan};
use super::{SqliteStore, away, is_away};
use crate::oldest::cutoff;
use crate::position::Position;

impl SqliteStore {
    /// Merges what is recent now.
    pub async fn merge_recent(&self) -> Result<(), StoreError> {
        self.merge_while(None, || true).await.map(drop)
    }

    /// Merges what is recent now, as long as there is time; whether there was. What arrived before `apart` is not joined
    /// with what arrived later.
    async fn merge_while(
        &self,
        apart: Option<Timestamp>,
        in_time: impl Fn() -> bool,
    ) -> Result<bool, StoreError> {
        let Some(upto) = self.recent.last_row() else {
            return Ok(true);
        };
        while self.recent.has_upto(upto) {
            if !in_time() {
                return Ok(false);
            }
            self.writer.merge(apart).await?;
        }
        Ok(true)
    }

    pub(super) async fn look_at_the_clock(&self) -> Result<Look, StoreError> {
        let clock = &self.options.clock;
        let (now, monotonic) = (clock.wall(), clock.monotonic());
        let seen = self.watch.lock().look(now, monotonic, self.remembered);
        if seen.stamped.is_some() {
            // On a disk that is full to the last byte, what is in place is stamped anew at least.
            match self.merge_recent().await {
                Err(error) if is_away(&error) => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        if seen.mark.is_some() || seen.stamped.is_some() {
            self.writer
                .run(move |connection, _| retention::keep(connection, seen.mark, seen.stamped))
                .await?;
        }
        Ok(Look {
            now,
            ahead: jiff::SignedDuration::ZERO,
            leap: seen.leap,
        })
    }

    /// Plans beside the writer and writes through it, in steps between which appends get their turn.
    pub(super) async fn raise_floors(
        &self,
        retention: Retention,
        now: Timestamp,
    ) -> Result<Trimmed, StoreError> {
        let in_time = self.half_the_time();
        if !self.merge_before_trimming(&retention, now, &in_time).await? {
            return Ok(Trimmed {
                more: true,
                ..Trimmed::default()
            });
        }
        let (most, position) = (self.options.trim_batches, *self.position.lock());
        let planned = self.readers.ask(Cost::Much, move |connection| {
            retention::plan(connection, &retention, now, most, position)
        });
        let Plan {
            mut raises,
            lifted,
            position: reached,
            more,
        } = planned.await?;
        if !lifted.is_empty() {
            self.writer
                .run(move |connection, _| retention::lift(connection, &lifted))
                .await?;
        }
        let (mut trimmed, mut all_stood) = (Trimmed::default(), true);
        let (now, grace) = (self.options.clock.wall(), self.options.grace);
        while !raises.is_empty() {
            if !in_time() {
                // What is left is met again: the position stays.
                return Ok(Trimmed {
                    more: true,
                    ..trimmed
                });
            }
            let step = self
                .writer
                .run(move |connection, _| retention::raise(connection, raises, now, grace));
            let raised = step.await?;
            raises = raised.left;
            trimmed.batches += raised.trimmed.batches;
            trimmed.lines += raised.trimmed.lines;
            all_stood &= raised.all_stood;
        }
        if !all_stood {
            // Merging moved what was planned with. The next call plans anew.
            *self.position.lock() = Position::default();
            return Ok(Trimmed {
                more: trimmed.batches > 0,
                ..trimmed
            });
        }
        // Whoever brought lines back meanwhile wants trims to begin anew.
        let mut kept = self.position.lock();
        if *kept == position {
            *kept = reached;
        }
        Ok(Trimmed { more, ..trimmed })
    }

    /// Retention knows batches in place only: what it may have to remove is merged first. On a full disk or a damaged
    /// one, where that may not be possible, it removes what it can.
    async fn merge_before_trimming(
        &self,
        retention: &Retention,
        now: Timestamp,
        in_time: &impl Fn() -> bool,
    ) -> Result<bool, StoreError> {
        let is_old = |at| cutoff(retention, now).is_some_and(|cutoff| at < cutoff);
        let Some(oldest) = self.recent.oldest() else {
            return Ok(true);
        };
        let is_wanted = is_old(oldest)
            || match retention.bytes {
                None => false,
                Some(most) => {
                    let recent = Arc::clone(&self.recent);
                    let visible = self.readers.ask(Cost::Much, move |connection| {
                        retention::visible(connection, &recent).map_err(away)
                    });
                    visible.await? > most
                }
            };
        if !is_wanted {
            return Ok(true);
        }
        match self.merge_while(cutoff(retention, now), in_time).await {
            Err(error) if is_away(&error) => Err(error),
            Err(_) => Ok(true),
            merged => merged,
        }
    }

    pub(super) async fn delete(&self, what: Deletable) -> Result<Trimmed, StoreError> {
        let in_time = self.half_the_time();
        let (clock, grace) = (&self.options.clock, self.options.grace);
        let mut deleted = Trimmed::default();
        if !self.watch.lock().is_settled(clock.monotonic(), grace) {
            return Ok(deleted);
        }
        let now = clock.wall();
        // A full disk leaves no time to bring anything back.
        let due = if self.writer.run(|_, room| Ok(room.is_full())).await? {
            Timestamp::from_nanos(i64::MAX)
        } else {
            now
        };
        loop {
            let step = self.writer.run(move |connection, room| {
                retention::delete(connection, what, now, grace, due, room.steps())
            });
            let step = step.await?;
            deleted.batches += step.batches;
            deleted.lines += step.lines;
            deleted.more = step.more;
            if !deleted.more || !in_time() {
                break;
            }
        }
        while in_time() && self.writer.give_back(self.options.spare_bytes).await? {}
        Ok(deleted)
    }

    pub(super) async fn bring_back(&self, which: &Hidden) -> Result<Vec<Restored>, StoreError> {
        let which = which.clone();
        let restored = self
            .writer
            .run(move |connection, _| retention::restore(connection, &which))
            .await?;
        *self.position.lock() = Position::default();
        Ok(restored)
    }

    pub(super) async fn rely_on_the_clock(&self) -> Result<(), StoreError> {
        let clock = &self.options.clock;
        let mark = self.watch.lock().allow(clock.wall(), clock.monotonic());
        let grace = self.options.grace;
        self.writer
            .run(move |connection, _| retention::allow(connection, mark, grace))
            .await?;
        *self.position.lock() = Position::default();
        Ok(())
    }

    /// Whether there is still time for one more step.
    fn half_the_time(&self) -> impl Fn() -> bool + Send + use<> {
        let (begun, half) = (Instant::now(), self.options.deadline / 2);
        move || begun.elapsed() < half
    }
}
