//! Every setting of `tailcast serve`: where it may come from, what it defaults to, and what it must be.
//!
//! Nothing else reads the environment or a configuration file. Each section has a file of its own, with its rows and
//! what they mean; [`layers`] finds the texts, and [`Config`] is all sections together.

pub(crate) mod layers;
pub(crate) mod limits;
pub(crate) mod live;
pub(crate) mod mask;
pub(crate) mod settings;
pub(crate) mod table;
pub(crate) mod units;
pub(crate) mod watch;

mod cluster;
mod listeners;
mod log;
mod node;
mod retention;
mod routes;
mod store;
mod streams;
mod taking;
#[cfg(test)]
mod tests;
mod tokens;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::auth::Minter;
use ::auth::pairs::Folder;
use ::store::trim::Keeping;
use dispatch::Role;

pub(crate) use cluster::Cluster;
use layers::{Found, Layers, Origin};
use limits::Limits;
pub(crate) use listeners::Listeners;
pub(crate) use live::Live;
pub(crate) use log::{Log, LogFormat};
use mask::masked;
pub(crate) use node::Node;
pub(crate) use routes::{Routes, RoutesChoice};
use settings::{Section, Setting};
pub(crate) use store::{Store, StoreChoice};
pub(crate) use streams::Streams;
pub(crate) use taking::Taking;
pub(crate) use tokens::Tokens;

use crate::key_file;

/// Why a configuration cannot be used. Each names the culprit and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file is not there or cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file is no TOML. What stands there is not repeated: it may be a secret.
    #[error("{} is not TOML, line {line}: {error}", path.display())]
    NotToml {
        /// Which.
        path: PathBuf,
        /// Where, counted from 1.
        line: usize,
        /// Why.
        error: String,
    },
    /// The file names a setting that does not exist.
    #[error("there is no setting {origin}{}", suggestion(meant.as_deref()))]
    UnknownKey {
        /// The key, and where it stands.
        origin: Origin,
        /// What is probably meant.
        meant: Option<String>,
    },
    /// The file has a value where a table should be, or a table where a value should be.
    #[error("{origin}: {problem}")]
    BadShape {
        /// Where it stands.
        origin: Origin,
        /// What would be right.
        problem: String,
    },
    /// A setting's text is not what it must be.
    #[error("{origin} is {value:?}: {problem}")]
    BadValue {
        /// Where it came from.
        origin: Origin,
        /// What it says, or `…` for a secret.
        value: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// Settings that are good alone do not go together.
    #[error("{0}")]
    Conflict(String),
}

fn suggestion(meant: Option<&str>) -> String {
    match meant {
        Some(key) => format!(": is `{key}` meant?"),
        None => ": see docs/configuration.md for all of them".to_owned(),
    }
}

/// What the settings mean, checked one by one and together: a field for each section.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Where it is reached.
    pub listeners: Listeners,
    /// The node itself.
    pub node: Node,
    /// Where lines are kept.
    pub store: Store,
    /// Where routes are kept.
    pub routes: Routes,
    /// How lines are taken.
    pub taking: Taking,
    /// What tokens are signed with.
    pub tokens: Tokens,
    /// What the nodes of a cluster share.
    pub cluster: Cluster,
    /// What the server says of itself.
    pub log: Log,
    /// What a node may take and give.
    pub limits: Limits,
    /// What can change while the node runs, for those who heed it: retention and new streams stand here alone.
    pub live: Arc<Live>,
}

/// The rows of all sections, in the order of the help. Limits are tables of the file: see [`limits`].
const SECTIONS: &[&[Setting]] = &[
    Listeners::SETTINGS,
    Node::SETTINGS,
    Store::SETTINGS,
    Routes::SETTINGS,
    Keeping::SETTINGS,
    Streams::SETTINGS,
    Taking::SETTINGS,
    Tokens::SETTINGS,
    Cluster::SETTINGS,
    Log::SETTINGS,
];

impl Config {
    /// Reads the settings from `layers`.
    pub(crate) fn read(layers: &Layers) -> Result<Self, ConfigError> {
        let retention = Keeping::read(layers)?;
        let streams = Streams::read(layers)?;
        let log = Log::read(layers)?;
        let limits = Limits::read(layers.table(limits::NAME)?)?;
        let config = Self {
            live: Arc::new(Live::new(retention, streams, &log, &limits)),
            listeners: Listeners::read(layers)?,
            node: Node::read(layers)?,
            store: Store::read(layers)?,
            routes: Routes::read(layers)?,
            taking: Taking::read(layers)?,
            tokens: Tokens::read(layers)?,
            cluster: Cluster::read(layers)?,
            log,
            limits,
        };
        config.check_together()?;
        Ok(config)
    }

