//! How a node is, and links between nodes.

use utoipa::openapi::Required;
use utoipa::openapi::path::ParameterIn;

use crate::openapi::shapes::{Is::Always, JSON, any, object, one_of, text, truth};
use crate::openapi::told::Told;

pub(crate) fn alive() -> Told {
    let alive = object("", vec![("alive", Always, truth(""))]);
    Told::new("alive", "node", "Whether the process lives", "").answer(200, "It does.", vec![(JSON, alive)])
}

pub(crate) fn ready() -> Told {
    let ready = object("", vec![("ready", Always, truth(""))]);
    Told::new("ready", "node", "Whether to send requests here", "")
        .answer(200, "Yes.", vec![(JSON, ready)])
        .refuses(503, &["not_ready"])
}

pub(crate) fn describe() -> Told {
    Told::new("describe", "node", "This document", "").answer(200, "OpenAPI 3.1.", vec![(JSON, any(""))])
}

pub(crate) fn link() -> Told {
    let to = one_of("", &["dispatch", "push"]);
    Told::new(
        "link",
        "node",
        "A link from another node",
        "A WebSocket; for nodes of the cluster alone.",
    )
    .parameter(ParameterIn::Query, "to", Required::True, "Whom it is for.", to)
    .answer(101, "From here on it is a link.", vec![])
    .refuses(400, &["bad_parameter"])
    .refuses(404, &["no_such_role"])
}

pub(crate) fn metrics() -> Told {
    Told::new(
        "metrics",
        "node",
        "What the process counts",
        "In the text format of Prometheus.",
    )
    .answer(200, "Metrics.", vec![("text/plain", text(""))])
}
