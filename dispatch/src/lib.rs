//! Which nodes want a batch, and how it gets there.
//!
//! `dispatch` has never heard of MongoDB, SQLite, sessions or tokens of subscribers. It is the one home of `redis`.

mod backoff;
pub mod dispatcher;
mod dropped;
pub mod lease;
pub mod link;
pub mod nodes;
mod parcel;
pub mod routes;

pub use backoff::BackoffLimits;
pub use dispatcher::{DispatchLimits, Dispatcher, Peers};
pub use lease::{Keeper, KeeperLimits, Membership};
pub use nodes::nodes_router;
pub use parcel::QueueLimits;
pub use routes::{
    AddressError, Lease, MemoryRoutes, NodeId, RedisOptions, RedisRoutes, Renewal, Role, Roles, RouteError,
    RouteTable,
};
