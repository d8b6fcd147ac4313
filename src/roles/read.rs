//! Role `read`: questions about what was: lines, counts, which streams there are; and the views that readers save.

use ::read::{Parts, views};

use crate::ground::Ground;
use crate::service::Service;

/// The service.
pub(super) fn service(ground: &Ground<'_>) -> anyhow::Result<Service> {
    let kept = ground.kept()?;
    let verifier = &ground.keys.verifier;
    let history = ::read::router(Parts {
        verifier: verifier.clone(),
        questions: kept.questions.clone(),
        sieve: ground.sieve.clone(),
        limits: ground.config.limits.history,
    });
    let views = views::router(verifier.clone(), kept.ledger.clone(), ground.config.limits.views);
    Ok(Service::new().public(history).public(views))
}
