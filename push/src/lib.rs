//! Sessions: batches reach the subscribers.
//!
//! The path of a line through its wings: a hint arrives in the [`feeds`], the feed of its stream adds it to its `window`
//! and tells the sessions' `wake`; each [`session`] asks its [`cursors`] what they are owed, gets frames that are shared
//! by all who stand at the same place, from the window or, further back, from `pages` of the store, and the [`wire`]
//! writes them.
//!
//! `push` has never heard of MongoDB, SQLite or Redis, nor of how lines come in. It asks `auth` who may read, and
//! decides nothing of that itself.

pub mod limits;

mod cursors;
mod feeds;
mod push;
mod session;
mod store_away;
mod wire;

#[cfg(test)]
#[allow(dead_code)]
#[path = "../../read/tests/history/faulty_store.rs"]
mod faulty_store;
#[cfg(test)]
#[path = "../../store/tests/store/memory.rs"]
mod memory_store;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod testing;

pub use limits::Limits;
pub use push::{Parts, Push};
pub use session::admission::AdmissionLimits;
pub use session::close;
use store_away::StoreAway;
#[cfg(feature = "echo")]
pub use wire::echo;
#[cfg(feature = "fuzz")]
pub use wire::fuzz;
pub use wire::router;
