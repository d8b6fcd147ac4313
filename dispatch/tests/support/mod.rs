//! Servers and waiting, for the tests of this crate.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

pub mod hints;
pub mod node;

use std::future::Future;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lines::{StreamName, Target};

/// A redis-server of the test's own. Ends with the value.
pub struct RedisServer {
    port: u16,
    flags: Vec<String>,
    /// A Sentinel keeps its settings in a file that it writes itself.
    settings: Option<std::path::PathBuf>,
    folder: tempfile::TempDir,
    process: Option<Child>,
}

impl RedisServer {
    /// Starts one that keeps nothing on disk.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same, with more flags.
    pub async fn start_with(flags: &[&str]) -> Self {
        let mut server = Self::stopped();
        server.flags = flags.iter().map(|&flag| flag.to_owned()).collect();
        server.run().await;
        server
    }

    /// A Sentinel that watches the server at `port` under the name `main`.
    pub async fn sentinel_of(port: u16) -> Self {
        let mut sentinel = Self::stopped();
        let settings = sentinel.folder.path().join("sentinel.conf");
        std::fs::write(&settings, format!("sentinel monitor main 127.0.0.1 {port} 1\n")).expect("a file");
        sentinel.settings = Some(settings);
        sentinel.run().await;
        sentinel
    }

    /// Three servers that share the keys.
    pub async fn cluster() -> [Self; 3] {
        let mut servers = Vec::new();
        let mut buses = Vec::new();
        for slots in [["0", "5460"], ["5461", "10922"], ["10923", "16383"]] {
            let bus = free_port().to_string();
            let server = Self::start_with(&["--cluster-enabled", "yes", "--cluster-port", &bus]).await;
            server
                .command::<()>(&["CLUSTER", "ADDSLOTSRANGE", slots[0], slots[1]])
                .await;
            servers.push(server);
            buses.push(bus);
        }
        for (server, bus) in servers.iter().zip(&buses).skip(1) {
            let port = server.port.to_string();
            servers[0]
                .command::<()>(&["CLUSTER", "MEET", "127.0.0.1", &port, bus])
                .await;
        }
        for server in &servers {
            eventually("the cluster knows all its keys' servers", || async {
                let info: String = server.command(&["CLUSTER", "INFO"]).await;
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            })
            .await;
        }
        servers
            .try_into()
            .unwrap_or_else(|_| unreachable!("three were started"))
    }

    /// One that does not run yet.
    pub fn stopped() -> Self {
        Self {
            port: free_port(),
            flags: Vec::new(),
            settings: None,
            folder: tempfile::tempdir().expect("a temporary folder"),
            process: None,
        }
    }

    /// Starts the process again.
    pub async fn run(&mut self) {
        let program =
            std::env::var("TAILCAST_TEST_REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let mut command = Command::new(&program);
        match &self.settings {
            Some(settings) => command.arg(settings).arg("--sentinel"),
            None => command.args(["--save", "", "--appendonly", "no"]),
        };
        let child = command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--dir"])
            .arg(self.folder.path())
            .args(&self.flags)
            .stdout(Stdio::null())
            .spawn();
        let child = child.unwrap_or_else(|error| {
            panic!(
                "{program} could not be started ({error}): run the tests with `tests/run`, which installs it"
            )
        });
        self.process = Some(child);
        let port = self.port;
        eventually("redis-server accepts connections", || async move {
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
    }

    /// Ends the process at once.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Where it is.
    pub fn address(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Does one command, as any other program would.
    pub async fn command<T: redis::FromRedisValue>(&self, command: &[&str]) -> T {
        let client = redis::Client::open(self.address()).expect("an address");
        let mut connection = client
            .get_multiplexed_async_connection()
            .await
            .expect("a connection");
        let mut cmd = redis::cmd(command[0]);
        cmd.arg(&command[1..]);
        cmd.query_async(&mut connection).await.expect("an answer")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}

/// Waits until `condition` holds, and says which one did not.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waited.await.is_ok(), "it never came to be that {what}");
}

/// A stream's name.
pub fn stream(name: &str) -> StreamName {
    StreamName::parse(name).expect("a name")
}

/// Names and patterns.
pub fn targets(texts: &[&str]) -> Vec<Target> {
    texts
        .iter()
        .map(|text| Target::parse(text).expect("a target"))
        .collect()
}
