//! Role `web`: the viewer, and the client library for pages.

use crate::service::Service;

/// The service.
pub fn service() -> Service {
    Service::new().public(::web::router())
}
