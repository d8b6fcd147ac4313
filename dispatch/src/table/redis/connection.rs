//! The connection to Redis: comes back by itself, answers or fails within a deadline, and keeps the cache true.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::try_join_all;
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::caching::CacheConfig;
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{AsyncConnectionConfig, Cmd, ConnectionAddr, PushInfo, PushKind, RedisError, TlsMode, Value};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::address::Address;
use super::cache::Cache;
use super::{RedisOptions, TableError};
use backoff::Backoff;

/// A connection that is made again whenever it breaks.
pub(super) struct Connection {
    shared: Arc<Shared>,
    upkeep: JoinHandle<()>,
}

struct Shared {
    address: Address,
    options: RedisOptions,
    cache: Arc<Cache>,
    /// What calls go to; `None` while Redis is away.
    live: Mutex<Option<Live>>,
    /// Breaks so far, those of single servers of a cluster too.
    breaks: AtomicU64,
    broke: Notify,
}

#[derive(Clone)]
struct Live {
    number: u64,
    wire: Wire,
}

#[derive(Clone)]
enum Wire {
    /// One server: the commands of a call go in one pipeline and are done in its order.
    One(MultiplexedConnection),
    /// Many servers: each command finds its own, so order needs an answer in between.
    Many(ClusterConnection),
}

/// Answers, one a command, and the connection that they came over.
pub(super) struct Answers {
    pub(super) values: std::vec::IntoIter<Value>,
    pub(super) connection: u64,
}

impl Answers {
    /// The next answer, as what it has to be.
    pub(super) fn take<T: redis::FromRedisValue>(&mut self) -> Result<T, TableError> {
        let value = self.values.next().unwrap_or(Value::Nil);
        redis::from_redis_value(value).map_err(|error| TableError::Away(Box::new(error)))
    }
}

impl Connection {
    /// Tries once to connect, and goes on trying in the background.
    pub(super) async fn open(address: Address, options: RedisOptions, cache: Arc<Cache>) -> Self {
        let shared = Arc::new(Shared {
            address,
            options,
            cache,
            live: Mutex::new(None),
            breaks: AtomicU64::new(0),
            broke: Notify::new(),
        });
        if let Err(error) = shared.connect(0).await {
            tracing::warn!(%error, "redis cannot be reached, trying again in the background");
        }
        let upkeep = tokio::spawn(keep_up(shared.clone()));
        Self { shared, upkeep }
    }

    /// How often a connection broke so far: what was written before a break may be gone (a server that took over had
    /// not heard of it yet).
    pub(super) fn breaks(&self) -> u64 {
        self.shared.breaks.load(Ordering::Relaxed)
    }

