//! Where the node listens, and how many connections each place has.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use edge::{
    AcceptLimits, ConnectionLimits, Http, Names, Origin, PageRules, Problem, ServeLimits, Tls,
    TrustedProxies, ruled,
};
use http::{Method, StatusCode, Uri};
use ipnet::IpNet;
use tokio::net::TcpListener;

use crate::config::Config;
use crate::descriptors::Shares;
use crate::phase::{Phase, Phases, STOPS_WITHIN};
use crate::routes::{self, Reach};
use crate::service::{Listener, Speak};

/// A listener, and where it really listens: port 0 means any.
pub(crate) struct Bound {
    listener: TcpListener,
    /// Where.
    pub address: SocketAddr,
}

/// Takes an address; `setting` is named to who has to choose another one.
pub(crate) async fn bind(address: SocketAddr, setting: &str) -> anyhow::Result<Bound> {
    let bound = TcpListener::bind(address).await.and_then(|listener| {
        let address = listener.local_addr()?;
        Ok(Bound { listener, address })
    });
    bound.with_context(|| format!("cannot listen on {address}; choose another address with {setting}"))
}

/// Lets connections in.
pub(crate) struct Listeners<'a> {
    config: &'a Config,
    shares: Shares,
    phases: &'a Phases,
}

impl<'a> Listeners<'a> {
    /// Two of them, and so many `further` ones.
    pub(crate) fn new(config: &'a Config, shares: Shares, further: usize, phases: &'a Phases) -> Self {
        Self {
            config,
            shares: shares.with(further),
            phases,
        }
    }

    /// Serves what is to be had there over HTTP, inside of `tls` where that is spoken.
    pub(crate) fn serve(&self, bound: Bound, router: Router, reach: Reach, tls: Option<Tls>) {
        let settings = &self.config.listeners;
        let (http, connections, proxies) = match reach {
            Reach::Public => (Http::OneAndTwo, self.public(), settings.trusted_proxies.clone()),
            Reach::Internal => {
                let connections = self.closed("internal".into(), self.shares.internal);
                (Http::One, connections, TrustedProxies::default())
            }
        };
        let router = routes::only_listed(router, reach).fallback(no_such_place);
        let router = ruled(router, self.rules(reach, bound.address, tls.is_some()));
        let limits = self.config.limits.http.clone();
        let speak: Speak = Box::new(move |listener, accept, stop| {
            let limits = ServeLimits {
                accept,
                http,
                ..limits
            };
            Box::pin(edge::serve(listener, router, limits, stop))
        });
        let accept = AcceptLimits {
            connections,
            proxies,
            tls,
            ..self.accept()
        };
        self.begin(bound, speak, accept);
    }

    /// Whose pages may ask there, and by which names it is called.
    fn rules(&self, reach: Reach, address: SocketAddr, secure: bool) -> PageRules {
        let settings = &self.config.listeners;
        let origins = match reach {
            Reach::Public => settings.origins.clone(),
            // There are no pages for it.
            Reach::Internal => Vec::new(),
        };
        // Whoever can be reached from this machine alone is asked by pages in its browsers, by names that others make to
        // mean it.
        let is_local = address.ip().is_loopback() && !self.config.is_clustered();
        // Nodes call each other's internal listener by what they advertise.
        let is_listed = !settings.hosts.is_empty() && (is_local || reach == Reach::Public);
        let named = settings.origins.iter().map(Origin::host).map(str::to_owned);
        let named = named.chain(settings.hosts.iter().cloned());
        let hosts = match (is_listed, is_local) {
            (true, _) => Names::Listed(named.collect()),
            (false, true) => Names::OfPages(named.collect()),
            (false, false) => Names::Any,
        };
        PageRules {
            origins,
            hosts,
            secure,
        }
    }

    /// Speaks what a role speaks there.
    pub(crate) fn speak(&self, bound: Bound, listener: Listener) {
        let connections = self.open(listener.name, self.shares.further);
        tracing::info!(listener = &*connections.listener, address = %bound.address, "listening");
        let accept = AcceptLimits {
            connections,
            ..self.accept()
        };
        self.begin(bound, listener.speak, accept);
    }

    /// What all listeners have in common.
    fn accept(&self) -> AcceptLimits {
        AcceptLimits {
            // How long it is waited for is decided for all phases together.
            shutdown: STOPS_WITHIN,
            ..self.config.limits.http.accept.clone()
        }
    }

    fn begin(&self, bound: Bound, speak: Speak, limits: AcceptLimits) {
        let serving = self.phases.of(Phase::Serving);
        serving.begin(|stop| speak(bound.listener, limits, stop));
    }

    fn public(&self) -> ConnectionLimits {
        let possible = self.shares.public;
        let wanted = self.config.listeners.connections.unwrap_or(possible);
        if wanted > possible {
            tracing::warn!(
                wanted,
                possible,
                "the limit on open files allows fewer connections: raise it (`ulimit -n`)"
            );
        }
        let limits = self.open("public".into(), wanted.min(possible));
        let (total, per_address) = (limits.total, limits.per_address);
        tracing::info!(total, per_address, "public connections");
        limits
    }

    /// For everybody: an address has a part of it.
    fn open(&self, listener: Arc<str>, total: usize) -> ConnectionLimits {
        let wanted = self.config.listeners.connections_per_address;
        ConnectionLimits {
            listener,
            total,
            per_address: wanted.unwrap_or(total / 2).clamp(1, total),
            exempt: self.proxies(),
        }
    }

    /// Addresses behind which others stand.
    fn proxies(&self) -> Arc<[IpNet]> {
        let settings = &self.config.listeners;
        let trusted = settings.trusted_proxies.networks.iter();
        settings.proxies.iter().chain(trusted).copied().collect()
    }

    /// Nobody but the installation connects there, from however few addresses.
    fn closed(&self, listener: Arc<str>, total: usize) -> ConnectionLimits {
        ConnectionLimits {
            listener,
            total,
            per_address: total,
            exempt: Arc::new([]),
        }
    }
}

async fn no_such_place(method: Method, uri: Uri) -> Problem {
    let detail = format!(
        "there is no {method} {} on this node: its roles may be others, or the address is wrong",
        uri.path()
    );
    Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
}
