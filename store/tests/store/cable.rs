//! A wire to MongoDB that can be cut.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join;
use mongodb::bson::doc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::place::{Place, mongodb};

/// What the wire does with what comes through it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Wire {
    Open,
    /// Requests arrive, answers do not.
    AnswersAreLost,
    /// Requests and answers arrive when it is open again, as those of a process that was stopped.
    Held,
    /// Each takes so long.
    Slow(Duration),
    /// Every connection ends.
    Cut,
}

/// A wire to the primary.
pub(crate) struct Cable {
    address: SocketAddr,
    pub(crate) wire: watch::Sender<Wire>,
    /// Inserts that came to it while it was [`Wire::Held`].
    held: watch::Sender<usize>,
    /// Requests that came to it.
    requests: watch::Sender<usize>,
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
        let requests = watch::Sender::new(0);
        let counted = (held.clone(), requests.clone());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if *state.borrow() == Wire::Cut {
                    continue;
                }
                let far = TcpStream::connect(&primary).await.unwrap();
                tokio::spawn(carry(near, far, state.clone(), counted.clone()));
            }
        });
        Self {
            address,
            wire,
            held,
            requests,
        }
    }

    /// Waits until an insert stands still on its way.
    pub(crate) async fn holds_an_insert(&self) {
        let holds = async { self.held.subscribe().wait_for(|held| *held > 0).await.map(drop) };
        let held = tokio::time::timeout(Duration::from_secs(30), holds).await;
        held.expect("somebody inserts").unwrap();
        self.held.send_replace(0);
    }

    /// Waits until so many more requests have come to it.
    pub(crate) async fn carries(&self, more: usize) {
        let enough = *self.requests.borrow() + more;
        let mut all = self.requests.subscribe();
        all.wait_for(|all| *all >= enough).await.unwrap();
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

async fn carry(
    near: TcpStream,
    far: TcpStream,
    state: watch::Receiver<Wire>,
    (held, all): (watch::Sender<usize>, watch::Sender<usize>),
) {
    let ((mut from_near, to_near), (mut from_far, to_far)) = (near.into_split(), far.into_split());
    let (mut cut, mut to_open, mut from_open) = (state.clone(), state.clone(), state.clone());
    let ended = async { cut.wait_for(|wire| *wire == Wire::Cut).await.map(drop) };
    let (requests_begin, requests_end) = mpsc::unbounded_channel();
    let (answers_begin, answers_end) = mpsc::unbounded_channel();
    let requests = async move {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = from_near.read(&mut buffer).await {
            let inserts = buffer[..n].windows(7).any(|word| word == b"insert\0");
            if inserts && *to_open.borrow() == Wire::Held {
                held.send_modify(|held| *held += 1);
            }
            all.send_modify(|all| *all += 1);
            let Some(wire) = opened(&mut to_open).await else {
                break;
            };
            if requests_begin.send(Sent::now(wire, &buffer[..n])).is_err() {
                break;
            }
        }
    };
    let answers = async move {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = from_far.read(&mut buffer).await {
            let Some(wire) = opened(&mut from_open).await else {
                break;
            };
            if wire != Wire::AnswersAreLost && answers_begin.send(Sent::now(wire, &buffer[..n])).is_err() {
                break;
            }
        }
    };
    tokio::select! {
        // Whatever has begun arrives, also when nobody is there any more who sent it.
        _ = join(requests, arrive(requests_end, to_far)) => {}
        _ = join(answers, arrive(answers_end, to_near)) => {}
        _ = ended => {}
    }
}

async fn opened(wire: &mut watch::Receiver<Wire>) -> Option<Wire> {
    let opened = wire.wait_for(|wire| *wire != Wire::Held).await;
    opened.ok().map(|wire| *wire)
}

/// What is on its way through the wire.
struct Sent {
    arrives: Instant,
    bytes: Vec<u8>,
}

impl Sent {
    fn now(wire: Wire, bytes: &[u8]) -> Self {
        let latency = match wire {
            Wire::Slow(latency) => latency,
            Wire::Open | Wire::AnswersAreLost | Wire::Held | Wire::Cut => Duration::ZERO,
        };
        Self {
            arrives: Instant::now() + latency,
            bytes: bytes.to_vec(),
        }
    }
}

async fn arrive(mut sent: mpsc::UnboundedReceiver<Sent>, mut to: OwnedWriteHalf) {
    while let Some(Sent { arrives, bytes }) = sent.recv().await {
        sleep_until(arrives).await;
        if to.write_all(&bytes).await.is_err() {
            break;
        }
    }
}
