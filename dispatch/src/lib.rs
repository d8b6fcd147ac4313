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
mod table;

pub use backoff::BackoffLimits;
pub use dispatcher::{DispatchLimits, Dispatcher, Peers};
pub use lease::{Keeper, KeeperLimits, Membership};
pub use nodes::nodes_router;
pub use parcel::QueueLimits;
pub use routes::{Lease, NodeId, Renewal, Role, Roles, RouteError, RouteTable};
pub use table::{AddressError, MemoryRoutes, RedisOptions, RedisRoutes};
