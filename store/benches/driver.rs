//! What the store makes of what MongoDB's driver can do on the same replica set, in turn:
//!
//!     TAILCAST_TEST_MONGODB='mongodb://…/?replicaSet=…' cargo bench -p store --bench driver
//!
//! The floor is the driver alone: one `insert_many` of all that is in flight, a document a stream, with the bytes that
//! the store's documents have, encoded beforehand, `w: majority, j: true`, the next one as soon as it is answered. It
//! runs on a collection without an index (`bare`) and on one that keeps places unique (`unique`), without which nobody
//! could give offsets. `store` is [`MongoStore::append`] with the same lines; what HTTP and group commit add to that,
//! `tailcast bench` shows.
//!
//! Arguments: `--seconds 4`, `--rounds 2`, `--calls 1` (calls under way at once, each with its share of the streams),
//! `--keys` (an idempotency key with each batch), `--merge` (what was stored is merged afterwards, and what that costs and
//! brings is told). CPU is this process's and that of the servers, where they run on this
//! machine. Each run has a database of its own, which is dropped.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use lines::log_store::{Digest, Draft, KeyedRun, StoredKey};
use lines::{Line, Lines, LogStore, Offset, StreamName, Timestamp};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::cstr;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, DateTime, Document, RawDocumentBuf, doc};
use mongodb::options::{ClientOptions, WriteConcern};
use mongodb::{Client, Collection};
use store::mongo::{MongoOptions, MongoStore};

/// So many senders, each with a stream of its own, and lines in a batch.
const CASES: [(usize, usize); 4] = [(16, 1), (64, 1), (8, 100), (4, 1000)];
/// Different batches of a stream, so that neither the disk nor a cache sees the same one all the time.
const VARIANTS: usize = 8;
const WARM_UP: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Bare,
    Unique,
    Store,
}

struct Arguments {
    seconds: f64,
    rounds: usize,
    calls: usize,
    keys: bool,
    merge: bool,
}

/// What a run came to.
#[derive(Default, Clone, Copy)]
struct Figures {
    lines_per_second: f64,
    /// Seconds of CPU per million lines.
    servers: f64,
    own: f64,
}

#[tokio::main]
async fn main() {
    let arguments = arguments();
    let address = std::env::var("TAILCAST_TEST_MONGODB").expect("TAILCAST_TEST_MONGODB names a replica set");
    let client = Client::with_uri_str(&address).await.unwrap();
    let servers = Servers::of(&client).await;
    println!("streams x lines  way      lines/s   of bare   of unique   CPU s/M servers   own");
    for round in 0..arguments.rounds {
        for (streams, lines) in CASES {
            let mut found = [Figures::default(); 3];
            // In turn, and not always the same one first.
            let mut ways = [Way::Bare, Way::Unique, Way::Store];
            ways.rotate_left(round % 3);
            for way in ways {
                let name = format!("bench_{}", uuid::Uuid::new_v4().simple());
                let batches = batches(streams, lines);
                let load = Load::new(way, &address, &client, &name, &batches).await;
                found[way as usize] = measure(&load, &batches, &servers, &arguments).await;
                if arguments.merge && way == Way::Store {
                    merge(&address, &name, &servers).await;
                }
                client.database(&name).drop().await.unwrap();
            }
            let [bare, unique, _] = found;
            for (name, figures) in ["bare", "unique", "store"].iter().zip(found) {
                let Figures {
                    lines_per_second: rate,
                    servers,
                    own,
                } = figures;
                println!(
                    "{streams:>7} x {lines:<4}  {name:<7} {rate:>9.0}   {:>6.2}   {:>8.2}   {servers:>14.1}   {own:>6.2}",
                    rate / bare.lines_per_second,
                    rate / unique.lines_per_second,
                );
            }
        }
    }
}

fn arguments() -> Arguments {
    let mut arguments = Arguments {
        seconds: 4.0,
        rounds: 2,
        calls: 1,
        keys: false,
        merge: false,
    };
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        let mut number = || {
            given
                .next()
                .and_then(|text| text.parse::<f64>().ok())
                .expect("a number")
        };
        match argument.as_str() {
            "--seconds" => arguments.seconds = number(),
            "--rounds" => arguments.rounds = number() as usize,
            "--calls" => arguments.calls = number() as usize,
            "--keys" => arguments.keys = true,
            "--merge" => arguments.merge = true,
            // cargo says this.
            "--bench" => {}
            other => panic!("{other} is not understood"),
        }
    }
    arguments
}

