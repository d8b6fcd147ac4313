//! From the streams that a session's patterns met to the places where they begin.
//!
//! Where a stream begins follows from what this session asked for and what it saw, never from what another session of
//! the node met first:
//! - one that the session had, and lost, goes on where it stood;
//! - one that came after the subscription begins at its first kept line, so none of its lines is missed;
//! - one that a new token made readable begins where `from` says, as if it had been asked for now.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use auth::{Action, Subscriber, may};
use futures_util::{StreamExt, TryStreamExt, stream};
use lines::{Extent, Offset, Pattern, StreamName};

use crate::StoreAway;
use crate::cursors::sources::Sources;
use crate::cursors::subscribe::{self, Asker, SINCE_AT_ONCE};
use crate::cursors::subscription::{Beginning, Place, Terms};
use crate::feeds::Member;

/// A subscription with patterns, as it is when a meeting begins.
pub(crate) struct Cover {
    pub(crate) terms: Arc<Terms>,
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) from: Arc<Place>,
    /// Who could read what the last complete listing showed: a stream that they could have read is a new one.
    pub(crate) listed_by: Subscriber,
    /// Where the session stood in streams that it lost and that this subscription gets when they are back.
    pub(crate) left: HashMap<StreamName, Offset>,
}

/// Streams that are being met.
pub(crate) struct Discovery {
    pub(crate) sources: Arc<Sources>,
    pub(crate) asker: Asker,
    /// In the order in which they came: a stream belongs to the first that matches.
    pub(crate) covers: Vec<Cover>,
    /// None that the session has.
    pub(crate) streams: Vec<StreamName>,
    /// Also all that the store lists, but for what the asker has.
    pub(crate) list: bool,
    /// After what time.
    pub(crate) pause: Option<Duration>,
}

/// What became of them.
pub(crate) struct Discovered {
    pub(crate) streams: Vec<DiscoveredStream>,
    /// Streams that were not joined, since the session had no room for so many.
    pub(crate) over: Vec<StreamName>,
    /// The subscriptions for which the store was listed, and for whom.
    pub(crate) listed: Option<(Vec<Arc<Terms>>, Subscriber)>,
}

/// A stream that was met.
pub(crate) struct DiscoveredStream {
    /// Whose it becomes.
    pub(crate) of: Arc<Terms>,
    /// Where it was left, if that is where it begins.
    pub(crate) left: Option<Offset>,
    pub(crate) beginning: Beginning,
}

/// Streams that could not be joined; to be tried again.
pub(crate) struct Undiscovered {
    pub(crate) streams: Vec<StreamName>,
    pub(crate) list: bool,
}

impl Discovery {
    /// Joins what was met. What does not exist is left out.
    pub(crate) async fn run(self) -> Result<Discovered, Undiscovered> {
        if let Some(pause) = self.pause {
            tokio::time::sleep(pause).await;
        }
        match self.met().await {
            Ok((streams, over)) => Ok(Discovered {
                streams,
                over,
                listed: self.list.then(|| {
                    let terms = self.covers.iter().map(|cover| Arc::clone(&cover.terms));
                    (terms.collect(), self.asker.subscriber)
                }),
            }),
            Err(StoreAway) => Err(Undiscovered {
                streams: self.streams,
                list: self.list,
            }),
        }
    }

    async fn met(&self) -> Result<(Vec<DiscoveredStream>, Vec<StreamName>), StoreAway> {
        let mut streams: BTreeSet<StreamName> = self.streams.iter().cloned().collect();
        if self.list {
            let patterns: Vec<_> = self.covers.iter().flat_map(|cover| &cover.patterns).collect();
            streams.extend(subscribe::listed(&self.sources, &self.asker, &patterns).await?);
        }
        let (most, asker) = (self.asker.capacity.streams, &self.asker);
        let mut streams: Vec<_> = streams
            .into_iter()
            .filter(|stream| !asker.have.contains(stream))
            .collect();
        // As many as there may be room for, and as many more as the session remembers to have left out. To join all that
        // a store has would cost the node a feed and a route for each, and bring this session nothing.
        let joinable = most.saturating_sub(asker.held.streams()) + most;
        let over = streams.split_off(joinable.min(streams.len()));
        let joined = subscribe::join(&self.sources, streams).await?;
        let existing = joined.into_iter().filter(|(_, extent)| extent.exists());
        let met = existing.filter_map(|(member, extent)| {
            let mut covers = self.covers.iter();
            let cover = covers.find(|cover| cover.covers(member.stream()))?;
            Some(cover.meet(&self.sources, member, extent))
        });
        let met = stream::iter(met).buffered(SINCE_AT_ONCE).try_collect().await?;
        Ok((met, over))
    }
}

impl Cover {
    fn covers(&self, stream: &StreamName) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(stream))
    }

    async fn meet(
        &self,
        sources: &Sources,
        member: Member,
        extent: Extent,
    ) -> Result<DiscoveredStream, StoreAway> {
        let stream = member.stream();
        let left = self.left.get(stream).copied();
        let (cursor, wanted) = match left {
            Some(left) => (left, (left < extent.first_available).then_some(left)),
            None if may(&self.listed_by, Action::Read, stream) => (extent.first_available, None),
            None => self.from.of(sources, stream, extent).await?,
        };
        Ok(DiscoveredStream {
            of: Arc::clone(&self.terms),
            left,
            beginning: Beginning {
                cursor: cursor.min(extent.next).max(extent.first_available),
                member,
                extent,
                wanted,
            },
        })
    }
}
