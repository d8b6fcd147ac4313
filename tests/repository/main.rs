//! What the repository says of itself, held to what it is: the order of crates, every error code, every
//! metric, every file that a guide names.
#![allow(clippy::unwrap_used)]

mod codes;
mod crates;
mod document;
mod metrics;
mod paths;
mod source;
