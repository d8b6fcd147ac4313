//! Views in the ledger.
//!
//! - `views/of/{owner}/{id}`: the view. Its revision is its version.
//! - `views/count/{owner}`: how many those are, changed together with them, so that two who add the last one at once are not
//!   both let in.
//!
//! Which ids lead others to whose view: [`Links`].
//!
//! What changes together is one commit. An owner is named as their personal stream is.

use std::sync::Arc;

use lines::StreamName;
use lines::ledger::{CommitError, Entry, Expect, KeyPrefix, Ledger, LedgerError, LedgerKey, Revision, Write};
use serde_json::{Map, Value};

use super::links::Links;
use super::view::{View, ViewId};

/// So often a change is tried that others come between.
const ATTEMPTS: usize = 20;
/// Entries of a listing that are read at once.
const PAGE: usize = 1_000;

/// All views.
pub(super) struct Book {
    ledger: Arc<dyn Ledger>,
    links: Links,
    most: u64,
}

/// What a change is to be made to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// Whoever asks did not say: nothing is replaced, and whatever there is is deleted.
    Unsaid,
    /// No view.
    None,
    /// This one.
    At(Revision),
}

/// What may be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Whatever one has.
    Own,
    /// Of another, only what everybody sees.
    Shared,
}

/// A view as it is kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) id: ViewId,
    pub(super) version: Revision,
    /// Whether whoever asks owns it.
    own: bool,
    view: View,
}

impl Kept {
    /// The view, and what is told of it.
    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut members = Map::new();
        members.insert("id".to_owned(), self.id.as_str().into());
        members.insert("version".to_owned(), self.version.to_string().into());
        members.insert("own".to_owned(), self.own.into());
        if let Ok(Value::Object(view)) = serde_json::to_value(&self.view) {
            members.extend(view);
        }
        Value::Object(members).to_string().into_bytes()
    }
}

/// Why nothing is answered.
#[derive(Debug)]
pub(super) enum Refusal {
    NotFound,
    /// There is one, and whoever asks does not know it.
    Exists,
    /// It is not the one that was meant.
    Changed,
    TooMany(u64),
    /// Perhaps it was done: repeating it does no harm.
    Away(String),
    Damaged(String),
}

impl From<LedgerError> for Refusal {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Damaged(what) => Self::Damaged(what),
            error => Self::Away(error.to_string()),
        }
    }
}

impl Book {
    pub(super) fn new(ledger: Arc<dyn Ledger>, most: u64, most_left: usize) -> Self {
        let links = Links::new(Arc::clone(&ledger), most_left);
        Self { ledger, links, most }
    }

    /// Those of one owner, by their ids.
    pub(super) async fn of(&self, owner: &StreamName) -> Result<Vec<Kept>, Refusal> {
        let prefix = KeyPrefix::parse(&format!("views/of/{owner}/")).map_err(damaged)?;
        let (mut views, mut after) = (Vec::new(), None);
        loop {
            let page = self.ledger.list(&prefix, after.as_ref(), PAGE).await?;
            after = page.entries.last().map(|entry| entry.key.clone()).or(after);
            for entry in &page.entries {
                let id = entry.key.as_str().rsplit('/').next().and_then(ViewId::parse);
                match id.map(|id| kept(id, entry, true)) {
                    Some(Ok(kept)) => views.push(kept),
                    // One that cannot be read hides no other.
                    _ => tracing::error!(key = %entry.key, "the store holds something that is no view"),
                }
            }
            if !page.more {
                return Ok(views);
            }
        }
    }

    /// One of one's own, or one that is shared.
    pub(super) async fn find(&self, reader: &StreamName, id: &ViewId) -> Result<Option<Kept>, Refusal> {
        if let Some(entry) = self.ledger.get(&place(reader, id)?).await? {
            return kept(id.clone(), &entry, true).map(Some);
        }
        let Some(owner) = self.links.owner(id).await? else {
            return Ok(None);
        };
        let Some(entry) = self.ledger.get(&place(&owner, id)?).await? else {
            return Ok(None);
        };
        // Whose link it is, it stays, shared or not.
        Ok(Some(kept(id.clone(), &entry, false)?).filter(|kept| kept.view.shared))
    }

