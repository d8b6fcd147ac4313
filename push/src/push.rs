//! A push node: its parts, put together.

use std::sync::Arc;
use std::time::Duration;

use auth::Verifier;
use dispatch::{NodeId, Routes};
use edge::sieve::Sieve;
use lines::{Hint, HintSink, LogReader};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Limits;
use crate::cursors::filtering::Filtering;
use crate::cursors::filters::Filters;
use crate::cursors::sources::Sources;
use crate::feeds::Feeds;
use crate::feeds::pages::Pages;
use crate::session::admission::{Admission, AdmissionLimits};
use crate::session::{Delivered, Host};

/// How often pages that nobody used are let go of.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// What a push node is made of.
pub struct Parts {
    /// The truth, which sessions only read.
    pub store: Arc<dyn LogReader>,
    /// Where the node announces what its sessions watch. Its lease is renewed by somebody else.
    pub routes: Arc<dyn Routes>,
    /// Who the node is there.
    pub node: NodeId,
    /// Who checks tokens.
    pub verifier: Arc<Verifier>,
    /// Where filters are put to lines; the one of history, too.
    pub sieve: Arc<Sieve>,
    /// What it may spend.
    pub limits: Limits,
    /// How many sessions it takes. Heeded by whoever comes next.
    pub admission: watch::Receiver<AdmissionLimits>,
    /// Where sessions are served, with all that goes out to them. Hints have to be handed over there, too.
    pub fan_out: Handle,
}

/// The sessions of one node, and what they watch. Hints are delivered to it.
pub struct Push {
    feeds: Arc<Feeds>,
    pages: Arc<Pages>,
    host: Arc<Host>,
}

impl Push {
    /// Puts a node together. The recorder of metrics has to be installed before, or its counters count for nobody.
    pub fn new(parts: Parts) -> Arc<Self> {
        let limits = Arc::new(parts.limits);
        let feeds = Feeds::new(
            Arc::clone(&parts.store),
            parts.routes,
            parts.node.clone(),
            Arc::clone(&limits),
        );
        let pages = Arc::new(Pages::new(Arc::clone(&parts.store), Arc::clone(&limits)));
        let sources = Arc::new(Sources {
            limits: Arc::clone(&limits),
            store: parts.store,
            feeds: Arc::clone(&feeds),
            pages: Arc::clone(&pages),
            filters: Filters::new(limits.filter),
            filtering: Filtering::new(parts.sieve, Arc::clone(&limits)),
        });
        let host = Arc::new(Host {
            node: parts.node,
            verifier: parts.verifier,
            admission: Admission::new(parts.admission),
            delivered: Delivered::new(),
            fan_out: parts.fan_out,
            limits,
            sources,
        });
        Arc::new(Self { feeds, pages, host })
    }

    /// Shows what comes, checks heads, lists streams and lets go of what nobody needs, until `shutdown`. Sessions need this:
    /// spawn it before the first one, where they are served. Each part is a task of its own, so that lines are shown while
    /// another part works.
    ///
    /// # Panics
    ///
    /// When any of its parts does. The sessions would be silent from then on: end the process.
    pub async fn run(&self, shutdown: CancellationToken) {
        let mut parts = JoinSet::new();
        self.feeds.begin(&self.pages, &mut parts);
        let pages = Arc::clone(&self.pages);
        parts.spawn(async move {
            loop {
                tokio::time::sleep(SWEEP_EVERY).await;
                pages.sweep();
            }
        });
        let host = Arc::clone(&self.host);
        parts.spawn(async move { host.heed_revocations().await });
        let ended = tokio::select! {
            () = shutdown.cancelled() => return,
            ended = parts.join_next() => ended,
        };
        // None of them ends by itself.
        let error = ended.and_then(Result::err);
        if let Some(panic) = error.and_then(|error| error.try_into_panic().ok()) {
            std::panic::resume_unwind(panic);
        }
    }

    /// What serves its sessions.
    pub(crate) fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.host.admission.count()
    }

    /// Tells every session to leave, with 1012, evenly over `time`, and waits until all have. New ones are refused.
    /// Ends a few seconds after `time` at the latest.
    pub async fn drain(&self, time: Duration) {
        self.host.admission.leave(time).await;
    }
}

impl HintSink for Push {
    fn hand_off(&self, hint: Hint) {
        self.feeds.deliver(hint);
    }
}
