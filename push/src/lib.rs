//! Sessions: batches reach the subscribers.
//!
//! The path of a line through this crate: a hint arrives in the `feeds`, its `feed` adds it to what it holds and
//! wakes the sessions by their `signal`; each `session` asks its `delivery` what its cursors are owed, gets
//! `frame`s that are shared by all who stand at the same place, from the feed or, further back, from the `replay`,
//! and writes them to its `socket`. What was is asked for in [`history`].
//!
//! `push` has never heard of MongoDB, SQLite or Redis, nor of how lines come in. It asks `auth` who may read, and
//! decides nothing of that itself.

pub mod close;
#[cfg(feature = "echo")]
pub mod echo;
pub mod history;
pub mod limits;
pub mod protocol;

mod clock;
mod delivery;
mod feed;
mod feeds;
mod filters;
mod fragments;
mod frame;
mod handshake;
mod heads;
mod hoard;
mod lane;
mod listing;
mod load;
mod looks;
mod meeting;
mod pace;
mod patterns;
mod push;
mod replay;
mod route;
mod session;
mod sessions;
mod sieve;
mod signal;
mod socket;
mod streams;
mod strip;
mod subscribe;
mod tail;
mod truth;

#[cfg(test)]
#[allow(dead_code)]
#[path = "../tests/history/faulty_store.rs"]
mod faulty_store;
#[cfg(test)]
#[path = "../tests/history/memory_store.rs"]
mod memory_store;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod testing;

pub use handshake::router;
pub use limits::Limits;
pub use listing::{Listing, ListingLimits};
pub use push::{Parts, Push};
pub use sieve::{Sieve, SieveLimits};
