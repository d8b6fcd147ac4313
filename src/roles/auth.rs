//! Role `auth`: questions about tokens.

use ::auth::introspect::{self, Parts};

use crate::ground::Ground;
use crate::service::Service;

/// The service.
pub(super) fn service(ground: &Ground<'_>) -> Service {
    Service::new().public(introspect::router(Parts {
        verifier: ground.keys.verifier.clone(),
        issuer: ground.keys.issuer.clone(),
        limits: ground.config.limits.introspect,
    }))
}
