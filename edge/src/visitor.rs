//! What is known of who is on the other end of a connection, and what is said to it of that. In the extensions of each
//! request over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use http::header::{CONNECTION, HeaderValue};
use tokio_util::sync::CancellationToken;

use crate::Problem;
use crate::attempts::{AttemptLimits, Attempts};
use crate::connections::{ConnectionLimits, Connections, Full, Source};
use crate::seldom::Seldom;

/// What the connections of a listener share.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) connections: Arc<Connections>,
    attempts: Attempts,
    slowed: Seldom,
}

impl Listening {
    pub(crate) fn new(connections: ConnectionLimits, attempts: AttemptLimits) -> Arc<Self> {
        Arc::new(Self {
            connections: Connections::new(connections),
            attempts: Attempts::new(attempts),
            slowed: Seldom::default(),
        })
    }
}

/// Who is on the other end, as far as the connection tells.
#[derive(Debug, Clone)]
pub struct Visitor(Arc<Connected>);

#[derive(Debug)]
struct Connected {
    listening: Arc<Listening>,
    connection: u64,
    address: SocketAddr,
    /// Who the address counts as; nobody behind a proxy.
    source: Option<Source>,
    /// Cancelled when it has to end what is under way, and go.
    leave: CancellationToken,
}

impl Visitor {
    pub(crate) fn new(listening: Arc<Listening>, connection: u64, address: SocketAddr) -> Self {
        let source = listening.connections.counted_as(address.ip());
        Self(Arc::new(Connected {
            listening,
            connection,
            address,
            source,
            leave: CancellationToken::new(),
        }))
    }

    /// The other end of the connection.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Whether others stand behind its address.
    pub fn is_proxy(&self) -> bool {
        self.0.source.is_none()
    }

    /// It has shown that it may be here: from now on the connection keeps its place. An error says that too many have one; it
    /// has to go then.
    pub fn is_known(&self) -> Result<(), Full> {
        let known = self.0.listening.connections.is_known(self.0.connection);
        known.inspect_err(|_| self.0.leave.cancel())
    }

    /// Until it has to end what is under way, and go.
    pub(crate) async fn has_to_leave(&self) {
        self.0.leave.cancelled().await;
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
        let Some(source) = self.0.source else {
            return Ok(());
        };
        let listening = &self.0.listening;
        listening.attempts.take(source, Instant::now()).map_err(|wait| {
            metrics::counter!("tailcast_bad_tokens_slowed_total").increment(1);
            if let Some(times) = listening.slowed.happened() {
                let address = self.0.address.ip();
                tracing::warn!(%address, times, "bad tokens come too fast, and are slowed down");
            }
            let detail = "too many bad tokens come from this address: get a good one, and come back with it";
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_bad_tokens", detail).retry_after(wait)
        })
    }
}
