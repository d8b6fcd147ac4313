//! Which implementation stands behind each seam: the only place that names them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use auth::ClusterSecret;
use dispatch::{Membership, MemoryTable, RedisTable, Role, Routes};
use lines::{Ledger, LogStore};
use store::mongo::{MongoOptions, MongoStore};
use store::sqlite::{OpenError, SqliteOptions, SqliteStore};

use crate::config::mask::Address;
use crate::config::{Config, RoutesChoice, StoreChoice};

/// Whether the node reads or writes lines, or what is kept beside them.
pub(crate) fn needs_store(config: &Config) -> bool {
    let roles = [Role::Collect, Role::Push, Role::Read, Role::Auth];
    roles.into_iter().any(|role| config.has(role))
}

/// What the node proves itself to the others with; none on a node that is no part of a cluster.
pub(crate) fn cluster_secret(config: &Config) -> anyhow::Result<Option<Arc<ClusterSecret>>> {
    let text = config.cluster.secret.as_deref();
    Ok(text.map(ClusterSecret::from_text).transpose()?.map(Arc::new))
}

/// The store of a node: two seams, and one database behind them.
pub(crate) struct Store {
    /// Lines.
    pub lines: Arc<dyn LogStore>,
    /// Small durable state.
    pub ledger: Arc<dyn Ledger>,
}

impl Store {
    fn behind<T: LogStore + Ledger + 'static>(store: T) -> Self {
        let store = Arc::new(store);
        Self {
            lines: store.clone(),
            ledger: store,
        }
    }
}

/// The store of the configuration. MongoDB need not be there yet.
pub(crate) async fn open_store(config: &Config) -> anyhow::Result<Store> {
    match &config.store.place {
        StoreChoice::Sqlite => {
            let folder = config.node.data.clone();
            let options = SqliteOptions {
                compression: config.store.compression,
                ..config.limits.sqlite.clone()
            };
            let opened = tokio::task::spawn_blocking(move || SqliteStore::open(&folder, options)).await?;
            Ok(Store::behind(opened?))
        }
        StoreChoice::Mongo(address) => {
            let options = MongoOptions {
                compression: config.store.compression,
                ..config.limits.mongo.clone()
            };
            let connected = MongoStore::connect(address.revealed(), options).await;
            Ok(Store::behind(connected.map_err(|error| {
                unusable("the store's address", address, &error.into())
            })?))
        }
    }
}

/// Whether a store could not be opened for the one reason that another process has it.
pub(crate) fn is_in_use(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(OpenError::InUse { .. }))
}

/// How often a store is asked that was away at the start.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// Says at once when the store is away, in one sentence, and when it is there.
pub(crate) async fn tell_whether_there(store: Arc<dyn LogStore>) {
    let mut told = false;
    loop {
        match store.check().await {
            Ok(()) if told => return tracing::info!("the store is there"),
            Ok(()) => return,
            Err(error) if !told => {
                tracing::warn!("{error}; it is tried until it answers, and no line is taken or shown before");
                told = true;
            }
            Err(_) => {}
        }
        tokio::time::sleep(ASKED_EVERY).await;
    }
}

/// The table of a node: two seams, and one table behind them, since a route counts as long as its node's lease.
pub(crate) struct Table {
    /// Who lives.
    pub membership: Arc<dyn Membership>,
    /// Who wants what.
    pub routes: Arc<dyn Routes>,
}

impl Table {
    fn behind<T: Membership + Routes + 'static>(table: T) -> Self {
        let table = Arc::new(table);
        Self {
            membership: table.clone(),
            routes: table,
        }
    }
}

/// The table of the configuration. Redis need not be there yet.
pub(crate) async fn open_table(config: &Config) -> anyhow::Result<Table> {
    match &config.routes.place {
        RoutesChoice::Memory => Ok(Table::behind(MemoryTable::new())),
        RoutesChoice::Redis(address) => {
            let secret = cluster_secret(config)?.context("routes on Redis need a cluster secret")?;
            let connected = RedisTable::connect(address.revealed(), secret, config.limits.redis).await;
            Ok(Table::behind(connected.map_err(|error| {
                unusable("the address of the routes", address, &error.into())
            })?))
        }
    }
}

/// A library may repeat the address in its own words.
fn unusable(what: &str, address: &Address, error: &anyhow::Error) -> anyhow::Error {
    anyhow::anyhow!(
        "{what}, {address}, cannot be used: {}",
        address.hidden_in(&format!("{error:#}"))
    )
}
