//! Lines come in.
//!
//! The path of a line through this crate: [`ingest`] reads what a sender speaks, [`builder`] makes lines of it, [`door`]
//! gathers them by stream, and [`append`] groups what waits into batches, has them stored, and hands on what was stored.
//!
//! `collect` has never heard of databases, of Redis, of routes or of sessions.

pub mod append;
pub mod builder;
pub mod door;
pub mod ingest;

pub use builder::Builder;
pub use door::{Door, TooLong};
