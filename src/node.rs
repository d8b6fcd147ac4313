//! One node: its roles become parts, its parts become two listeners, and both end in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use auth::{ClusterSecret, Key, Verifier};
use axum::Router;
use collect::append::{AppendLimits, Appender, StreamLimits};
use collect::ingest;
use dispatch::link::{self, Inbound, Links, RemoteHandoff, To};
use dispatch::{Dispatcher, Keeper, Lease, NodeId, Peers, Role, Roster, nodes_router};
use edge::sieve::Sieve;
use edge::{AcceptLimits, ConnectionLimits, Http, Problem, ServeLimits};
use http::{Method, StatusCode, Uri};
use lines::{HintSink, LogStore};
use metrics_exporter_prometheus::PrometheusHandle;
use push::{Listing, Push};
use store::clock::SystemClock;
use store::trim::{self, Trimmer};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::descriptors::Shares;
use crate::health::{self, Health};
use crate::routes::{self, Listener};
use crate::{measure, parts};

/// What the node proves and checks identities with.
pub struct Keys {
    verifier: Arc<Verifier>,
    issuer: Arc<str>,
    cluster: Option<Arc<ClusterSecret>>,
}

impl Keys {
    /// From the key of tokens and the settings.
    pub fn new(key: &Key, config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            verifier: Arc::new(Verifier::hs256(key, &config.tokens.issuer)),
            issuer: config.tokens.issuer.as_str().into(),
            cluster: parts::cluster_secret(config)?,
        })
    }
}

/// A node that runs.
pub struct Node {
    public: SocketAddr,
    internal: SocketAddr,
    health: Arc<Health>,
    /// Over how long sessions are told to leave.
    drain: Duration,
    push: Option<Arc<Push>>,
    appender: Option<Appender>,
    /// Ends the listeners.
    serving: CancellationToken,
    /// Ends what takes hints to where they are wanted.
    passing: CancellationToken,
    /// Ends everything else.
    working: CancellationToken,
    listeners: TaskTracker,
    passers: TaskTracker,
    workers: TaskTracker,
}

/// When everything is over once the node is told to stop, with a drain of the default length. Orchestrators kill 30 s
/// after they ask. What is left of it is what each phase may take.
const STOPS_WITHIN: Duration = Duration::from_secs(29);

/// What every phase may take, however late it is.
const LEAST: Duration = Duration::from_secs(1);

/// How long what came in may take to be stored and answered. What is not by then is answered with what is known of it.
const STORING_ENDS_WITHIN: Duration = Duration::from_secs(15);

/// How long the last answers may take to leave.
const ANSWERING_ENDS_WITHIN: Duration = Duration::from_millis(500);

/// How long the last hints may take to leave when the node ends. What does not leave is found in the store.
const PASSING_ENDS_WITHIN: Duration = Duration::from_secs(2);

/// How long anything else may take to end, the lease for example.
const WORK_ENDS_WITHIN: Duration = Duration::from_secs(5);

impl Node {
    /// Binds the listeners, makes the parts that the roles need, and serves.
    pub async fn start(
        config: &Config,
        keys: Keys,
        metrics: PrometheusHandle,
        shares: Shares,
    ) -> anyhow::Result<Self> {
        let public = bind(config.listeners.public, "--listen").await?;
        let internal = bind(config.listeners.internal, "--internal").await?;
        let store = match parts::needs_store(config) {
            true => Some(parts::open_store(config).await?),
            false => None,
        };
        let mut build = Build {
            config,
            keys,
            id: NodeId::random(),
            table: parts::open_table(config).await?,
            address: config
                .listeners
                .advertise
                .clone()
                .unwrap_or_else(|| internal.address.to_string()),
            health: Health::new(store.clone()),
            serving: CancellationToken::new(),
            passing: CancellationToken::new(),
            working: CancellationToken::new(),
            passers: TaskTracker::new(),
            workers: TaskTracker::new(),
            public: Router::new(),
            internal: Router::new(),
        };
        let push = store
            .clone()
            .filter(|_| config.has(Role::Push))
            .map(|store| build.push(store));
        let roster = build.lease(push.as_ref());
        let local: Option<Arc<dyn HintSink>> = push.clone().map(|push| push as Arc<dyn HintSink>);
        let dispatcher = build.dispatch(local.clone(), &roster);
        build.links_in(dispatcher.clone(), local);
        let appender = match store.filter(|_| config.has(Role::Collect)) {
            Some(store) => Some(build.collect(store, dispatcher, &roster)?),
            None => None,
        };
        build.rest(roster, metrics);
        tracing::info!(node = %build.id, public = %public.address, internal = %internal.address, "started");
        Ok(build.serve(public, internal, push, appender, shares))
    }

