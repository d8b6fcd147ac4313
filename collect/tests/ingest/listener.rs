//! A protocol with a port of its own, as small as one can be: the proof that the seam for these is enough.
//!
//! A connection says its token on the first line, and then lines of an id and a text. Each is answered `ok ID` once it is
//! stored, or `no ID` and why not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use auth::revoked::{Mark, Revocable};
use auth::token::unix_now;

use collect::Builder;
use collect::door::{Identity, Naming, Refused, Settled, Submitted, Told};
use collect::ingest::listener::{Entrance, NotEntered, Senders};
use edge::accept::{AcceptLimits, Entered, Protocol, accept};
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use lines::Ledger as _;
use lines::ledger::Write;
use store::sqlite::{SqliteOptions, SqliteStore};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fake::Fault;
use crate::fixture::{Collector, subscriber, token, verifier};

/// Lines under way on one connection: at so many nothing more is read.
const UNDER_WAY: usize = 4;

struct Tiny(Entrance);

impl Protocol for Tiny {
    const NO_PLACE: &'static [u8] = b"no - too many connections\n";

    async fn serve(&self, Entered { socket, visitor }: Entered, stop: CancellationToken) {
        let (reader, mut writer) = tokio::io::split(socket);
        // Whatever comes without an end is not read for ever.
        let mut lines = BufReader::new(reader.take(1024 * 1024)).lines();
        let Ok(Some(token)) = lines.next_line().await else {
            return;
        };
        let token = Some(token).filter(|token| !token.is_empty());
        let subscriber = match self.0.admit(token.as_deref(), &visitor).await {
            Ok(subscriber) => subscriber,
            Err(error) => {
                let _ = writer.write_all(format!("no - {error}\n").as_bytes()).await;
                return;
            }
        };
        let mut acks = FuturesOrdered::new();
        let mut open = true;
        while open || !acks.is_empty() {
            tokio::select! {
                line = lines.next_line(), if open && acks.len() < UNDER_WAY => match line {
                    Ok(Some(line)) => {
                        let (id, text) = line.split_once(' ').unwrap_or((&line, ""));
                        let submitted = self.take(&subscriber, id, text).await;
                        let id = id.to_owned();
                        acks.push_back(async move { (id, submitted.settled().await) });
                    }
                    _ => open = false,
                },
                Some((id, settled)) = acks.next(), if !acks.is_empty() => {
                    if writer.write_all(said(&id, &settled).as_bytes()).await.is_err() {
                        return;
                    }
                }
                () = stop.cancelled(), if open => open = false,
            }
        }
        let _ = writer.shutdown().await;
    }
}

impl Tiny {
    async fn take(&self, subscriber: &auth::Subscriber, id: &str, text: &str) -> Submitted {
        let door = self.0.door();
        let identity = Identity::Natural {
            protocol: "tiny",
            id: id.as_bytes().to_vec(),
        };
        let key = door.key(subscriber, &identity, 200, text.as_bytes(), &Told::new());
        let first = async {
            let mut intake = match self.0.enter(subscriber) {
                Ok(intake) => intake,
                Err(NotEntered::Refused(refused)) => return refused.into(),
                Err(NotEntered::Expired | NotEntered::Revoked) => {
                    return Refused::Forbidden("the token counts no more".to_owned()).into();
                }
            };
            let put = match intake.begin(text.len()) {
                Ok(Some(terms)) => {
                    let mut builder = Builder::new();
                    builder.message(text);
                    intake.put(&builder.finish(&terms))
                }
                Ok(None) => Ok(()),
                Err(refused) => Err(refused),
            };
            match put {
                Ok(()) => door.submit(intake, Some(&key)).await,
                Err(refused) => refused.into(),
            }
        };
        door.once(Some(&key), first).await
    }
}

fn said(id: &str, settled: &Settled) -> String {
    match &settled.outcome {
        Ok(_) => format!("ok {id}\n"),
        Err(refused) => match refused.again_after() {
            Some(again) => format!("no {id} again in {} s\n", again.as_secs()),
            None => format!("no {id} never\n"),
        },
    }
}

