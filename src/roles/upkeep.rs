//! What every node does, whatever its roles: it says how it is, and what it answers.

use crate::ground::Ground;
use crate::health::{self, Health};
use crate::measure;
use crate::openapi;
use crate::phase::Phase;
use crate::service::Service;

/// The service. From the first moment of the end on it is not ready.
pub(super) fn service(ground: &Ground<'_>) -> anyhow::Result<Service> {
    let (health, metrics) = (Health::new(ground.store()), ground.metrics.clone());
    Ok(Service::new()
        .public(health::router(health.clone()))
        .public(openapi::router()?)
        .internal(health::router(health.clone()))
        .internal(measure::router(metrics.clone()))
        .ending(Phase::Leaving, move |_| async move { health.drain() })
        .task(Phase::Working, |stop| measure::keep_up(metrics, stop)))
}
