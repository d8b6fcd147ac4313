//! Tests of the executable: real processes, real servers, and nothing known of what is inside.

#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

mod fixture;

mod access;
mod alone;
mod api_keys;
mod attacks;
mod auditing;
mod bench;
mod cluster;
mod command_line;
mod compose;
mod counts;
mod deleting;
mod faults;
mod finding;
mod ingest;
mod keys;
mod pages;
mod proxies;
mod revoking;
mod sending;
mod sessions;
mod settings;
mod startup;
mod tickets;
mod tls;
mod token_attacks;
