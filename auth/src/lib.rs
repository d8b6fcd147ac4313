//! Who may do what: grants, tokens, and the one authorization function.
//!
//! `auth` has never heard of lines, stores, routes or sessions. It is the one home of `jsonwebtoken`.

mod checked;
pub mod cluster;
pub mod credential;
pub mod grants;
pub mod guard;
pub mod introspect;
pub mod key;
pub mod token;

pub use cluster::{ClusterSecret, Gate, PassError, Sealed};
pub use credential::authenticate;
pub use grants::{Action, Grants, Subscriber, may};
pub use guard::{Need, guarded};
pub use key::{Key, KeyError};
pub use token::{Claims, Minter, TokenError, Verifier};
