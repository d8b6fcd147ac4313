//! Questions about what was: [lines and how many there are](history), and which streams.
//!
//! `read` has never heard of MongoDB, SQLite or Redis, nor of sessions and feeds. It asks `auth` who may read, and decides
//! nothing of that itself.

pub mod history;
mod questions;
mod streams;

pub use history::{Limits, Parts, router};
pub use questions::{QuestionLimits, Questions};
