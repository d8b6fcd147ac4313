//! Role `push`: sessions.

use std::sync::Arc;
use std::time::Duration;

use ::lines::HintSink;
use ::push::{Parts, Push};

use crate::ground::Ground;
use crate::phase::Phase;
use crate::service::Service;

/// The sessions of the node, as other roles know them.
#[derive(Clone)]
pub(super) struct Sessions {
    /// Who counts them.
    pub push: Arc<Push>,
    /// What takes hints for them.
    pub hints: Arc<dyn HintSink>,
}

/// The service, and its sessions.
pub(super) fn service(ground: &Ground<'_>) -> anyhow::Result<(Service, Sessions)> {
    let (kept, fan_out) = (ground.kept()?, ground.fan_out()?);
    let push = Push::new(Parts {
        store: kept.questions.clone(),
        sieve: ground.sieve.clone(),
        routes: ground.table.routes.clone(),
        node: ground.id.clone(),
        verifier: ground.keys.verifier.clone(),
        limits: ground.config.limits.sessions.clone(),
        admission: ground.config.live.admission.subscribe(),
        fan_out: fan_out.handle().clone(),
    });
    // A lone node's sessions have nowhere else to go, and its owner waits for the prompt.
    let drain = if ground.config.is_clustered() {
        ground.config.node.drain
    } else {
        Duration::ZERO
    };
    let sessions = Sessions {
        hints: fan_out.relay(push.clone()),
        push: push.clone(),
    };
    let (running, leaving, apart) = (push.clone(), push.clone(), fan_out.handle().clone());
    let service = Service::new()
        .public(::push::router(push.clone()))
        .ending(Phase::Leaving, move |_| async move { leaving.drain(drain).await })
        .task(Phase::Working, move |stop| async move {
            // It ends when it is told to, or with its threads; or it has panicked, as whoever waits for it does then.
            let ended = apart.spawn(async move { running.run(stop).await }).await;
            if let Some(panic) = ended.err().and_then(|error| error.try_into_panic().ok()) {
                std::panic::resume_unwind(panic);
            }
        });
    Ok((service, sessions))
}
