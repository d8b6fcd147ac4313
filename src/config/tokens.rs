//! What tokens are signed with, and what they say of it.

use auth::Key;

use super::ConfigError;
use super::layers::Layers;
use super::settings::{Section, Setting, secret, setting};

/// Tokens.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    /// What they carry as `iss`.
    pub issuer: String,
    /// What they are signed with; when absent, the data folder's is used, and made if need be.
    pub key: Option<Key>,
}

impl Section for Tokens {
    const SETTINGS: &'static [Setting] = &[
        setting("issuer", "NAME", Some("tailcast"), "What tokens carry as `iss`"),
        secret(
            "key",
            "KEY",
            "What tokens are signed with: 32 or more bytes, as text or after `base64:` [default: the data folder's, made at the first start]",
        ),
        secret("key_file", "FILE", "A file that holds the key"),
    ];

    fn read(layers: &Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            issuer: layers.parse("issuer", |text| Ok(text.to_owned()))?,
            key: layers.secret("key", |text| {
                Key::from_text(text).map_err(|error| error.to_string())
            })?,
        })
    }
}
