//! Which nodes want a stream, and which nodes there are. One table for the cluster; the memory one serves a single
//! process.
//!
//! Knows nothing of lines, sessions or links.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use lines::{StreamName, Target};

/// How long a lease lasts from one renewal to the next, unless a table is made with another length.
pub const LEASE: std::time::Duration = std::time::Duration::from_secs(10);

/// Where nodes say that they live and what they have sessions for.
///
/// Each process has one table and renews one lease through it: its own. An announcement counts while the lease is
/// alive (invariant 8).
#[async_trait]
pub trait RouteTable: Send + Sync {
    /// Takes the lease out, or renews it. A table that finds its lease gone announces again everything that was
    /// announced and not withdrawn, and then answers [`Renewal::Restored`].
    async fn renew(&self, lease: &Lease) -> Result<Renewal, RouteError>;

    /// Ends the lease at once, with all that it announced.
    async fn leave(&self, node: &NodeId) -> Result<(), RouteError>;

    /// Returns once the table has it: every lookup that reaches the table from then on sees it, and callers read the
    /// store only after that (invariant 5). Another node's cache may answer without it for the moment that the
    /// table's word to forget the entry is under way; that word leaves together with the answer to this call, so it
    /// is there long before a line stored after the caller's read is looked up. Should it be late all the same, the
    /// feed's look at quiet heads finds the line (invariant 6).
    ///
    /// When it fails the targets are still remembered, and announced with the next renewal.
    async fn announce(&self, node: &NodeId, targets: &[Target]) -> Result<(), RouteError>;

    /// Takes announcements back. Only a node's own.
    async fn withdraw(&self, node: &NodeId, targets: &[Target]) -> Result<(), RouteError>;

    /// Live nodes for one stream, patterns included, each once, in no order. May be served from a cache that the
    /// table invalidates.
    async fn nodes_for(&self, stream: &StreamName) -> Result<Vec<NodeId>, RouteError>;

    /// Every node whose lease is alive.
    async fn nodes(&self) -> Result<Vec<Lease>, RouteError>;
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
    /// Answers questions about tokens.
    Auth,
    /// Serves the viewer.
    Web,
}

impl Role {
    /// Every role, in the order a line meets them.
    pub const ALL: [Self; 5] = [Self::Collect, Self::Dispatch, Self::Push, Self::Auth, Self::Web];

    /// As it is written on the command line and in the lease.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Collect => "collect",
            Self::Dispatch => "dispatch",
            Self::Push => "push",
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

/// Why the table did not answer.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// It cannot be reached, or refused to work.
    #[error("the route table is away: {0}")]
    Away(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A key of it holds what it cannot hold: of another type, or too much.
    #[error("the route table's {0} is no such thing, or too large")]
    Damaged(String),
    /// It said nothing in time.
    #[error("the route table did not answer within {0:?}")]
    Timeout(std::time::Duration),
}
