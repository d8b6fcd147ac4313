//! Lines come in.
//!
//! The path of a line through this crate: [`ingest`] turns a request into lines, [`append`] groups what waits into
//! batches, has them stored, and hands on what was stored.
//!
//! `collect` has never heard of databases, of Redis, of routes or of sessions.

pub mod append;
mod builder;
mod door;
pub mod ingest;
