//! Every setting of `tailcast serve`: where it may come from, what it defaults to, and what it must be.
//!
//! Nothing else reads the environment or a configuration file. [`settings`] is the table, [`layers`] finds the texts,
//! and [`Config`] is what they mean.

pub mod layers;
pub mod limits;
pub mod mask;
pub mod settings;
pub mod table;
#[cfg(test)]
mod tests;
pub mod units;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use auth::Key;
use dispatch::{Role, Roles};
use lines::retention::Retention;
use store::Compression;

use ipnet::IpNet;
use layers::{Found, Layers, Origin};
use limits::Limits;
use mask::{Address, masked};

/// Why a configuration cannot be used. Each names the culprit and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{} is not TOML: {error}", path.display())]
    NotToml {
        /// Which.
        path: PathBuf,
        /// Where and why.
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

/// Where lines are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreChoice {
    /// In a SQLite file in the data folder.
    Sqlite,
    /// In MongoDB, at this address.
    Mongo(Address),
}

/// Where routes are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoutesChoice {
    /// In this process.
    Memory,
    /// In Redis, at this address.
    Redis(Address),
}

/// How the server's own log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object a line, for programs.
    Json,
}

/// What the settings mean, checked one by one and together.
#[derive(Debug, Clone)]
pub struct Config {
    /// The public listener.
    pub listen: SocketAddr,
    /// The internal listener.
    pub internal: SocketAddr,
    /// `host:port` at which other nodes reach the internal listener; its own address when absent.
    pub advertise: Option<String>,
    /// The data folder.
    pub data: PathBuf,
    /// What this node does.
    pub roles: Roles,
    /// Where lines are kept.
    pub store: StoreChoice,
    /// Where routes are kept.
    pub routes: RoutesChoice,
    /// How batches are written down.
    pub store_compression: Compression,
    /// What is kept.
    pub retention: Retention,
    /// How often what is not kept is removed.
    pub trim_every: Duration,
    /// Over how long the sessions of a cluster's node are told to leave when it stops.
    pub drain: Duration,
    /// Streams that one subscriber may make at once.
    pub new_streams: usize,
    /// How many more each minute.
    pub new_streams_per_minute: usize,
    /// Connections of the public listener at once; when absent, as many as the limit on open files leaves.
    pub connections: Option<usize>,
    /// Those of one address; when absent, half of them.
    pub connections_per_address: Option<usize>,
    /// Addresses whose connections do not count as one's.
    pub proxies: Vec<IpNet>,
    /// The key of tokens; when absent, the data folder's is used, and made if need be.
    pub key: Option<Key>,
    /// What links authenticate with; a lone node has none.
    pub cluster_secret: Option<String>,
    /// What tokens carry as `iss`.
    pub issuer: String,
    /// What is logged: a filter of `tracing`.
    pub log: String,
    /// How it is logged.
    pub log_format: LogFormat,
    /// What a node may take and give.
    pub limits: Limits,
}

impl Config {
    /// Reads the settings from `layers`.
    pub fn read(layers: &Layers) -> Result<Self, ConfigError> {
        let config = Self {
            listen: layers.parse("listen", units::address)?,
            internal: layers.parse("internal", units::address)?,
            advertise: layers.parse_optional("advertise", units::host_and_port)?,
            data: layers.parse("data", |text| Ok(PathBuf::from(text)))?,
            roles: layers.parse("roles", parse_roles)?,
            store: layers
                .parse_address("store", parse_store)?
                .unwrap_or(StoreChoice::Sqlite),
            routes: layers
                .parse_address("routes", parse_routes)?
                .unwrap_or(RoutesChoice::Memory),
            store_compression: layers.parse("store_compression", parse_compression)?,
            retention: Retention {
                age: layers.parse("retain_age", units::or_none(units::duration))?,
                bytes: layers.parse("retain_bytes", units::or_none(units::bytes))?,
            },
            trim_every: layers.parse("trim_every", units::at_most_a_day)?,
            drain: layers.parse("drain", units::at_most_a_day)?,
            new_streams: layers.parse("new_streams", units::count)?,
            new_streams_per_minute: layers.parse("new_streams_per_minute", units::count)?,
            connections: layers.parse_optional("connections", units::count)?,
            connections_per_address: layers.parse_optional("connections_per_address", units::count)?,
            proxies: layers.parse("proxies", units::networks)?,
            key: read_key(layers)?,
            cluster_secret: layers.secret("cluster_secret", |text| {
                auth::ClusterSecret::from_text(text)
                    .map(|_| text.to_owned())
                    .map_err(|error| error.to_string())
            })?,
            issuer: layers.parse("issuer", |text| Ok(text.to_owned()))?,
            log: layers.parse("log", parse_log_filter)?,
            log_format: layers.parse("log_format", parse_log_format)?,
            limits: Limits::read(layers.table(limits::NAME)?)?,
        };
        config.check_together()?;
        Ok(config)
    }

    /// Whether the node has `role`.
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Whether the node takes part in a cluster: others share its store or its routes.
    pub fn is_clustered(&self) -> bool {
        matches!(self.store, StoreChoice::Mongo(_)) || matches!(self.routes, RoutesChoice::Redis(_))
    }

