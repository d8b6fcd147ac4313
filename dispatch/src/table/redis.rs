//! The route table of a cluster, on Redis: one server, Sentinels, or Redis Cluster. Keys are part of the contract:
//!
//! | key | type | meaning |
//! |---|---|---|
//! | `tc:node:{id}` | hash that expires | a node's lease, signed: see [`signed`] |
//! | `tc:nodes` | sorted set | who to look at, by the last renewal in Unix ms |
//! | `tc:route:{target}` | set | the nodes that want a stream or pattern |
//! | `tc:patterns` | set | patterns that some node holds |
//! | `tc:holds:{id}` | set | what a node announced |
//!
//! No command and no script touches two keys, so keys may lie on different servers. Order keeps them useful together:
//! what a node holds is written before the route and removed after it, so that a dead node's routes can always be found.
//!
//! What lies in Redis is a hint. Who can write to it can delay lines, until the heads are read; he can send no node to
//! a stranger, and make none hold more than [`RedisOptions`] says.

mod address;
mod announced;
mod cache;
mod connection;
mod scripts;
mod signed;
mod sweep;
mod tell;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use auth::ClusterSecret;
use lines::{Pattern, StreamName, Target};
use parking_lot::Mutex;
use tokio::time::Instant;

use self::address::Address;
pub use self::address::AddressError;
use self::announced::{Announced, Upkeep};
use self::cache::{Cache, Fact};
use self::connection::Connection;
use self::signed::Refusals;
use super::TableError;
use crate::membership::{LEASE, Lease, Membership, NodeId, Renewal, Role};
use crate::routes::Routes;
use backoff::Limits as BackoffLimits;

/// Bounds of the table on Redis.
#[derive(Debug, Clone, Copy)]
pub struct RedisOptions {
    /// For making a connection.
    pub connect: Duration,
    /// For one round trip.
    pub response: Duration,
    /// For a call's turn behind others: sessions may come by the ten thousand at once.
    pub turn: Duration,
    /// Between attempts to connect.
    pub retry: BackoffLimits,
    /// How long a lease lasts from one renewal to the next.
    pub lease: Duration,
    /// The most targets that one round trip announces, withdraws or sweeps.
    pub targets_per_call: usize,
    /// The most round trips that one renewal spends on sweeping after dead nodes.
    pub sweeps_per_renewal: usize,
    /// The most withdrawals that are remembered while Redis is away.
    pub withdrawals: usize,
    /// The most keys that are cached.
    pub cached_keys: usize,
    /// The most nodes there are, and that one route has. Of more, only the last that renewed their leases are seen.
    pub nodes: usize,
    /// The most patterns that all nodes hold together. With more, nobody is found, and everybody reads the store.
    pub patterns: usize,
    /// The longest that a key is cached, should the word to forget it be lost.
    pub cached_for: Duration,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            response: Duration::from_secs(1),
            turn: Duration::from_secs(5),
            retry: BackoffLimits {
                first: Duration::from_millis(50),
                most: Duration::from_secs(1),
            },
            lease: LEASE,
            targets_per_call: 500,
            sweeps_per_renewal: 20,
            withdrawals: 100_000,
            cached_keys: 100_000,
            nodes: 1_000,
            patterns: 50_000,
            cached_for: Duration::from_secs(60),
        }
    }
}

/// Routes on Redis, cached as long as Redis does not say otherwise.
pub struct RedisTable {
    options: RedisOptions,
    secret: Arc<ClusterSecret>,
    refusals: Refusals,
    cache: Arc<Cache>,
    connection: Connection,
    announced: Mutex<HashMap<NodeId, Arc<Announced>>>,
    /// Nodes whose lease was found gone, and when that was. Emptied by sweeping, bounded by [`RedisOptions::nodes`].
    dead: Mutex<HashMap<NodeId, Instant>>,
}

const NODES: &str = "tc:nodes";
const PATTERNS: &str = "tc:patterns";

fn lease_key(node: &NodeId) -> String {
    format!("tc:node:{node}")
}

fn holds_key(node: &NodeId) -> String {
    format!("tc:holds:{node}")
}

fn route_key(target: &str) -> String {
    format!("tc:route:{target}")
}

/// What is asked about a key.
#[derive(Clone, Copy)]
enum Ask {
    Nodes,
    Patterns,
    Alive,
}

impl RedisTable {
    /// A table on the Redis at `address`: `redis://[user:password@]host[:port][/db]`, `rediss://` for TLS,
    /// `redis+sentinel://host[:port][,host…]/service[/db]`, `redis+cluster://host[:port][,host…]`.
    ///
    /// Only an unreadable address is an error: when Redis is away the table says so call by call, and works once it
    /// is there.
    ///
    /// Leases are signed with `secret`, and only such are followed.
    pub async fn connect(
        address: &str,
        secret: Arc<ClusterSecret>,
        options: RedisOptions,
    ) -> Result<Self, AddressError> {
        let address = Address::parse(address)?;
        let cache = Arc::new(Cache::new(options.cached_keys, options.cached_for));
        Ok(Self {
            options,
            secret,
            refusals: Refusals::default(),
            cache: cache.clone(),
            connection: Connection::open(address, options, cache).await,
            announced: Mutex::default(),
            dead: Mutex::default(),
        })
    }

