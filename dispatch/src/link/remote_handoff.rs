//! From a collector to the dispatchers: each stream has a favourite, the same for every collector.

use std::sync::Arc;

use lines::{Hint, HintSink, StreamName};
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::{Links, RemoteNode};
use crate::dropped::{self, Place};
use crate::parcel::Parcel;

/// Hands off to one of the dispatchers that [`Links`] knows.
///
/// By rendezvous hashing: a dispatcher that comes or goes moves only the streams that it gets or had.
pub struct RemoteHandoff {
    links: Arc<Links>,
}

impl RemoteHandoff {
    /// Over links to dispatchers ([`super::To::Dispatch`]).
    pub fn new(links: Arc<Links>) -> Arc<Self> {
        Arc::new(Self { links })
    }

    /// Until `stop`, tells another dispatcher when a link broke: the one that it went to cannot say what it took along.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = self.links.broke() => self.hand_off(Hint::AnyLost),
                () = stop.cancelled() => return,
            }
        }
    }

    fn hand_off_batch(&self, stream: &StreamName, parcel: &Arc<Parcel>) {
        let Some(Choice { link, is_favourite }) = self.choose(stream.as_str()) else {
            // The first link that works again begins by saying that anything may be lost.
            dropped::count(Place::NoDispatcher, 1);
            return;
        };
        link.deliver_parcel(parcel);
        if !is_favourite {
            // The favourite may still have batches of this stream, and now they may come in another order, or not.
            link.deliver_parcel(&Parcel::new(Hint::Lost(stream.clone())));
        }
    }

    /// The first of the dispatchers, by the stream's own order of them, whose link works.
    fn choose(&self, key: &str) -> Option<Choice> {
        let links = self.links.all();
        let score =
            |link: &RemoteNode| xxh3_64_with_seed(key.as_bytes(), xxh3_64(link.node().as_str().as_bytes()));
        let favourite = links.values().max_by_key(|link| score(link))?;
        if favourite.is_up() {
            return Some(Choice {
                link: favourite.clone(),
                is_favourite: true,
            });
        }
        let link = links
            .values()
            .filter(|link| link.is_up())
            .max_by_key(|link| score(link))?;
        Some(Choice {
            link: link.clone(),
            is_favourite: false,
        })
    }
}

struct Choice {
    link: Arc<RemoteNode>,
    is_favourite: bool,
}

impl HintSink for RemoteHandoff {
    fn hand_off(&self, hint: Hint) {
        let parcel = Parcel::new(hint);
        match &parcel.hint {
            Hint::Batch(batch) => self.hand_off_batch(&batch.stream, &parcel),
            Hint::Lost(stream) => {
                if let Some(choice) = self.choose(stream.as_str()) {
                    choice.link.deliver_parcel(&parcel);
                }
            }
            Hint::AnyLost => {
                if let Some(choice) = self.choose("") {
                    choice.link.deliver_parcel(&parcel);
                }
            }
        }
    }
}
