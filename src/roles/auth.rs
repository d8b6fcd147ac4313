//! Role `auth`: tokens and API keys are made, asked about and taken back.

use std::sync::Arc;

use ::auth::api_keys::Shelf;
use ::auth::revoked::Marks;
use ::auth::service::{api_keys, introspect, me, mint, revoke, tickets};

use crate::ground::Ground;
use crate::phase::Phase;
use crate::service::Service;

/// The service.
pub(super) fn service(ground: &Ground<'_>) -> anyhow::Result<Service> {
    let verifier = &ground.keys.verifier;
    let limits = ground.config.limits.introspect;
    let kept = ground.kept()?;
    let (ledger, unused) = (kept.ledger.clone(), kept.tickets.clone());
    let marks = Marks::new(ledger.clone(), verifier.clone(), ground.config.limits.revocations);
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
    let shelf = Shelf::new(ledger, verifier.clone(), ground.config.limits.api_keys);
    let keys = api_keys::router(api_keys::Parts {
        verifier: verifier.clone(),
        shelf: Arc::new(shelf),
        limits,
    });
    let minting = mint::router(mint::Parts {
        verifier: verifier.clone(),
        signing: ground.keys.signing.clone(),
        mint: ground.config.limits.mint,
        limits,
    });
    Ok(Service::new()
        .public(me::router(verifier.clone()))
        .public(minting)
        .public(tickets::router(verifier.clone(), unused.clone(), limits))
        .public(keys)
        .public(questions)
        .public(taking_back)
        .task(Phase::Working, |stop| async move {
            stop.run_until_cancelled(marks.keep_swept()).await;
        })
        .task(Phase::Working, |stop| async move {
            stop.run_until_cancelled(unused.keep_swept()).await;
        }))
}
