//! Which nodes want a batch, and how it gets there.
//!
//! `dispatch` has never heard of MongoDB, SQLite, sessions or tokens of subscribers. It is the one home of `redis`.

pub mod node_link;
pub mod routes;

pub use node_link::NodeLink;
pub use routes::{Lease, NodeId, Renewal, Role, Roles, RouteError, RouteTable};