    /// The address of the public listener.
    pub fn public(&self) -> SocketAddr {
        self.public
    }

    /// The address of the internal listener.
    pub fn internal(&self) -> SocketAddr {
        self.internal
    }

    /// Ends in the order of a line's path: sessions are told and moved on, requests under way are answered, what waits
    /// is stored and handed off, the lease ends. A store or a peer that is away holds up none of these for long.
    pub async fn stop(self) {
        let ends = Instant::now() + STOPS_WITHIN;
        self.health.drain();
        if let Some(push) = &self.push {
            push.drain(self.drain).await;
        }
        self.serving.cancel();
        self.listeners.close();
        let storing = phase(STORING_ENDS_WITHIN, ends, PASSING_ENDS_WITHIN + 2 * LEAST);
        self.end_storing(Instant::now() + storing).await;
        self.passing.cancel();
        ended(
            &self.passers,
            phase(PASSING_ENDS_WITHIN, ends, LEAST),
            "hints were still waiting to be passed on",
        )
        .await;
        self.working.cancel();
        ended(
            &self.workers,
            phase(WORK_ENDS_WITHIN, ends, Duration::ZERO),
            "some work did not end in time",
        )
        .await;
        tracing::info!("stopped");
    }

    /// Requests under way wait for the appender, which takes their lines as long as they come. Those that still wait for
    /// the store at the end are answered then.
    async fn end_storing(&self, until: Instant) {
        let answered = timeout_at(until, self.listeners.wait()).await;
        if let Some(appender) = &self.appender {
            appender
                .shutdown(until.saturating_duration_since(Instant::now()))
                .await;
        }
        if answered.is_err()
            && timeout(ANSWERING_ENDS_WITHIN, self.listeners.wait())
                .await
                .is_err()
        {
            tracing::warn!("requests were still under way at the end");
        }
    }
}

/// What a phase may take: as long as it likes up to `most`, as long as enough is left for those that come later.
fn phase(most: Duration, ends: Instant, later: Duration) -> Duration {
    let left = ends.saturating_duration_since(Instant::now() + later);
    most.min(left).max(LEAST)
}

/// A listener, and where it really listens: port 0 means any.
struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

async fn bind(address: SocketAddr, flag: &str) -> anyhow::Result<Bound> {
    let bound = TcpListener::bind(address).await.and_then(|listener| {
        let address = listener.local_addr()?;
        Ok(Bound { listener, address })
    });
    bound.with_context(|| format!("cannot listen on {address}; choose another address with {flag}"))
}

async fn ended(tasks: &TaskTracker, within: Duration, otherwise: &str) {
    tasks.close();
    if timeout(within, tasks.wait()).await.is_err() {
        tracing::warn!(waited_s = within.as_secs(), "{otherwise}");
    }
}

/// A node while its parts are put together.
struct Build<'a> {
    config: &'a Config,
    keys: Keys,
    id: NodeId,
    table: parts::Table,
    /// `host:port` for the other nodes.
    address: String,
    health: Arc<Health>,
    serving: CancellationToken,
    passing: CancellationToken,
    working: CancellationToken,
    passers: TaskTracker,
    workers: TaskTracker,
    public: Router,
    internal: Router,
}

