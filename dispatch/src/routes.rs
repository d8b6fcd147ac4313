//! Which nodes want a stream. One table for the cluster; the memory one serves a single process.
//!
//! Knows nothing of lines, sessions or links.

use async_trait::async_trait;
use lines::{StreamName, Target};

use crate::{NodeId, TableError};

/// Where nodes announce what they have sessions for.
///
/// An announcement counts while the node's lease is alive, and is made again by the renewal that finds it gone: see
/// [`Membership::renew`](crate::Membership::renew) (invariant 8).
#[async_trait]
pub trait Routes: Send + Sync {
    /// Returns once the table has it: every lookup that reaches the table from then on sees it, and callers read the
    /// store only after that (invariant 5). Another node's cache may answer without it for the moment that the
    /// table's word to forget the entry is under way; that word leaves together with the answer to this call, so it
    /// is there long before a line stored after the caller's read is looked up. Should it be late all the same, the
    /// feed's look at quiet heads finds the line (invariant 6).
    ///
    /// When it fails the targets are still remembered, and announced with the next renewal.
    async fn announce(&self, node: &NodeId, targets: &[Target]) -> Result<(), TableError>;

    /// Takes announcements back. Only a node's own.
    async fn withdraw(&self, node: &NodeId, targets: &[Target]) -> Result<(), TableError>;

    /// Live nodes for one stream, patterns included, each once, in no order. May be served from a cache that the
    /// table invalidates.
    async fn nodes_for(&self, stream: &StreamName) -> Result<Vec<NodeId>, TableError>;
}
