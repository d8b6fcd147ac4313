//! What tokens are signed with.
//!
//! A [`Signer`] is one key and all that a header says of it; [`Signing`] is the one of the moment, which changes when keys are
//! rotated. Only who signs has either: a node that checks tokens needs no private key.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::RwLock;
use serde::Serialize;

use crate::key::Key;
use crate::token::{Minter, TokenError};

/// Signs claims with one key.
pub struct Signer {
    /// The token's header, as it stands in the token.
    header: String,
    key: SigningKey,
    /// How long a token may last that is signed with it, where that is bounded.
    longest: Option<Duration>,
}

enum SigningKey {
    Shared(hmac::Key),
}

impl Signer {
    /// With a shared key, by HS256. The header names no key: there is one.
    pub fn hs256(key: &Key) -> Self {
        Self {
            header: URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"HS256"}"#),
            key: SigningKey::Shared(hmac::Key::new(hmac::HMAC_SHA256, key.bytes())),
            longest: None,
        }
    }

    /// A token that says `claims`, which are not looked at.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, TokenError> {
        let claims = serde_json::to_vec(claims).map_err(|_| TokenError::Unsigned)?;
        let message = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims));
        let signature = self.key.sign(message.as_bytes())?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// How long a token may last that is signed with it; none where that is not bounded.
    pub fn longest(&self) -> Option<Duration> {
        self.longest
    }
}

impl SigningKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, TokenError> {
        match self {
            Self::Shared(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
        }
    }
}

/// What a node signs tokens with at the moment.
#[derive(Default)]
pub struct Signing(RwLock<Option<Arc<Minter>>>);

impl Signing {
    /// With this one, until it is changed.
    pub fn with(minter: Minter) -> Self {
        Self(RwLock::new(Some(Arc::new(minter))))
    }

    /// Who makes tokens now. Asked for each token anew: the next one may be signed with another key.
    pub fn minter(&self) -> Result<Arc<Minter>, TokenError> {
        self.0.read().clone().ok_or(TokenError::NoKey)
    }
}
