//! Which implementation stands behind each seam: the only place that names them.

use std::sync::Arc;

use anyhow::Context;
use collect::LogStore;
use collect::store::mongo::{MongoOptions, MongoStore};
use collect::store::sqlite::{SqliteOptions, SqliteStore};
use dispatch::{MemoryRoutes, RedisOptions, RedisRoutes, Role, RouteTable};

use crate::config::{Config, RoutesChoice, StoreChoice};

/// Whether the node reads or writes lines.
pub fn needs_store(config: &Config) -> bool {
    config.has(Role::Collect) || config.has(Role::Push)
}

/// The store of the configuration. MongoDB need not be there yet.
pub async fn open_store(config: &Config) -> anyhow::Result<Arc<dyn LogStore>> {
    match &config.store {
        StoreChoice::Sqlite => {
            let folder = config.data.clone();
            let options = SqliteOptions {
                compression: config.store_compression,
                ..SqliteOptions::default()
            };
            let opened = tokio::task::spawn_blocking(move || SqliteStore::open(&folder, options)).await?;
            Ok(Arc::new(opened?))
        }
        StoreChoice::Mongo(address) => {
            let options = MongoOptions {
                compression: config.store_compression,
                ..MongoOptions::default()
            };
            let connected = MongoStore::connect(address, options).await;
            Ok(Arc::new(connected.context("the store's address cannot be used")?))
        }
    }
}

/// The route table of the configuration. Redis need not be there yet.
pub async fn open_routes(config: &Config) -> anyhow::Result<Arc<dyn RouteTable>> {
    match &config.routes {
        RoutesChoice::Memory => Ok(Arc::new(MemoryRoutes::new())),
        RoutesChoice::Redis(address) => {
            let connected = RedisRoutes::connect(address, RedisOptions::default()).await;
            Ok(Arc::new(
                connected.context("the address of the routes cannot be used")?,
            ))
        }
    }
}
