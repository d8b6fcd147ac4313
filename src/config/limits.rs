//! What a node may take and give: the limits of every crate, each with the default of its own struct.

use auth::introspect;
use collect::append::AppendLimits;
use collect::ingest;
use dispatch::link::LinkLimits;
use dispatch::{DispatchLimits, KeeperLimits, RedisOptions};
use edge::ServeLimits;
use push::{ListingLimits, SieveLimits, history};
use store::mongo::MongoOptions;
use store::sqlite::SqliteOptions;

/// The tables under `[limits]`.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// Both listeners, and their connections.
    pub http: ServeLimits,
    /// `/v1/introspect`.
    pub introspect: introspect::Limits,
    /// Requests that bring lines.
    pub ingest: ingest::Limits,
    /// Lines on their way into the store.
    pub append: AppendLimits,
    /// The store in the data folder.
    pub sqlite: SqliteOptions,
    /// The store in MongoDB.
    pub mongo: MongoOptions,
    /// Batches on their way to the nodes that want them.
    pub dispatch: DispatchLimits,
    /// Links between nodes.
    pub links: LinkLimits,
    /// The node's lease.
    pub lease: KeeperLimits,
    /// Routes on Redis.
    pub redis: RedisOptions,
    /// Sessions, and the streams they watch.
    pub sessions: push::Limits,
    /// Questions about history.
    pub history: history::Limits,
    /// Listings of the streams.
    pub listing: ListingLimits,
    /// What filters may compute.
    pub filters: SieveLimits,
}
