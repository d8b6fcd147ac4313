//! The list of nodes, as the admin page and `tailcast nodes` see it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;

use auth::{Claims, Key, Minter, Verifier};
use axum::body::Body;
use dispatch::{Keeper, KeeperLimits, MemoryTable, NodeId, Role, nodes_router};
use http::Request;
use http_body_util::BodyExt;
use support::node::lease;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

#[tokio::test]
async fn whoever_may_administer_sees_the_nodes_and_nobody_else_does() {
    let key = Key::from_text("a key that is long enough for HS256").unwrap();
    let lease = lease(
        &NodeId::from_text("node-1"),
        "10.0.0.1:7441",
        &[Role::Collect, Role::Push],
    );
    let limits = KeeperLimits::default();
    let (keeper, mut roster) = Keeper::new(Arc::new(MemoryTable::new()), lease, || 42, None, limits);
    tokio::spawn(keeper.run(CancellationToken::new()));
    assert!(roster.changed().await);
    let router = nodes_router(Arc::new(Verifier::hs256(&key, "tailcast")), roster);

    let get = async |admin: Option<bool>| {
        let mut request = Request::get("/v1/nodes");
        if let Some(admin) = admin {
            let mut claims = Claims::new("ann", 4_000_000_000);
            claims.admin = admin;
            let token = Minter::hs256(&key, "tailcast").mint(&claims).unwrap();
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let response = router
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (
            status,
            serde_json::from_slice::<serde_json::Value>(&body).unwrap(),
        )
    };
    assert_eq!(get(None).await.0, 401);
    let (status, problem) = get(Some(false)).await;
    assert_eq!((status, &problem["code"]), (403, &"forbidden".into()));
    let expected = serde_json::json!({"nodes": [{
        "id": "node-1",
        "roles": ["collect", "push"],
        "address": "10.0.0.1:7441",
        "sessions": 42,
        "started": "2026-01-02T03:04:05.000000000Z",
        "version": "0.1.0",
    }]});
    assert_eq!(get(Some(true)).await, (200, expected));
}
