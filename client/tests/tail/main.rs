//! A tail against a server that does what the test says: every line once, in order, whatever happens in between.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fake;
mod told;

mod lines;
mod streams;
mod wire;

mod ends;
mod tokens;
