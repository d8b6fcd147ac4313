//! Role `dispatch`: batches on their way to the nodes that want them.

use std::sync::Arc;

use ::dispatch::link::To;
use ::dispatch::{Dispatcher, Peers, Roster};
use ::lines::HintSink;

use super::links;
use crate::ground::Ground;
use crate::phase::Phase;
use crate::service::Service;

/// The service, and what takes batches. Those for sessions of this node go to `sessions`.
pub(super) fn service(
    ground: &Ground<'_>,
    sessions: Option<Arc<dyn HintSink>>,
    roster: &Roster,
) -> (Service, Arc<Dispatcher>) {
    let (links, mut service) = links::outbound(ground, To::Push, roster);
    let peers = links.map(|links| Peers {
        links,
        roster: roster.clone(),
    });
    let dispatcher = Dispatcher::new(
        ground.id.clone(),
        ground.table.routes.clone(),
        sessions,
        peers,
        ground.config.limits.dispatch,
    );
    let running = dispatcher.clone();
    service = service.task(Phase::Passing, |stop| running.run(stop));
    (service, dispatcher)
}
