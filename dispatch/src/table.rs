//! The table that keeps leases and routes: in memory for a single process, on Redis for a cluster. Each implements
//! [`Membership`](crate::Membership) and [`Routes`](crate::Routes), since a route counts as long as its node's lease.

mod memory;
mod redis;

pub use self::memory::MemoryTable;
pub use self::redis::{AddressError, RedisOptions, RedisTable};

/// Why a table did not answer.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
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