    /// Keeps a view. What is kept already as it is to be is answered as if it had been done now: whoever was not told
    /// the outcome asks again. Says, too, whether it is a new one.
    pub(super) async fn put(
        &self,
        owner: &StreamName,
        id: ViewId,
        view: View,
        before: Version,
    ) -> Result<(Kept, bool), Refusal> {
        for _ in 0..ATTEMPTS {
            let there = self.ledger.get(&place(owner, &id)?).await?;
            let there = there.map(|entry| kept(id.clone(), &entry, true)).transpose()?;
            let write = Write::put(place(owner, &id)?, view.to_json());
            let (mut writes, was_shared) = match (there, before) {
                (Some(there), _) if there.view == view => return Ok((there, false)),
                (Some(there), Version::At(version)) if there.version == version => {
                    (vec![write.if_at(version)], there.view.shared)
                }
                (_, Version::At(_)) => return Err(Refusal::Changed),
                (Some(_), Version::Unsaid | Version::None) => return Err(Refusal::Exists),
                (None, Version::Unsaid | Version::None) => {
                    let counted = self.counted(owner, 1).await?;
                    (vec![write.if_absent(), counted], false)
                }
            };
            let is_new = writes.len() > 1;
            if view.shared && !was_shared {
                match self.links.claim(owner, &id).await? {
                    Some(claimed) => writes.extend(claimed),
                    None => return Err(Refusal::Exists),
                }
            }
            if let Some(version) = self.commit(writes).await? {
                let own = true;
                return Ok((
                    Kept {
                        id,
                        version,
                        own,
                        view,
                    },
                    is_new,
                ));
            }
        }
        Err(Refusal::Away(
            "views are changed faster than that can be told".to_owned(),
        ))
    }

    /// Deletes one of one's own.
    pub(super) async fn delete(
        &self,
        owner: &StreamName,
        id: &ViewId,
        before: Version,
    ) -> Result<(), Refusal> {
        self.delete_of(owner, id, before, Whose::Own).await
    }

    /// Deletes one that somebody shares, and says who.
    pub(super) async fn take_back(&self, id: &ViewId, before: Version) -> Result<StreamName, Refusal> {
        let owner = self.links.owner(id).await?.ok_or(Refusal::NotFound)?;
        self.delete_of(&owner, id, before, Whose::Shared).await?;
        Ok(owner)
    }

    async fn delete_of(
        &self,
        owner: &StreamName,
        id: &ViewId,
        before: Version,
        whose: Whose,
    ) -> Result<(), Refusal> {
        for _ in 0..ATTEMPTS {
            let Some(entry) = self.ledger.get(&place(owner, id)?).await? else {
                return Err(Refusal::NotFound);
            };
            if whose == Whose::Shared && !kept(id.clone(), &entry, false)?.view.shared {
                return Err(Refusal::NotFound);
            }
            match before {
                Version::At(version) if version != entry.revision => return Err(Refusal::Changed),
                Version::None => return Err(Refusal::Changed),
                Version::At(_) | Version::Unsaid => {}
            }
            let mut writes = vec![
                Write::delete(entry.key.clone()).if_at(entry.revision),
                self.counted(owner, -1).await?,
            ];
            writes.extend(self.links.leave(owner, id).await?);
            if self.commit(writes).await?.is_some() {
                return Ok(());
            }
        }
        Err(Refusal::Away(
            "views are changed faster than that can be told".to_owned(),
        ))
    }

    /// How many an owner has then.
    async fn counted(&self, owner: &StreamName, more: i64) -> Result<Write, Refusal> {
        let key = key(format!("views/count/{owner}"))?;
        let there = self.ledger.get(&key).await?;
        let count = match &there {
            None => 0,
            Some(entry) => {
                let text = std::str::from_utf8(&entry.value).map_err(damaged)?;
                text.parse::<u64>().map_err(damaged)?
            }
        };
        if more > 0 && count >= self.most {
            return Err(Refusal::TooMany(self.most));
        }
        let expect = there.map_or(Expect::Absent, |entry| Expect::At(entry.revision));
        let next = count.saturating_add_signed(more);
        let write = match next {
            0 => Write::delete(key),
            next => Write::put(key, next.to_string().into_bytes()),
        };
        Ok(Write { expect, ..write })
    }

    /// `None` when something was not as expected.
    async fn commit(&self, writes: Vec<Write>) -> Result<Option<Revision>, Refusal> {
        match self.ledger.commit(writes).await {
            Ok(revision) => Ok(Some(revision)),
            Err(CommitError::Conflict { .. }) => Ok(None),
            Err(CommitError::Refused(why)) => Err(damaged(why)),
            Err(CommitError::NotDone(error) | CommitError::Unknown(error)) => Err(error.into()),
        }
    }
}

fn kept(id: ViewId, entry: &Entry, own: bool) -> Result<Kept, Refusal> {
    Ok(Kept {
        id,
        version: entry.revision,
        own,
        view: View::kept(&entry.value).map_err(damaged)?,
    })
}

fn place(owner: &StreamName, id: &ViewId) -> Result<LedgerKey, Refusal> {
    key(format!("views/of/{owner}/{id}"))
}

pub(super) fn key(text: String) -> Result<LedgerKey, Refusal> {
    LedgerKey::parse(&text).map_err(damaged)
}

pub(super) fn damaged(what: impl std::fmt::Display) -> Refusal {
    Refusal::Damaged(what.to_string())
}
