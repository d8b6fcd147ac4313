//! The one way in for every listener, whatever is spoken on it: who gets in, by when the first byte has to come, who has to
//! go for others, and the end.
//!
//! Knows nothing of what is spoken.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::attempts::AttemptLimits;
use crate::connections::{ConnectionLimits, Full, Place};
use crate::proxies::{self, TrustedProxies};
use crate::seldom::Seldom;
use crate::socket::{Carrier, Socket};
use crate::tls::{Handshakes, NoTls, Tls};
use crate::visitor::{Listening, Visitor};

/// What a listener lets in. Each field says its default.
#[derive(Debug, Clone)]
pub struct AcceptLimits {
    /// How many connections there may be.
    pub connections: ConnectionLimits,
    /// How many bad credentials an address may bring.
    pub attempts: AttemptLimits,
    /// Who is believed for whom they ask: nobody.
    pub proxies: TrustedProxies,
    /// What is shown to those who connect, where TLS is spoken: nothing.
    pub tls: Option<Tls>,
    /// From the connection to its first byte, and to the end of the handshake of TLS: 5 s.
    pub first_byte: Duration,
    /// What the system keeps of a connection beyond what the network takes, in bytes: 32 KiB. Without this bound it is
    /// megabytes for a client that was fast once and stopped reading, and a slow one shows no progress for minutes. Linux
    /// only.
    pub unsent: u32,
    /// For what is under way when the shutdown begins: 10 s. What left its connection's task (a WebSocket for example) is
    /// not waited for here: who took it holds a tracker token.
    pub shutdown: Duration,
}

impl Default for AcceptLimits {
    fn default() -> Self {
        Self {
            connections: ConnectionLimits::default(),
            attempts: AttemptLimits::default(),
            proxies: TrustedProxies::default(),
            tls: None,
            first_byte: Duration::from_secs(5),
            unsent: 32 * 1024,
            shutdown: Duration::from_secs(10),
        }
    }
}

/// What is spoken on a listener.
pub trait Protocol: Send + Sync + 'static {
    /// Told to a connection that does not get in, before it has said anything: nothing, unless the protocol has words for it.
    const NO_PLACE: &'static [u8] = b"";

    /// Told to a connection that speaks in the clear where TLS is spoken: nothing, unless the protocol has words for it.
    const NO_TLS: &'static [u8] = b"";

    /// What it is called in the handshake of TLS (ALPN), the dearest first: nothing, and then nobody is asked.
    fn names(&self) -> &[&'static [u8]] {
        &[]
    }

    /// Speaks with one that got in, to the end. Once `stop` is cancelled it reads nothing new, and ends what is under way.
    /// It is dropped where it stands when the connection has to go for another one, which none has to that is
    /// [known](Visitor::is_known).
    fn serve(&self, entered: Entered, stop: CancellationToken) -> impl Future<Output = ()> + Send;
}

/// A connection that got in, and has said something.
pub struct Entered {
    /// Its bytes. Its place is free again when this is dropped.
    pub socket: Socket,
    /// Who it is.
    pub visitor: Visitor,
}

