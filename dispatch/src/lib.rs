//! Which nodes want a batch, and how it gets there.
//!
//! `dispatch` has never heard of MongoDB, SQLite, sessions or tokens of subscribers. It is the one home of `redis`.

pub mod dispatcher;
mod dropped;
pub mod keeper;
pub mod link;
pub mod membership;
pub mod nodes;
mod parcel;
pub mod relay;
pub mod routes;
mod table;

pub use backoff::Limits as BackoffLimits;
pub use dispatcher::{DispatchLimits, Dispatcher, Peers};
pub use keeper::{Keeper, KeeperLimits, Roster};
pub use membership::{Lease, Membership, NodeId, Renewal, Role, Roles};
pub use nodes::nodes_router;
pub use parcel::QueueLimits;
pub use relay::{Relay, RelayLimits};
pub use routes::Routes;
pub use table::{AddressError, MemoryTable, RedisOptions, RedisTable, TableError};