    fn announced(&self, node: &NodeId) -> Arc<Announced> {
        self.announced.lock().entry(node.clone()).or_default().clone()
    }

    /// From the cache, and in one round trip from Redis what is not there.
    async fn facts(&self, asks: &[(Ask, String)]) -> Result<Vec<Fact>, TableError> {
        let mut facts: Vec<Option<Fact>> = asks.iter().map(|(_, key)| self.cache.get(key)).collect();
        let mut questions = Vec::new();
        let mut commands = Vec::new();
        for (place, (ask, key)) in asks
            .iter()
            .enumerate()
            .filter(|(place, _)| facts[*place].is_none())
        {
            questions.push((place, *ask, self.cache.ask(key)));
            commands.push(match ask {
                Ask::Nodes => scripts::members(key, self.options.nodes),
                Ask::Patterns => scripts::members(key, self.options.patterns),
                Ask::Alive => redis::cmd("PTTL").arg(key).take(),
            });
        }
        if !commands.is_empty() {
            let mut answers = self.connection.run(vec![commands]).await?;
            for (place, ask, question) in questions {
                let (fact, lasts) = read_fact(ask, question.key(), &mut answers)?;
                question.answered(answers.connection, fact.clone(), lasts);
                facts[place] = Some(fact);
            }
        }
        Ok(facts.into_iter().flatten().collect())
    }

    async fn wanted_by(&self, stream: &StreamName) -> Result<BTreeSet<NodeId>, TableError> {
        let exact = (Ask::Nodes, route_key(stream.as_str()));
        let found = self.facts(&[exact, (Ask::Patterns, PATTERNS.to_owned())]).await?;
        let mut nodes = BTreeSet::new();
        let mut covering = Vec::new();
        for fact in found {
            match fact {
                Fact::Nodes(some) => nodes.extend(some.iter().cloned()),
                Fact::Patterns(patterns) => {
                    let matching = patterns.iter().filter(|pattern| pattern.matches(stream));
                    covering.extend(matching.map(|pattern| (Ask::Nodes, route_key(pattern.as_str()))));
                }
                Fact::Alive(_) => {}
            }
        }
        for fact in self.facts(&covering).await? {
            if let Fact::Nodes(some) = fact {
                nodes.extend(some.iter().cloned());
            }
        }
        Ok(nodes)
    }

    fn found_dead(&self, node: &NodeId) {
        let mut dead = self.dead.lock();
        if dead.len() < self.options.nodes || dead.contains_key(node) {
            dead.entry(node.clone()).or_insert_with(Instant::now);
        }
    }

    /// Writes the lease. Tells whether everything has to be announced again.
    async fn write_lease(
        &self,
        lease: &Lease,
        announced: &Announced,
        upkeep: &mut Upkeep,
    ) -> Result<Found, TableError> {
        let before = announced.snapshot();
        let breaks = self.connection.breaks();
        // Before the first lease nothing counts.
        let late = announced.take_late() || (!upkeep.leased && before.targets > 0);
        let now = unix_ms();
        let values = signed::write(lease, now, &self.secret);
        let fields = signed::FIELDS.into_iter().zip(values.iter().map(String::as_str));
        let commands = vec![
            scripts::renew(&lease_key(&lease.node), self.options.lease, fields),
            scripts::list(NODES, now, lease.node.as_str()),
            scripts::count(&holds_key(&lease.node)),
        ];
        let mut answers = self.connection.run(vec![commands]).await?;
        let new_fields: usize = answers.take()?;
        let newly_listed: u64 = answers.take()?;
        let held: usize = answers.take()?;
        let lost = upkeep.leased && new_fields >= signed::FIELDS.len();
        // Somebody who took us for dead began to sweep, or a server lost what it had been told.
        let swept = upkeep.leased && newly_listed > 0;
        let fewer = before.untold == 0 && announced.snapshot() == before && held < before.targets;
        let broke = upkeep.leased && upkeep.breaks != breaks;
        let found = Found {
            lost,
            again: lost || swept || fewer || broke || upkeep.again,
            late,
        };
        upkeep.leased = true;
        upkeep.breaks = breaks;
        // Whoever sweeps after us looks at the lease before each of its round trips: the next renewal comes after
        // the last of them.
        upkeep.again = lost || swept;
        Ok(found)
    }
}

/// What a renewal found.
struct Found {
    /// The lease was gone.
    lost: bool,
    /// Everything has to be announced again.
    again: bool,
    /// Something was announced that did not count at once.
    late: bool,
}

