//! The rows: one file for each crate, one line for each limit.
//!
//! The least of each is where something would stop working, the most is where a number is a slip of the pen, or where
//! something else that cannot be set would break.

mod auth;
mod collect;
mod dispatch;
mod edge;
mod lines;
mod push;
mod read;
mod store;

use std::time::Duration;

use super::limited::limits;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

const fn s(count: u64) -> Duration {
    Duration::from_secs(count)
}

const MINUTE: Duration = s(60);
const HOUR: Duration = s(3_600);
const DAY: Duration = s(86_400);