struct Listening {
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

async fn listening(collector: &Collector, senders: Senders) -> Listening {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let naming = Naming::Stream("a/tiny".to_owned());
    let tiny = Tiny(Entrance::new(collector.door.clone(), senders, naming));
    let limits = AcceptLimits::default();
    let serving = tokio::spawn(accept(listener, tiny, limits, stop.clone()));
    Listening {
        address,
        stop,
        serving,
    }
}

fn by_token() -> Senders {
    Senders::ByToken(verifier())
}

/// Says all of it, and reads to the end.
async fn talk(to: SocketAddr, said: &str) -> String {
    let mut connection = TcpStream::connect(to).await.unwrap();
    connection.write_all(said.as_bytes()).await.unwrap();
    connection.shutdown().await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

fn messages(collector: &Collector) -> Vec<String> {
    let lines = collector.stored("a/tiny");
    lines
        .iter()
        .map(|line| line.split('"').nth(5).unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn lines_are_acknowledged_in_order_once_they_are_stored() {
    let collector = Collector::start();
    let listening = listening(&collector, by_token()).await;
    let lines: String = (0..50).map(|n| format!("id{n} line {n}\n")).collect();
    let answer = talk(listening.address, &format!("{}\n{lines}", token("alice"))).await;
    let expected: String = (0..50).map(|n| format!("ok id{n}\n")).collect();
    assert_eq!(answer, expected);
    let expected: Vec<String> = (0..50).map(|n| format!("line {n}")).collect();
    assert_eq!(messages(&collector), expected);
}

#[tokio::test]
async fn nothing_is_acknowledged_before_it_is_stored_and_no_more_is_read_than_may_be_under_way() {
    let collector = Collector::start();
    let listening = listening(&collector, by_token()).await;
    collector.store.close();
    let mut connection = TcpStream::connect(listening.address).await.unwrap();
    let lines: String = (0..20).map(|n| format!("{n} x\n")).collect();
    let said = format!("{}\n{lines}", token("alice"));
    connection.write_all(said.as_bytes()).await.unwrap();
    connection.shutdown().await.unwrap();
    collector.store.wait_for_calls(1).await;
    let mut answer = [0; 64];
    let nothing = tokio::time::timeout(Duration::from_millis(50), connection.read(&mut answer)).await;
    assert!(nothing.is_err(), "{nothing:?}");
    collector.store.open();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer.lines().count(), 20);
    let most = collector
        .store
        .calls()
        .iter()
        .flatten()
        .map(|(_, lines)| *lines)
        .max();
    assert!(most <= Some(UNDER_WAY as u32), "{most:?}");
}

#[tokio::test]
async fn what_is_repeated_on_another_connection_is_acknowledged_again_and_stored_once() {
    let collector = Collector::start();
    let listening = listening(&collector, by_token()).await;
    let said = format!("{}\n1 one\n2 two\n1 one\n", token("alice"));
    for _ in 0..2 {
        assert_eq!(talk(listening.address, &said).await, "ok 1\nok 2\nok 1\n");
    }
    let other = format!("{}\n1 something else\n", token("alice"));
    assert_eq!(talk(listening.address, &other).await, "no 1 never\n");
    assert_eq!(messages(&collector), ["one", "two"]);
}

#[tokio::test]
async fn what_is_not_stored_is_refused_and_can_be_sent_again() {
    let collector = Collector::start();
    let listening = listening(&collector, by_token()).await;
    collector.store.fail_next(Fault::NotStored);
    let said = format!("{}\n1 one\n", token("alice"));
    assert_eq!(talk(listening.address, &said).await, "no 1 again in 2 s\n");
    assert_eq!(talk(listening.address, &said).await, "ok 1\n");
    let long = "x".repeat(256 * 1024 + 1);
    let said = format!("{}\n2 {long}\n3 three\n", token("alice"));
    assert_eq!(talk(listening.address, &said).await, "no 2 never\nok 3\n");
    assert_eq!(messages(&collector), ["one", "three"]);
}

#[tokio::test]
async fn who_sends_is_told_by_a_token_or_by_the_listener() {
    let collector = Collector::start();
    let listening_for_tokens = listening(&collector, by_token()).await;
    for (token, why) in [("", "a token is needed"), ("x.y.z", "")] {
        let answer = talk(listening_for_tokens.address, &format!("{token}\n1 one\n")).await;
        assert!(answer.starts_with("no - ") && answer.contains(why), "{answer}");
    }
    assert!(collector.store.calls().is_empty());
    let listening = listening(&collector, Senders::All(subscriber("alice"))).await;
    assert_eq!(talk(listening.address, "anything\n1 one\n").await, "ok 1\n");
    let bob = Senders::All(bob_who_may_not_write_here());
    let refusing = self::listening(&collector, bob).await;
    assert_eq!(talk(refusing.address, "anything\n1 one\n").await, "no 1 never\n");
    assert_eq!(messages(&collector), ["one"]);
}

fn bob_who_may_not_write_here() -> auth::Subscriber {
    let grants = auth::Grants::default();
    auth::Subscriber::new("bob", grants, i64::MAX, None).unwrap()
}

#[tokio::test]
async fn when_it_stops_what_is_under_way_is_acknowledged_and_nothing_new_is_read() {
    let collector = Collector::start();
    let listening = listening(&collector, by_token()).await;
    collector.store.close();
    let mut connection = TcpStream::connect(listening.address).await.unwrap();
    let said = format!("{}\n1 one\n", token("alice"));
    connection.write_all(said.as_bytes()).await.unwrap();
    collector.store.wait_for_calls(1).await;
    listening.stop.cancel();
    tokio::task::yield_now().await;
    collector.store.open();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "ok 1\n");
    listening.serving.await.unwrap();
    assert_eq!(messages(&collector), ["one"]);
}

/// A connection may stay for longer than its token counts.
#[tokio::test]
async fn a_token_that_has_ended_brings_no_more_lines() {
    let collector = Collector::start();
    let naming = Naming::Stream("a/tiny".to_owned());
    let ended = {
        let alice = subscriber("alice");
        auth::Subscriber::new("alice", alice.grants().clone(), 1, None).unwrap()
    };
    let by_token = Entrance::new(collector.door.clone(), by_token(), naming.clone());
    assert_eq!(by_token.enter(&ended).err(), Some(NotEntered::Expired));
    assert_eq!(by_token.enter(&subscriber("alice")).err(), None);
    // The listener's own subscriber has none.
    let by_itself = Entrance::new(collector.door.clone(), Senders::All(ended.clone()), naming);
    assert_eq!(by_itself.enter(&ended).err(), None);
}

/// Neither before it is known what was taken back, nor after that is known.
#[tokio::test]
async fn a_token_that_was_taken_back_opens_nothing_and_brings_no_more_lines() {
    let collector = Collector::start();
    let verifier = verifier();
    let listening = listening(&collector, Senders::ByToken(verifier.clone())).await;
    let said = format!("{}\n", token("alice"));
    let open = async || {
        let mut connection = BufReader::new(TcpStream::connect(listening.address).await.unwrap());
        connection.write_all(said.as_bytes()).await.unwrap();
        connection
    };
    let mut alice = open().await;
    assert_eq!(exchange(&mut alice, "1 one\n").await, "ok 1\n");
    verifier.look_first(auth::Staleness {
        after: Duration::from_secs(600),
        refuse: false,
    });
    let refused = exchange(&mut open().await, "").await;
    assert!(
        refused.ends_with("is not known at the moment; come again in some seconds\n"),
        "{refused}"
    );
    assert_eq!(exchange(&mut alice, "2 two\n").await, "ok 2\n", "who is in stays");

    let folder = tempfile::tempdir().unwrap();
    let ledger = Arc::new(SqliteStore::open(folder.path(), SqliteOptions::default()).unwrap());
    let mark = Mark::new(Revocable::Subscriber("alice".to_owned()), "root", unix_now());
    let written = Write::put(mark.key().unwrap(), serde_json::to_vec(&mark).unwrap());
    ledger.commit(vec![written]).await.unwrap();
    let mut news = verifier.news();
    let following = tokio::spawn(auth::follow(ledger, verifier.clone()));
    news.changed().await.unwrap();
    assert_eq!(exchange(&mut alice, "3 three\n").await, "no 3 never\n");
    let refused = exchange(&mut open().await, "").await;
    assert!(refused.contains("revoked"), "{refused}");
    assert_eq!(messages(&collector), ["one", "two"]);
    following.abort();
}

/// What is answered to that.
async fn exchange(connection: &mut BufReader<TcpStream>, said: &str) -> String {
    connection.write_all(said.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let answered = tokio::time::timeout(Duration::from_secs(20), connection.read_line(&mut answer));
    answered.await.expect("nothing is answered").unwrap();
    answer
}
