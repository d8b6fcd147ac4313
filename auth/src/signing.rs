//! What tokens are signed with.
//!
//! A [`Signer`] is one key and all that a header says of it; [`Signing`] is the one of the moment, which changes when keys are
//! rotated. Only who signs has either: a node that checks tokens needs no private key.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use tokio::sync::watch;

use crate::key::Key;
use crate::pairs::KeyPair;
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
    Shared(Box<hmac::Key>),
    Pair(KeyPair),
}

/// What a token is that was signed with a key pair (RFC 9068 §2.1).
pub(crate) const ACCESS_TOKEN: &str = "at+jwt";

impl Signer {
    /// With a shared key, by HS256. The header names no key: there is one.
    pub fn hs256(key: &Key) -> Self {
        Self {
            header: URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"HS256"}"#),
            key: SigningKey::Shared(Box::new(hmac::Key::new(hmac::HMAC_SHA256, key.bytes()))),
            longest: None,
        }
    }

    /// With a key pair, tokens that last no longer than `longest`.
    pub fn pair(pair: KeyPair, longest: Duration) -> Self {
        let (kid, alg) = (pair.public().kid(), pair.public().algorithm().name());
        let header = format!(r#"{{"typ":"{ACCESS_TOKEN}","alg":"{alg}","kid":"{kid}"}}"#);
        Self {
            header: URL_SAFE_NO_PAD.encode(header),
            key: SigningKey::Pair(pair),
            longest: Some(longest),
        }
    }

    /// The name of its key, where it has one.
    pub fn kid(&self) -> Option<&str> {
        match &self.key {
            SigningKey::Shared(_) => None,
            SigningKey::Pair(pair) => Some(pair.public().kid()),
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
            Self::Pair(pair) => pair.sign(message),
        }
    }
}

/// What a node signs tokens with at the moment.
pub struct Signing(watch::Sender<Option<Arc<Minter>>>);

impl Default for Signing {
    /// With nothing, until it is changed.
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Signing {
    /// With this one, until it is changed.
    pub fn with(minter: Minter) -> Self {
        Self(watch::Sender::new(Some(Arc::new(minter))))
    }

    /// Who makes tokens now. Asked for each token anew: the next one may be signed with another key.
    pub fn minter(&self) -> Result<Arc<Minter>, TokenError> {
        self.0.borrow().clone().ok_or(TokenError::NoKey)
    }

    /// The same, where a node has just begun and may have to make a key first.
    pub async fn minter_within(&self, time: Duration) -> Result<Arc<Minter>, TokenError> {
        let mut news = self.0.subscribe();
        let _ = tokio::time::timeout(time, news.wait_for(Option::is_some)).await;
        self.minter()
    }

    /// From now on with this one.
    pub(crate) fn change(&self, minter: Option<Minter>) {
        self.0.send_replace(minter.map(Arc::new));
    }
}
