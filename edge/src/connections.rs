//! Who is connected to one listener, how many may be, and who has to go when all places are taken.
//!
//! Everybody is a stranger until a request of the connection has shown a good token. Strangers can always get in: those
//! who are known leave some places to them, and when all of these are taken, the oldest stranger of the address that has
//! the most of them has to go for the next one. So a flood of connections pushes out itself.
//!
//! Knows nothing of requests and tokens.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use metrics::{Counter, Gauge};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long the one who has to go may take for it. A task that is told ends when it is next looked at.
const LEAVING: Duration = Duration::from_secs(1);

/// How many connections a listener has at once.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// What the listener is called in metrics and in the log: `public`, `internal`, or as the settings name it.
    pub listener: Arc<str>,
    /// In all: 16,384.
    pub total: usize,
    /// Of one address, by which all of an IPv6 /64 is meant: 8,192.
    pub per_address: usize,
    /// Addresses that do not count as one: proxies, behind which others stand. None.
    pub exempt: Arc<[IpNet]>,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            listener: "public".into(),
            total: 16_384,
            per_address: 8_192,
            exempt: Arc::new([]),
        }
    }
}

impl ConnectionLimits {
    /// How many of so many places those who are known may have: they leave an eighth to strangers, at most 256. A proxy
    /// whose clients are all known looks after the node's health from the same address.
    fn for_known(places: usize) -> usize {
        places.saturating_sub((places / 8).clamp(1, 256)).max(1)
    }

    /// Who an address counts as; `None` where it does not count.
    pub(crate) fn counted_as(&self, address: IpAddr) -> Option<Source> {
        let address = address.to_canonical();
        if self.exempt.iter().any(|network| network.contains(&address)) {
            None
        } else {
            Some(Source::of(address))
        }
    }
}

/// An IPv4 address, or the /64 of an IPv6 address: what one subscriber of a provider has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Source(IpAddr);

impl Source {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
        }
    }
}

/// Why a connection does not get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// Its address has as many as one may have.
    Address,
    /// The listener has as many as it may have.
    Listener,
}

impl Full {
    /// As metrics call it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Listener => "listener",
        }
    }
}

/// The connections of one listener.
#[derive(Debug)]
pub struct Connections {
    limits: ConnectionLimits,
    table: Mutex<Table>,
    /// Somebody left.
    left: Notify,
    open: Gauge,
    pushed_out: Counter,
}

#[derive(Debug, Default)]
struct Table {
    /// The id of the next connection: a higher one came later.
    next: u64,
    open: HashMap<u64, Connection>,
    /// How many connections each address has.
    of: HashMap<Source, Number>,
    strangers: Strangers,
    known: usize,
}

#[derive(Debug, Default)]
struct Number {
    open: usize,
    known: usize,
}

#[derive(Debug)]
struct Connection {
    source: Option<Source>,
    standing: Standing,
}

#[derive(Debug)]
enum Standing {
    /// This is cancelled when it has to go.
    Stranger(CancellationToken),
    /// It never has to go for another one.
    Known,
    /// It was told to go and has not gone yet.
    Leaving,
}

/// Connections that have shown no token, by who they come from. Exempt addresses are one.
#[derive(Debug, Default)]
struct Strangers {
    of: HashMap<Option<Source>, BTreeSet<u64>>,
    by_number: BTreeSet<(usize, Option<Source>)>,
}

impl Strangers {
    fn change(&mut self, source: Option<Source>, change: impl FnOnce(&mut BTreeSet<u64>) -> bool) {
        let ids = self.of.entry(source).or_default();
        self.by_number.remove(&(ids.len(), source));
        change(ids);
        match ids.len() {
            0 => drop(self.of.remove(&source)),
            number => drop(self.by_number.insert((number, source))),
        }
    }

    fn oldest_of(&self, source: Option<Source>) -> Option<u64> {
        self.of.get(&source)?.first().copied()
    }

    fn oldest_of_the_many(&self) -> Option<u64> {
        let (_, source) = self.by_number.last()?;
        self.oldest_of(*source)
    }
}

/// A place among the connections; it is free again when this is dropped, with the socket.
#[derive(Debug)]
pub struct Place {
    connections: Arc<Connections>,
    id: u64,
}

impl Connections {
    /// Nobody yet.
    pub fn new(limits: ConnectionLimits) -> Arc<Self> {
        let listener = || Arc::clone(&limits.listener);
        Arc::new(Self {
            table: Mutex::default(),
            left: Notify::new(),
            open: metrics::gauge!("tailcast_connections", "listener" => listener()),
            pushed_out: metrics::counter!("tailcast_connections_pushed_out_total", "listener" => listener()),
            limits,
        })
    }

