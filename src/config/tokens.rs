//! What tokens are signed with, and what they say of it.

use std::path::PathBuf;
use std::time::Duration;

use auth::pairs::PairAlgorithm;
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
    /// How new ones are signed: with a key pair by this algorithm, or with the shared key.
    pub signing: Option<PairAlgorithm>,
    /// Where the private halves of key pairs are, when not in the data folder.
    pub signing_keys: Option<PathBuf>,
    /// The longest that a token lasts that is signed with a pair.
    pub max_lifetime: Duration,
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
            "signing",
            "ALGORITHM",
            Some("HS256"),
            "How tokens are signed: HS256, with the key; or EdDSA, ES256, RS256, with key pairs that a node with the role auth makes",
        ),
        setting(
            "signing_keys",
            "FOLDER",
            None,
            "Where a node with the role auth has the private halves of key pairs, as *.pem [default: `keys` in the data folder]",
        ),
        setting(
            "max_lifetime",
            "DURATION",
            Some("24h"),
            "The longest that a token lasts that is signed with a key pair",
        ),
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
            signing: layers.parse("signing", signing)?,
            signing_keys: layers.parse_optional("signing_keys", |text| Ok(PathBuf::from(text)))?,
            max_lifetime: layers.parse("max_lifetime", units::duration)?,
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

fn signing(text: &str) -> Result<Option<PairAlgorithm>, String> {
    if text == "HS256" {
        return Ok(None);
    }
    let known = PairAlgorithm::ALL.into_iter().find(|it| it.name() == text);
    known
        .map(Some)
        .ok_or_else(|| format!("{text:?} is none of HS256, EdDSA, ES256 and RS256"))
}
