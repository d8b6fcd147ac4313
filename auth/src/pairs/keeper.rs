//! Sees to it that a node has a key that signs, and one that everybody knows before it does.
//!
//! The ledger says what each key is; the folder says which ones are this node's. One look brings both together, and what it does
//! can be done again at any time: after each change of keys, whoever made it, and every minute.

use std::sync::Arc;
use std::time::Duration;

use backoff::Backoff;

use super::folder::{Folder, FolderError, Held};
use super::keyring::{Keyring, NotChanged, Row, is_known};
use super::pair::{KeyPair, PairError};
use super::public::PairAlgorithm;
use super::record::{Record, State};
use crate::signing::{Signer, Signing};
use crate::token::{Minter, unix_now};
use crate::verifier::Verifier;

/// From one look to the next, where nothing changes.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// A key is forgotten so long after it ended: this machine's clock alone decides of it.
const FORGET_AFTER_SECONDS: i64 = 86_400;
/// So many changes one look makes at the most.
const STEPS: usize = 16;

/// Pauses while the ledger or the folder does not do its part.
const PAUSES: backoff::Limits = backoff::Limits {
    first: Duration::from_millis(500),
    most: Duration::from_secs(10),
};

/// What a node signs by.
#[derive(Debug, Clone)]
pub struct Keeping {
    /// With which algorithm.
    pub algorithm: PairAlgorithm,
    /// The longest that a token lasts.
    pub longest: Duration,
    /// In whose name.
    pub issuer: String,
}

/// Keeps the keys of one node.
pub struct Keeper {
    keyring: Keyring,
    folder: Folder,
    keeping: Keeping,
    /// Tells when keys change.
    verifier: Arc<Verifier>,
    signing: Arc<Signing>,
}

#[derive(Debug, thiserror::Error)]
enum NotKept {
    #[error(transparent)]
    Ledger(#[from] NotChanged),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Pair(#[from] PairError),
    #[error("it did not end")]
    Ended(#[from] tokio::task::JoinError),
}

/// What a look found that there is to do.
enum Step {
    /// Somebody put a file there that nobody knows.
    Publish(Record),
    /// Make one.
    Make(State),
    /// It goes on.
    Turn(usize, State),
    /// Its tokens last longer than it was said.
    Lengthen(usize),
    /// It is over.
    End(usize),
    /// Once the next key is known to everybody.
    Wait(Duration),
    /// All is as it has to be.
    None,
}

impl Keeper {
    /// Of a node that `verifier` belongs to.
    pub fn new(
        keyring: Keyring,
        folder: Folder,
        keeping: Keeping,
        verifier: Arc<Verifier>,
        signing: Arc<Signing>,
    ) -> Self {
        Self {
            keyring,
            folder,
            keeping,
            verifier,
            signing,
        }
    }

    /// Keeps them. Never ends; whoever drops it ends it.
    pub async fn run(self) {
        let mut pauses = Backoff::new(PAUSES);
        let mut told = false;
        let mut news = self.verifier.news();
        loop {
            let pause = match self.look().await {
                Ok(wait) => {
                    pauses.reset();
                    told = false;
                    wait.unwrap_or(LOOK_EVERY)
                }
                // Another node was at it, too.
                Err(NotKept::Ledger(NotChanged::Overtaken)) => pauses.pause(),
                Err(error) => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(%error, "the keys that sign tokens cannot be kept as they have to be; it is tried again");
                    }
                    pauses.pause()
                }
            };
            // Whether in time or not: the look says.
            let _ = tokio::time::timeout(pause, self.others_change(&mut news)).await;
        }
    }

    /// Waits until keys change, of all that there can be news of.
    async fn others_change(&self, news: &mut tokio::sync::watch::Receiver<u64>) {
        let known = self.verifier.pairs();
        while self.verifier.pairs() == known && news.changed().await.is_ok() {}
    }

    /// Does what is to be done, and says when there will be more.
    async fn look(&self) -> Result<Option<Duration>, NotKept> {
        for _ in 0..STEPS {
            let held = self.held().await?;
            let rows = self.keyring.rows().await?;
            self.sign_with(&held, &rows).await?;
            let now = unix_now();
            match self.step(&held, &rows, now).await? {
                Step::None => return Ok(None),
                Step::Wait(left) => return Ok(Some(left)),
                Step::Publish(record) => self.keyring.publish(&record).await?,
                Step::Make(state) => self.make(state, now).await?,
                Step::Turn(at, state) => {
                    let record = self.keyring.turn(&rows[at], state, now).await?;
                    tracing::info!(key = record.key.kid(), ?state, "a key goes on");
                }
                Step::Lengthen(at) => {
                    let longer = Record {
                        lifetime: self.keeping.longest.as_secs(),
                        ..rows[at].record.clone()
                    };
                    self.keyring.replace(&rows[at], &longer).await?;
                }
                Step::End(at) => {
                    self.keyring.end(&rows[at]).await?;
                    tracing::info!(key = rows[at].record.key.kid(), "a key has ended");
                }
            }
        }
        Ok(Some(Duration::ZERO))
    }

