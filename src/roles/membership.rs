//! What every node does, whatever its roles: it has a lease, by which the others know it, and knows theirs.

use ::dispatch::{Keeper, Lease, Roster, nodes_router};
use ::lines::Timestamp;

use super::push::Sessions;
use crate::ground::Ground;
use crate::phase::Phase;
use crate::service::Service;

/// The service, and who is alive.
pub(super) fn service(ground: &Ground<'_>, sessions: Option<Sessions>) -> (Service, Roster) {
    let lease = Lease {
        node: ground.id.clone(),
        roles: ground.config.node.roles.clone(),
        address: ground.address.clone(),
        sessions: 0,
        started: Timestamp::now().to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let local = sessions.as_ref().map(|sessions| sessions.hints.clone());
    let counted = move || {
        let count = sessions.as_ref().map(|sessions| sessions.push.sessions());
        count.unwrap_or_default() as u64
    };
    let (keeper, roster) = Keeper::new(
        ground.table.membership.clone(),
        lease,
        counted,
        local,
        ground.config.limits.lease,
    );
    let mut service = Service::new();
    // A node without a store does not know which tokens were taken back: no address of it is behind one.
    if ground.kept().is_ok() {
        service = service.internal(nodes_router(ground.keys.verifier.clone(), roster.clone()));
    }
    (service.task(Phase::Working, |stop| keeper.run(stop)), roster)
}
