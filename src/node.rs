//! One node: a list of services, behind two listeners and those that the services bring.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use dispatch::NodeId;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::certificates::Follower;
use crate::config::Config;
use crate::descriptors::Shares;
use crate::fan_out::FanOut;
use crate::ground::{Ground, Keys};
use crate::listeners::{Bound, Listeners, bind};
use crate::phase::{Ending, Phase, Phases};
use crate::roles;
use crate::routes::Reach;
use crate::service::Service;

/// A node that runs.
pub(crate) struct Node {
    id: NodeId,
    public: SocketAddr,
    internal: SocketAddr,
    further: Vec<(Arc<str>, SocketAddr)>,
    phases: Phases,
    endings: Vec<(Phase, Ending)>,
    /// Its threads serve sessions for as long as the node is there.
    _fan_out: Option<Arc<FanOut>>,
}

impl Node {
    /// Binds the listeners, makes the services that the roles are, and serves. Nothing runs where any of it fails.
    pub(crate) async fn start(
        config: &Config,
        keys: Keys,
        metrics: PrometheusHandle,
        shares: Shares,
    ) -> anyhow::Result<Self> {
        let public = bind(config.listeners.public, "--listen").await?;
        let internal = bind(config.listeners.internal, "--internal").await?;
        let ground = Ground::open(config, keys, metrics, internal.address).await?;
        Self::of(&ground, roles::services(&ground)?, (public, internal), shares).await
    }

    async fn of(
        ground: &Ground<'_>,
        mut services: Vec<Service>,
        (public, internal): (Bound, Bound),
        shares: Shares,
    ) -> anyhow::Result<Self> {
        let phases = ground.phases.clone();
        let shown = ground.config.listeners.tls.clone();
        let shown = shown.map(|files| Follower::start(files, "public")).transpose()?;
        let tls = shown.as_ref().map(Follower::tls);
        let mut further = Vec::new();
        for listener in services
            .iter_mut()
            .flat_map(|service| service.listeners.drain(..))
        {
            further.push((bind(listener.address, listener.setting).await?, listener));
        }
        let take = |router: fn(&mut Service) -> &mut Router, services: &mut [Service]| {
            let all = services.iter_mut().map(|service| std::mem::take(router(service)));
            all.fold(Router::new(), Router::merge)
        };
        let (on_public, on_internal) = (
            take(|service| &mut service.public, &mut services),
            take(|service| &mut service.internal, &mut services),
        );
        let endings = services
            .into_iter()
            .flat_map(|service| service.begin(&phases))
            .collect();
        tracing::info!(node = %ground.id, public = %public.address, internal = %internal.address, "started");
        let node = Self {
            id: ground.id.clone(),
            public: public.address,
            internal: internal.address,
            further: further
                .iter()
                .map(|(bound, listener)| (listener.name.clone(), bound.address))
                .collect(),
            endings,
            phases: phases.clone(),
            _fan_out: ground.fan_out().ok().cloned(),
        };
        let listeners = Listeners::new(ground.config, shares, further.len(), &phases);
        listeners.serve(public, on_public, Reach::Public, tls);
        listeners.serve(internal, on_internal, Reach::Internal, None);
        if let Some(shown) = shown {
            phases.of(Phase::Serving).begin(|stop| shown.run(stop));
        }
        for (bound, listener) in further {
            listeners.speak(bound, listener);
        }
        Ok(node)
    }

    /// Which node it is.
    pub(crate) fn id(&self) -> &NodeId {
        &self.id
    }

    /// The address of the public listener.
    pub(crate) fn public(&self) -> SocketAddr {
        self.public
    }

    /// The address of the internal listener.
    pub(crate) fn internal(&self) -> SocketAddr {
        self.internal
    }

    /// The other listeners, by name.
    pub(crate) fn further(&self) -> &[(Arc<str>, SocketAddr)] {
        &self.further
    }

    /// Ends when a part of it has panicked that it cannot do without. What is to be done then is to [stop](Self::stop) it.
    pub(crate) async fn failed(&self) {
        self.phases.failed().await;
    }

