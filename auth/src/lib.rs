//! Who may do what: grants, tokens, and the one authorization function.
//!
//! `auth` has never heard of lines, stores, routes or sessions. It is the one home of `jsonwebtoken`.

pub mod api_keys;
pub mod audit;
mod checked;
pub mod cluster;
pub mod credential;
mod follow;
pub mod grants;
pub mod guard;
pub mod key;
pub mod pairs;
pub mod revoked;
pub mod ring;
pub mod service;
pub mod signing;
pub mod tickets;
pub mod token;
pub mod verifier;

pub use api_keys::keep_last_use;
pub use cluster::{ClusterSecret, Gate, PassError, Sealed};
pub use credential::authenticate;
pub use follow::follow;
pub use grants::{Action, Grants, Shown, Subscriber, may};
pub use guard::{Need, guarded};
pub use key::{Key, KeyError};
pub use ring::Ring;
pub use signing::{Signer, Signing};
pub use token::{Claims, Minter, TokenError};
pub use verifier::{Staleness, Verifier};
