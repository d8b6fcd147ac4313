//! What every HTTP edge of Tailcast does in the same way: accepting, admitting, stopping, and saying no.
//!
//! The order of admission: connections by address ([`connections`]), the bounds of a request's head ([`mod@serve`]), and then,
//! in `auth`, the token and its grant. Only behind these is a body read or a store asked.
//!
//! Knows nothing of lines, tokens, stores or routes.

pub mod attempts;
pub mod connections;
mod head;
pub mod linger;
pub mod outlet;
pub mod parameters;
mod patience;
pub mod preferences;
pub mod problem;
mod seldom;
pub mod serve;
pub mod shares;
pub mod sieve;
pub mod visitor;

pub use attempts::AttemptLimits;
pub use connections::{ConnectionLimits, Connections};
pub use linger::LingerLimits;
pub use outlet::{CutOff, Outlet};
pub use parameters::{Parameters, bad_parameter};
pub use preferences::{Liking, Preferences};
pub use problem::Problem;
pub use serve::{ServeLimits, serve};
pub use shares::{Share, Shares};
pub use visitor::Visitor;
