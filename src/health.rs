//! `/healthz` and `/readyz`, on both listeners of every role.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use auth::Verifier;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use edge::Problem;
use http::StatusCode;
use lines::{LogStore, StoreError};
use serde_json::json;

/// How long a load balancer is kept waiting for the store's word.
const STORE_DEADLINE: Duration = Duration::from_secs(2);

/// Whether the node should be sent requests.
pub(crate) struct Health {
    /// Set once, when the node begins to leave.
    draining: AtomicBool,
    /// What the node cannot work without; `None` for roles that read and write no lines.
    store: Option<Arc<dyn LogStore>>,
    /// Knows, or does not, what was revoked.
    verifier: Arc<Verifier>,
}

impl Health {
    /// A node that is not leaving.
    pub(crate) fn new(store: Option<Arc<dyn LogStore>>, verifier: Arc<Verifier>) -> Arc<Self> {
        Arc::new(Self {
            draining: AtomicBool::new(false),
            store,
            verifier,
        })
    }

    /// From now on the node is not ready.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    async fn readiness(&self) -> Result<(), Problem> {
        let not_ready = |detail: String| {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail)
                .retry_after(Duration::from_secs(1))
        };
        if self.draining.load(Ordering::Relaxed) {
            return Err(not_ready("the node is draining: go to another one".into()));
        }
        let Some(store) = &self.store else { return Ok(()) };
        match tokio::time::timeout(STORE_DEADLINE, store.check()).await {
            Ok(Ok(())) if self.verifier.is_stale() => Err(not_ready(
                "it is not known which tokens were revoked lately".into(),
            )),
            Ok(Ok(())) => Ok(()),
            Ok(Err(full @ StoreError::Full(_))) => Err(not_ready(full.to_string())),
            // Why stays in the log of whoever uses the store: an address may have a password in it.
            Ok(Err(_)) | Err(_) => Err(not_ready("the store does not answer".into())),
        }
    }
}

/// Both paths.
pub(crate) fn router(health: Arc<Health>) -> Router {
    Router::new()
        .route("/healthz", get(async || Json(json!({"alive": true}))))
        .route("/readyz", get(readyz))
        .with_state(health)
}

async fn readyz(State(health): State<Arc<Health>>) -> impl IntoResponse {
    health.readiness().await.map(|()| Json(json!({"ready": true})))
}
