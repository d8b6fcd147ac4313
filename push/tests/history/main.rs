//! History, as who asks for it sees it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod faulty_store;
mod fixture;
mod memory_store;

mod faults;
mod lines;
mod streams;
