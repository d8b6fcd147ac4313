//! API keys: what senders and agents show where others show a token, for months.
//!
//! A key is 256 random bits with a name before them. The ledger has its SHA-256 and what it allows, under `auth/api-keys/`:
//! so every node with a store holds all of them in memory, and nothing is asked for one. Who was let in by a key is let in as
//! long as it is there, and so is who shows a token that it was exchanged for.

mod known;
mod record;
mod shelf;
mod text;
mod used;

pub(crate) use known::Known;
pub(crate) use record::PREFIX;
pub use record::{Allows, ApiKey};
pub use shelf::{ApiKeyLimits, Listed, Made, NotKept, Order, Shelf};
pub use text::Secret;
pub(crate) use text::{client_id, id_of_client, is_meant};
pub(crate) use used::Used;
pub use used::keep_last_use;
