//! Removing what dead nodes announced. Any node may do it, many at once: every step can be repeated.

use lines::Target;

use super::tell::patterns_of;
use super::{NODES, NodeId, RedisTable, TableError, holds_key, lease_key, route_key, scripts};

/// How far a sweep came.
enum Swept {
    /// Nothing of the node is left, or it lives.
    Done,
    /// There is more.
    Some,
}

impl RedisTable {
    /// Sweeps after nodes that have been without a lease for the length of one: a node that was merely stopped for a
    /// while finds its routes where they were. What fails is tried again with the next renewal.
    pub(super) async fn sweep(&self, me: &NodeId) {
        let due: Vec<NodeId> = {
            let mut dead = self.dead.lock();
            dead.remove(me);
            let due = dead
                .iter()
                .filter(|(_, since)| since.elapsed() >= self.options.lease);
            due.map(|(node, _)| node.clone()).collect()
        };
        let mut left = self.options.sweeps_per_renewal;
        for node in due {
            loop {
                if left == 0 {
                    return;
                }
                left -= 1;
                match self.sweep_some(&node).await {
                    Ok(Swept::Some) => {}
                    Ok(Swept::Done) => {
                        self.dead.lock().remove(&node);
                        break;
                    }
                    Err(error) => {
                        tracing::debug!(%node, %error, "could not sweep after a dead node");
                        return;
                    }
                }
            }
        }
    }

    async fn sweep_some(&self, node: &NodeId) -> Result<Swept, TableError> {
        let alive = redis::cmd("EXISTS").arg(lease_key(node)).take();
        let some = scripts::some(&holds_key(node), self.options.targets_per_call);
        let mut answers = self.connection.run(vec![vec![alive], vec![some]]).await?;
        if answers.take::<bool>()? {
            return Ok(Swept::Done);
        }
        let texts: Vec<String> = answers.take()?;
        if texts.is_empty() {
            let forget = redis::cmd("ZREM").arg(NODES).arg(node.as_str()).take();
            self.connection.run(vec![vec![forget]]).await?;
            tracing::info!(%node, "swept after a dead node");
            return Ok(Swept::Done);
        }
        // What is no target has no route, but has to leave the set as well.
        let targets: Vec<Target> = texts.iter().filter_map(|text| Target::parse(text).ok()).collect();
        let routes = targets
            .iter()
            .map(|target| scripts::remove(&route_key(target.as_str()), node.as_str()))
            .collect();
        let release = scripts::remove(&holds_key(node), &texts);
        self.connection.run(vec![routes, vec![release]]).await?;
        self.forget_patterns(&patterns_of(&targets)).await?;
        Ok(Swept::Some)
    }
}