    fn check_together(&self) -> Result<(), ConfigError> {
        let conflict = |sentence: &str| Err(ConfigError::Conflict(sentence.to_owned()));
        if units::overlap(self.listen, self.internal) {
            return Err(ConfigError::Conflict(format!(
                "both listeners cannot have one port: --listen is {} and --internal is {}; choose another for one of them",
                self.listen, self.internal
            )));
        }
        if self.is_clustered() && self.key.is_none() {
            return conflict(
                "the nodes of a cluster share one key, and none is set: set TAILCAST_KEY or TAILCAST_KEY_FILE to the \
                 same 32 or more bytes on every node (`openssl rand -hex 32` makes some)",
            );
        }
        if self.is_clustered() && self.cluster_secret.is_none() {
            return conflict(
                "the nodes of a cluster share one secret, and none is set: set TAILCAST_CLUSTER_SECRET or \
                 TAILCAST_CLUSTER_SECRET_FILE to the same 32 or more bytes on every node (`openssl rand -hex 32` makes some)",
            );
        }
        if self.is_clustered() && self.advertise.is_none() && self.internal.ip().is_unspecified() {
            return conflict(
                "other nodes cannot connect to an unspecified address: set --advertise to the HOST:PORT at which they \
                 reach this node's internal listener, or --internal to an address of this machine",
            );
        }
        let path_of_a_line = [Role::Collect, Role::Dispatch, Role::Push];
        let has = path_of_a_line.iter().filter(|role| self.has(**role)).count();
        if (1..3).contains(&has) && self.routes == RoutesChoice::Memory {
            return conflict(
                "a node that has only some of the roles collect, dispatch and push finds the others through Redis: \
                 set --routes redis://HOST, or give it all three",
            );
        }
        if self.has(Role::Collect) != self.has(Role::Push) && self.store == StoreChoice::Sqlite {
            return conflict(
                "collect and push share the store, and SQLite serves one process only: set --store mongodb://HOST/NAME, \
                 or give the node both roles",
            );
        }
        Ok(())
    }
}

/// The settings that `tailcast token` and the other commands share with the server: where its key is.
pub struct KeySource {
    /// The key that is set.
    pub key: Option<Key>,
    /// The folder that has one, when none is set.
    pub data: PathBuf,
    /// What tokens carry as `iss`.
    pub issuer: String,
}

impl KeySource {
    /// Reads what is needed from `layers`, and heeds nothing else in them.
    pub fn read(layers: &Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            key: read_key(layers)?,
            data: layers.parse("data", |text| Ok(PathBuf::from(text)))?,
            issuer: layers.parse("issuer", |text| Ok(text.to_owned()))?,
        })
    }
}

fn read_key(layers: &Layers) -> Result<Option<Key>, ConfigError> {
    layers.secret("key", |text| {
        Key::from_text(text).map_err(|error| error.to_string())
    })
}

fn parse_roles(text: &str) -> Result<Roles, String> {
    let known = Role::ALL.map(Role::as_str).join(", ");
    let roles: Roles = text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(|name| {
            Role::parse(name).ok_or_else(|| format!("there is no role {name:?}: the roles are {known}"))
        })
        .collect::<Result<_, _>>()?;
    match roles.is_empty() {
        true => Err(format!("at least one role is needed: {known}")),
        false => Ok(roles),
    }
}

fn parse_store(text: &str) -> Result<StoreChoice, String> {
    match text {
        "sqlite" => Ok(StoreChoice::Sqlite),
        text if text.starts_with("mongodb://") || text.starts_with("mongodb+srv://") => {
            Ok(StoreChoice::Mongo(Address::new(text)))
        }
        _ => Err("the store is `sqlite` (in the data folder), or mongodb://HOST/NAME".to_owned()),
    }
}

fn parse_routes(text: &str) -> Result<RoutesChoice, String> {
    match text {
        "memory" => Ok(RoutesChoice::Memory),
        text if text.starts_with("redis") && text.contains("://") => {
            Ok(RoutesChoice::Redis(Address::new(text)))
        }
        _ => Err("routes are kept in `memory`, or in redis://HOST".to_owned()),
    }
}

fn parse_compression(text: &str) -> Result<Compression, String> {
    match text {
        "zstd" => Ok(Compression::Zstd),
        "none" => Ok(Compression::None),
        _ => Err("batches are kept as `zstd` or `none`".to_owned()),
    }
}

fn parse_log_filter(text: &str) -> Result<String, String> {
    match text.parse::<tracing_subscriber::EnvFilter>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!(
            "{error}; a level is trace, debug, info, warn, error or off"
        )),
    }
}

fn parse_log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("the log is written as `text` or `json`".to_owned()),
    }
}

/// Reads a file that a setting names.
fn read_file(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
        path: path.to_owned(),
        error,
    })
}

/// A setting as `tailcast check` shows it.
pub fn shown(found: Option<&Found>, default: Option<&str>, secret: bool) -> (String, String) {
    match found {
        Some(found) if secret => ("…".to_owned(), found.origin.to_string()),
        Some(found) => (masked(&found.text), found.origin.to_string()),
        None => (default.unwrap_or("").to_owned(), "default".to_owned()),
    }
}
