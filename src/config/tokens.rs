//! What tokens are signed with, and what they say of it.

use auth::{Key, Staleness};

use super::ConfigError;
use super::layers::Layers;
use super::settings::{Section, Setting, secret, setting};
use super::units;

/// Tokens.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    /// What they carry as `iss`.
    pub issuer: String,
    /// What they are signed with; when absent, the data folder's is used, and made if need be.
    pub key: Option<Key>,
    /// What becomes of them while it is not known which were revoked.
    pub staleness: Staleness,
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
        setting(
            "stale_after",
            "DURATION",
            Some("10m"),
            "A node that could not ask for so long which tokens were revoked is not ready",
        ),
        setting(
            "on_stale",
            "WHAT",
            Some("serve"),
            "What such a node does with those who come to it all the same: serve, or refuse",
        ),
    ];

    fn read(layers: &Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            issuer: layers.parse("issuer", |text| Ok(text.to_owned()))?,
            key: layers.secret("key", |text| {
                Key::from_text(text).map_err(|error| error.to_string())
            })?,
            staleness: Staleness {
                after: layers.parse("stale_after", units::duration)?,
                refuse: layers.parse("on_stale", |text| match text {
                    "serve" => Ok(false),
                    "refuse" => Ok(true),
                    _ => Err(format!("{text:?} is neither serve nor refuse")),
                })?,
            },
        })
    }
}
