//! What senders can rely on: CONTRACT §2 clause by clause, against a store in memory that can be told to fail.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod any_bytes;
mod append;
mod bounds;
mod bytes;
mod door;
mod fake;
mod faults;
mod fixture;
mod forms;
mod gathering;
mod idempotency;
mod keys;
mod listener;
mod long;
mod over_http;
mod refusals;
mod repeats;
mod shares;
mod sqlite;
mod understood;