    /// A place for a connection from `address`, and what is cancelled when it has to go. Where all are taken, a stranger is
    /// told to go, and waited for: so nobody is let in faster than others leave.
    pub async fn enter(self: &Arc<Self>, address: IpAddr) -> Result<(Place, CancellationToken), Full> {
        let source = self.limits.counted_as(address);
        let deadline = Instant::now() + LEAVING;
        let mut told = None;
        loop {
            let left = self.left.notified();
            let full = match self.try_enter(source) {
                Ok((id, go)) => {
                    let connections = Arc::clone(self);
                    return Ok((Place { connections, id }, go));
                }
                Err(full) => full,
            };
            if told != Some(full) && !self.make_room(full, source) {
                return Err(full);
            }
            told = Some(full);
            if tokio::time::timeout_at(deadline, left).await.is_err() {
                return Err(full);
            }
        }
    }

    fn try_enter(&self, source: Option<Source>) -> Result<(u64, CancellationToken), Full> {
        let mut table = self.table.lock();
        let of_address = source.and_then(|source| table.of.get(&source));
        if of_address.is_some_and(|number| number.open >= self.limits.per_address) {
            return Err(Full::Address);
        }
        if table.open.len() >= self.limits.total {
            return Err(Full::Listener);
        }
        let entered = table.insert(source);
        self.open.set(table.open.len() as f64);
        Ok(entered)
    }

    /// Tells a stranger to go; `false` when there is none.
    fn make_room(&self, full: Full, source: Option<Source>) -> bool {
        let mut table = self.table.lock();
        let oldest = match full {
            Full::Address => table.strangers.oldest_of(source),
            Full::Listener => table.strangers.oldest_of_the_many(),
        };
        match oldest {
            Some(id) => self.push_out(&mut table, id),
            None => return false,
        }
        true
    }

    /// Who an address counts as; `None` where it does not count.
    pub(crate) fn counted_as(&self, address: IpAddr) -> Option<Source> {
        self.limits.counted_as(address)
    }

    /// Tells a stranger to go, when the process runs out of something that connections take.
    pub(crate) fn push_out_one(&self) {
        self.make_room(Full::Listener, None);
    }

    fn push_out(&self, table: &mut Table, id: u64) {
        let Some(connection) = table.open.get_mut(&id) else {
            return;
        };
        if let Standing::Stranger(go) = std::mem::replace(&mut connection.standing, Standing::Leaving) {
            go.cancel();
        }
        let source = connection.source;
        table.strangers.change(source, |ids| ids.remove(&id));
        self.pushed_out.increment(1);
    }

    /// The connection has shown a good token, and keeps its place. An error says that too many have: it has to go when
    /// the request is answered.
    pub(crate) fn is_known(&self, id: u64) -> Result<(), Full> {
        let mut table = self.table.lock();
        let table = &mut *table;
        let Some(connection) = table.open.get_mut(&id) else {
            return Ok(());
        };
        if !matches!(connection.standing, Standing::Stranger(_)) {
            return Ok(());
        }
        if table.known >= ConnectionLimits::for_known(self.limits.total) {
            return Err(Full::Listener);
        }
        if let Some(number) = connection.source.and_then(|source| table.of.get_mut(&source)) {
            if number.known >= ConnectionLimits::for_known(self.limits.per_address) {
                return Err(Full::Address);
            }
            number.known += 1;
        }
        connection.standing = Standing::Known;
        table.known += 1;
        table.strangers.change(connection.source, |ids| ids.remove(&id));
        Ok(())
    }

    fn leave(&self, id: u64) {
        let mut table = self.table.lock();
        let Some(connection) = table.open.remove(&id) else {
            return;
        };
        let known = usize::from(matches!(connection.standing, Standing::Known));
        let source = connection.source;
        if let Standing::Stranger(_) = connection.standing {
            table.strangers.change(source, |ids| ids.remove(&id));
        }
        table.known -= known;
        if let Some(source) = source
            && let Some(number) = table.of.get_mut(&source)
        {
            number.open -= 1;
            number.known -= known;
            if number.open == 0 {
                table.of.remove(&source);
            }
        }
        self.open.set(table.open.len() as f64);
        drop(table);
        self.left.notify_waiters();
    }
}

impl Table {
    fn insert(&mut self, source: Option<Source>) -> (u64, CancellationToken) {
        let (id, go) = (self.next, CancellationToken::new());
        self.next += 1;
        let connection = Connection {
            source,
            standing: Standing::Stranger(go.clone()),
        };
        self.open.insert(id, connection);
        if let Some(source) = source {
            self.of.entry(source).or_default().open += 1;
        }
        self.strangers.change(source, |ids| ids.insert(id));
        (id, go)
    }
}

impl Place {
    pub(crate) fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.leave(self.id);
    }
}
