//! A push node: its parts, put together.

use std::sync::Arc;
use std::time::Duration;

use auth::Verifier;
use dispatch::{NodeId, Routes};
use lines::{Hint, HintSink, LogStore};
use metrics::Counter;
use tokio_util::sync::CancellationToken;

use crate::Limits;
use crate::cursors::filtering::Filtering;
use crate::cursors::filters::Filters;
use crate::feeds::Feeds;
use crate::feeds::pages::Pages;
use crate::listing::Listing;
use crate::session::admission::Admission;
use crate::truth::Truth;
use edge::sieve::Sieve;

/// How often pages that nobody used are let go of.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// What a push node is made of.
pub struct Parts {
    /// The truth.
    pub store: Arc<dyn LogStore>,
    /// Where the node announces what its sessions watch. Its lease is renewed by somebody else.
    pub routes: Arc<dyn Routes>,
    /// Who the node is there.
    pub node: NodeId,
    /// Who checks tokens.
    pub verifier: Arc<Verifier>,
    /// Which streams there are; the one of history, too.
    pub listing: Arc<Listing>,
    /// Where filters are put to lines; the one of history, too.
    pub sieve: Arc<Sieve>,
    /// What it may spend.
    pub limits: Limits,
}

/// The sessions of one node, and what they watch. Hints are delivered to it.
pub struct Push {
    pub(crate) node: NodeId,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) truth: Arc<Truth>,
    pub(crate) feeds: Arc<Feeds>,
    pub(crate) pages: Pages,
    pub(crate) filters: Filters,
    pub(crate) filtering: Filtering,
    pub(crate) admission: Arc<Admission>,
    pub(crate) counters: Counters,
}

/// Counters of the hot path, looked up once.
pub(crate) struct Counters {
    pub(crate) frames: Counter,
    pub(crate) lines: Counter,
}

impl Push {
    /// Puts a node together. The recorder of metrics has to be installed before, or its counters count for nobody.
    pub fn new(parts: Parts) -> Arc<Self> {
        let limits = Arc::new(parts.limits);
        let truth = Arc::new(Truth::new(parts.store, parts.listing, &limits));
        let feeds = Feeds::new(
            Arc::clone(&truth),
            parts.routes,
            parts.node.clone(),
            Arc::clone(&limits),
        );
        Arc::new(Self {
            node: parts.node,
            verifier: parts.verifier,
            pages: Pages::new(Arc::clone(&truth), Arc::clone(&limits)),
            filters: Filters::default(),
            filtering: Filtering::new(parts.sieve, Arc::clone(&limits)),
            feeds,
            truth,
            admission: Admission::new(Arc::clone(&limits)),
            limits,
            counters: Counters {
                frames: metrics::counter!("tailcast_frames_sent_total"),
                lines: metrics::counter!("tailcast_lines_delivered_total"),
            },
        })
    }

    /// Reads heads, lists streams, sets the tick and lets go of what nobody needs, until `shutdown`. Sessions need this: spawn it
    /// before the first one.
    pub async fn run(&self, shutdown: CancellationToken) {
        let pages = async {
            loop {
                tokio::time::sleep(SWEEP_EVERY).await;
                self.pages.sweep();
            }
        };
        let all = async {
            tokio::join!(
                self.feeds.read_heads(),
                self.feeds.sweep(),
                self.feeds.list(),
                self.feeds.tick.run(),
                pages
            )
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            _ = all => {}
        }
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.admission.count()
    }

    /// Tells every session to leave, with 1012, evenly over `time`, and waits until all have. New ones are refused.
    /// Ends a few seconds after `time` at the latest.
    pub async fn drain(&self, time: Duration) {
        self.admission.leave(time).await;
    }
}

impl HintSink for Push {
    fn hand_off(&self, hint: Hint) {
        self.feeds.deliver(hint);
    }
}
