//! Merging: recent batches become full ones, each in its stream's place, in slices between which appends get their turn.
//!
//! The writing thread does it, so nothing changes between what a slice plans and what it writes. A round takes all that
//! is recent when it begins, stream by stream, and then deletes the rows, of which none counts any more.

mod joined;
mod sweep;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use lines::{Offset, StreamName, Timestamp};
use rusqlite::{Connection, ErrorCode, TransactionBehavior, ffi};

use self::joined::{Joining, Neighbour};
use self::sweep::Sweep;
use super::insert::{Ends, add_bytes};
use super::queries;
use super::recent::{self, Entry, Recent};
use super::{SqliteOptions, room};
use crate::Compression;
use crate::merge::{Join, Part, absorbed, runs};

/// Streams of one slice.
const SLICE_STREAMS: usize = 64;
/// Rows that one slice deletes.
const SLICE_ROWS: i64 = 1_000;
/// How long merging rests after it failed.
const PAUSE: Duration = Duration::from_secs(1);

type Sql<T> = Result<T, rusqlite::Error>;

/// When merging is due, and what it has come to.
pub(super) struct Merging {
    recent_bytes: usize,
    merge_after: Duration,
    join: Join,
    compression: Compression,
    /// When the first of what is recent came, of what no round has taken yet.
    since: Option<Instant>,
    round: Option<Round>,
    sweep: Option<Sweep>,
    /// Streams that failed once, and are no more joined with what is in place: that may be what cannot be read.
    alone: HashSet<StreamName>,
    /// It failed, and rests until then.
    rests_until: Option<Instant>,
}

/// Everything recent up to a row.
struct Round {
    upto: i64,
    /// To be merged yet.
    streams: Vec<StreamName>,
    /// What arrived before this is not joined with what arrived later: it is about to be removed.
    apart: Option<Timestamp>,
    /// Rows up to this one are deleted.
    deleted: i64,
    /// Whether the rows go together with what is merged of them: then it needs no room. They are few.
    at_once: bool,
}

impl Merging {
    pub(super) fn new(connection: &Connection, recent: &Recent, options: &SqliteOptions) -> Sql<Self> {
        Ok(Self {
            recent_bytes: options.recent_bytes,
            merge_after: options.merge_after,
            join: Join {
                full: options.merged_bytes,
                span: options.merge_span,
            },
            compression: options.compression,
            since: recent.last_row().map(|_| Instant::now()),
            round: None,
            sweep: Sweep::begin(connection)?,
            alone: HashSet::new(),
            rests_until: None,
        })
    }

