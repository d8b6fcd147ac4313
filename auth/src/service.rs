//! What role `auth` answers: questions about tokens and keys, and words about them.

pub mod api_keys;
mod body;
pub mod introspect;
pub mod keys;
pub mod me;
pub mod mint;
pub mod revoke;
pub mod tickets;

pub use body::Limits;
