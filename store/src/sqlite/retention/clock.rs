//! What the file remembers of the clock that age is reckoned by: see [`clock`](crate::clock).

use std::time::Duration;

use lines::Timestamp;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::Sql;
use crate::clock::{Mark, Stamped, TOLERANCE};
use crate::sqlite::recent::Recent;

/// Somebody says that the clock is right, and that everything old may go.
pub(in crate::sqlite) fn allow(connection: &mut Connection, mark: Mark, grace: Duration) -> Sql<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute("UPDATE streams SET held = NULL WHERE held IS NOT NULL", [])?;
    // The clock may have leapt since they were noted: what is invisible stays on the disk for the grace, whatever it says.
    transaction.execute("UPDATE hidden SET after = ?1", [mark.time.plus(grace).nanos()])?;
    remember(&transaction, "allowed", mark.time.nanos())?;
    keep_mark(&transaction, mark)?;
    transaction.commit()
}

/// Keeps when the clock was last relied on, and stamps anew what was stamped by one that was behind.
pub(in crate::sqlite) fn keep(
    connection: &mut Connection,
    mark: Option<Mark>,
    stamped: Option<Stamped>,
) -> Sql<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Some(mark) = mark {
        keep_mark(&transaction, mark)?;
    }
    if let Some(Stamped { from, to, behind }) = stamped {
        let behind = i64::try_from(behind.as_nanos()).unwrap_or(i64::MAX);
        transaction.execute(
            "UPDATE batches SET arrived = arrived + ?3 WHERE arrived >= ?1 AND arrived <= ?2",
            (from.nanos(), to.nanos(), behind),
        )?;
    }
    transaction.commit()
}

fn keep_mark(connection: &Connection, mark: Mark) -> Sql<()> {
    remember(connection, "seen", mark.time.nanos())?;
    let steady = i64::try_from(mark.steady.as_secs()).unwrap_or(i64::MAX);
    remember(connection, "steady", steady)
}

fn remember(connection: &Connection, name: &str, value: i64) -> Sql<()> {
    connection
        .prepare_cached("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2")?
        .execute((name, value))?;
    Ok(())
}

pub(super) fn remembered(connection: &Connection, name: &str) -> Sql<Option<i64>> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

/// When the clock was last relied on. A store that never kept it knows when its last batch arrived.
pub(in crate::sqlite) fn mark(connection: &Connection, recent: &Recent, now: Timestamp) -> Sql<Option<Mark>> {
    let seen = match remembered(connection, "seen")? {
        Some(seen) => Some(seen),
        None => newest(connection, recent, now)?.map(Timestamp::nanos),
    };
    let steady = remembered(connection, "steady")?.unwrap_or_default();
    Ok(seen.map(|seen| Mark {
        time: Timestamp::from_nanos(seen),
        steady: Duration::from_secs(u64::try_from(steady).unwrap_or_default()),
    }))
}

/// When the newest batch arrived, of those that can have arrived.
pub(super) fn newest(connection: &Connection, recent: &Recent, now: Timestamp) -> Sql<Option<Timestamp>> {
    let latest = now.plus(TOLERANCE);
    let lately = recent.newest(latest);
    let newest: Option<i64> = connection
        .prepare_cached("SELECT max(arrived) FROM batches WHERE arrived <= ?1")?
        .query_row([latest.nanos()], |row| row.get(0))?;
    Ok(newest.map(Timestamp::from_nanos).max(lately))
}
