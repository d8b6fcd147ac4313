//! What a subscriber sees on a real connection to a push node, over a store in memory that can be made to fail.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod continuity;
mod damage;
mod ends;
mod events;
mod faults;
mod filters;
mod fixture;
mod handshake;
mod overlap;
mod patterns;
mod steer;
mod streams;
mod subscribe;
mod wire;
mod witness;

#[path = "../../../read/tests/history/faulty_store.rs"]
mod faulty_store;
#[path = "../../../store/tests/store/memory.rs"]
mod memory_store;
