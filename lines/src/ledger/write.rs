//! What a commit is made of.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{CommitError, Entry, LedgerKey, Revision};

/// The largest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;
/// The most keys of one commit.
pub const MAX_WRITES: usize = 32;

/// What is to become of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The key.
    pub key: LedgerKey,
    /// How it has to be for anything to be done.
    pub expect: Expect,
    /// What is done.
    pub action: Action,
}

/// What a key has to be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Anything.
    Any,
    /// Not there.
    Absent,
    /// As this revision left it.
    At(Revision),
}

/// What is done with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It is given this value.
    Put(Bytes),
    /// It is deleted, when it is there.
    Delete,
    /// Nothing: its state is a condition for the other writes. A fence, for example.
    Keep,
}

impl Write {
    /// Gives a key a value, whatever it had.
    pub fn put(key: LedgerKey, value: impl Into<Bytes>) -> Self {
        Self {
            key,
            expect: Expect::Any,
            action: Action::Put(value.into()),
        }
    }

    /// Deletes a key, whatever it had.
    pub fn delete(key: LedgerKey) -> Self {
        Self {
            key,
            expect: Expect::Any,
            action: Action::Delete,
        }
    }

    /// Leaves a key as it is, and the other writes undone unless it is so.
    pub fn keep(key: LedgerKey, expect: Expect) -> Self {
        Self {
            key,
            expect,
            action: Action::Keep,
        }
    }

    /// Only when the key is not there.
    pub fn if_absent(self) -> Self {
        Self {
            expect: Expect::Absent,
            ..self
        }
    }

    /// Only when the key is as that revision left it.
    pub fn if_at(self, revision: Revision) -> Self {
        Self {
            expect: Expect::At(revision),
            ..self
        }
    }

    /// How many bytes it takes to keep it, about.
    pub fn bytes(&self) -> usize {
        let value = match &self.action {
            Action::Put(value) => value.len(),
            Action::Delete | Action::Keep => 0,
        };
        self.key.as_str().len() + value
    }

    /// Whether the key's entry is as expected.
    pub fn is_met_by(&self, current: Option<&Entry>) -> bool {
        match self.expect {
            Expect::Any => true,
            Expect::Absent => current.is_none(),
            Expect::At(revision) => current.is_some_and(|entry| entry.revision == revision),
        }
    }

    /// The key's next value, `None` for none; nothing when it stays as it is.
    pub fn outcome(&self, current: Option<&Entry>) -> Option<Option<Bytes>> {
        match &self.action {
            Action::Put(value) => Some(Some(value.clone())),
            Action::Delete if current.is_some() => Some(None),
            Action::Delete | Action::Keep => None,
        }
    }
}

/// Whether the writes can be a commit.
pub fn check(writes: &[Write]) -> Result<(), CommitError> {
    let keys: BTreeSet<_> = writes.iter().map(|write| &write.key).collect();
    let too_large =
        |write: &Write| matches!(&write.action, Action::Put(value) if value.len() > MAX_VALUE_BYTES);
    if writes.is_empty() {
        Err(CommitError::Refused("there are none"))
    } else if writes.len() > MAX_WRITES {
        Err(CommitError::Refused("there are more than 32"))
    } else if keys.len() < writes.len() {
        Err(CommitError::Refused("a key stands in them twice"))
    } else if writes.iter().any(too_large) {
        Err(CommitError::Refused("a value has more than 64 KiB"))
    } else {
        Ok(())
    }
}