    /// Ends in the order of a line's path: sessions are told and moved on, requests under way are answered, what waits
    /// is stored and handed off, the lease ends. A store or a peer that is away holds up none of these for long.
    pub(crate) async fn stop(self) {
        self.phases.stop(self.endings).await;
        tracing::info!("stopped");
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use auth::Key;
    use edge::{Entered, Protocol};
    use metrics_exporter_prometheus::PrometheusBuilder;
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::config::layers::Layers;
    use crate::service::Listener;

    impl Node {
        /// The threads that serve its sessions.
        pub(crate) fn fan_out(&self) -> Option<&FanOut> {
            self._fan_out.as_deref()
        }
    }

    pub(crate) const SECRET: &str = "a key and a secret of at least 32 bytes";

    const PATIENCE: Duration = Duration::from_secs(20);

    /// Settings of a node with all roles, and with links.
    pub(crate) fn config(folder: &tempfile::TempDir) -> Config {
        let data = folder.path().join("data").display().to_string();
        let flags = [
            ("listen", "127.0.0.1:0"),
            ("internal", "127.0.0.1:0"),
            ("data", &data),
        ];
        let flags: BTreeMap<_, _> = flags.map(|(key, text)| (key, text.to_owned())).into();
        let secret = ("TAILCAST_CLUSTER_SECRET".to_owned(), SECRET.to_owned());
        Config::read(&Layers::gather(&flags, [secret], None).unwrap()).unwrap()
    }

    pub(crate) async fn node(config: &Config) -> Node {
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let node = Node::start(config, keys(config), metrics, Shares::of(1_024)).await;
        node.unwrap()
    }

    fn keys(config: &Config) -> Keys {
        Keys::new(Some(&Key::from_text(SECRET).unwrap()), config).unwrap()
    }

    /// The node with one service more.
    async fn node_with(config: &Config, service: Service) -> anyhow::Result<Node> {
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let any = "127.0.0.1:0".parse().unwrap();
        let bound = (bind(any, "").await?, bind(any, "").await?);
        let ground = Ground::open(config, keys(config), metrics, bound.1.address).await?;
        let mut services = roles::services(&ground)?;
        services.push(service);
        Node::of(&ground, services, bound, Shares::of(1_024)).await
    }

    /// Says lines back, and goodbye.
    struct Echo;

    impl Protocol for Echo {
        async fn serve(&self, entered: Entered, stop: CancellationToken) {
            let mut socket = BufReader::new(entered.socket);
            let mut line = String::new();
            let _ = socket.read_line(&mut line).await;
            let _ = socket.write_all(line.as_bytes()).await;
            stop.cancelled().await;
            let _ = socket.write_all(b"goodbye\n").await;
        }
    }

    #[tokio::test]
    async fn a_service_has_a_listener_of_its_own_which_ends_with_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let echo = Service::new().listener(Listener::new("echo", any, "`echo`", Echo));
        let node = node_with(&config(&folder), echo).await.unwrap();
        let [(name, address)] = node.further() else {
            panic!("{:?}", node.further());
        };
        assert_eq!(&**name, "echo");
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"hello\n").await.unwrap();
        client.read_exact(&mut [0; 6]).await.unwrap();
        node.stop().await;
        let mut rest = String::new();
        let read = tokio::time::timeout(PATIENCE, client.read_to_string(&mut rest)).await;
        read.expect("it is not closed").unwrap();
        assert_eq!(rest, "goodbye\n");
    }

    #[tokio::test]
    async fn a_listener_whose_address_is_taken_names_its_setting_and_nothing_runs() {
        let folder = tempfile::tempdir().unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let (told, mut begun) = tokio::sync::mpsc::channel::<()>(1);
        let echo = Service::new()
            .listener(Listener::new("echo", address, "`echo`", Echo))
            .task(Phase::Working, |_| async move {
                let _ = told.send(()).await;
            });
        let Err(error) = node_with(&config(&folder), echo).await else {
            panic!("it listens");
        };
        let error = error.to_string();
        assert_eq!(
            error,
            format!("cannot listen on {address}; choose another address with `echo`")
        );
        assert_eq!(begun.recv().await, None);
    }
}
