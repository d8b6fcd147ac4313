//! Role `auth`: questions about tokens, and taking them back.

use std::sync::Arc;

use ::auth::revoked::Marks;
use ::auth::service::{introspect, revoke};

use crate::ground::Ground;
use crate::phase::Phase;
use crate::service::Service;

/// The service.
pub(super) fn service(ground: &Ground<'_>) -> anyhow::Result<Service> {
    let verifier = &ground.keys.verifier;
    let limits = ground.config.limits.introspect;
    let ledger = ground.kept()?.ledger.clone();
    let marks = Marks::new(ledger, verifier.clone(), ground.config.limits.revocations);
    let marks = Arc::new(marks);
    let questions = introspect::router(introspect::Parts {
        verifier: verifier.clone(),
        issuer: ground.keys.issuer.clone(),
        limits,
    });
    let taking_back = revoke::router(revoke::Parts {
        verifier: verifier.clone(),
        marks: marks.clone(),
        limits,
    });
    Ok(Service::new()
        .public(questions)
        .public(taking_back)
        .task(Phase::Working, |stop| async move {
            stop.run_until_cancelled(marks.keep_swept()).await;
        }))
}