    async fn step(&self, held: &[Held], rows: &[Row], now: i64) -> Result<Step, NotKept> {
        let lifetime = self.keeping.longest.as_secs();
        let is_held = |record: &Record| held.iter().any(|held| held.pair.public() == &record.key);
        let mine: Vec<(usize, &Record)> = rows
            .iter()
            .enumerate()
            .map(|(at, row)| (at, &row.record))
            .filter(|(_, record)| is_held(record))
            .collect();
        let fits = |record: &Record| record.key.algorithm() == self.keeping.algorithm;
        let find = |state, fitting: bool| {
            let mut found = mine.iter();
            found.find(|(_, record)| record.state == state && (fits(record) || !fitting))
        };
        for held in held {
            let kid = held.pair.public().kid();
            if rows.iter().any(|row| row.record.key.kid() == kid) || self.keyring.has_ended(kid).await? {
                continue;
            }
            let state = first_or_next(rows);
            let record = Record::new(held.pair.public().clone(), state, lifetime, now);
            return Ok(Step::Publish(record));
        }
        if find(State::Active, true).is_none() {
            let Some(&(next, record)) = find(State::Next, true) else {
                return Ok(Step::Make(first_or_next(rows)));
            };
            return Ok(match is_known(record.made, now) {
                Err(NotChanged::TooSoon(left)) => Step::Wait(left),
                _ => Step::Turn(next, State::Active),
            });
        }
        let others = mine.iter().filter(|(_, record)| !fits(record));
        if let Some(&(at, _)) = others.clone().find(|(_, record)| record.state != State::Retired) {
            return Ok(Step::Turn(at, State::Retired));
        }
        if find(State::Next, true).is_none() {
            return Ok(Step::Make(State::Next));
        }
        let short = |record: &Record| record.state != State::Retired && record.lifetime < lifetime;
        if let Some(&(at, _)) = mine.iter().find(|(_, record)| short(record)) {
            return Ok(Step::Lengthen(at));
        }
        let over = |row: &Row| !row.record.counts(now.saturating_sub(FORGET_AFTER_SECONDS));
        Ok(rows.iter().position(over).map_or(Step::None, Step::End))
    }

    /// The newest that may sign does; files of keys that do not any more are forgotten.
    async fn sign_with(&self, held: &[Held], rows: &[Row]) -> Result<(), NotKept> {
        let record_of = |held: &Held| {
            let record = rows.iter().map(|row| &row.record);
            record.clone().find(|record| &record.key == held.pair.public())
        };
        let signs = held
            .iter()
            .filter_map(|held| Some((held, record_of(held)?)))
            .filter(|(_, record)| record.state == State::Active)
            .max_by_key(|(_, record)| (record.key.algorithm() == self.keeping.algorithm, record.activated));
        match signs {
            Some((held, record)) => {
                let longest = self.keeping.longest.min(Duration::from_secs(record.lifetime));
                self.change_to(held, longest)?;
            }
            None => {
                self.signing.change(None);
                self.folder.say_none()?;
            }
        }
        for held in held {
            if record_of(held).is_some_and(|record| record.state == State::Retired)
                && let Err(error) = self.folder.forget(held)
            {
                tracing::debug!(%error, "the file of a retired key stays");
            }
        }
        Ok(())
    }

    fn change_to(&self, held: &Held, longest: Duration) -> Result<(), NotKept> {
        let public = held.pair.public();
        let known = self.signing.minter().ok();
        let is_the_same = |minter: &Arc<Minter>| {
            minter.signer().kid() == Some(public.kid()) && minter.longest() == Some(longest)
        };
        if known.as_ref().is_some_and(is_the_same) {
            return Ok(());
        }
        // As it is written and read: the file may be read by other commands at any time.
        let pair = KeyPair::from_pem(&held.pair.to_pem()?)?;
        let signer = Signer::pair(pair, longest);
        self.folder.say_active(held, longest)?;
        self.signing
            .change(Some(Minter::new(signer, &self.keeping.issuer)));
        tracing::info!(
            key = public.kid(),
            algorithm = public.algorithm().name(),
            "tokens are signed with it from now on"
        );
        Ok(())
    }

    async fn held(&self) -> Result<Vec<Held>, NotKept> {
        let folder = self.folder.clone();
        Ok(tokio::task::spawn_blocking(move || folder.read()).await??)
    }

    /// On the disk first: nobody is to know a key that is lost.
    async fn make(&self, state: State, now: i64) -> Result<(), NotKept> {
        let (folder, algorithm) = (self.folder.clone(), self.keeping.algorithm);
        let made = tokio::task::spawn_blocking(move || -> Result<_, NotKept> {
            let pair = KeyPair::generate(algorithm)?;
            folder.keep(&pair)?;
            Ok(pair.public().clone())
        });
        let record = Record::new(made.await??, state, self.keeping.longest.as_secs(), now);
        Ok(self.keyring.publish(&record).await?)
    }
}

/// The very first key signs at once: there is no token yet, and nobody to be disturbed. Every other one is to be known before.
fn first_or_next(rows: &[Row]) -> State {
    if rows.is_empty() {
        State::Active
    } else {
        State::Next
    }
}

/// Retires the keys that lie in the folder of a node that signs with the shared key now. Ends once that is done.
pub async fn put_away(keyring: Keyring, folder: Folder) {
    let mut pauses = Backoff::new(PAUSES);
    let mut told = false;
    while let Err(error) = put_away_now(&keyring, &folder).await {
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(%error, "key pairs that sign no more cannot be retired; it is tried again");
        }
        tokio::time::sleep(pauses.pause()).await;
    }
}

async fn put_away_now(keyring: &Keyring, folder: &Folder) -> Result<(), NotKept> {
    let read = folder.clone();
    for held in tokio::task::spawn_blocking(move || read.read()).await?? {
        match keyring.retire(held.pair.public().kid()).await {
            Ok(record) => {
                tracing::info!(
                    key = record.key.kid(),
                    "a key was retired: tokens are signed with the shared key"
                );
                folder.forget(&held)?;
            }
            Err(NotChanged::NoSuchKey(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
