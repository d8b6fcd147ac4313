//! What every node does, whatever its roles: it says how it is and what it answers, knows what was taken back, and tells
//! which API keys are used.

use crate::ground::Ground;
use crate::health::{self, Health};
use crate::measure;
use crate::openapi;
use crate::phase::Phase;
use crate::service::Service;

/// The service. From the first moment of the end on it is not ready.
pub(super) fn service(ground: &Ground<'_>) -> anyhow::Result<Service> {
    let verifier = ground.keys.verifier.clone();
    let health = Health::new(ground.store(), verifier.clone());
    let metrics = ground.metrics.clone();
    let service = match ground.kept() {
        Ok(kept) => {
            let followed = ::auth::follow(kept.ledger.clone(), verifier.clone());
            let told = ::auth::keep_last_use(kept.ledger.clone(), verifier);
            Service::new()
                .task(Phase::Working, |stop| async move {
                    stop.run_until_cancelled(followed).await;
                })
                .task(Phase::Working, |stop| async move {
                    stop.run_until_cancelled(told).await;
                })
        }
        Err(_) => Service::new(),
    };
    Ok(service
        .public(health::router(health.clone()))
        .public(openapi::router()?)
        .internal(health::router(health.clone()))
        .internal(measure::router(metrics.clone()))
        .ending(Phase::Leaving, move |_| async move { health.drain() })
        .task(Phase::Working, |stop| measure::keep_up(metrics, stop)))
}
