//! A wire to MongoDB that can be cut.

use std::net::SocketAddr;

use mongodb::bson::doc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::place::{Place, mongodb};

/// What the wire does with what comes through it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Wire {
    Open,
    /// Requests arrive, answers do not.
    AnswersAreLost,
    /// Requests and answers arrive when it is open again, as those of a process that was stopped.
    Held,
    /// Every connection ends.
    Cut,
}

/// A wire to the primary.
pub(crate) struct Cable {
    address: SocketAddr,
    pub(crate) wire: watch::Sender<Wire>,
    /// Inserts that came to it while it was [`Wire::Held`].
    held: watch::Sender<usize>,
}

impl Cable {
    pub(crate) async fn to_the_primary() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = mongodb::Client::with_uri_str(mongodb()).await.unwrap();
        let hello = client
            .database("admin")
            .run_command(doc! {"hello": 1})
            .await
            .unwrap();
        let primary = hello.get_str("primary").unwrap().to_owned();
        let wire = watch::Sender::new(Wire::Open);
        let state = wire.subscribe();
        let held = watch::Sender::new(0);
        let inserts = held.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if *state.borrow() == Wire::Cut {
                    continue;
                }
                let far = TcpStream::connect(&primary).await.unwrap();
                tokio::spawn(carry(near, far, state.clone(), inserts.clone()));
            }
        });
        Self { address, wire, held }
    }

    /// Waits until an insert stands still on its way.
    pub(crate) async fn holds_an_insert(&self) {
        let holds = async { self.held.subscribe().wait_for(|held| *held > 0).await.map(drop) };
        let held = tokio::time::timeout(std::time::Duration::from_secs(30), holds).await;
        held.expect("somebody inserts").unwrap();
        self.held.send_replace(0);
    }

    /// An address that goes through the wire and nowhere else.
    pub(crate) fn store_address(&self, place: &Place) -> String {
        let Place::Mongo { address, .. } = place else {
            panic!("there is no MongoDB here");
        };
        let database = address.rsplit('/').next().unwrap().split('?').next().unwrap();
        format!("mongodb://{}/{database}?directConnection=true", self.address)
    }
}

async fn carry(near: TcpStream, far: TcpStream, state: watch::Receiver<Wire>, held: watch::Sender<usize>) {
    let ((mut from_near, mut to_near), (mut from_far, mut to_far)) = (near.into_split(), far.into_split());
    let (mut cut, mut to_open, mut from_open) = (state.clone(), state.clone(), state.clone());
    let ended = async { cut.wait_for(|wire| *wire == Wire::Cut).await.map(drop) };
    let requests = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = from_near.read(&mut buffer).await {
            let inserts = buffer[..n].windows(7).any(|word| word == b"insert\0");
            if inserts && *to_open.borrow() == Wire::Held {
                held.send_modify(|held| *held += 1);
            }
            let opened = to_open.wait_for(|wire| *wire != Wire::Held).await.is_ok();
            if !opened || to_far.write_all(&buffer[..n]).await.is_err() {
                break;
            }
        }
    };
    let answers = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = from_far.read(&mut buffer).await {
            let Ok(wire) = from_open
                .wait_for(|wire| *wire != Wire::Held)
                .await
                .map(|wire| *wire)
            else {
                break;
            };
            if wire == Wire::Open && to_near.write_all(&buffer[..n]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = requests => {}
        () = answers => {}
        _ = ended => {}
    }
}