    /// Does the commands, stage after stage. A stage begins after the one before is done.
    pub(super) async fn run(&self, stages: Vec<Vec<Cmd>>) -> Result<Answers, TableError> {
        let live = self.shared.live.lock().clone();
        let Some(Live { number, wire }) = live else {
            return Err(TableError::Away("there is no connection to Redis".into()));
        };
        let within = self.shared.options.response;
        let done = match wire {
            Wire::One(connection) => tokio::time::timeout(within, run_on_one(connection, stages)).await,
            Wire::Many(connection) => tokio::time::timeout(within, run_on_many(connection, stages)).await,
        };
        match done {
            Ok(Ok(values)) => Ok(Answers {
                values: values.into_iter(),
                connection: number,
            }),
            Ok(Err(error)) => {
                if is_broken(&error) {
                    self.shared.give_up(number);
                }
                if error.is_timeout() {
                    Err(TableError::Timeout(within))
                } else {
                    Err(TableError::Away(Box::new(error)))
                }
            }
            Err(_) => {
                self.shared.give_up(number);
                Err(TableError::Timeout(within))
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.upkeep.abort();
    }
}

async fn run_on_one(
    mut connection: MultiplexedConnection,
    stages: Vec<Vec<Cmd>>,
) -> Result<Vec<Value>, RedisError> {
    let mut pipeline = redis::pipe();
    for command in stages.into_iter().flatten() {
        pipeline.add_command(command);
    }
    if pipeline.is_empty() {
        return Ok(Vec::new());
    }
    pipeline.query_async(&mut connection).await
}

async fn run_on_many(connection: ClusterConnection, stages: Vec<Vec<Cmd>>) -> Result<Vec<Value>, RedisError> {
    let mut values = Vec::new();
    for stage in stages {
        let answers = stage.into_iter().map(|command| {
            let mut connection = connection.clone();
            async move { command.query_async::<Value>(&mut connection).await }
        });
        values.extend(try_join_all(answers).await?);
    }
    Ok(values)
}

/// Whether another connection may do better. After a failover an old master answers `READONLY`.
fn is_broken(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.is_timeout()
        || error.is_io_error()
        || error.code() == Some("READONLY")
}

async fn keep_up(shared: Arc<Shared>) {
    let mut backoff = Backoff::new(shared.options.retry);
    for number in 1.. {
        while shared.live.lock().is_some() {
            backoff.reset();
            shared.broke.notified().await;
            if shared.live.lock().is_none() {
                tracing::warn!("the connection to redis broke, connecting again");
            }
        }
        tokio::time::sleep(backoff.pause()).await;
        match shared.connect(number).await {
            Ok(()) => tracing::info!("connected to redis"),
            Err(error) => tracing::debug!(%error, "redis cannot be reached"),
        }
    }
}

impl Shared {
    /// Makes the connection with this number, and lets calls use it.
    async fn connect(self: &Arc<Self>, number: u64) -> Result<(), TableError> {
        // Sentinels, master and tracking are one after the other: more than one connection's time.
        let within = self.options.connect * 2;
        let wire = tokio::time::timeout(within, self.connect_wire(number)).await;
        let wire = wire.map_err(|_| TableError::Timeout(within))?;
        let wire = wire.map_err(|error| TableError::Away(Box::new(error)))?;
        self.cache.connected(number);
        *self.live.lock() = Some(Live { number, wire });
        Ok(())
    }

    async fn connect_wire(self: &Arc<Self>, number: u64) -> Result<Wire, RedisError> {
        let shared = Arc::downgrade(self);
        let heard = move |push: PushInfo| -> Result<(), std::convert::Infallible> {
            if let Some(shared) = shared.upgrade() {
                shared.hear(number, push);
            }
            Ok(())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.options.connect))
            .set_response_timeout(Some(self.options.response));
        match &self.address {
            Address::Single(info) => {
                let client = redis::Client::open(info.clone())?;
                let config = config.set_push_sender(heard);
                let connection = client
                    .get_multiplexed_async_connection_with_config(&config)
                    .await?;
                track(connection).await
            }
            Address::Sentinel { sentinels, service } => {
                let mut client = sentinel_client(sentinels, service)?;
                let config = config.set_push_sender(heard);
                let connection = client.get_async_connection_with_config(&config).await?;
                track(connection).await
            }
            Address::Cluster(nodes) => {
                // The library turns tracking on at each connection it makes, together with a cache of its own, which
                // can remember an answer after the word to forget it. So that one remembers nothing.
                let no_cache = CacheConfig::new()
                    .set_size(std::num::NonZeroUsize::MIN)
                    .set_default_client_ttl(std::time::Duration::ZERO);
                let client = ClusterClientBuilder::new(nodes.clone())
                    .use_protocol(redis::ProtocolVersion::RESP3)
                    .connection_timeout(self.options.connect)
                    .response_timeout(self.options.response)
                    .cache_config(no_cache)
                    .push_sender(heard)
                    .build()?;
                client.get_async_connection().await.map(Wire::Many)
            }
        }
    }

    /// Called by the connection's reader, in the order in which Redis wrote.
    fn hear(&self, number: u64, push: PushInfo) {
        match push.kind {
            PushKind::Invalidate => match push.data.into_iter().next() {
                Some(Value::Array(keys)) => {
                    for key in keys {
                        if let Ok(key) = redis::from_redis_value::<String>(key) {
                            self.cache.forget(&key);
                        }
                    }
                }
                // The word after FLUSHALL.
                _ => self.cache.forget_all(),
            },
            PushKind::Disconnection => self.give_up(number),
            _ => {}
        }
    }

    /// The connection is of no use any more. A cluster's servers are connected again one by one, by the library.
    fn give_up(&self, number: u64) {
        let mut live = self.live.lock();
        match &*live {
            Some(Live {
                number: current,
                wire: Wire::One(_),
            }) if *current == number => *live = None,
            Some(Live {
                wire: Wire::Many(_), ..
            }) => {}
            _ => return,
        }
        drop(live);
        self.breaks.fetch_add(1, Ordering::Relaxed);
        self.cache.forget_all();
        self.broke.notify_one();
    }
}

async fn track(mut connection: MultiplexedConnection) -> Result<Wire, RedisError> {
    redis::cmd("CLIENT")
        .arg("TRACKING")
        .arg("ON")
        .exec_async(&mut connection)
        .await?;
    Ok(Wire::One(connection))
}

fn sentinel_client(
    sentinels: &[redis::ConnectionInfo],
    service: &str,
) -> Result<redis::sentinel::SentinelClient, RedisError> {
    let addresses: Vec<ConnectionAddr> = sentinels.iter().map(|info| info.addr().clone()).collect();
    let tls = addresses
        .iter()
        .any(|address| matches!(address, ConnectionAddr::TcpTls { .. }));
    let mut builder = SentinelClientBuilder::new(addresses, service, SentinelServerType::Master)?
        .set_client_to_redis_protocol(redis::ProtocolVersion::RESP3);
    if tls {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_tls_mode(TlsMode::Secure);
    }
    if let Some(settings) = sentinels.first().map(redis::ConnectionInfo::redis_settings) {
        builder = builder.set_client_to_redis_db(settings.db());
        if let Some(user) = settings.username() {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = settings.password() {
            builder = builder.set_client_to_redis_password(password);
        }
    }
    builder.build()
}
