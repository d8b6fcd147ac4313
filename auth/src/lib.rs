//! Who may do what: names, grants, tokens, and the one authorization function.
//!
//! `auth` has never heard of lines, stores, routes or sessions. It is the one home of `jsonwebtoken`.

pub mod grants;
pub mod name;

pub use grants::{Action, Grants, Subscriber, may};
pub use name::{NameError, Pattern, StreamName, Target};
