//! Whose link an id is.
//!
//! - `views/shared/{id}`: the owner, from when a view with this id was first shared. What leads to it may be in anybody's
//!   hands from then on, so nobody else may ever show something there, whether or not the owner still does.
//! - `views/left/{owner}`: ids of views that were shared and are deleted, the newest last. Beyond so many the oldest
//!   are anybody's again: what is remembered of an owner has a bound.
//!
//! A view that is there keeps its link; so the links of an owner are at most as many as these and their views.

use std::sync::Arc;

use lines::StreamName;
use lines::ledger::{Entry, Expect, Ledger, LedgerKey, Write};

use super::book::{Refusal, damaged, key};
use super::view::ViewId;

/// So many links are given up in one commit.
const MOST_AT_ONCE: usize = 16;

/// All links.
pub(super) struct Links {
    ledger: Arc<dyn Ledger>,
    /// So many ids of an owner are remembered whose view is deleted.
    most_left: usize,
}

/// Ids that were left, as they are kept.
struct Left {
    key: LedgerKey,
    there: Option<Entry>,
    ids: Vec<String>,
}

impl Links {
    pub(super) fn new(ledger: Arc<dyn Ledger>, most_left: usize) -> Self {
        Self { ledger, most_left }
    }

    /// Whose it is, shown or not.
    pub(super) async fn owner(&self, id: &ViewId) -> Result<Option<StreamName>, Refusal> {
        let Some(entry) = self.ledger.get(&link(id)?).await? else {
            return Ok(None);
        };
        let owner = std::str::from_utf8(&entry.value).map_err(damaged)?;
        StreamName::parse(owner).map(Some).map_err(damaged)
    }

    /// What makes it the owner's, together with a view that is shared. `None`: it is somebody else's.
    pub(super) async fn claim(&self, owner: &StreamName, id: &ViewId) -> Result<Option<Vec<Write>>, Refusal> {
        match self.owner(id).await? {
            None => {
                let owner = owner.as_str().as_bytes().to_vec();
                Ok(Some(vec![Write::put(link(id)?, owner).if_absent()]))
            }
            Some(other) if other != *owner => Ok(None),
            Some(_) => {
                let mut left = self.left(owner).await?;
                let before = left.ids.len();
                left.ids.retain(|left| left != id.as_str());
                let writes = if left.ids.len() < before {
                    vec![left.write()]
                } else {
                    vec![]
                };
                Ok(Some(writes))
            }
        }
    }

    /// What is written together with the deletion of a view.
    pub(super) async fn leave(&self, owner: &StreamName, id: &ViewId) -> Result<Vec<Write>, Refusal> {
        if self.owner(id).await?.as_ref() != Some(owner) {
            return Ok(vec![]);
        }
        let mut left = self.left(owner).await?;
        left.ids.retain(|left| left != id.as_str());
        left.ids.push(id.as_str().to_owned());
        let mut writes = vec![];
        // More than one where fewer are remembered than were, as long as a commit takes them.
        let beyond = left.ids.len().saturating_sub(self.most_left).min(MOST_AT_ONCE);
        for oldest in left.ids.drain(..beyond) {
            let oldest = ViewId::parse(&oldest).ok_or_else(|| damaged("what was left is no id"))?;
            writes.push(Write::delete(link(&oldest)?));
        }
        writes.push(left.write());
        Ok(writes)
    }

    async fn left(&self, owner: &StreamName) -> Result<Left, Refusal> {
        let key = key(format!("views/left/{owner}"))?;
        let there = self.ledger.get(&key).await?;
        let text = there.as_ref().map(|entry| std::str::from_utf8(&entry.value));
        let text = text.transpose().map_err(damaged)?.unwrap_or_default();
        let ids = text.split_ascii_whitespace().map(str::to_owned).collect();
        Ok(Left { key, there, ids })
    }
}

impl Left {
    /// Only if nobody wrote it meanwhile.
    fn write(self) -> Write {
        let expect = self
            .there
            .map_or(Expect::Absent, |entry| Expect::At(entry.revision));
        let write = if self.ids.is_empty() {
            Write::delete(self.key)
        } else {
            Write::put(self.key, self.ids.join("\n").into_bytes())
        };
        Write { expect, ..write }
    }
}

fn link(id: &ViewId) -> Result<LedgerKey, Refusal> {
    key(format!("views/shared/{id}"))
}
