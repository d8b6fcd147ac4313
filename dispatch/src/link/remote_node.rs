//! The link to one other node: connects by itself, and again whenever it breaks.

use std::sync::Arc;

use auth::ClusterSecret;
use futures_util::{SinkExt, StreamExt};
use http::header::{AUTHORIZATION, HeaderValue};
use lines::{Hint, HintSink};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_util::sync::CancellationToken;

use super::codec::MAX_MESSAGE_BYTES;
use super::{LinkLimits, PATH, READ_BUFFER_BYTES, To, WRITE_BUFFER_BYTES};
use crate::dropped::{self, Lost, Place};
use crate::parcel::{Parcel, Queue};
use crate::{Lease, NodeId};
use backoff::Backoff;

/// One other node. [`RemoteNode::run`] has to run for anything to arrive.
pub struct RemoteNode {
    node: NodeId,
    address: String,
    to: To,
    me: NodeId,
    secret: Arc<ClusterSecret>,
    limits: LinkLimits,
    waiting: Mutex<Waiting>,
    wake: Notify,
}

/// What waits to be written. Filled by `deliver`, emptied by `run`.
struct Waiting {
    /// While the link is down nothing is kept: the first thing it will say is that anything may be lost.
    up: bool,
    queue: Queue,
    lost: Lost,
}

/// Why a link ended.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("the other node could not be reached within {0:?}")]
    ConnectTimeout(std::time::Duration),
    #[error("the other node did not take what was written within {0:?}")]
    WriteTimeout(std::time::Duration),
    #[error("nothing was heard for {0:?}")]
    Silent(std::time::Duration),
    #[error("the other node closed it")]
    Closed,
    #[error(
        "the other node refused this node's pass: it has another cluster secret, version or time of day, or is \
         another node by now"
    )]
    PassRefused,
    #[error("the other node refused it with status {0}")]
    Refused(http::StatusCode),
    #[error("no pass could be made: {0}")]
    Pass(#[source] auth::TokenError),
    #[error(transparent)]
    Connect(#[from] std::io::Error),
    #[error(transparent)]
    WebSocket(Box<tungstenite::Error>),
}

impl From<tungstenite::Error> for LinkError {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Http(response) => match response.status() {
                http::StatusCode::UNAUTHORIZED => Self::PassRefused,
                status => Self::Refused(status),
            },
            other => Self::WebSocket(Box::new(other)),
        }
    }
}

/// Why a connected link ended without an error.
enum End {
    /// It was told to, and had time to say everything.
    Stopped,
}

impl RemoteNode {
    /// A link from node `me` to `peer`.
    pub fn new(peer: &Lease, to: To, me: NodeId, secret: Arc<ClusterSecret>, limits: LinkLimits) -> Self {
        Self {
            node: peer.node.clone(),
            address: peer.address.clone(),
            to,
            me,
            secret,
            limits,
            waiting: Mutex::new(Waiting {
                up: false,
                queue: Queue::new(limits.queue),
                lost: Lost::default(),
            }),
            wake: Notify::new(),
        }
    }

    /// The other node.
    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// Whether it is connected.
    pub fn is_up(&self) -> bool {
        self.waiting.lock().up
    }

