//! Which nodes there are: leases, and who has one.
//!
//! Knows nothing of streams, lines, sessions or links.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::TableError;

/// How long a lease lasts from one renewal to the next, unless a table is made with another length.
pub const LEASE: std::time::Duration = std::time::Duration::from_secs(10);

/// Where nodes say that they live.
///
/// Each process renews one lease: its own. What a node announced in [`Routes`](crate::Routes) counts while its lease is
/// alive, and only then (invariant 8). So whoever keeps leases and routes is one table behind both seams, or is told of
/// each renewal: a lease that was gone took the routes with it, and it is the renewal that brings them back.
#[async_trait]
pub trait Membership: Send + Sync {
    /// Takes the lease out, or renews it. A table that finds the lease gone announces again everything that was
    /// announced and not withdrawn, before it answers [`Renewal::Restored`] (invariant 8).
    async fn renew(&self, lease: &Lease) -> Result<Renewal, TableError>;

    /// Ends the lease at once, with all that the node announced.
    async fn leave(&self, node: &NodeId) -> Result<(), TableError>;

    /// Every node whose lease is alive.
    async fn nodes(&self) -> Result<Vec<Lease>, TableError>;
}

/// One running process; a new one at every start.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// An id that nobody had before.
    pub fn random() -> Self {
        Self(uuid::Uuid::now_v7().simple().to_string().into())
    }

    /// An id that is known to be one.
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// An id that another node is known by; `None` for what no node is called.
    pub fn parse(text: &str) -> Option<Self> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let is_id = (1..=64).contains(&text.len()) && text.bytes().all(known);
        is_id.then(|| Self(text.into()))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Takes lines in and stores them.
    Collect,
    /// Looks up who wants them.
    Dispatch,
    /// Delivers them to sessions.
    Push,
    /// Answers questions about what was.
    Read,
    /// Answers questions about tokens.
    Auth,
    /// Serves the viewer.
    Web,
}

impl Role {
    /// Every role, in the order a line meets them.
    pub const ALL: [Self; 6] = [
        Self::Collect,
        Self::Dispatch,
        Self::Push,
        Self::Read,
        Self::Auth,
        Self::Web,
    ];

    /// As it is written on the command line and in the lease.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Collect => "collect",
            Self::Dispatch => "dispatch",
            Self::Push => "push",
            Self::Read => "read",
            Self::Auth => "auth",
            Self::Web => "web",
        }
    }

    /// Reads a role.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// The set of roles of a node.
pub type Roles = std::collections::BTreeSet<Role>;

/// What a node says of itself while it lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who.
    pub node: NodeId,
    /// What it does.
    pub roles: Roles,
    /// `host:port` at which other nodes reach its internal listener.
    pub address: String,
    /// How many sessions it serves.
    pub sessions: u64,
    /// When it started, RFC 3339.
    pub started: String,
    /// The version of Tailcast it runs.
    pub version: String,
}

/// What a renewal found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// The lease was alive, or is new.
    Kept,
    /// The lease had been lost, or something announced may not have counted. All is announced again; hints may have
    /// been missed meanwhile.
    Restored,
}
