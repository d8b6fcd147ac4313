//! Being alive, and knowing who else is.
//!
//! Knows nothing of links: it says who is there, and tells the local push node when something may have been lost.

use std::sync::Arc;
use std::time::Duration;

use lines::{Hint, HintSink};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Lease, Membership, Renewal, Role, TableError};

/// When the lease is renewed.
#[derive(Debug, Clone, Copy)]
pub struct KeeperLimits {
    /// From one renewal to the next.
    pub renew: Duration,
    /// From a renewal that failed to the next; also how often live sessions are told to look at the store meanwhile.
    pub retry: Duration,
    /// The least time between two looks at the list of nodes that somebody asked for.
    pub look: Duration,
}

impl Default for KeeperLimits {
    fn default() -> Self {
        Self {
            renew: Duration::from_secs(3),
            retry: Duration::from_secs(1),
            look: Duration::from_millis(100),
        }
    }
}

/// The nodes that live, as this node last saw them. Cheap to clone.
#[derive(Clone)]
pub struct Roster {
    list: watch::Receiver<Arc<[Lease]>>,
    look: Arc<Notify>,
}

impl Roster {
    /// Everybody.
    pub fn nodes(&self) -> Arc<[Lease]> {
        self.list.borrow().clone()
    }

    /// Everybody with a role.
    pub fn with_role(&self, role: Role) -> Vec<Lease> {
        let nodes = self.nodes();
        nodes
            .iter()
            .filter(|lease| lease.roles.contains(&role))
            .cloned()
            .collect()
    }

    /// Waits for the next look at the list; `false` when there will be none, because the keeper has ended.
    pub async fn changed(&mut self) -> bool {
        self.list.changed().await.is_ok()
    }

    /// Asks for a look at the list soon: somebody was heard of who is not on it.
    pub fn look(&self) {
        self.look.notify_one();
    }
}

/// Keeps one node's lease and its view of the others.
pub struct Keeper {
    membership: Arc<dyn Membership>,
    lease: Lease,
    sessions: Box<dyn Fn() -> u64 + Send + Sync>,
    local: Option<Arc<dyn HintSink>>,
    limits: KeeperLimits,
    list: watch::Sender<Arc<[Lease]>>,
    look: Arc<Notify>,
    /// Whether the last renewal failed: only the first of a row is worth a warning.
    away: bool,
}

impl Keeper {
    /// Keeps `lease` alive; each renewal says how many `sessions` there are. `local` is the push node in this
    /// process, if there is one.
    pub fn new(
        membership: Arc<dyn Membership>,
        lease: Lease,
        sessions: impl Fn() -> u64 + Send + Sync + 'static,
        local: Option<Arc<dyn HintSink>>,
        limits: KeeperLimits,
    ) -> (Self, Roster) {
        let (list, seen) = watch::channel(Arc::from([]));
        let look = Arc::new(Notify::new());
        let keeper = Self {
            membership,
            lease,
            sessions: Box::new(sessions),
            local,
            limits,
            list,
            look: look.clone(),
            away: false,
        };
        (keeper, Roster { list: seen, look })
    }

    /// Renews until `shutdown`, then ends the lease with all that it announced.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut due = Instant::now();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep_until(due) => due = self.renew().await,
                () = self.look.notified() => {
                    // A node that cannot be found would otherwise make us ask at every line that it wants.
                    tokio::time::sleep(self.limits.look).await;
                    if let Err(error) = self.look().await {
                        tracing::debug!(%error, "could not look at the list of nodes");
                    }
                }
            }
        }
        if let Err(error) = self.membership.leave(&self.lease.node).await {
            tracing::warn!(%error, "could not end the lease, it ends by itself");
        }
    }

    /// Renews the lease and looks at the others. Gives the time of the next renewal.
    async fn renew(&mut self) -> Instant {
        let begun = Instant::now();
        self.lease.sessions = (self.sessions)();
        let renewed = match self.membership.renew(&self.lease).await {
            Ok(found) => self.look().await.map(|()| found),
            Err(error) => Err(error),
        };
        match renewed {
            Ok(found) => {
                if std::mem::take(&mut self.away) {
                    tracing::info!("the route table answers again");
                }
                if found == Renewal::Restored {
                    tracing::info!("the lease had been lost: everything is announced again");
                    self.any_lost();
                }
                begun + self.limits.renew
            }
            Err(error) => {
                if !std::mem::replace(&mut self.away, true) {
                    tracing::warn!(%error, "could not renew the lease, live sessions read the store until it works");
                }
                self.any_lost();
                // A renewal that failed slowly was a pause already, but never try in a loop without one.
                (begun + self.limits.retry).max(Instant::now() + self.limits.look)
            }
        }
    }

    /// Looks who is there. A collector or dispatcher that went away may have taken hints with it.
    async fn look(&self) -> Result<(), TableError> {
        let now: Arc<[Lease]> = self.membership.nodes().await?.into();
        let before = self.list.send_replace(now.clone());
        let carries =
            |lease: &&Lease| lease.roles.contains(&Role::Collect) || lease.roles.contains(&Role::Dispatch);
        let gone = |lease: &Lease| now.iter().all(|other| other.node != lease.node);
        let mut lost = before
            .iter()
            .filter(carries)
            .filter(|lease| gone(lease))
            .peekable();
        if lost.peek().is_some() {
            for lease in lost {
                tracing::info!(node = %lease.node, address = %lease.address, "a node is gone");
            }
            self.any_lost();
        }
        Ok(())
    }

    fn any_lost(&self) {
        if let Some(local) = &self.local {
            local.hand_off(Hint::AnyLost);
        }
    }
}
