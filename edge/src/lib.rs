//! What every HTTP edge of Tailcast does in the same way: accepting, stopping, and saying no.
//!
//! Knows nothing of lines, tokens, stores or routes.

pub mod problem;
pub mod serve;

pub use problem::Problem;
pub use serve::{ServeLimits, serve};
