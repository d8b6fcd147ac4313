//! Taking tokens back.

use serde::{Deserialize, Serialize};

use crate::list::AskError;
use crate::server::Server;

/// What is taken back.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Revocation {
    /// A token.
    Token(String),
    /// A token, by its `jti`.
    TokenId {
        /// Its `jti`.
        id: String,
        /// Its `iss`; the installation's own unless it is there.
        #[serde(skip_serializing_if = "Option::is_none")]
        issuer: Option<String>,
    },
    /// All of a subscriber's that were issued up to now.
    Subscriber(String),
    /// All of an issuer's.
    Issuer(String),
    /// All that were signed with the key of this `kid`.
    Key(String),
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Revoked {
    /// Whether anything was taken back. Not when a token is not good there, or is somebody else's and one is no admin.
    pub revoked: bool,
    /// What was issued up to this Unix second is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<i64>,
}

impl Server {
    /// Takes something back. Answered by a node with the role auth, at the installation's address.
    pub async fn revoke(&self, what: &Revocation) -> Result<Revoked, AskError> {
        self.post_json("v1/revoke", what).await
    }
}
