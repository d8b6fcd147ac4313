//! Role `web`: the viewer, and the client library for pages.

use crate::service::Service;

/// The service.
pub(super) fn service() -> Service {
    Service::new().public(::web::router())
}
