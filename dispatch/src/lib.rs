//! Which nodes want a batch, and how it gets there.
//!
//! `dispatch` has never heard of MongoDB, SQLite, sessions or tokens of subscribers. It is the one home of `redis`.

mod backoff;
pub mod node_link;
pub mod routes;

pub use backoff::BackoffLimits;
pub use node_link::NodeLink;
pub use routes::{
    AddressError, Lease, MemoryRoutes, NodeId, RedisOptions, RedisRoutes, Renewal, Role, Roles, RouteError,
    RouteTable,
};
