//! Role `auth`: tokens and API keys are made, asked about and taken back; and the keys that sign them.

use std::sync::Arc;

use ::auth::api_keys::Shelf;
use ::auth::pairs::{Folder, Keeper, Keeping, Keyring, put_away};
use ::auth::revoked::Marks;
use ::auth::service::{api_keys, introspect, keys, me, mint, revoke, tickets};

use crate::ground::Ground;
use crate::phase::Phase;
use crate::service::Service;

/// The service.
pub(super) fn service(ground: &Ground<'_>) -> anyhow::Result<Service> {
    let verifier = &ground.keys.verifier;
    let limits = ground.config.limits.introspect;
    let kept = ground.kept()?;
    let (ledger, unused) = (kept.ledger.clone(), kept.tickets.clone());
    let keyring = Keyring::new(ledger.clone());
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
    let shelf = api_keys::router(api_keys::Parts {
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
    let public_keys = keys::router(keys::Parts {
        verifier: verifier.clone(),
        keyring: keyring.clone(),
    });
    let service = Service::new()
        .public(me::router(verifier.clone()))
        .public(minting)
        .public(tickets::router(verifier.clone(), unused.clone(), limits))
        .public(shelf)
        .public(questions)
        .public(taking_back)
        .public(public_keys);
    Ok(signs(service, ground, keyring)?
        .task(Phase::Working, |stop| async move {
            stop.run_until_cancelled(marks.keep_swept()).await;
        })
        .task(Phase::Working, |stop| async move {
            stop.run_until_cancelled(unused.keep_swept()).await;
        }))
}

/// Keeps the keys that it signs with, where those are pairs.
fn signs(service: Service, ground: &Ground<'_>, keyring: Keyring) -> anyhow::Result<Service> {
    let tokens = &ground.config.tokens;
    let folder = Folder::new(&ground.config.node.data, tokens.signing_keys.as_deref());
    let Some(algorithm) = tokens.signing else {
        folder.say_none()?;
        return Ok(service.task(Phase::Working, |stop| async move {
            stop.run_until_cancelled(put_away(keyring, folder)).await;
        }));
    };
    // What lies there has to be good, or nothing begins.
    folder.read()?;
    let keeping = Keeping {
        algorithm,
        longest: tokens.max_lifetime,
        issuer: tokens.issuer.clone(),
    };
    let (verifier, signing) = (ground.keys.verifier.clone(), ground.keys.signing.clone());
    let keeper = Keeper::new(keyring, folder, keeping, verifier, signing);
    Ok(service.task(Phase::Working, |stop| async move {
        stop.run_until_cancelled(keeper.run()).await;
    }))
}