impl Build<'_> {
    fn push(&mut self, store: Arc<dyn LogStore>) -> Arc<Push> {
        let listing = Listing::new(store.clone(), self.config.limits.listing);
        let sieve = Sieve::new(self.config.limits.filters);
        let push = Push::new(push::Parts {
            store: store.clone(),
            listing: listing.clone(),
            sieve: sieve.clone(),
            routes: self.table.routes.clone(),
            node: self.id.clone(),
            verifier: self.keys.verifier.clone(),
            limits: self.config.limits.sessions.clone(),
        });
        let (running, stop) = (push.clone(), self.working.clone());
        self.workers.spawn(async move { running.run(stop).await });
        let history = read::router(read::Parts {
            verifier: self.keys.verifier.clone(),
            store,
            listing,
            sieve,
            limits: self.config.limits.history,
        });
        self.merge(push::router(push.clone()).merge(history));
        push
    }

    /// Takes out the lease; from then on the other nodes know this one.
    fn lease(&mut self, push: Option<&Arc<Push>>) -> Roster {
        let lease = Lease {
            node: self.id.clone(),
            roles: self.config.node.roles.clone(),
            address: self.address.clone(),
            sessions: 0,
            started: lines::Timestamp::now().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let counted = push.cloned();
        let sessions = move || counted.as_ref().map_or(0, |push| push.sessions() as u64);
        let local = push.cloned().map(|push| push as Arc<dyn HintSink>);
        let (keeper, roster) = Keeper::new(
            self.table.membership.clone(),
            lease,
            sessions,
            local,
            self.config.limits.lease,
        );
        self.workers.spawn(keeper.run(self.working.clone()));
        roster
    }

    fn dispatch(&mut self, local: Option<Arc<dyn HintSink>>, roster: &Roster) -> Option<Arc<Dispatcher>> {
        if !self.config.has(Role::Dispatch) {
            return None;
        }
        let peers = self.links(To::Push, roster).map(|links| Peers {
            links,
            roster: roster.clone(),
        });
        let dispatcher = Dispatcher::new(
            self.id.clone(),
            self.table.routes.clone(),
            local,
            peers,
            self.config.limits.dispatch,
        );
        self.passers.spawn(dispatcher.clone().run(self.passing.clone()));
        Some(dispatcher)
    }

    /// Links to every node of a role; none on a node that is no part of a cluster.
    fn links(&mut self, to: To, roster: &Roster) -> Option<Arc<Links>> {
        let secret = self.keys.cluster.clone()?;
        let links = Links::new(self.id.clone(), to, secret, self.config.limits.links);
        self.passers
            .spawn(links.clone().run(roster.clone(), self.passing.clone()));
        Some(links)
    }

    fn links_in(&mut self, dispatcher: Option<Arc<Dispatcher>>, push: Option<Arc<dyn HintSink>>) {
        let Some(secret) = self.keys.cluster.clone() else {
            return;
        };
        let inbound = link::router(Inbound {
            me: self.id.clone(),
            secret,
            dispatch: dispatcher.map(|it| it as Arc<dyn HintSink>),
            push,
            limits: self.config.limits.links,
            stop: self.working.clone(),
            tasks: self.workers.clone(),
        });
        self.internal = std::mem::take(&mut self.internal).merge(inbound);
    }

    fn collect(
        &mut self,
        store: Arc<dyn LogStore>,
        dispatcher: Option<Arc<Dispatcher>>,
        roster: &Roster,
    ) -> anyhow::Result<Appender> {
        let handoff: Arc<dyn HintSink> = match dispatcher {
            Some(dispatcher) => dispatcher,
            None => {
                let links = self.links(To::Dispatch, roster);
                let remote =
                    RemoteHandoff::new(links.context("a collector without a dispatcher needs a cluster")?);
                self.passers.spawn(remote.clone().run(self.passing.clone()));
                remote
            }
        };
        let limits = self.config.limits.append;
        let appender = Appender::new(
            store.clone(),
            handoff,
            AppendLimits {
                streams: StreamLimits {
                    burst: self.config.streams.new,
                    per_minute: self.config.streams.new_per_minute,
                    ..limits.streams
                },
                ..limits
            },
        );
        self.merge(ingest::router(ingest::Parts {
            verifier: self.keys.verifier.clone(),
            appender: appender.clone(),
            limits: self.config.limits.ingest,
        }));
        let trimmer = Trimmer::new(trim::Parts {
            store,
            retention: self.config.retention.kept,
            every: self.config.retention.every,
            clock: Arc::new(SystemClock::default()),
        });
        let admin = trim::admin::router(self.keys.verifier.clone(), trimmer.clone());
        self.internal = std::mem::take(&mut self.internal).merge(admin);
        let stop = self.working.clone();
        self.workers.spawn(async move { trimmer.run(stop).await });
        Ok(appender)
    }

    /// What has no place in the path of a line.
    fn rest(&mut self, roster: Roster, metrics: PrometheusHandle) {
        if self.config.has(Role::Auth) {
            self.merge(auth::introspect::router(auth::introspect::Parts {
                verifier: self.keys.verifier.clone(),
                issuer: self.keys.issuer.clone(),
                limits: self.config.limits.introspect,
            }));
        }
        if self.config.has(Role::Web) {
            self.merge(web::router());
        }
        self.merge(health::router(self.health.clone()));
        self.workers
            .spawn(measure::keep_up(metrics.clone(), self.working.clone()));
        let internal = std::mem::take(&mut self.internal);
        self.internal = internal
            .merge(health::router(self.health.clone()))
            .merge(measure::router(metrics))
            .merge(nodes_router(self.keys.verifier.clone(), roster));
    }

    fn merge(&mut self, router: Router) {
        self.public = std::mem::take(&mut self.public).merge(router);
    }

    fn serve(
        self,
        public: Bound,
        internal: Bound,
        push: Option<Arc<Push>>,
        appender: Option<Appender>,
        shares: Shares,
    ) -> Node {
        let listeners = TaskTracker::new();
        let (public_address, internal_address) = (public.address, internal.address);
        for (Bound { listener, .. }, router, place, connections) in [
            (
                public,
                self.public,
                Listener::Public,
                public_connections(self.config, shares),
            ),
            (
                internal,
                self.internal,
                Listener::Internal,
                internal_connections(shares),
            ),
        ] {
            let router = routes::only_listed(router, place).fallback(no_such_place);
            let wanted = &self.config.limits.http;
            let limits = ServeLimits {
                accept: AcceptLimits {
                    connections,
                    // How long it is waited for is decided in `stop`, for all phases together.
                    shutdown: STOPS_WITHIN,
                    ..wanted.accept.clone()
                },
                http: match place {
                    Listener::Public => Http::OneAndTwo,
                    Listener::Internal => Http::One,
                },
                ..wanted.clone()
            };
            listeners.spawn(edge::serve(listener, router, limits, self.serving.clone()));
        }
        Node {
            public: public_address,
            internal: internal_address,
            health: self.health,
            // A lone node's sessions have nowhere else to go, and its owner waits for the prompt.
            drain: if self.config.is_clustered() {
                self.config.node.drain
            } else {
                Duration::ZERO
            },
            push,
            appender,
            serving: self.serving,
            passing: self.passing,
            working: self.working,
            listeners,
            passers: self.passers,
            workers: self.workers,
        }
    }
}

fn public_connections(config: &Config, shares: Shares) -> ConnectionLimits {
    let wanted = config.listeners.connections.unwrap_or(shares.public);
    if wanted > shares.public {
        let possible = shares.public;
        tracing::warn!(
            wanted,
            possible,
            "the limit on open files allows fewer connections: raise it (`ulimit -n`)"
        );
    }
    let total = wanted.min(shares.public);
    let per_address = config
        .listeners
        .connections_per_address
        .unwrap_or(total / 2)
        .clamp(1, total);
    tracing::info!(total, per_address, "public connections");
    ConnectionLimits {
        listener: "public".into(),
        total,
        per_address,
        exempt: config.listeners.proxies.clone().into(),
    }
}

/// Nobody but the installation connects there, from however few addresses.
fn internal_connections(shares: Shares) -> ConnectionLimits {
    ConnectionLimits {
        listener: "internal".into(),
        total: shares.internal,
        per_address: shares.internal,
        exempt: Arc::new([]),
    }
}

async fn no_such_place(method: Method, uri: Uri) -> Problem {
    let detail = format!(
        "there is no {method} {} on this node: its roles may be others, or the address is wrong",
        uri.path()
    );
    Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
}
