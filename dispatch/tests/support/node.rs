//! Nodes of a cluster in one process: a listener for links, and what is behind it.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::sync::Arc;

use auth::ClusterSecret;
use dispatch::link::{Inbound, LinkLimits, router};
use dispatch::{
    DispatchLimits, Dispatcher, Keeper, KeeperLimits, Lease, Membership, NodeId, Role, Roster, Routes,
};
use lines::HintSink;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The secret that the nodes of the tests share.
pub fn secret() -> Arc<ClusterSecret> {
    secret_of("the secret of all the nodes in these tests")
}

/// Another one.
pub fn secret_of(text: &str) -> Arc<ClusterSecret> {
    Arc::new(ClusterSecret::from_text(text).expect("a secret"))
}

/// What the tables of this crate are: both seams.
pub trait Table: Membership + Routes {}

impl<T: Membership + Routes> Table for T {}

/// A node that can be stopped at once.
pub struct Node {
    pub id: NodeId,
    pub address: String,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Node {
    /// Listens for links at a port, or at any free one.
    pub async fn listen(
        port: u16,
        dispatch: Option<Arc<dyn HintSink>>,
        push: Option<Arc<dyn HintSink>>,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .expect("a port to listen at");
        Self::on(NodeId::random(), listener, dispatch, push)
    }

    /// The same as a known node at a known place.
    pub fn on(
        id: NodeId,
        listener: TcpListener,
        dispatch: Option<Arc<dyn HintSink>>,
        push: Option<Arc<dyn HintSink>>,
    ) -> Self {
        let address = listener.local_addr().expect("an address").to_string();
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let inbound = Inbound {
            me: id.clone(),
            secret: secret(),
            dispatch,
            push,
            limits: LinkLimits::default(),
            stop: stop.clone(),
            tasks: tasks.clone(),
        };
        let serving = edge::serve(
            listener,
            router(inbound),
            edge::ServeLimits::default(),
            stop.clone(),
        );
        tasks.spawn(serving);
        Self {
            id,
            address,
            stop,
            tasks,
        }
    }

    pub fn lease(&self, roles: &[Role]) -> Lease {
        lease(&self.id, &self.address, roles)
    }

    pub fn port(&self) -> u16 {
        self.address
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok())
            .expect("a port")
    }

    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    pub fn token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Keeps its lease, quickly.
    pub fn keep(&self, table: &Arc<dyn Table>, roles: &[Role]) -> Roster {
        let limits = KeeperLimits {
            renew: std::time::Duration::from_millis(50),
            ..KeeperLimits::default()
        };
        let (keeper, roster) = Keeper::new(table.clone(), self.lease(roles), || 0, None, limits);
        self.spawn(keeper.run(self.token()));
        roster
    }

    /// Ends it, and waits until its port is free.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

pub fn lease(node: &NodeId, address: &str, roles: &[Role]) -> Lease {
    Lease {
        node: node.clone(),
        roles: roles.iter().copied().collect(),
        address: address.to_owned(),
        sessions: 0,
        started: "2026-01-02T03:04:05.000000000Z".to_owned(),
        version: "0.1.0".to_owned(),
    }
}

/// A dispatcher that runs and only has its own push role.
pub fn local_dispatcher(
    routes: Arc<dyn Routes>,
    me: &NodeId,
    local: Arc<dyn HintSink>,
    limits: DispatchLimits,
) -> Arc<Dispatcher> {
    let dispatcher = Dispatcher::new(me.clone(), routes, Some(local), None, limits);
    tokio::spawn(dispatcher.clone().run(CancellationToken::new()));
    dispatcher
}