/// Between two attempts to accept, when the process has run out of something.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Lets connections in until `shutdown`, then lets what is under way end.
pub async fn accept<P: Protocol>(
    listener: TcpListener,
    protocol: P,
    limits: AcceptLimits,
    shutdown: CancellationToken,
) {
    // Inside of TLS nobody would understand it.
    let no_place = match limits.tls {
        None => P::NO_PLACE,
        Some(_) => b"",
    };
    let doorkeeper = Doorkeeper::new(&limits, no_place);
    let entrance = match Entrance::of(&limits, &protocol) {
        Ok(entrance) => Arc::new(entrance),
        Err(error) => {
            tracing::error!(listener = &*limits.connections.listener, %error, "there is no TLS here, and so nothing");
            return;
        }
    };
    let protocol = Arc::new(protocol);
    let connections = TaskTracker::new();
    loop {
        let entered = tokio::select! {
            entered = doorkeeper.next(&listener) => entered,
            () = shutdown.cancelled() => break,
        };
        let Some((stream, peer, (place, go))) = entered else {
            continue;
        };
        let visitor = Visitor::new(Arc::clone(&doorkeeper.listening), place.id(), peer);
        let (protocol, entrance, stop) = (Arc::clone(&protocol), Arc::clone(&entrance), shutdown.clone());
        prepare(&stream, limits.unsent);
        connections.spawn(async move {
            let spoken = async {
                let through = entrance.through(stream, visitor, &stop).await;
                drop(entrance);
                let Some((carrier, visitor)) = through else {
                    return;
                };
                let socket = Socket::new(carrier, place);
                protocol.serve(Entered { socket, visitor }, stop).await;
            };
            tokio::select! {
                () = spoken => {}
                () = go.cancelled() => {}
            }
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(limits.shutdown, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            listener = &*limits.connections.listener,
            waited_s = limits.shutdown.as_secs(),
            "connections were still at work at the end of the shutdown"
        );
    }
}

/// Accepts, and lets in.
struct Doorkeeper {
    listening: Arc<Listening>,
    name: Arc<str>,
    no_place: &'static [u8],
    refused: Seldom,
    failed: Seldom,
}

impl Doorkeeper {
    fn new(limits: &AcceptLimits, no_place: &'static [u8]) -> Self {
        Self {
            name: Arc::clone(&limits.connections.listener),
            listening: Listening::new(
                limits.connections.clone(),
                limits.attempts,
                limits.proxies.clone(),
            ),
            no_place,
            refused: Seldom::default(),
            failed: Seldom::default(),
        }
    }

    /// The next connection that gets in; `None` when the next did not.
    async fn next(
        &self,
        listener: &TcpListener,
    ) -> Option<(TcpStream, SocketAddr, (Place, CancellationToken))> {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                self.wait_out(&error).await;
                return None;
            }
        };
        match self.listening.connections.enter(peer.ip()).await {
            Ok(entered) => Some((stream, peer, entered)),
            Err(full) => {
                self.refuse(stream, peer, full);
                None
            }
        }
    }

    fn refuse(&self, stream: TcpStream, peer: SocketAddr, full: Full) {
        let listener = Arc::clone(&self.name);
        metrics::counter!("tailcast_connections_refused_total", "listener" => listener, "full" => full.as_str())
            .increment(1);
        if let Some(times) = self.refused.happened() {
            let (listener, address) = (&*self.name, peer.ip());
            match full {
                Full::Address => tracing::warn!(
                    listener, %address, times,
                    "an address has as many connections as one may have; if it is a proxy, name it in `proxies`"
                ),
                Full::Listener => {
                    tracing::warn!(listener, times, "there are as many connections as there may be")
                }
            }
        }
        // It may not arrive: there is no time to read what the client sends, and none to wait for it.
        if !self.no_place.is_empty()
            && let Ok(mut stream) = stream.into_std()
        {
            let _ = stream.write(self.no_place);
        }
    }

    /// An error of `accept` either belongs to the one connection, or says that a resource ran out: then accepting at once
    /// again would spin.
    async fn wait_out(&self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        if matches!(
            error.kind(),
            ConnectionAborted | ConnectionRefused | ConnectionReset
        ) {
            return;
        }
        if let Some(times) = self.failed.happened() {
            let listener = &*self.name;
            tracing::error!(listener, %error, times, "no connection can be accepted, trying again");
        }
        self.listening.connections.push_out_one();
        tokio::time::sleep(ACCEPT_AGAIN).await;
    }
}

/// A connection that takes none of it works as well.
fn prepare(stream: &TcpStream, unsent: u32) {
    // Small answers and frames leave when they are written.
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(unsent);
    #[cfg(not(target_os = "linux"))]
    let _ = unsent;
}

/// What is between a connection that was accepted and the protocol.
struct Entrance {
    name: Arc<str>,
    first_byte: Duration,
    proxies: TrustedProxies,
    tls: Option<Handshakes>,
    no_tls: &'static [u8],
}

