//! Role `read`: questions about what was: lines, counts, which streams there are.

use ::read::Parts;

use crate::ground::Ground;
use crate::service::Service;

/// The service.
pub(super) fn service(ground: &Ground<'_>) -> anyhow::Result<Service> {
    let kept = ground.kept()?;
    Ok(Service::new().public(::read::router(Parts {
        verifier: ground.keys.verifier.clone(),
        questions: kept.questions.clone(),
        sieve: ground.sieve.clone(),
        limits: ground.config.limits.history,
    })))
}
