//! Batches between processes: `GET /internal/v1/link?to=dispatch|push` on the internal listener, a WebSocket with a
//! hint in every binary message, from the one who connects to the one who listens.
//!
//! Whoever connects shows a pass that the cluster's secret made for the one who listens, and seals what it says. What a link loses it says: after every connection it
//! tells first that anything may be lost.
//!
//! Knows nothing of routes: [`crate::Dispatcher`] decides who gets what.

pub mod codec;
mod inbound;
mod links;
mod remote_handoff;
mod remote_node;

use std::time::Duration;

pub use self::inbound::{Inbound, router};
pub use self::links::Links;
pub use self::remote_handoff::RemoteHandoff;
pub use self::remote_node::RemoteNode;
use crate::Role;
use crate::parcel::QueueLimits;
use backoff::Limits as BackoffLimits;

/// Where links are made.
pub const PATH: &str = "/internal/v1/link";

/// What the hints of a link are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// A dispatcher, that will look up who wants them.
    Dispatch,
    /// A push node, that wants them.
    Push,
}

impl To {
    /// As it is written in the link's address.
    pub const fn as_str(self) -> &'static str {
        self.role().as_str()
    }

    /// The role of the nodes that take such links.
    pub const fn role(self) -> Role {
        match self {
            Self::Dispatch => Role::Dispatch,
            Self::Push => Role::Push,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Dispatch, Self::Push]
            .into_iter()
            .find(|to| to.as_str() == text)
    }
}

/// Bounds of links.
#[derive(Debug, Clone, Copy)]
pub struct LinkLimits {
    /// What waits for one node. Beyond, hints are dropped and told as lost.
    pub queue: QueueLimits,
    /// The most streams that are told as lost by name; beyond, it is all of them.
    pub lost_streams: usize,
    /// The most hints that are written before the network is listened to again.
    pub burst: usize,
    /// For making a connection.
    pub connect: Duration,
    /// For writing one burst. A link that takes longer is broken.
    pub write: Duration,
    /// From one ping to the next.
    pub ping: Duration,
    /// A link on which nothing was heard for this long is broken. More than two pings.
    pub silence: Duration,
    /// Between attempts to connect.
    pub retry: BackoffLimits,
    /// Between looks at the list of nodes while it has none to link to: a cluster that was just started is fast before
    /// every lease is renewed for the first time.
    pub look: BackoffLimits,
}

impl Default for LinkLimits {
    fn default() -> Self {
        Self {
            queue: QueueLimits {
                hints: 10_000,
                bytes: 32 * 1024 * 1024,
            },
            lost_streams: 1_000,
            burst: 64,
            connect: Duration::from_secs(2),
            write: Duration::from_secs(5),
            ping: Duration::from_secs(4),
            silence: Duration::from_secs(10),
            retry: BackoffLimits {
                first: Duration::from_millis(50),
                most: Duration::from_secs(2),
            },
            look: BackoffLimits {
                first: Duration::from_millis(250),
                most: Duration::from_secs(30),
            },
        }
    }
}

/// The library reads with a buffer of this size.
const READ_BUFFER_BYTES: usize = 16 * 1024;

/// The library writes when this much has gathered, and a burst has a message more at most.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;
