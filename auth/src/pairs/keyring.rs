//! The key pairs of an installation in the ledger, and what people do with them.

use std::sync::Arc;
use std::time::Duration;

use lines::ledger::{
    CommitError, Entry, KeyPrefix, Ledger, LedgerError, LedgerKey, MAX_WRITES, Revision, Write,
};

use super::record::{Record, State};
use super::{ENDED, PREFIX};
use crate::token::unix_now;

/// A key is published so long before it signs: by then every node that can ask the ledger knows it.
pub(super) const KNOWN_AFTER: Duration = Duration::from_secs(5);
/// Another node's clock is waited for that is ahead by no more.
const MOST_AHEAD_SECONDS: i64 = 60;
/// So often something is tried that others come between.
const ATTEMPTS: usize = 20;
/// Entries of a listing that are read at once.
const PAGE: usize = 1_000;

/// Why nothing was changed, or perhaps something.
#[derive(Debug, thiserror::Error)]
pub enum NotChanged {
    /// No key has this name.
    #[error("there is no key {0:?}: `tailcast keys list` shows all")]
    NoSuchKey(String),
    /// Nobody knows yet what is to sign.
    #[error(
        "there is no key that could take over: a node with the role auth makes one, or finds it in `signing_keys`"
    )]
    NoNext,
    /// Not every node can know yet what is to sign.
    #[error("the next key was published just now, and not every node can know it yet: try again in {0:?}")]
    TooSoon(Duration),
    /// Nothing was done.
    #[error("no key was changed: {0}")]
    Away(String),
    /// It may have been done.
    #[error("it is not known whether keys were changed: `tailcast keys list` shows it ({0})")]
    Unknown(String),
    /// The ledger holds, or was to take, what cannot be.
    #[error("the store holds something that cannot be right: {0}")]
    Damaged(String),
    /// Somebody else was faster.
    #[error("it changes faster than that can be told")]
    Overtaken,
}

impl From<LedgerError> for NotChanged {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Damaged(what) => Self::Damaged(what),
            error => Self::Away(error.to_string()),
        }
    }
}

impl From<CommitError> for NotChanged {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict { .. } => Self::Overtaken,
            CommitError::Refused(why) => Self::Damaged(why.to_owned()),
            CommitError::NotDone(error) => error.into(),
            CommitError::Unknown(error) => Self::Unknown(error.to_string()),
        }
    }
}

/// What a rotation did, by `kid`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// These sign now.
    pub active: Vec<String>,
    /// These do not any more.
    pub retired: Vec<String>,
}

/// A record, and the revision that it was read at.
pub(super) struct Row {
    pub record: Record,
    revision: Revision,
}

/// The keys in the ledger.
#[derive(Clone)]
pub struct Keyring {
    ledger: Arc<dyn Ledger>,
}

impl Keyring {
    /// In a ledger.
    pub fn new(ledger: Arc<dyn Ledger>) -> Self {
        Self { ledger }
    }

    /// All keys, also those that count no more, the newest first.
    pub async fn list(&self) -> Result<Vec<Record>, NotChanged> {
        let rows = self.rows().await?;
        let mut records: Vec<Record> = rows.into_iter().map(|row| row.record).collect();
        records.sort_by(|a, b| (b.made, b.key.kid()).cmp(&(a.made, a.key.kid())));
        Ok(records)
    }

    /// What is next signs from now on, on every node that has any, and what signed does not any more. What is next for less time
    /// than every node needs to know it stays so.
    pub async fn rotate(&self) -> Result<Rotated, NotChanged> {
        let now = unix_now();
        let rows = self.rows().await?;
        let kids = |wanted: &dyn Fn(&Record) -> bool| {
            let found = rows.iter().map(|row| &row.record).filter(|record| wanted(record));
            found
                .map(|record| record.key.kid().to_owned())
                .collect::<Vec<_>>()
        };
        let is_next = |record: &Record| record.state == State::Next;
        let rotated = Rotated {
            active: kids(&|record| is_next(record) && is_known(record.made, now).is_ok()),
            retired: kids(&|record| record.state == State::Active),
        };
        if rotated.active.is_empty() {
            let oldest = rows
                .iter()
                .map(|row| &row.record)
                .filter(|record| is_next(record));
            let oldest = oldest.map(|record| record.made).min().ok_or(NotChanged::NoNext)?;
            is_known(oldest, now)?;
        }
        for _ in 0..ATTEMPTS {
            match self.go_on(&rotated, now).await {
                Err(NotChanged::Overtaken) => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(rotated),
            }
        }
        Err(NotChanged::Overtaken)
    }

    /// Does what of a rotation is not done yet. What signs comes first: where one commit does not take all, something signs at
    /// every moment.
    async fn go_on(&self, rotated: &Rotated, now: i64) -> Result<(), NotChanged> {
        let mut writes = Vec::new();
        let rows = self.rows().await?;
        for (kids, from, to) in [
            (&rotated.active, State::Next, State::Active),
            (&rotated.retired, State::Active, State::Retired),
        ] {
            for row in &rows {
                if row.record.state == from && kids.iter().any(|kid| kid == row.record.key.kid()) {
                    writes.push(row.written(&row.record.becomes(to, now))?);
                }
            }
        }
        self.commit(writes).await
    }