/// Each stream's batches.
fn batches(streams: usize, lines: usize) -> Vec<(StreamName, Vec<Lines>)> {
    let mut noise = 7u64;
    let mut random = move |below: u64| {
        noise = noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (noise >> 33) % below
    };
    let words = [
        "request",
        "payment",
        "took",
        "connection",
        "of",
        "retrying",
        "upstream",
        "answered",
        "cache",
        "user",
    ];
    let mut line = || {
        let mut message = String::new();
        while message.len() < 160 {
            message += words[random(10) as usize];
            message += &format!(" {} ", random(1_000_000));
        }
        Line {
            ts: Timestamp::now(),
            level: None,
            message,
            fields: Vec::new(),
        }
    };
    let mut variant = || Lines::encode(&(0..lines).map(|_| line()).collect::<Vec<_>>()).unwrap();
    let stream = |i| StreamName::parse(&format!("bench/service-{i}")).unwrap();
    (0..streams)
        .map(|i| (stream(i), (0..VARIANTS).map(|_| variant()).collect()))
        .collect()
}

enum Load {
    Driver(Collection<RawDocumentBuf>, Vec<Vec<Payload>>),
    Store(Box<MongoStore>),
}

/// What a batch's bytes become: text, or fewer bytes.
#[derive(Clone)]
enum Payload {
    Text(String),
    Compressed(Vec<u8>),
}

impl Payload {
    fn of(lines: &Lines) -> Self {
        let mut compressor = zstd::bulk::Compressor::new(1).unwrap();
        compressor.include_checksum(true).unwrap();
        let compressed = compressor.compress(&lines.ndjson).unwrap();
        // As the store does.
        if lines.ndjson.len() >= 512 && compressed.len() < lines.ndjson.len() {
            Self::Compressed(compressed)
        } else {
            Self::Text(String::from_utf8(lines.ndjson.to_vec()).unwrap())
        }
    }
}

impl Load {
    async fn new(
        way: Way,
        address: &str,
        client: &Client,
        name: &str,
        batches: &[(StreamName, Vec<Lines>)],
    ) -> Self {
        if way == Way::Store {
            let (servers, options) = address.split_once("/?").unwrap_or((address, ""));
            let address = format!("{servers}/{name}?{options}");
            let store = MongoStore::connect(&address, MongoOptions::default()).await;
            return Self::Store(Box::new(store.unwrap()));
        }
        let mut concern = WriteConcern::majority();
        concern.journal = Some(true);
        let options = mongodb::options::CollectionOptions::builder()
            .write_concern(concern)
            .build();
        let collection = client.database(name).collection_with_options("batches", options);
        if way == Way::Unique {
            let index = doc! {"key": {"s": 1, "o": 1}, "name": "s_1_o_1", "unique": true};
            let command = doc! {"createIndexes": "batches", "indexes": [index]};
            client.database(name).run_command(command).await.unwrap();
        }
        let payloads = |(_, variants): &(_, Vec<Lines>)| variants.iter().map(Payload::of).collect();
        Self::Driver(collection, batches.iter().map(payloads).collect())
    }

    /// A batch of each of these streams, once more.
    async fn call(&self, batches: &[(StreamName, Vec<Lines>)], from: usize, turn: usize, keys: bool) {
        match self {
            Self::Driver(collection, payloads) => {
                let documents: Vec<_> = batches
                    .iter()
                    .zip(&payloads[from..])
                    .map(|((stream, variants), payloads)| {
                        let variant = turn % VARIANTS;
                        document(stream, &variants[variant], &payloads[variant], turn)
                    })
                    .collect();
                collection.insert_many(documents).ordered(false).await.unwrap();
            }
            Self::Store(store) => {
                let drafts = batches.iter().map(|(stream, variants)| {
                    let lines = variants[turn % VARIANTS].clone();
                    let run = KeyedRun {
                        key: StoredKey(uuid::Uuid::new_v4().to_string().into()),
                        digest: Digest([7; 32]),
                        skip: 0,
                        count: lines.count,
                    };
                    Draft {
                        stream: stream.clone(),
                        arrived: None,
                        lines,
                        keys: if keys { vec![run] } else { Vec::new() },
                    }
                });
                let outcomes = store.append(drafts.collect()).await;
                assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
            }
        }
    }
}

/// As the store's documents are.
fn document(stream: &StreamName, lines: &Lines, payload: &Payload, turn: usize) -> RawDocumentBuf {
    let first = Offset(turn as u64 * u64::from(lines.count));
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("_id"), ObjectId::new());
    document.append(cstr!("s"), stream.as_str());
    document.append(cstr!("o"), first.0 as i64);
    document.append(cstr!("n"), i64::from(lines.count));
    document.append(cstr!("t0"), lines.oldest.nanos());
    document.append(cstr!("t1"), lines.newest.nanos());
    document.append(cstr!("at"), DateTime::now());
    document.append(cstr!("f"), 1);
    match payload {
        Payload::Text(text) => document.append(cstr!("lines"), text.as_str()),
        Payload::Compressed(bytes) => {
            let (subtype, bytes) = (BinarySubtype::Generic, bytes.clone());
            document.append(cstr!("z"), Binary { subtype, bytes });
        }
    }
    document
}

