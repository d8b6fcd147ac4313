//! Role `collect`: lines come in, are stored and handed on, and removed when their time is over.

use std::sync::Arc;

use ::collect::Door;
use ::collect::append::Appender;
use ::collect::ingest;
use ::dispatch::Roster;
use ::dispatch::link::{RemoteHandoff, To};
use ::lines::HintSink;
use ::store::clock::SystemClock;
use ::store::deleting;
use ::store::sketcher::{Sizes, Sketcher};
use ::store::trim::{self, Trimmer};
use anyhow::Context;
use tokio::time::Instant;

use super::links;
use crate::ground::Ground;
use crate::phase::Phase;
use crate::service::Service;

/// The service. What is stored goes to `dispatcher`, or to those of other nodes.
pub(super) fn service(
    ground: &Ground<'_>,
    dispatcher: Option<Arc<dyn HintSink>>,
    roster: &Roster,
) -> anyhow::Result<Service> {
    let store = &ground.kept()?.store;
    let (handoff, service) = handoff(ground, dispatcher, roster)?;
    let live = &ground.config.live;
    let appender = Appender::new(store.clone(), handoff.clone(), live.append.subscribe());
    let verifier = &ground.keys.verifier;
    let limits = ingest::Limits {
        too_long: ground.config.taking.too_long,
        ..ground.config.limits.ingest
    };
    let lines_in = ingest::router(ingest::Parts {
        verifier: verifier.clone(),
        door: Door::new(appender.clone(), limits).reading(ground.config.taking.reading.clone()),
    });
    let trimmer = Trimmer::new(trim::Parts {
        store: store.clone(),
        keeping: live.retention.subscribe(),
        clock: Arc::new(SystemClock::default()),
    });
    let sketcher = Sketcher::new(store.clone(), Sizes::default());
    Ok(service
        .public(lines_in)
        .internal(trim::admin::router(verifier.clone(), trimmer.clone()))
        .internal(deleting::router(verifier.clone(), store.clone(), handoff))
        // Requests under way wait for the appender, which takes their lines as long as they come. Those that still wait
        // for the store at the end are answered then.
        .ending(Phase::Storing, |until| async move {
            let left = until.saturating_duration_since(Instant::now());
            appender.shutdown(left).await;
        })
        .task(Phase::Working, |stop| async move { trimmer.run(stop).await })
        .task(Phase::Working, |stop| sketcher.run(stop)))
}

/// The dispatcher of this node, or those of others.
fn handoff(
    ground: &Ground<'_>,
    dispatcher: Option<Arc<dyn HintSink>>,
    roster: &Roster,
) -> anyhow::Result<(Arc<dyn HintSink>, Service)> {
    if let Some(dispatcher) = dispatcher {
        return Ok((dispatcher, Service::new()));
    }
    let (links, service) = links::outbound(ground, To::Dispatch, roster);
    let remote = RemoteHandoff::new(links.context("a collector without a dispatcher needs a cluster")?);
    let running = remote.clone();
    Ok((remote, service.task(Phase::Passing, |stop| running.run(stop))))
}