#[async_trait]
impl Membership for RedisTable {
    async fn renew(&self, lease: &Lease) -> Result<Renewal, TableError> {
        let announced = self.announced(&lease.node);
        let attempt = announced.attempt();
        let found = {
            let mut turn = announced.turn.lock().await;
            let found = self.write_lease(lease, &announced, &mut turn).await?;
            if found.again {
                announced.announce_all_again();
            }
            self.tell_all(&lease.node, &announced, &turn).await?;
            found
        };
        attempt.done();
        self.sweep(&lease.node).await;
        let missed = (found.again || found.late) && announced.snapshot().targets > 0;
        if found.lost || missed {
            Ok(Renewal::Restored)
        } else {
            Ok(Renewal::Kept)
        }
    }

    async fn leave(&self, node: &NodeId) -> Result<(), TableError> {
        let announced = self.announced(node);
        let turn = announced.turn.lock().await;
        let end = redis::cmd("DEL").arg(lease_key(node)).take();
        self.connection.run(vec![vec![end]]).await?;
        self.cache.forget(&lease_key(node));
        announced.withdraw_all();
        self.tell_all(node, &announced, &turn).await?;
        let last = vec![
            vec![redis::cmd("DEL").arg(holds_key(node)).take()],
            vec![redis::cmd("ZREM").arg(NODES).arg(node.as_str()).take()],
        ];
        self.connection.run(last).await?;
        self.announced.lock().remove(node);
        Ok(())
    }

    async fn nodes(&self) -> Result<Vec<Lease>, TableError> {
        let all = scripts::newest(NODES, self.options.nodes);
        let ids: Vec<String> = self.connection.run(vec![vec![all]]).await?.take()?;
        let nodes: Vec<NodeId> = ids.iter().filter_map(|id| NodeId::parse(id)).collect();
        let reads = nodes
            .iter()
            .map(|node| scripts::lease(&lease_key(node), &signed::FIELDS));
        let mut answers = self.connection.run(vec![reads.collect()]).await?;
        let now = unix_ms();
        let mut alive = Vec::with_capacity(nodes.len());
        for node in nodes {
            let values: Vec<Option<String>> = answers.take()?;
            if values.is_empty() {
                self.found_dead(&node);
                continue;
            }
            match signed::read(node.clone(), values, now, &self.secret) {
                Ok(lease) => alive.push(lease),
                Err(refused) => self.refusals.tell(&node, refused),
            }
        }
        let mut dead = self.dead.lock();
        dead.retain(|node, _| alive.iter().all(|lease| lease.node != *node));
        Ok(alive)
    }
}

#[async_trait]
impl Routes for RedisTable {
    async fn announce(&self, node: &NodeId, targets: &[Target]) -> Result<(), TableError> {
        let announced = self.announced(node);
        announced.announce(targets);
        self.tell(node, &announced, targets).await
    }

    async fn withdraw(&self, node: &NodeId, targets: &[Target]) -> Result<(), TableError> {
        let announced = self.announced(node);
        announced.withdraw(targets, self.options.withdrawals);
        self.tell(node, &announced, targets).await
    }

    async fn nodes_for(&self, stream: &StreamName) -> Result<Vec<NodeId>, TableError> {
        let wanted: Vec<NodeId> = self.wanted_by(stream).await?.into_iter().collect();
        let leases: Vec<_> = wanted.iter().map(|node| (Ask::Alive, lease_key(node))).collect();
        let alive = self.facts(&leases).await?;
        let mut nodes = Vec::with_capacity(wanted.len());
        for (node, fact) in wanted.into_iter().zip(alive) {
            if fact == Fact::Alive(true) {
                nodes.push(node)
            } else {
                self.found_dead(&node)
            }
        }
        Ok(nodes)
    }
}

fn read_fact(
    ask: Ask,
    key: &str,
    answers: &mut connection::Answers,
) -> Result<(Fact, Option<Duration>), TableError> {
    let mut members = || {
        let found: Option<Vec<String>> = answers.take()?;
        found.ok_or_else(|| TableError::Damaged(key.to_owned()))
    };
    Ok(match ask {
        Ask::Nodes => {
            let nodes = members()?.iter().filter_map(|id| NodeId::parse(id)).collect();
            (Fact::Nodes(nodes), None)
        }
        Ask::Patterns => {
            let texts = members()?;
            let patterns = texts.iter().filter_map(|text| Pattern::parse(text).ok());
            (Fact::Patterns(patterns.collect()), None)
        }
        // -2 when there is no such key, -1 when it has no end.
        Ask::Alive => match answers.take::<i64>()? {
            -1 => (Fact::Alive(true), None),
            ms => (
                Fact::Alive(ms > 0),
                u64::try_from(ms).ok().map(Duration::from_millis),
            ),
        },
    })
}

fn unix_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
