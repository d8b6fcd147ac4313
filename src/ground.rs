//! What the roles of a node share.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use auth::ring::{CheckKey, Ring};
use auth::tickets::Tickets;
use auth::{ClusterSecret, Key, Minter, Signing, Verifier};
use dispatch::{NodeId, Role};
use edge::sieve::Sieve;
use lines::{Ledger, LogStore};
use metrics_exporter_prometheus::PrometheusHandle;
use read::Questions;
use tokio::runtime::Handle;

use crate::config::Config;
use crate::fan_out::FanOut;
use crate::parts::{self, Table};
use crate::phase::Phases;

/// What the node proves and checks identities with.
pub(crate) struct Keys {
    /// Checks the tokens of senders and subscribers.
    pub verifier: Arc<Verifier>,
    /// What those carry as `iss`.
    pub issuer: Arc<str>,
    /// What the node signs tokens with.
    pub signing: Arc<Signing>,
    /// What it proves itself to other nodes with; none on a node that is no part of a cluster.
    pub cluster: Option<Arc<ClusterSecret>>,
}

impl Keys {
    /// From the shared key of tokens, where there is one, and the settings.
    pub(crate) fn new(key: Option<&Key>, config: &Config) -> anyhow::Result<Self> {
        let issuer = &config.tokens.issuer;
        let ring = key.map(|key| Ring::default().with(CheckKey::hs256(key)));
        // Key pairs are kept by the role auth.
        let signing = match (key, config.tokens.signing) {
            (Some(key), None) => Signing::with(Minter::hs256(key, issuer)),
            _ => Signing::default(),
        };
        Ok(Self {
            verifier: Arc::new(Verifier::new(issuer, ring.unwrap_or_default())),
            issuer: issuer.as_str().into(),
            signing: Arc::new(signing),
            cluster: parts::cluster_secret(config)?,
        })
    }
}

/// What a role is made from: what there is once in a node, whatever its roles.
pub(crate) struct Ground<'a> {
    /// The settings.
    pub config: &'a Config,
    /// Identities.
    pub keys: Keys,
    /// Which node this is.
    pub id: NodeId,
    /// `host:port` for the other nodes.
    pub address: String,
    /// Who lives, and who wants what.
    pub table: Table,
    /// Where filters are put to lines.
    pub sieve: Arc<Sieve>,
    /// What the process counts.
    pub metrics: PrometheusHandle,
    /// What runs, by the phase that ends it.
    pub phases: Phases,
    kept: Option<Kept>,
    fan_out: Option<Arc<FanOut>>,
}

/// Where lines and small durable state are kept.
pub(crate) struct Kept {
    /// All lines.
    pub store: Arc<dyn LogStore>,
    /// What else is kept: each user of it has a prefix of its own.
    pub ledger: Arc<dyn Ledger>,
    /// What opens one connection once.
    pub tickets: Arc<Tickets>,
    /// The lines, as all who read ask for them.
    pub questions: Arc<Questions>,
}

impl<'a> Ground<'a> {
    /// Opens what the settings name. Databases need not be there yet.
    pub(crate) async fn open(
        config: &'a Config,
        keys: Keys,
        metrics: PrometheusHandle,
        internal: SocketAddr,
    ) -> anyhow::Result<Self> {
        let kept = if parts::needs_store(config) {
            let parts::Store { lines: store, ledger } = parts::open_store(config).await?;
            tokio::spawn(parts::tell_whether_there(store.clone()));
            // On the threads that answer: a reader of history does not wait for sessions who ask the same.
            let questions = Questions::new(store.clone(), config.limits.questions, Handle::current());
            keys.verifier.look_first(config.tokens.staleness);
            let tickets = Arc::new(Tickets::new(ledger.clone(), config.limits.tickets));
            keys.verifier.redeem(tickets.clone());
            Some(Kept {
                store,
                ledger,
                tickets,
                questions,
            })
        } else {
            None
        };
        let fan_out = if config.has(Role::Push) {
            Some(Arc::new(FanOut::start(config.limits.fan_out)?))
        } else {
            None
        };
        let advertised = config.listeners.advertise.clone();
        Ok(Self {
            config,
            keys,
            id: NodeId::random(),
            address: advertised.unwrap_or_else(|| internal.to_string()),
            table: parts::open_table(config).await?,
            sieve: Sieve::new(config.limits.filters),
            metrics,
            phases: Phases::default(),
            kept,
            fan_out,
        })
    }

    /// Where lines are kept, for a role that [needs it](parts::needs_store).
    pub(crate) fn kept(&self) -> anyhow::Result<&Kept> {
        self.kept
            .as_ref()
            .context("a role needs a store, and there is none")
    }

    /// The threads that serve sessions, for the role that has them.
    pub(crate) fn fan_out(&self) -> anyhow::Result<&Arc<FanOut>> {
        self.fan_out.as_ref().context("no role has sessions")
    }

    /// The store, where a role of this node has one.
    pub(crate) fn store(&self) -> Option<Arc<dyn LogStore>> {
        self.kept.as_ref().map(|kept| kept.store.clone())
    }
}