/// How long it is waited for who is told that TLS is spoken, to read that, and what is read of what they say.
const TELLING: Duration = Duration::from_secs(1);
const TOLD_BYTES: u64 = 64 * 1024;

impl Entrance {
    fn of<P: Protocol>(limits: &AcceptLimits, protocol: &P) -> Result<Self, rustls::Error> {
        let tls = limits.tls.as_ref().map(|tls| tls.handshakes(protocol.names()));
        Ok(Self {
            name: Arc::clone(&limits.connections.listener),
            first_byte: limits.first_byte,
            proxies: limits.proxies.clone(),
            tls: tls.transpose()?,
            no_tls: P::NO_TLS,
        })
    }

    /// A connection that says nothing is closed without a word; so is one that says nothing while we stop.
    async fn through(
        &self,
        mut stream: TcpStream,
        visitor: Visitor,
        stop: &CancellationToken,
    ) -> Option<(Carrier, Visitor)> {
        let visitor = if self.proxies.introduce(visitor.address()) {
            let introduced = self.introduced(&mut stream);
            let client = tokio::select! {
                introduced = Box::pin(introduced) => introduced?,
                () = stop.cancelled() => return None,
            };
            client.map_or_else(|| visitor.clone(), |client| visitor.asking_for(client))
        } else {
            visitor
        };
        let carrier = self.carrier(stream, stop).await?;
        Some((carrier, visitor))
    }

    /// For whom a trusted proxy connects. One that does not say it as it is to is let go, and so are those behind it: nobody
    /// knows who they are.
    async fn introduced(&self, stream: &mut TcpStream) -> Option<Option<IpAddr>> {
        let introduced = tokio::time::timeout(self.first_byte, proxies::introduction(stream)).await;
        let introduced = introduced.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        introduced
            .inspect_err(|error| {
                let listener = &*self.name;
                metrics::counter!("tailcast_proxies_refused_total", "listener" => Arc::clone(&self.name))
                    .increment(1);
                // Who looks whether there is a listener says nothing, and often.
                tracing::debug!(listener, %error, "a trusted proxy did not say for whom it connects");
            })
            .ok()
    }

    /// In the clear, or inside of TLS.
    async fn carrier(&self, stream: TcpStream, stop: &CancellationToken) -> Option<Carrier> {
        let Some(tls) = &self.tls else {
            let said = tokio::select! {
                said = tokio::time::timeout(self.first_byte, first_byte(&stream)) => said.unwrap_or(false),
                () = stop.cancelled() => false,
            };
            return said.then_some(Carrier::Clear(stream));
        };
        // In a place of its own: a connection is no larger for it once it is over, and none in the clear ever is.
        let shaken = Box::pin(tokio::time::timeout(self.first_byte, tls.with(stream)));
        let failed = tokio::select! {
            shaken = shaken => match shaken {
                Ok(Ok(tls)) => return Some(Carrier::Tls(tls)),
                Ok(Err(NoTls::Nothing)) => return None,
                Ok(Err(NoTls::Clear(stream))) => {
                    self.tell(stream).await;
                    "clear"
                }
                Ok(Err(NoTls::Failed(error))) => {
                    tracing::debug!(listener = &*self.name, %error, "a handshake of TLS failed");
                    "failed"
                }
                Err(_) => "late",
            },
            () = stop.cancelled() => return None,
        };
        metrics::counter!("tailcast_tls_refused_total", "listener" => Arc::clone(&self.name), "why" => failed)
            .increment(1);
        None
    }

    /// Says to one that speaks in the clear what is spoken here.
    async fn tell(&self, mut stream: TcpStream) {
        let told = async {
            stream.write_all(self.no_tls).await?;
            stream.shutdown().await?;
            // What it said and nobody reads would reset the connection, and take the words with it.
            tokio::io::copy(&mut stream.take(TOLD_BYTES), &mut tokio::io::sink()).await
        };
        // It may be gone already.
        let _ = tokio::time::timeout(TELLING, told).await;
    }
}

async fn first_byte(stream: &TcpStream) -> bool {
    matches!(stream.peek(&mut [0]).await, Ok(n) if n > 0)
}