    /// What a setting is that nobody set, and whose default is a matter of the others or of the machine.
    pub(crate) fn default_of(&self, key: &str) -> Option<&'static str> {
        Some(match key {
            "store" => "sqlite",
            "routes" => "memory",
            "advertise" => "(the internal listener's address)",
            "connections" => "(what the limit on open files leaves)",
            "connections_per_address" => "(half of connections)",
            "key" => "(the data folder's)",
            "signing_keys" => "(keys in the data folder)",
            _ => return None,
        })
    }

    /// Whether the node has `role`.
    pub(crate) fn has(&self, role: Role) -> bool {
        self.node.roles.contains(&role)
    }

    /// Whether the node takes part in a cluster: others share its store or its routes.
    pub(crate) fn is_clustered(&self) -> bool {
        matches!(self.store.place, StoreChoice::Mongo(_))
            || matches!(self.routes.place, RoutesChoice::Redis(_))
    }

    fn check_together(&self) -> Result<(), ConfigError> {
        let conflict = |sentence: &str| Err(ConfigError::Conflict(sentence.to_owned()));
        if units::overlap(self.listeners.public, self.listeners.internal) {
            return Err(ConfigError::Conflict(format!(
                "both listeners cannot have one port: --listen is {} and --internal is {}; choose another for one of them",
                self.listeners.public, self.listeners.internal
            )));
        }
        if self.is_clustered() && self.tokens.key.is_none() && self.tokens.signing.is_none() {
            return conflict(
                "the nodes of a cluster share one key, and none is set: set TAILCAST_KEY or TAILCAST_KEY_FILE to the \
                 same 32 or more bytes on every node (`openssl rand -hex 32` makes some), or --signing EdDSA",
            );
        }
        if self.is_clustered() && self.cluster.secret.is_none() {
            return conflict(
                "the nodes of a cluster share one secret, and none is set: set TAILCAST_CLUSTER_SECRET or \
                 TAILCAST_CLUSTER_SECRET_FILE to the same 32 or more bytes on every node (`openssl rand -hex 32` makes some)",
            );
        }
        if self.is_clustered()
            && self.listeners.advertise.is_none()
            && self.listeners.internal.ip().is_unspecified()
        {
            return conflict(
                "other nodes cannot connect to an unspecified address: set --advertise to the HOST:PORT at which they \
                 reach this node's internal listener, or --internal to an address of this machine",
            );
        }
        let path_of_a_line = [Role::Collect, Role::Dispatch, Role::Push];
        let has = path_of_a_line.iter().filter(|role| self.has(**role)).count();
        if (1..3).contains(&has) && self.routes.place == RoutesChoice::Memory {
            return conflict(
                "a node that has only some of the roles collect, dispatch and push finds the others through Redis: \
                 set --routes redis://HOST, or give it all three",
            );
        }
        let apart = self.has(Role::Collect) != self.has(Role::Push)
            || [Role::Read, Role::Auth].into_iter().any(|role| self.has(role)) && !self.has(Role::Collect);
        if apart && self.store.place == StoreChoice::Sqlite {
            return conflict(
                "collect, push, read and auth share the store, and SQLite serves one process only: \
                 set --store mongodb://HOST/NAME, or give the node all four roles",
            );
        }
        Ok(())
    }
}

/// The settings that `tailcast token` and the other commands share with the server: where its key is.
pub(crate) struct KeySource {
    /// The key that is set, and what tokens carry as `iss`.
    pub tokens: Tokens,
    /// The folder that has a key, when none is set.
    pub data: PathBuf,
}

impl KeySource {
    /// Reads what is needed from `layers`, and heeds nothing else in them.
    pub(crate) fn read(layers: &Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            tokens: Tokens::read(layers)?,
            data: node::data(layers)?,
        })
    }

    /// Who makes tokens on this machine: with the key that is set, or as the server signs whose data folder it is.
    pub(crate) fn minter(&self) -> anyhow::Result<Minter> {
        let Tokens {
            issuer, key, signing, ..
        } = &self.tokens;
        if let (Some(key), None) = (key, signing) {
            return Ok(Minter::hs256(key, issuer));
        }
        let folder = Folder::new(&self.data, self.tokens.signing_keys.as_deref());
        if let Some(signer) = folder.signer()? {
            return Ok(Minter::new(signer, issuer));
        }
        if signing.is_some() {
            anyhow::bail!("no key pair signs in {}", self.data.display());
        }
        Ok(Minter::hs256(&key_file::read(&self.data)?, issuer))
    }
}

/// The most that a file of settings, or of one secret, may have, in bytes. Nobody writes one that is nearly as large.
const MOST_BYTES: u64 = 1024 * 1024;

/// Reads a file that a setting names.
fn read_file(path: &Path) -> Result<String, ConfigError> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text));
    let unreadable = |error| ConfigError::Unreadable {
        path: path.to_owned(),
        error,
    };
    if read.map_err(unreadable)? as u64 > MOST_BYTES {
        Err(unreadable(io::Error::other("it has more than 1 MiB")))
    } else {
        Ok(text)
    }
}

/// A setting as `tailcast check` shows it.
pub(crate) fn shown(found: Option<&Found>, default: Option<&str>, secret: bool) -> (String, String) {
    match found {
        Some(found) if secret => ("…".to_owned(), found.origin.to_string()),
        Some(found) => (masked(&found.text), found.origin.to_string()),
        None => {
            let default = default.filter(|text| !text.is_empty());
            (default.unwrap_or("(none)").to_owned(), "default".to_owned())
        }
    }
}