    /// Connects and writes until `stop`, then writes what still waits. Calls `broke` after each time that a connected
    /// link broke.
    pub async fn run(&self, broke: impl Fn(), stop: CancellationToken) {
        let mut backoff = Backoff::new(self.limits.retry);
        let mut quiet = false;
        loop {
            let connected = tokio::select! {
                connected = self.connect() => connected,
                () = stop.cancelled() => return,
            };
            let ended = match connected {
                Ok(socket) => {
                    tracing::info!(node = %self.node, address = %self.address, to = self.to.as_str(), "link connected");
                    backoff.reset();
                    quiet = false;
                    self.begin();
                    let ended = self.talk(socket, &stop).await;
                    self.end();
                    if ended.is_err() {
                        broke();
                    }
                    ended
                }
                Err(error) => Err(error),
            };
            match ended {
                Ok(End::Stopped) => return,
                // One warning for each time that it stops working, not for each try.
                Err(error) if !std::mem::replace(&mut quiet, true) => {
                    tracing::warn!(node = %self.node, address = %self.address, to = self.to.as_str(), %error, "link is down");
                }
                Err(_) => {}
            }
            tokio::select! {
                () = tokio::time::sleep(backoff.pause()) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Passes one hint on. Never waits.
    pub(crate) fn deliver_parcel(&self, parcel: &Arc<Parcel>) {
        let mut waiting = self.waiting.lock();
        if !waiting.up {
            drop(waiting);
            dropped::count(Place::LinkDown, 1);
            return;
        }
        match &parcel.hint {
            Hint::Batch(batch) => {
                if !waiting.queue.push(parcel.clone()) {
                    waiting.lost.add(&batch.stream, self.limits.lost_streams);
                    dropped::count(Place::LinkFull, 1);
                }
            }
            Hint::Lost(stream) => waiting.lost.add(stream, self.limits.lost_streams),
            Hint::AnyLost => waiting.lost.add_any(),
        }
        drop(waiting);
        self.wake.notify_one();
    }

    async fn connect(&self) -> Result<WebSocketStream<TcpStream>, LinkError> {
        let within = self.limits.connect;
        let connected = tokio::time::timeout(within, self.connect_now()).await;
        connected.unwrap_or(Err(LinkError::ConnectTimeout(within)))
    }

    async fn connect_now(&self) -> Result<WebSocketStream<TcpStream>, LinkError> {
        let url = format!("ws://{}{PATH}?to={}", self.address, self.to.as_str());
        let mut request = url.into_client_request()?;
        let pass = self.secret.issue(self.me.as_str(), self.node.as_str());
        let pass = pass.map_err(LinkError::Pass)?;
        let bearer = HeaderValue::from_str(&format!("Bearer {pass}"));
        let bearer = bearer.map_err(|_| LinkError::Pass(auth::TokenError::Malformed))?;
        request.headers_mut().insert(AUTHORIZATION, bearer);
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        // Nothing but pongs comes back.
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .max_message_size(Some(READ_BUFFER_BYTES))
            .write_buffer_size(WRITE_BUFFER_BYTES)
            .max_write_buffer_size(WRITE_BUFFER_BYTES + 2 * MAX_MESSAGE_BYTES);
        let (socket, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await?;
        Ok(socket)
    }

    /// From here on hints are kept, behind the word that earlier ones may be lost.
    fn begin(&self) {
        let mut waiting = self.waiting.lock();
        waiting.up = true;
        waiting.lost.add_any();
        drop(waiting);
        self.wake.notify_one();
    }

    fn end(&self) {
        let mut waiting = self.waiting.lock();
        waiting.up = false;
        waiting.lost.take();
        let left = waiting.queue.clear();
        drop(waiting);
        dropped::count(Place::LinkBroke, left);
    }

    async fn talk(
        &self,
        mut socket: WebSocketStream<TcpStream>,
        stop: &CancellationToken,
    ) -> Result<End, LinkError> {
        let mut ping = tokio::time::interval(self.limits.ping);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                message = socket.next() => match message {
                    None | Some(Ok(Message::Close(_))) => return Err(LinkError::Closed),
                    Some(Ok(_)) => heard = Instant::now(),
                    Some(Err(error)) => return Err(error.into()),
                },
                () = self.wake.notified() => self.write_burst(&mut socket).await?,
                _ = ping.tick() => {
                    if heard.elapsed() >= self.limits.silence {
                        return Err(LinkError::Silent(self.limits.silence));
                    }
                    self.within(async { Ok(socket.send(Message::Ping(Default::default())).await?) }).await?;
                }
                () = stop.cancelled() => {
                    self.within(self.write_all(&mut socket)).await?;
                    return Ok(End::Stopped);
                }
            }
        }
    }

    async fn write_burst(&self, socket: &mut WebSocketStream<TcpStream>) -> Result<(), LinkError> {
        if !self.write_burst_is_last(socket).await? {
            self.wake.notify_one();
        }
        Ok(())
    }

    async fn write_all(&self, socket: &mut WebSocketStream<TcpStream>) -> Result<(), LinkError> {
        while !self.write_burst_is_last(socket).await? {}
        Ok(socket.close(None).await?)
    }

    /// Writes some of what waits. Tells whether that was all.
    async fn write_burst_is_last(&self, socket: &mut WebSocketStream<TcpStream>) -> Result<bool, LinkError> {
        let (parcels, lost) = {
            let mut waiting = self.waiting.lock();
            (waiting.queue.take(self.limits.burst), waiting.lost.take())
        };
        let count = parcels.len();
        let written = self.within(async {
            // The word that something is lost may come at any time after the loss; early is best.
            for hint in lost {
                feed(socket, &Parcel::new(hint), &self.secret).await?;
            }
            for parcel in &parcels {
                feed(socket, parcel, &self.secret).await?;
            }
            Ok(socket.flush().await?)
        });
        if let Err(error) = written.await {
            dropped::count(Place::LinkBroke, count);
            return Err(error);
        }
        let waiting = self.waiting.lock();
        Ok(waiting.queue.is_empty() && waiting.lost.is_empty())
    }

    async fn within<T>(&self, write: impl Future<Output = Result<T, LinkError>>) -> Result<T, LinkError> {
        let done = tokio::time::timeout(self.limits.write, write).await;
        done.unwrap_or(Err(LinkError::WriteTimeout(self.limits.write)))
    }
}

/// A batch too large for links becomes the word that it is lost.
async fn feed(
    socket: &mut WebSocketStream<TcpStream>,
    parcel: &Parcel,
    secret: &ClusterSecret,
) -> Result<(), LinkError> {
    let frame = match (parcel.frame(secret), &parcel.hint) {
        (Some(frame), _) => Some(frame),
        (None, Hint::Batch(batch)) => {
            dropped::count(Place::TooLarge, 1);
            super::codec::encode(&Hint::Lost(batch.stream.clone()), secret)
        }
        (None, _) => None,
    };
    match frame {
        Some(frame) => Ok(socket.feed(Message::Binary(frame)).await?),
        None => Ok(()),
    }
}

impl HintSink for RemoteNode {
    fn hand_off(&self, hint: Hint) {
        self.deliver_parcel(&Parcel::new(hint));
    }
}