/// Runs the load in closed loops.
async fn measure(
    load: &Load,
    batches: &[(StreamName, Vec<Lines>)],
    servers: &Servers,
    arguments: &Arguments,
) -> Figures {
    let share = batches.len().div_ceil(arguments.calls.max(1));
    let turns: Vec<_> = batches
        .chunks(share)
        .map(|_| std::sync::atomic::AtomicUsize::new(0))
        .collect();
    let until = |end: Instant| {
        let loops =
            batches
                .chunks(share)
                .zip(&turns)
                .enumerate()
                .map(move |(i, (batches, turns))| async move {
                    while Instant::now() < end {
                        let turn = turns.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        load.call(batches, i * share, turn, arguments.keys).await;
                    }
                });
        futures_util::future::join_all(loops)
    };
    let lines = |turns: &[std::sync::atomic::AtomicUsize]| -> u64 {
        let each = batches.chunks(share).zip(turns);
        each.map(|(some, turns)| {
            let lines: u64 = some
                .iter()
                .map(|(_, variants)| u64::from(variants[0].count))
                .sum();
            lines * turns.load(std::sync::atomic::Ordering::Relaxed) as u64
        })
        .sum()
    };
    until(Instant::now() + WARM_UP).await;
    let (before, begun) = (lines(&turns), Instant::now());
    let (servers_before, own_before) = (servers.cpu(), cpu(std::process::id()));
    until(begun + Duration::from_secs_f64(arguments.seconds)).await;
    let (took, done) = (begun.elapsed(), (lines(&turns) - before) as f64);
    Figures {
        lines_per_second: done / took.as_secs_f64(),
        servers: (servers.cpu() - servers_before) / done * 1e6,
        own: (cpu(std::process::id()) - own_before) / done * 1e6,
    }
}

/// Merges everything, and says what it came to.
async fn merge(address: &str, name: &str, servers: &Servers) {
    let (hosts, options) = address.split_once("/?").unwrap_or((address, ""));
    let address = format!("{hosts}/{name}?{options}");
    let at_once = MongoOptions {
        grace: Duration::ZERO,
        merged_bytes: 256 * 1024,
        merge_after: Duration::ZERO,
        ..MongoOptions::default()
    };
    let store = MongoStore::connect(&address, at_once).await.unwrap();
    let before = store.holdings().await.unwrap().bytes;
    let (servers_before, own_before, begun) = (servers.cpu(), cpu(std::process::id()), Instant::now());
    let (mut batches, mut into) = (0, 0);
    loop {
        let some = store.merge().await.unwrap();
        (batches, into) = (batches + some.batches, into + some.into);
        if !some.more {
            break;
        }
    }
    let of_a_million = |cpu: f64| cpu / batches.max(1) as f64 * 1e6;
    println!(
        "   merged {batches} batches into {into} in {:.1} s; CPU s per million batches: servers {:.1}, own {:.1}; \
         {before} bytes became {}",
        begun.elapsed().as_secs_f64(),
        of_a_million(servers.cpu() - servers_before),
        of_a_million(cpu(std::process::id()) - own_before),
        store.holdings().await.unwrap().bytes,
    );
}

/// The members of the set that run on this machine.
struct Servers(Vec<u32>);

impl Servers {
    async fn of(client: &Client) -> Self {
        let hello: Document = client
            .database("admin")
            .run_command(doc! {"hello": 1})
            .await
            .unwrap();
        let mut ids = Vec::new();
        for host in hello.get_array("hosts").unwrap() {
            let mut options = ClientOptions::parse(format!("mongodb://{}", host.as_str().unwrap()))
                .await
                .unwrap();
            options.direct_connection = Some(true);
            let member = Client::with_options(options).unwrap();
            let status = member
                .database("admin")
                .run_command(doc! {"serverStatus": 1})
                .await
                .unwrap();
            let id = status.get_i64("pid").unwrap_or_default();
            ids.extend(u32::try_from(id));
        }
        Self(ids)
    }

    fn cpu(&self) -> f64 {
        self.0.iter().map(|&id| cpu(id)).sum()
    }
}

/// Seconds of CPU that a process has used; zero where nobody tells.
fn cpu(id: u32) -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    ticks / TICKS_PER_SECOND
}
