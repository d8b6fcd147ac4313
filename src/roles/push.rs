//! Role `push`: sessions.

use std::sync::Arc;
use std::time::Duration;

use ::push::{Parts, Push};

use crate::ground::Ground;
use crate::phase::Phase;
use crate::service::Service;

/// The service, and what takes hints and counts sessions.
pub(super) fn service(ground: &Ground<'_>) -> anyhow::Result<(Service, Arc<Push>)> {
    let kept = ground.kept()?;
    let push = Push::new(Parts {
        store: kept.questions.clone(),
        sieve: ground.sieve.clone(),
        routes: ground.table.routes.clone(),
        node: ground.id.clone(),
        verifier: ground.keys.verifier.clone(),
        limits: ground.config.limits.sessions.clone(),
        admission: ground.config.live.admission.subscribe(),
    });
    // A lone node's sessions have nowhere else to go, and its owner waits for the prompt.
    let drain = if ground.config.is_clustered() {
        ground.config.node.drain
    } else {
        Duration::ZERO
    };
    let (running, leaving) = (push.clone(), push.clone());
    let service = Service::new()
        .public(::push::router(push.clone()))
        .ending(Phase::Leaving, move |_| async move { leaving.drain(drain).await })
        .task(Phase::Working, move |stop| async move { running.run(stop).await });
    Ok((service, push))
}
