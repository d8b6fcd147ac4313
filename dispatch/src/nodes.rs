//! `GET /v1/nodes`: who is alive, for whoever may use the admin API.

use std::sync::Arc;

use auth::{Need, Verifier};
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use edge::Problem;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Serialize;

use crate::{Lease, Roster};

/// For the internal listener.
pub fn nodes_router(verifier: Arc<Verifier>, roster: Roster) -> Router {
    let routes = Router::new()
        .route("/v1/nodes", axum::routing::get(list))
        .with_state(roster);
    auth::guarded(routes, verifier, Need::Admin)
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

async fn list(State(roster): State<Roster>) -> Result<Response, Problem> {
    let leases = roster.nodes();
    let listing = Listing {
        nodes: leases.iter().map(Node::from).collect(),
    };
    let body = serde_json::to_string(&listing)
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()))?;
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}