    /// One key signs nothing any more; what it signed is good to its end. A node whose only one that was makes its next one
    /// active. What is retired already stays so, since when it was.
    pub async fn retire(&self, kid: &str) -> Result<Record, NotChanged> {
        for _ in 0..ATTEMPTS {
            let rows = self.rows().await?;
            let row = rows.iter().find(|row| row.record.key.kid() == kid);
            let row = row.ok_or_else(|| NotChanged::NoSuchKey(kid.to_owned()))?;
            if row.record.state == State::Retired {
                return Ok(row.record.clone());
            }
            match self.turn(row, State::Retired, unix_now()).await {
                Err(NotChanged::Overtaken) => {}
                done => return done,
            }
        }
        Err(NotChanged::Overtaken)
    }

    /// One key goes a step further, unless it changed meanwhile.
    pub(super) async fn turn(&self, row: &Row, state: State, now: i64) -> Result<Record, NotChanged> {
        let record = row.record.becomes(state, now);
        self.replace(row, &record).await?;
        Ok(record)
    }

    /// What is known of a key becomes this, unless it changed meanwhile.
    pub(super) async fn replace(&self, row: &Row, record: &Record) -> Result<(), NotChanged> {
        self.commit(vec![row.written(record)?]).await
    }

    /// A key that nobody knows yet. One that was there before stays what it is.
    pub(super) async fn publish(&self, record: &Record) -> Result<(), NotChanged> {
        let place = place(record)?;
        let write = Write::put(place, text(record)?).if_absent();
        match self.commit(vec![write]).await {
            Err(NotChanged::Overtaken) => Ok(()),
            done => done,
        }
    }

    /// Whether a key of this name has ended.
    pub(super) async fn has_ended(&self, kid: &str) -> Result<bool, NotChanged> {
        let place = ended(kid)?;
        Ok(self.ledger.get(&place).await?.is_some())
    }

    /// Forgets a key that counts no more, but for its name: its file may lie somewhere yet, and must never count again.
    pub(super) async fn end(&self, row: &Row) -> Result<(), NotChanged> {
        let place = place(&row.record)?;
        let remembered = Write::put(ended(row.record.key.kid())?, "{}");
        let writes = vec![Write::delete(place).if_at(row.revision), remembered];
        self.commit(writes).await
    }

    /// All of them, as the ledger has them now.
    pub(super) async fn rows(&self) -> Result<Vec<Row>, NotChanged> {
        let prefix = KeyPrefix::parse(PREFIX).map_err(|error| NotChanged::Damaged(error.to_string()))?;
        let mut rows = Vec::new();
        let mut after: Option<LedgerKey> = None;
        loop {
            let page = self.ledger.list(&prefix, after.as_ref(), PAGE).await?;
            after = page.entries.last().map(|entry| entry.key.clone());
            let row = |entry: &Entry| {
                let revision = entry.revision;
                Record::read(entry).map(|record| Row { record, revision })
            };
            rows.extend(page.entries.iter().filter_map(row));
            if !page.more || after.is_none() {
                return Ok(rows);
            }
        }
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), NotChanged> {
        for some in writes.chunks(MAX_WRITES) {
            self.ledger.commit(some.to_vec()).await?;
        }
        Ok(())
    }
}

impl Row {
    fn written(&self, record: &Record) -> Result<Write, NotChanged> {
        Ok(Write::put(place(record)?, text(record)?).if_at(self.revision))
    }
}

/// Whether a key that was published then is known to every node by now.
pub(super) fn is_known(made: i64, now: i64) -> Result<(), NotChanged> {
    // Of clocks that differ somewhat, the one behind counts; one that is far ahead is not waited for.
    let age = now.saturating_sub(made);
    let age = match u64::try_from(age) {
        Ok(age) => Duration::from_secs(age),
        Err(_) if age >= -MOST_AHEAD_SECONDS => Duration::ZERO,
        Err(_) => KNOWN_AFTER,
    };
    match KNOWN_AFTER.checked_sub(age) {
        Some(left) if !left.is_zero() => Err(NotChanged::TooSoon(left)),
        _ => Ok(()),
    }
}

fn place(record: &Record) -> Result<LedgerKey, NotChanged> {
    let place = record.place();
    place.ok_or_else(|| NotChanged::Damaged("a key that has no place".to_owned()))
}

fn ended(kid: &str) -> Result<LedgerKey, NotChanged> {
    LedgerKey::parse(&format!("{ENDED}{kid}")).map_err(|error| NotChanged::Damaged(error.to_string()))
}

fn text(record: &Record) -> Result<Vec<u8>, NotChanged> {
    serde_json::to_vec(record).map_err(|error| NotChanged::Damaged(error.to_string()))
}
