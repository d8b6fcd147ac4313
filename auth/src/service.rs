//! What role `auth` answers: questions about tokens, and words about them.

mod body;
pub mod introspect;
pub mod revoke;

pub use body::Limits;
