//! What a subscriber sees on a real connection to a push node, over a store in memory that can be made to fail.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod ends;
mod faults;
mod fixture;
mod handshake;
mod patterns;
mod streams;
mod subscribe;

#[path = "../history/faulty_store.rs"]
mod faulty_store;
#[path = "../history/memory_store.rs"]
mod memory_store;
