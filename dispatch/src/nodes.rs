//! `GET /v1/nodes`: who is alive, for whoever may use the admin API.

use std::sync::Arc;

use auth::Verifier;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use edge::Problem;
use http::header::{CONTENT_TYPE, HeaderMap};
use http::{StatusCode, Uri};
use serde::Serialize;

use crate::{Lease, Membership};

/// For the internal listener.
pub fn nodes_router(verifier: Arc<Verifier>, membership: Membership) -> Router {
    Router::new()
        .route("/v1/nodes", axum::routing::get(list))
        .with_state((verifier, membership))
}

#[derive(Serialize)]
struct Listing<'a> {
    nodes: Vec<Node<'a>>,
}

#[derive(Serialize)]
struct Node<'a> {
    id: &'a str,
    roles: Vec<&'static str>,
    address: &'a str,
    sessions: u64,
    started: &'a str,
    version: &'a str,
}

impl<'a> From<&'a Lease> for Node<'a> {
    fn from(lease: &'a Lease) -> Self {
        Self {
            id: lease.node.as_str(),
            roles: lease.roles.iter().map(|role| role.as_str()).collect(),
            address: &lease.address,
            sessions: lease.sessions,
            started: &lease.started,
            version: &lease.version,
        }
    }
}

async fn list(
    State((verifier, membership)): State<(Arc<Verifier>, Membership)>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let subscriber = auth::authenticate(&verifier, &headers, &uri)?;
    if !subscriber.grants().admin {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "the list of nodes needs a token with `admin`: `tailcast token --admin` makes one",
        ));
    }
    let leases = membership.nodes();
    let listing = Listing {
        nodes: leases.iter().map(Node::from).collect(),
    };
    let body = serde_json::to_string(&listing)
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()))?;
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}
