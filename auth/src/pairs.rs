//! Key pairs: tokens that one node signs and all others can check.
//!
//! The private half lies in a folder of a node with the role `auth` ([`Folder`]) and leaves it never. The public half is in the
//! ledger as a [`Record`], where every node that follows it finds it. A key is published before it signs anything (`next`), signs
//! (`active`), and is known on until the last token that it signed has ended (`retired`). [`Keyring`] is what people do with them,
//! [`Keeper`] sees to it that a node has one key that signs, and one that comes next.

mod folder;
mod keeper;
mod keyring;
mod pair;
mod public;
mod record;

pub use folder::{Folder, FolderError, Held};
pub use keeper::{Keeper, Keeping, put_away};
pub use keyring::{Keyring, NotChanged, Rotated};
pub use pair::{KeyPair, PairError};
pub use public::{PairAlgorithm, PublicKey};
pub use record::{Record, State};

/// What the keys of records begin with.
pub(crate) const PREFIX: &str = "auth/keys/";
/// Where it is remembered that a key has ended, whose file may still lie somewhere. Nobody follows these.
const ENDED: &str = "ended-keys/";