    /// Something recent came.
    pub(super) fn added(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    /// Whether as much is recent as may be: the next appends wait for a slice.
    pub(super) fn is_pressing(&self, recent: &Recent) -> bool {
        !self.rests() && recent.mergeable_bytes() >= self.recent_bytes
    }

    /// Whether so much is recent, since merging fails, that no more may come.
    pub(super) fn is_stuck(&self, recent: &Recent) -> bool {
        self.rests() && recent.mergeable_bytes() / 2 >= self.recent_bytes
    }

    /// The most that one stream may have that is set aside.
    pub(super) fn most_aside(&self) -> usize {
        self.recent_bytes
    }

    /// Whether there is something to merge now.
    pub(super) fn is_due(&self, recent: &Recent) -> bool {
        !self.rests()
            && (self.round.is_some()
                || recent.mergeable_bytes() >= self.recent_bytes / 2
                || self
                    .since
                    .is_some_and(|since| since.elapsed() >= self.merge_after))
    }

    /// When there may be something to do though nothing comes; `None` for never.
    pub(super) fn due_in(&self) -> Option<Duration> {
        let left = |at: Instant| at.saturating_duration_since(Instant::now());
        let rests = self.rests_until.map(left).unwrap_or_default();
        let round = self.round.as_ref().map(|_| Duration::ZERO);
        let aged = self
            .since
            .map(|since| self.merge_after.saturating_sub(since.elapsed()));
        let sweep = self.sweep.as_ref().map(|sweep| left(sweep.goes_on()));
        [round, aged, sweep]
            .into_iter()
            .flatten()
            .min()
            .map(|due| due.max(rests))
    }

    fn rests(&self) -> bool {
        self.rests_until.is_some_and(|until| until > Instant::now())
    }

    /// It did not work, and is tried again after a pause.
    pub(super) fn failed(&mut self) {
        self.round = None;
        self.since.get_or_insert_with(Instant::now);
        self.rests_until = Some(Instant::now() + PAUSE);
    }

    /// Merges a slice of what is recent; what arrived before `apart` not together with what arrived later.
    pub(super) fn slice(
        &mut self,
        connection: &mut Connection,
        recent: &Recent,
        ends: &mut Ends,
        apart: Option<Timestamp>,
    ) -> Sql<()> {
        if self.round.is_none() {
            self.round = recent.last_row().map(|upto| Round::begin(recent, upto));
            self.since = None;
        }
        if let Some(round) = &mut self.round {
            round.apart = apart.or(round.apart);
        }
        self.go_on(connection, recent, ends)
    }

    /// The same on a full disk: as few rows as a small step takes, which go in the same transaction.
    pub(super) fn slice_in_place(
        &mut self,
        connection: &mut Connection,
        recent: &Recent,
        ends: &mut Ends,
        apart: Option<Timestamp>,
        steps: room::Steps,
    ) -> Sql<()> {
        let bytes = usize::try_from(steps.bytes).unwrap_or_default() / 4;
        self.round = recent.row_after(bytes).map(|upto| Round {
            at_once: true,
            apart,
            ..Round::begin(recent, upto)
        });
        self.go_on(connection, recent, ends)
    }

    fn go_on(&mut self, connection: &mut Connection, recent: &Recent, ends: &mut Ends) -> Sql<()> {
        let Some(mut round) = self.round.take() else {
            return Ok(());
        };
        if round.streams.is_empty() {
            if delete(connection, recent, &mut round)? {
                self.round = Some(round);
            }
            return Ok(());
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if round.at_once {
            recent::delete(&transaction, i64::MIN, round.upto, i64::MAX, &recent.aside())?;
        }
        let (mut merged, mut bytes, mut stored) = (Vec::new(), 0, 0);
        while let Some(stream) = round.streams.pop() {
            let slice = match self.stream(&transaction, recent, &stream, &round) {
                Ok(slice) => slice,
                Err(error) if is_of_what_is_kept(&error) => {
                    // What one stream has holds up no other one: the slice is undone, and begins anew without it.
                    drop(transaction);
                    self.failed_for(recent, stream, &error);
                    self.round = Some(Round {
                        apart: round.apart,
                        at_once: round.at_once,
                        ..Round::begin(recent, round.upto)
                    });
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            bytes += slice.bytes;
            stored += slice.stored;
            if slice.more {
                round.streams.push(stream.clone());
            }
            merged.push((stream, slice.row));
            // What is left of a stream is looked at when this is on the disk.
            if slice.more || (!round.at_once && (bytes >= self.join.full || merged.len() >= SLICE_STREAMS)) {
                break;
            }
        }
        add_bytes(&transaction, stored)?;
        transaction.commit()?;
        for (stream, row) in merged {
            recent.merged(&stream, row);
            if recent.end(&stream).is_none() {
                ends.merged(&stream);
            }
        }
        let is_over = round.at_once && round.streams.is_empty();
        self.round = (!is_over).then_some(round);
        Ok(())
    }

    /// A stream cannot be merged: the next time alone, and then no more.
    fn failed_for(&mut self, recent: &Recent, stream: StreamName, error: &rusqlite::Error) {
        if self.alone.contains(&stream) {
            tracing::error!(
                %stream, %error,
                "recent lines of a stream cannot be merged, they stay as they are until the next start"
            );
            recent.set_aside(&stream);
        } else {
            self.alone.insert(stream);
        }
    }

    /// Merges the first recent batches of one stream.
    fn stream(
        &self,
        connection: &Connection,
        recent: &Recent,
        stream: &StreamName,
        round: &Round,
    ) -> Sql<Slice> {
        let most = if round.at_once { usize::MAX } else { self.join.full };
        let (entries, more) = recent.entries(stream, round.upto, most);
        let Some((first, last)) = entries.first().zip(entries.last()) else {
            return Ok(Slice::default());
        };
        let parts: Vec<_> = entries.iter().map(Entry::part).collect();
        let joining = Joining {
            connection,
            stream,
            id: first.id,
            compression: self.compression,
        };
        let mut slice = Slice {
            bytes: entries.iter().map(Entry::ndjson_len).sum(),
            stored: 0,
            row: last.row,
            more,
        };
        let mut begin = 0;
        let mut all = Vec::new();
        for side in parts.chunk_by(|one, other| round.goes(one.arrived) == round.goes(other.arrived)) {
            let runs = runs(side, &self.join).into_iter();
            all.extend(runs.map(|run| begin + run.start..begin + run.end));
            begin += side.len();
        }
        for run in all {
            let before = match run.start {
                0 if !self.alone.contains(stream) => {
                    self.before(&joining, first.first, &parts[run.clone()], round)?
                }
                _ => Vec::new(),
            };
            slice.stored += joining.write(&before, &entries[run.clone()])?;
        }
        // What is damaged may not know where it ends: what follows does.
        let upto = recent.first_after(stream, last.row).unwrap_or(last.next);
        connection
            .prepare_cached("UPDATE streams SET merged = ?2 WHERE id = ?1")?
            .execute((first.id, queries::to_sql(upto)))?;
        Ok(slice)
    }

    /// Merges all that a stream has recent, and deletes its rows, in the transaction of what follows it: that can go in
    /// place then. What is merged; `None` when it cannot be, and nothing is changed.
    pub(super) fn whole(
        &self,
        connection: &Connection,
        recent: &Recent,
        stream: &StreamName,
    ) -> Sql<Option<Merged>> {
        let round = Round {
            upto: i64::MAX,
            streams: Vec::new(),
            apart: None,
            deleted: i64::MIN,
            at_once: true,
        };
        let execute = |sql| connection.prepare_cached(sql)?.execute([]);
        execute("SAVEPOINT whole")?;
        let merged = self.stream(connection, recent, stream, &round).and_then(|slice| {
            let (entries, _) = recent.entries(stream, round.upto, usize::MAX);
            for entry in &entries {
                recent::delete_row(connection, entry.row)?;
            }
            Ok(slice)
        });
        let merged = match merged {
            Ok(slice) => Some(Merged {
                row: slice.row,
                stored: slice.stored,
            }),
            // The next round finds out what is to be done about it.
            Err(error) if is_of_what_is_kept(&error) => {
                execute("ROLLBACK TO whole")?;
                None
            }
            Err(error) => return Err(error),
        };
        execute("RELEASE whole")?;
        Ok(merged)
    }

    /// Small batches in place that are to be written again, together with a run.
    fn before(
        &self,
        joining: &Joining<'_>,
        first: Offset,
        run: &[Part],
        round: &Round,
    ) -> Sql<Vec<Neighbour>> {
        let Some(new) = Part::of(run).filter(|new| new.bytes < self.join.full) else {
            return Ok(Vec::new());
        };
        let mut before = joining.before(first, new.bytes)?;
        let apart = |it: &Neighbour| round.goes(it.arrived) != round.goes(new.arrived);
        if let Some(last) = before.iter().rposition(apart) {
            before = before.split_off(last + 1);
        }
        let parts: Vec<_> = before.iter().map(Neighbour::part).collect();
        Ok(before.split_off(parts.len() - absorbed(&parts, &new, &self.join)))
    }

    /// Whether small batches in place, as earlier versions left them, are to be joined now.
    pub(super) fn sweep_is_due(&self) -> bool {
        let is_due = |sweep: &Sweep| sweep.goes_on() <= Instant::now();
        !self.rests() && self.sweep.as_ref().is_some_and(is_due)
    }

    /// Joins some of them.
    pub(super) fn sweep(&mut self, connection: &mut Connection) -> Sql<()> {
        let Some(sweep) = &mut self.sweep else {
            return Ok(());
        };
        if sweep.slice(connection, &self.join, self.compression)? {
            self.sweep = None;
        }
        Ok(())
    }
}

impl Round {
    fn begin(recent: &Recent, upto: i64) -> Self {
        let mut streams = recent.streams();
        // Popped from the end, in an order that has neighbours in the file follow one another.
        streams.sort_unstable_by(|one, other| other.cmp(one));
        Self {
            upto,
            streams,
            apart: None,
            deleted: i64::MIN,
            at_once: false,
        }
    }

    /// Whether what arrived then is about to be removed.
    fn goes(&self, arrived: Timestamp) -> bool {
        self.apart.is_some_and(|apart| arrived < apart)
    }
}

/// All that a stream had recent.
pub(super) struct Merged {
    /// The last row of it.
    pub(super) row: i64,
    /// By how much more is stored in place.
    pub(super) stored: i64,
}

/// What a slice did for one stream.
#[derive(Default)]
struct Slice {
    /// NDJSON.
    bytes: usize,
    /// By how much more is stored in place.
    stored: i64,
    /// The last row that is merged.
    row: i64,
    /// Whether the round has more of it.
    more: bool,
}

/// Deletes some rows of a round that is merged. Whether there are more. What cannot be deleted is left where it is, in a
/// table that nobody looks at any more.
fn delete(connection: &mut Connection, recent: &Recent, round: &mut Round) -> Sql<bool> {
    match recent::delete(connection, round.deleted, round.upto, SLICE_ROWS, &recent.aside()) {
        Ok(deleted) => {
            round.deleted = deleted.unwrap_or(round.deleted);
            Ok(deleted.is_some())
        }
        Err(error) if is_of_what_is_kept(&error) => {
            tracing::error!(%error, "rows of the table of recent lines cannot be deleted, it is replaced");
            if let Err(error) = recent::renew(connection, &recent.all()) {
                tracing::error!(%error, "the damaged table of recent lines could not be replaced, its rows stay");
            }
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Whether it is about what is kept in one place, as opposed to a disk that is full or away.
pub(super) fn is_of_what_is_kept(error: &rusqlite::Error) -> bool {
    match error.sqlite_error() {
        // What was read has another form than it was written in.
        None => true,
        Some(error) => match error.code {
            ErrorCode::DatabaseCorrupt
            | ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::TooBig => true,
            ErrorCode::SystemIoFailure => is_unreadable(error.extended_code),
            _ => false,
        },
    }
}

/// Whether a page could not be read.
fn is_unreadable(extended_code: i32) -> bool {
    [
        ffi::SQLITE_IOERR_READ,
        ffi::SQLITE_IOERR_SHORT_READ,
        ffi::SQLITE_IOERR_DATA,
        ffi::SQLITE_IOERR_CORRUPTFS,
    ]
    .contains(&extended_code)
}
