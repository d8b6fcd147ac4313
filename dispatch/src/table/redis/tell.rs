//! Telling Redis what a node announced and withdrew: those who wait for their turn are told together.

use lines::Target;

use super::announced::{Announced, Untold, Upkeep};
use super::{NodeId, PATTERNS, RedisTable, TableError, holds_key, route_key, scripts};

/// Whether there was something left to tell Redis.
#[derive(PartialEq, Eq)]
enum Told {
    All,
    Some,
}

impl RedisTable {
    /// Tells Redis what changed of `targets`, together with everything else that waits.
    pub(super) async fn tell(
        &self,
        node: &NodeId,
        announced: &Announced,
        targets: &[Target],
    ) -> Result<(), TableError> {
        let attempt = announced.attempt();
        let turn = tokio::time::timeout(self.options.turn, announced.turn.lock()).await;
        let turn = turn.map_err(|_| TableError::Timeout(self.options.turn))?;
        while !announced.is_told(targets) {
            self.tell_some(node, announced, &turn).await?;
        }
        attempt.done();
        Ok(())
    }

    /// The caller has the turn.
    pub(super) async fn tell_all(
        &self,
        node: &NodeId,
        announced: &Announced,
        turn: &Upkeep,
    ) -> Result<(), TableError> {
        while self.tell_some(node, announced, turn).await? == Told::Some {}
        Ok(())
    }

    /// Tells Redis as much as goes into one round trip. The caller has the turn.
    async fn tell_some(&self, node: &NodeId, announced: &Announced, _: &Upkeep) -> Result<Told, TableError> {
        let next = announced.untold(self.options.targets_per_call);
        if next.is_empty() {
            return Ok(Told::All);
        }
        self.write_routes(node, &next).await?;
        announced.told(&next);
        // Redis's own word for these follows its answer: whoever looks up here after us must not wait for it.
        for target in next.present.iter().chain(&next.absent) {
            self.cache.forget(&route_key(target.as_str()));
            if matches!(target, Target::Pattern(_)) {
                self.cache.forget(PATTERNS);
            }
        }
        Ok(Told::Some)
    }

    async fn write_routes(&self, node: &NodeId, changes: &Untold) -> Result<(), TableError> {
        let holds = holds_key(node);
        let mut stages = vec![Vec::new(), Vec::new(), Vec::new()];
        if !changes.present.is_empty() {
            let texts: Vec<&str> = changes.present.iter().map(Target::as_str).collect();
            stages[0].push(scripts::add(&holds, &texts));
            let routes = texts
                .iter()
                .map(|text| scripts::add(&route_key(text), node.as_str()));
            stages[1].extend(routes);
        }
        let patterns = patterns_of(&changes.present);
        if !patterns.is_empty() {
            // After the routes: see `forget_patterns`.
            stages[2].push(scripts::add(PATTERNS, patterns));
        }
        if !changes.absent.is_empty() {
            let texts: Vec<&str> = changes.absent.iter().map(Target::as_str).collect();
            let routes = texts
                .iter()
                .map(|text| scripts::remove(&route_key(text), node.as_str()));
            stages[1].extend(routes);
            stages[2].push(scripts::remove(&holds, &texts));
        }
        self.connection.run(stages).await?;
        self.forget_patterns(&patterns_of(&changes.absent)).await
    }

    /// Takes patterns that no node holds off the list. A node may announce one at the same moment: it writes the route
    /// first and the list afterwards, and we look at the route again after taking the pattern off, so that one of the
    /// two puts it back.
    pub(super) async fn forget_patterns(&self, patterns: &[&str]) -> Result<(), TableError> {
        let empty = self.without_nodes(patterns).await?;
        if empty.is_empty() {
            return Ok(());
        }
        let off = scripts::remove(PATTERNS, &empty);
        self.connection.run(vec![vec![off]]).await?;
        let still = self.without_nodes(&empty).await?;
        let back: Vec<&str> = empty
            .into_iter()
            .filter(|pattern| !still.contains(pattern))
            .collect();
        if !back.is_empty() {
            let on = scripts::add(PATTERNS, back);
            self.connection.run(vec![vec![on]]).await?;
        }
        Ok(())
    }

    async fn without_nodes<'a>(&self, patterns: &[&'a str]) -> Result<Vec<&'a str>, TableError> {
        if patterns.is_empty() {
            return Ok(Vec::new());
        }
        let count = |pattern: &&str| scripts::count(&route_key(pattern));
        let mut answers = self
            .connection
            .run(vec![patterns.iter().map(count).collect()])
            .await?;
        let mut empty = Vec::new();
        for pattern in patterns {
            if answers.take::<u64>()? == 0 {
                empty.push(*pattern);
            }
        }
        Ok(empty)
    }
}

pub(super) fn patterns_of(targets: &[Target]) -> Vec<&str> {
    let patterns = targets
        .iter()
        .filter(|target| matches!(target, Target::Pattern(_)));
    patterns.map(Target::as_str).collect()
}
