//! What is known of who is on the other end of a connection, and what is said to it of that. In the extensions of each
//! request over HTTP.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{CONNECTION, HeaderValue};
use http::{HeaderMap, StatusCode};
use tokio_util::sync::CancellationToken;

use crate::Problem;
use crate::attempts::{AttemptLimits, Attempts};
use crate::connections::{ConnectionLimits, Connections, Full, Source};
use crate::proxies::TrustedProxies;
use crate::seldom::Seldom;

/// What the connections of a listener share.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) connections: Arc<Connections>,
    attempts: Attempts,
    proxies: TrustedProxies,
    slowed: Seldom,
}

impl Listening {
    pub(crate) fn new(
        connections: ConnectionLimits,
        attempts: AttemptLimits,
        proxies: TrustedProxies,
    ) -> Arc<Self> {
        Arc::new(Self {
            connections: Connections::new(connections),
            attempts: Attempts::new(attempts),
            proxies,
            slowed: Seldom::default(),
        })
    }
}

impl Listening {
    /// Who an address counts as. A trusted proxy that does not say for whom it asks does so itself, and so does who is
    /// among them.
    fn counted_as(&self, address: IpAddr) -> Option<Source> {
        if self.proxies.are_at(address) {
            Some(Source::of(address.to_canonical()))
        } else {
            self.connections.counted_as(address)
        }
    }
}

/// Who asks, as far as the connection tells, and a trusted proxy.
#[derive(Debug, Clone)]
pub struct Visitor {
    connected: Arc<Connected>,
    address: IpAddr,
    /// Who the address counts as; nobody behind a proxy that says nothing.
    source: Option<Source>,
}

#[derive(Debug)]
struct Connected {
    listening: Arc<Listening>,
    connection: u64,
    /// The other end.
    peer: SocketAddr,
    /// Whether it is believed whom it asks for.
    is_trusted: bool,
    /// Cancelled when it has to end what is under way, and go.
    leave: CancellationToken,
}

impl Visitor {
    pub(crate) fn new(listening: Arc<Listening>, connection: u64, peer: SocketAddr) -> Self {
        let address = peer.ip();
        let is_trusted = listening.proxies.are_at(address);
        let source = listening.counted_as(address);
        let connected = Connected {
            connection,
            peer,
            is_trusted,
            leave: CancellationToken::new(),
            listening,
        };
        Self {
            connected: Arc::new(connected),
            address,
            source,
        }
    }

    /// The same on behalf of somebody at another address.
    pub(crate) fn asking_for(&self, client: IpAddr) -> Self {
        Self {
            connected: Arc::clone(&self.connected),
            address: client,
            source: self.connected.listening.counted_as(client),
        }
    }

    /// Who makes a request with this head, over the same connection.
    pub(crate) fn of_request(&self, headers: &HeaderMap) -> Self {
        if !self.connected.is_trusted {
            return self.clone();
        }
        let client = self.connected.listening.proxies.client(headers);
        client.map_or_else(|| self.clone(), |client| self.asking_for(client))
    }

    /// Who asks: the other end of the connection, or for whom a trusted proxy at that end does.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The other end of the connection.
    pub fn peer(&self) -> SocketAddr {
        self.connected.peer
    }

    /// It has shown that it may be here: from now on the connection keeps its place. An error says that too many have one; it
    /// has to go then.
    pub fn is_known(&self) -> Result<(), Full> {
        let known = self
            .connected
            .listening
            .connections
            .is_known(self.connected.connection);
        known.inspect_err(|_| self.connected.leave.cancel())
    }

    /// Until it has to end what is under way, and go.
    pub(crate) async fn has_to_leave(&self) {
        self.connected.leave.cancelled().await;
    }

    /// A good token was shown: it is [known](Self::is_known). The refusal says that too many are.
    pub fn showed_a_good_token(&self) -> Result<(), Problem> {
        self.is_known().map_err(|full| {
            let detail = match full {
                Full::Listener => "this node has as many connections as it can have: come back in a while",
                Full::Address => "there are too many connections from your address: close some",
            };
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
                .retry_after(Duration::from_secs(1))
                .header(CONNECTION, HeaderValue::from_static("close"))
        })
    }

    /// A bad token was shown. The refusal says that too many come from this address.
    pub fn showed_a_bad_token(&self) -> Result<(), Problem> {
        metrics::counter!("tailcast_bad_tokens_total").increment(1);
        let Some(source) = self.source else {
            return Ok(());
        };
        let listening = &self.connected.listening;
        listening.attempts.take(source, Instant::now()).map_err(|wait| {
            metrics::counter!("tailcast_bad_tokens_slowed_total").increment(1);
            if let Some(times) = listening.slowed.happened() {
                let address = self.address;
                tracing::warn!(%address, times, "bad tokens come too fast, and are slowed down");
            }
            let detail = "too many bad tokens come from this address: get a good one, and come back with it";
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_bad_tokens", detail).retry_after(wait)
        })
    }
}
