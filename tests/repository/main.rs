//! What the repository says of itself, held to what it is: the order of crates, every error code, every metric.
#![allow(clippy::unwrap_used)]

mod codes;
mod crates;
mod document;
mod metrics;
mod source;
