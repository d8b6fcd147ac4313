//! What the node is, and what it has on its own.

use std::path::PathBuf;
use std::time::Duration;

use dispatch::{Role, Roles};

use super::layers::Layers;
use super::settings::{Section, Setting, setting};
use super::{ConfigError, units};

/// The node itself.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// The data folder.
    pub data: PathBuf,
    /// What it does.
    pub roles: Roles,
    /// Over how long the sessions of a cluster's node are told to leave when it stops.
    pub drain: Duration,
}

impl Section for Node {
    const SETTINGS: &'static [Setting] = &[
        setting(
            "data",
            "FOLDER",
            Some("./tailcast-data"),
            "The data folder: the SQLite store and the key made at the first start",
        ),
        setting(
            "roles",
            "ROLES",
            Some("collect,dispatch,push,read,auth,web"),
            "What this node does, separated by commas",
        ),
        setting(
            "drain",
            "DURATION",
            Some("25s"),
            "Over how long a cluster's node moves its sessions on when it is told to stop",
        ),
    ];

    fn read(layers: &Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            data: data(layers)?,
            roles: layers.parse("roles", parse_roles)?,
            drain: layers.parse("drain", units::at_most_a_day)?,
        })
    }
}

/// The data folder alone.
pub(super) fn data(layers: &Layers) -> Result<PathBuf, ConfigError> {
    layers.parse("data", |text| Ok(PathBuf::from(text)))
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
    if roles.is_empty() {
        Err(format!("at least one role is needed: {known}"))
    } else {
        Ok(roles)
    }
}
