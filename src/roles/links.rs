//! Links between the nodes of a cluster. A node that is no part of one has none.

use std::sync::Arc;

use ::dispatch::Roster;
use ::dispatch::link::{Inbound, Links, To, router};
use ::lines::HintSink;

use crate::ground::Ground;
use crate::phase::Phase;
use crate::service::Service;

/// To every node of a role, with the service that keeps them.
pub(super) fn outbound(ground: &Ground<'_>, to: To, roster: &Roster) -> (Option<Arc<Links>>, Service) {
    let service = Service::new();
    let Some(secret) = ground.keys.cluster.clone() else {
        return (None, service);
    };
    let links = Links::new(ground.id.clone(), to, secret, ground.config.limits.links);
    let (running, roster) = (links.clone(), roster.clone());
    let service = service.task(Phase::Passing, |stop| running.run(roster, stop));
    (Some(links), service)
}

/// Those that other nodes open to this one.
pub(super) fn inbound(
    ground: &Ground<'_>,
    dispatcher: Option<Arc<dyn HintSink>>,
    sessions: Option<Arc<dyn HintSink>>,
) -> Option<Service> {
    let working = ground.phases.of(Phase::Working);
    let inbound = Inbound {
        me: ground.id.clone(),
        secret: ground.keys.cluster.clone()?,
        dispatch: dispatcher,
        push: sessions,
        limits: ground.config.limits.links,
        stop: working.stop.clone(),
        tasks: working.tasks.clone(),
    };
    Some(Service::new().internal(router(inbound)))
}
