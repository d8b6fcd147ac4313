//! The links to all nodes of one role: as many as there are such nodes.

use std::collections::HashMap;
use std::sync::Arc;

use auth::ClusterSecret;
use parking_lot::RwLock;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{LinkLimits, RemoteNode, To};
use crate::parcel::Parcel;
use crate::{NodeId, Roster};
use backoff::Backoff;

/// One link to each living node of a role, but not to this one.
pub struct Links {
    me: NodeId,
    to: To,
    secret: Arc<ClusterSecret>,
    limits: LinkLimits,
    nodes: RwLock<Arc<HashMap<NodeId, Arc<RemoteNode>>>>,
    broke: Notify,
}

impl Links {
    /// No links yet: [`Links::run`] makes them.
    pub fn new(me: NodeId, to: To, secret: Arc<ClusterSecret>, limits: LinkLimits) -> Arc<Self> {
        Arc::new(Self {
            me,
            to,
            secret,
            limits,
            nodes: RwLock::default(),
            broke: Notify::new(),
        })
    }

    /// Follows the roster until `stop`, then lets every link write what waits.
    pub async fn run(self: Arc<Self>, mut roster: Roster, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        let mut stops: HashMap<NodeId, CancellationToken> = HashMap::new();
        let mut looks = Backoff::new(self.limits.look);
        let mut look_at = Instant::now() + looks.pause();
        loop {
            self.follow(&roster, &mut stops, &tasks, &stop);
            let alone = self.all().is_empty();
            if !alone {
                looks.reset();
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep_until(look_at), if alone => {
                    roster.look();
                    look_at = Instant::now() + looks.pause();
                }
                more = roster.changed() => if !more {
                    stop.cancelled().await;
                    break;
                },
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    /// The link to a node.
    pub(crate) fn get(&self, node: &NodeId) -> Option<Arc<RemoteNode>> {
        self.nodes.read().get(node).cloned()
    }

    /// All links, as they are now.
    pub(crate) fn all(&self) -> Arc<HashMap<NodeId, Arc<RemoteNode>>> {
        self.nodes.read().clone()
    }

    /// Passes a hint to every node.
    pub(crate) fn deliver_to_all(&self, parcel: &Arc<Parcel>) {
        for link in self.all().values() {
            link.deliver_parcel(parcel);
        }
    }

    /// Waits until a link broke, or tells at once that one broke since the last call.
    pub(crate) async fn broke(&self) {
        self.broke.notified().await;
    }

    fn follow(
        self: &Arc<Self>,
        roster: &Roster,
        stops: &mut HashMap<NodeId, CancellationToken>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) {
        let mut wanted = roster.with_role(self.to.role());
        wanted.retain(|lease| lease.node != self.me);
        let before = self.all();
        // A link that works is kept although the lease is gone: Redis may have lost the lease, not we the node.
        let keeps = |link: &RemoteNode| link.is_up() || wanted.iter().any(|lease| lease.node == *link.node());
        let mut after: HashMap<_, _> = before
            .iter()
            .filter(|(_, link)| keeps(link))
            .map(|(node, link)| (node.clone(), link.clone()))
            .collect();
        stops.retain(|node, stop| {
            after.contains_key(node) || {
                stop.cancel();
                false
            }
        });
        for lease in &wanted {
            if after.contains_key(&lease.node) {
                continue;
            }
            let (me, secret) = (self.me.clone(), self.secret.clone());
            let link = Arc::new(RemoteNode::new(lease, self.to, me, secret, self.limits));
            let token = stop.child_token();
            stops.insert(lease.node.clone(), token.clone());
            after.insert(lease.node.clone(), link.clone());
            let links = self.clone();
            tasks.spawn(async move { link.run(|| links.broke.notify_one(), token).await });
        }
        metrics::gauge!("tailcast_links", "to" => self.to.as_str()).set(after.len() as f64);
        *self.nodes.write() = Arc::new(after);
    }
}
