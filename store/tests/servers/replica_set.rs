//! Three members of a replica set of a test's own, whose primary steps down, freezes and dies.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mongodb::bson::{Document, doc};
use tempfile::TempDir;

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct ReplicaSet {
    folder: TempDir,
    ports: Vec<u16>,
    members: Vec<Child>,
}

impl ReplicaSet {
    pub(crate) async fn start() -> Self {
        let listeners: Vec<_> = (0..3)
            .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        let ports = listeners
            .iter()
            .map(|listener| listener.local_addr().unwrap().port())
            .collect();
        drop(listeners);
        let mut set = Self {
            folder: TempDir::new().unwrap(),
            ports,
            members: Vec::new(),
        };
        set.members = (0..3).map(|i| set.run(i)).collect();
        let members: Vec<Document> = (0..3)
            .map(|i| doc! {"_id": i, "host": set.host(i as usize)})
            .collect();
        let settings = doc! {"electionTimeoutMillis": 1000, "heartbeatIntervalMillis": 250};
        let initiate = doc! {"replSetInitiate": {"_id": "own", "members": members, "settings": settings}};
        let address = format!("mongodb://{}/?directConnection=true", set.host(0));
        let first = mongodb::Client::with_uri_str(address).await.unwrap();
        // Until all three listen.
        let initiated = async {
            while first
                .database("admin")
                .run_command(initiate.clone())
                .await
                .is_err()
            {}
        };
        tokio::time::timeout(PATIENCE, initiated)
            .await
            .expect("the members find each other");
        set
    }

    fn host(&self, i: usize) -> String {
        format!("127.0.0.1:{}", self.ports[i])
    }

    fn run(&self, i: usize) -> Child {
        let program = std::env::var("TAILCAST_TEST_MONGOD").unwrap_or_else(|_| "mongod".to_owned());
        let data = self.folder.path().join(i.to_string());
        std::fs::create_dir_all(&data).unwrap();
        let started = Command::new(&program)
            .args([
                "--replSet",
                "own",
                "--bind_ip",
                "127.0.0.1",
                "--port",
                &self.ports[i].to_string(),
            ])
            .args(["--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64", "--dbpath"])
            .arg(&data)
            .args(["--setParameter", "diagnosticDataCollectionEnabled=false"])
            .stdout(Stdio::null())
            .spawn();
        started.unwrap_or_else(|error| {
            panic!("{program} could not be started ({error}): run the tests with tests/run")
        })
    }

    pub(crate) fn address(&self) -> String {
        format!(
            "mongodb://{},{},{}/tailcast?replicaSet=own",
            self.host(0),
            self.host(1),
            self.host(2)
        )
    }

    /// Waits for a primary, and answers which member it is.
    pub(crate) async fn primary(&self) -> usize {
        let client = mongodb::Client::with_uri_str(self.address()).await.unwrap();
        let found = async {
            loop {
                if let Ok(hello) = client.database("admin").run_command(doc! {"hello": 1}).await
                    && let Ok(primary) = hello.get_str("primary")
                {
                    return (0..3).find(|i| self.host(*i) == primary).unwrap();
                }
            }
        };
        tokio::time::timeout(PATIENCE, found)
            .await
            .expect("there is a primary")
    }

    /// Waits until another member than `frozen`, which answers nothing, is the primary.
    pub(crate) async fn primary_other_than(&self, frozen: usize) {
        let mut others = Vec::new();
        for i in (0..3).filter(|i| *i != frozen) {
            let address = format!("mongodb://{}/?directConnection=true", self.host(i));
            others.push(mongodb::Client::with_uri_str(address).await.unwrap());
        }
        let found = async {
            loop {
                for other in &others {
                    let hello = other.database("admin").run_command(doc! {"hello": 1}).await;
                    if hello.is_ok_and(|hello| hello.get_bool("isWritablePrimary").unwrap_or(false)) {
                        return;
                    }
                }
            }
        };
        tokio::time::timeout(PATIENCE, found)
            .await
            .expect("another one becomes the primary")
    }

    pub(crate) async fn step_down(&self) {
        let client = mongodb::Client::with_uri_str(self.address()).await.unwrap();
        let stepped = client
            .database("admin")
            .run_command(doc! {"replSetStepDown": 5, "force": true})
            .await;
        assert!(stepped.is_ok(), "{stepped:?}");
    }

    pub(crate) fn signal(&self, i: usize, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.members[i].id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    pub(crate) fn kill_and_restart(&mut self, i: usize) {
        self.members[i].kill().unwrap();
        self.members[i].wait().unwrap();
        self.members[i] = self.run(i);
    }
}

impl Drop for ReplicaSet {
    fn drop(&mut self) {
        for member in &mut self.members {
            let _ = member.kill();
            let _ = member.wait();
        }
    }
}
