//! The table that a node keeps its lease and its routes in: in memory for a single process, on Redis for a cluster.

mod memory;
mod redis;

pub use self::memory::MemoryRoutes;
pub use self::redis::{AddressError, RedisOptions, RedisRoutes};
