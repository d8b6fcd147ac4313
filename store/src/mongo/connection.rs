//! The database: reached when it is there, made complete on the first contact, and spoken to in one way.

use std::time::{Duration, Instant};

use lines::{Epoch, StoreError};
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{
    ClientOptions, ConnectionString, DatabaseOptions, HostInfo, ReadConcern, ReadPreference,
    SelectionCriteria, WriteConcern,
};
use mongodb::{Client, ClientSession, Collection, Cursor, Database};
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::away::{Said, knock};
use super::fence::FENCE;
use super::{MongoOptions, sketches};
use lines::SharedError;

/// When the address names no database.
const DATABASE: &str = "tailcast";
/// Appends, reads and the checks of heads, each for a moment. The driver's own limit is 10.
const CONNECTIONS: u32 = 50;

/// "It is there already": of a view that is made again.
const NAMESPACE_EXISTS: i32 = 48;
/// The server gave up at `maxTimeMS`.
const MAX_TIME_EXPIRED: i32 = 50;
/// Somebody else inserted the same.
pub(super) const DUPLICATE_KEY: i32 = 11_000;
/// The server refuses to write, since its disk is nearly full. (One that finds no room at all stops, and is away.)
pub(super) const OUT_OF_DISK: i32 = 14_031;

/// The way to a database that may not be there yet.
pub(super) struct Connection {
    address: String,
    /// Who is knocked at before the driver tries; nobody where connections go by way of a proxy.
    hosts: HostInfo,
    database: String,
    deadline: Duration,
    server_selection: Duration,
    /// Made once: a client watches the servers from then on.
    client: OnceCell<Client>,
    ready: OnceCell<Ready>,
    /// When reaching it failed last, and why.
    failed: Mutex<Option<(Instant, SharedError)>>,
}

/// A database that has everything it needs.
pub(super) struct Ready {
    pub(super) epoch: Epoch,
    pub(super) batches: Collection<RawDocumentBuf>,
    pub(super) streams: Collection<RawDocumentBuf>,
    pub(super) cluster: Collection<RawDocumentBuf>,
    /// Whether several documents can be changed together: not on a server that is no member of a set.
    pub(super) has_transactions: bool,
    pub(super) sketches: Collection<RawDocumentBuf>,
    pub(super) slices: Collection<RawDocumentBuf>,
    database: Database,
    deadline: Duration,
}

impl Connection {
    /// Fails when the address can never work.
    pub(super) async fn new(address: &str, options: &MongoOptions) -> Result<Self, Error> {
        let parsed = ConnectionString::parse(address)?;
        let connection = Self {
            address: address.to_owned(),
            hosts: if address.to_ascii_lowercase().contains("proxyhost=") {
                HostInfo::default()
            } else {
                parsed.host_info
            },
            database: parsed.default_database.unwrap_or_else(|| DATABASE.to_owned()),
            deadline: options.deadline,
            server_selection: options.server_selection,
            client: OnceCell::new(),
            ready: OnceCell::new(),
            failed: Mutex::new(None),
        };
        // An address that has to be looked up (`mongodb+srv`) may work later.
        match tokio::time::timeout(options.server_selection, connection.client()).await {
            Ok(Err(error)) if !matches!(*error.kind, ErrorKind::DnsResolve { .. }) => Err(error),
            _ => Ok(connection),
        }
    }

    /// The database, once it was reached. One caller at a time tries; whoever waited for it meanwhile is told what
    /// came of it, instead of trying for as long again.
    pub(super) async fn ready(&self) -> Result<&Ready, StoreError> {
        let asked = Instant::now();
        self.ready
            .get_or_try_init(async || {
                if let Some((when, why)) = &*self.failed.lock()
                    && *when >= asked
                {
                    return Err(why.again());
                }
                self.reach().await.map_err(|error| {
                    let why = SharedError::new(error);
                    let error = why.again();
                    *self.failed.lock() = Some((Instant::now(), why));
                    error
                })
            })
            .await
    }

    async fn reach(&self) -> Result<Ready, StoreError> {
        knock(&self.hosts)
            .await
            .map_err(|away| StoreError::Away(Box::new(away)))?;
        let client = self
            .client()
            .await
            .map_err(|error| store_error(error, self.deadline))?;
        let ready = Ready::set_up(client, &self.database, self.deadline).await?;
        tracing::info!(database = %self.database, epoch = %ready.epoch, "the MongoDB store is ready");
        Ok(ready)
    }

    /// Whether there is a primary that takes writes.
    pub(super) async fn check(&self) -> Result<(), StoreError> {
        let answer = self.ready().await?.command(doc! {"hello": 1}).await?;
        match answer.get_bool("isWritablePrimary") {
            Ok(true) => Ok(()),
            _ => Err(StoreError::Away(
                "MongoDB has no primary that takes writes".into(),
            )),
        }
    }

    async fn client(&self) -> Result<&Client, Error> {
        self.client
            .get_or_try_init(async || {
                let mut options = ClientOptions::parse(self.address.as_str()).await?;
                options.app_name.get_or_insert_with(|| "tailcast".to_owned());
                options.max_pool_size.get_or_insert(CONNECTIONS);
                options
                    .server_selection_timeout
                    .get_or_insert(self.server_selection);
                options.connect_timeout.get_or_insert(self.server_selection);
                Client::with_options(options)
            })
            .await
    }
}

impl Ready {
    /// Makes what is missing. Many processes may do so at once, and again at every start.
    async fn set_up(client: &Client, name: &str, deadline: Duration) -> Result<Self, StoreError> {
        let database = client.database_with_options(name, durable(deadline));
        let mut ready = Self {
            epoch: Epoch::from_text(""),
            batches: database.collection("batches"),
            streams: database.collection("streams"),
            cluster: database.collection("cluster"),
            has_transactions: false,
            sketches: database.collection("sketches"),
            slices: database.collection("sketch_slices"),
            database,
            deadline,
        };
        // No deadline on the server's side: on a filled collection an index may take longer, and goes on.
        ready.run(indexes(), None).await?;
        ready.run(indexes_of_streams(), None).await?;
        ready.run(index_of_tombstones(), None).await?;
        ready.run(sketches::indexes("sketches"), None).await?;
        ready.run(sketches::indexes("sketch_slices"), None).await?;
        match ready.database.run_command(view()).await {
            Ok(_) => {}
            Err(error) if code(&error) == Some(NAMESPACE_EXISTS) => {}
            Err(error) => return Err(ready.error(error)),
        }
        for lease in ["trim", "merge", "sketch"] {
            ready
                .write(doc! {"update": "cluster", "updates": [{
                    "q": {"_id": lease},
                    "u": {"$setOnInsert": {"until": mongodb::bson::DateTime::from_millis(0)}},
                    "upsert": true,
                }]})
                .await?;
        }
        let begin =
            |id: &str, with: Document| doc! {"q": {"_id": id}, "u": {"$setOnInsert": with}, "upsert": true};
        ready
            .write(doc! {"update": "cluster", "updates": [
                begin("ledger", doc! {"applied": 0_i64, "compacted": 0_i64}),
                begin(FENCE, doc! {"made": 0, "open": 0}),
            ]})
            .await?;
        let hello = ready.command(doc! {"hello": 1}).await?;
        // Of a set, or of a sharded cluster.
        ready.has_transactions = hello.contains_key("setName") || hello.contains_key("msg");
        ready.epoch = ready.make_epoch().await?;
        Ok(ready)
    }

    /// The epoch that whoever came first has made (invariant 10).
    async fn make_epoch(&self) -> Result<Epoch, StoreError> {
        let made = Epoch::random();
        self.write(doc! {"update": "cluster", "updates": [{
            "q": {"_id": "epoch"},
            "u": {"$setOnInsert": {"epoch": made.as_str(), "created": mongodb::bson::DateTime::now()}},
            "upsert": true,
        }]})
        .await?;
        let kept = self.cluster("epoch").await?;
        match kept.as_ref().and_then(|kept| kept.get_str("epoch").ok()) {
            Some(epoch) => Ok(Epoch::from_text(epoch)),
            None => Err(StoreError::Away("the database has lost its epoch".into())),
        }
    }

    /// Asks by a pipeline. `batch` is about how many documents come at once.
    pub(super) async fn aggregate(
        &self,
        collection: &Collection<RawDocumentBuf>,
        pipeline: Vec<Document>,
        batch: u32,
    ) -> Result<Cursor<RawDocumentBuf>, StoreError> {
        collection
            .aggregate(pipeline)
            .with_type::<RawDocumentBuf>()
            .batch_size(batch)
            .max_time(self.deadline)
            .await
            .map_err(|e| self.error(e))
    }

    /// Asks `streams` by a pipeline that sees everything as it is at one moment.
    pub(super) async fn aggregate_as_of_now(
        &self,
        pipeline: Vec<Document>,
        batch: u32,
    ) -> Result<Cursor<RawDocumentBuf>, StoreError> {
        self.streams
            .aggregate(pipeline)
            .read_concern(ReadConcern::snapshot())
            .with_type::<RawDocumentBuf>()
            .batch_size(batch)
            .max_time(self.deadline)
            .await
            .map_err(|e| self.error(e))
    }

    /// How many bytes the documents of `batches` have. The engine keeps this total, so nothing is scanned; it takes no
    /// read concern but `local`.
    pub(super) async fn stored_bytes(&self) -> Result<u64, StoreError> {
        let mut cursor = self
            .batches
            .aggregate([
                doc! {"$collStats": {"storageStats": {}}},
                doc! {"$project": {"size": {"$toLong": "$storageStats.size"}}},
            ])
            .read_concern(ReadConcern::local())
            .max_time(self.deadline)
            .await
            .map_err(|e| self.error(e))?;
        let mut total = 0;
        // One document per shard.
        while cursor.advance().await.map_err(|e| self.error(e))? {
            let size = cursor.current().get_i64("size").unwrap_or_default();
            total += u64::try_from(size).unwrap_or_default();
        }
        Ok(total)
    }

    /// Runs a command that writes nothing, or whose writing needs no majority.
    pub(super) async fn command(&self, mut command: Document) -> Result<Document, StoreError> {
        command.insert("maxTimeMS", millis(self.deadline));
        self.run(command, None).await
    }

    /// Runs a command that writes: `update` or `delete`. A duplicate key is no failure here: somebody else made the
    /// same document.
    pub(super) async fn write(&self, mut command: Document) -> Result<Document, StoreError> {
        command.insert("ordered", false);
        command.insert("maxTimeMS", millis(self.deadline));
        let answer = self.run(command, Some(self.durable())).await?;
        if let Ok(error) = answer.get_document("writeConcernError") {
            return Err(StoreError::Away(error.to_string().into()));
        }
        for error in answer.get_array("writeErrors").into_iter().flatten() {
            let code = error.as_document().and_then(|e| e.get_i32("code").ok());
            if code != Some(DUPLICATE_KEY) {
                return Err(StoreError::Away(error.to_string().into()));
            }
        }
        Ok(answer)
    }

    /// Runs a pipeline that ends in the database, with everything that it reads on a majority.
    pub(super) async fn put(&self, mut command: Document) -> Result<(), Error> {
        command.insert("maxTimeMS", millis(self.deadline));
        command.insert("readConcern", doc! {"level": "majority"});
        self.run_durably(command).await
    }

    /// Runs a command that changes a collection, once, and waits until that is on a majority.
    pub(super) async fn run_durably(&self, mut command: Document) -> Result<(), Error> {
        command.insert("writeConcern", self.durable());
        let answered = self.database.run_command(command).selection_criteria(primary());
        let answer = answered.await?;
        match answer.get_document("writeConcernError") {
            Ok(error) => Err(Error::custom(error.to_string())),
            Err(_) => Ok(()),
        }
    }

    fn durable(&self) -> Document {
        doc! {"w": "majority", "j": true, "wtimeout": millis(self.deadline)}
    }

    /// Runs a command within a transaction, whose concerns it has.
    pub(super) async fn run_in(
        &self,
        session: &mut ClientSession,
        command: Document,
    ) -> Result<Document, Error> {
        self.database.run_command(command).session(session).await
    }

    /// When every call ends.
    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Changes one document by a pipeline, durably, and answers what it has become; `None` when none is meant.
    pub(super) async fn change(
        &self,
        collection: &str,
        which: Document,
        pipeline: Vec<Document>,
    ) -> Result<Option<Document>, StoreError> {
        let command = doc! {
            "findAndModify": collection, "query": which, "update": pipeline, "new": true,
            "maxTimeMS": millis(self.deadline),
        };
        let answer = self.run(command, Some(self.durable())).await?;
        if let Ok(error) = answer.get_document("writeConcernError") {
            return Err(StoreError::Away(error.to_string().into()));
        }
        Ok(answer.get_document("value").ok().cloned())
    }

    /// What is read in it is never older than what was read or written in it before, even when the primary changes.
    pub(super) async fn session(&self) -> Result<ClientSession, StoreError> {
        let session = self.database.client().start_session().await;
        session.map_err(|error| self.error(error))
    }

    /// A collection that is read and written as everything here.
    pub(super) fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }

    /// A document of `cluster`.
    pub(super) async fn cluster(&self, id: &str) -> Result<Option<Document>, StoreError> {
        self.database
            .collection::<Document>("cluster")
            .find_one(doc! {"_id": id})
            .max_time(self.deadline)
            .await
            .map_err(|e| self.error(e))
    }

    async fn run(&self, mut command: Document, concern: Option<Document>) -> Result<Document, StoreError> {
        if let Some(concern) = concern {
            command.insert("writeConcern", concern);
        }
        self.database
            .run_command(command)
            .selection_criteria(primary())
            .await
            .map_err(|e| self.error(e))
    }

    /// The driver's word for it, as the seam's.
    pub(super) fn error(&self, error: Error) -> StoreError {
        store_error(error, self.deadline)
    }
}

pub(super) fn store_error(error: Error, deadline: Duration) -> StoreError {
    match code(&error) {
        Some(MAX_TIME_EXPIRED) => StoreError::Timeout(deadline),
        Some(OUT_OF_DISK) => StoreError::Full(error.to_string()),
        _ => StoreError::Away(Box::new(Said::new(error))),
    }
}

pub(super) fn code(error: &Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(error) => Some(error.code),
        _ => None,
    }
}

fn primary() -> SelectionCriteria {
    SelectionCriteria::ReadPreference(ReadPreference::Primary)
}

/// How everything is read and written, whatever the address says: see the module `mongo`.
fn durable(deadline: Duration) -> DatabaseOptions {
    DatabaseOptions::builder()
        .selection_criteria(primary())
        .read_concern(ReadConcern::majority())
        .write_concern(durable_write(deadline))
        .build()
}

/// Stored before acknowledged (invariant 1).
pub(super) fn durable_write(deadline: Duration) -> WriteConcern {
    let mut concern = WriteConcern::majority();
    concern.journal = Some(true);
    concern.w_timeout = Some(deadline);
    concern
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The index over keys leaves batches without keys out: they would all be the same in it. Names are those that
/// MongoDB would give, so that a shell's `createIndex` of the same is the same.
fn indexes() -> Document {
    doc! {
        "createIndexes": "batches",
        "indexes": [
            {"key": {"s": 1, "o": 1}, "name": "s_1_o_1", "unique": true},
            {
                "key": {"s": 1, "keys.k": 1},
                "name": "s_1_keys.k_1",
                "unique": true,
                "partialFilterExpression": {"keys.k": {"$exists": true}},
            },
            {"key": {"s": 1, "t1": 1}, "name": "s_1_t1_1"},
            {"key": {"at": 1}, "name": "at_1"},
        ],
        "writeConcern": {"w": "majority"},
    }
}

/// Of what is invisible, by when it may be deleted; and of what was brought back. Few streams are in them.
fn indexes_of_streams() -> Document {
    doc! {
        "createIndexes": "streams",
        "indexes": [
            {"key": {"hidden.after": 1}, "name": "hidden.after_1", "sparse": true},
            {"key": {"held": 1}, "name": "held_1", "sparse": true},
            {"key": {"sweep.after": 1}, "name": "sweep.after_1", "sparse": true},
        ],
        "writeConcern": {"w": "majority"},
    }
}

/// Of what was deleted from the ledger a short while ago.
fn index_of_tombstones() -> Document {
    doc! {
        "createIndexes": "ledger",
        "indexes": [{"key": {"gone": 1}, "name": "gone_1", "sparse": true}],
        "writeConcern": {"w": "majority"},
    }
}

/// One document per line, of the batches kept as strings.
fn view() -> Document {
    doc! {
        "create": "lines",
        "viewOn": "batches",
        "pipeline": [
            {"$match": {"lines": {"$type": "string"}}},
            {"$project": {"_id": 0, "stream": "$s", "o": 1, "line": {"$split": ["$lines", "\n"]}}},
            {"$unwind": {"path": "$line", "includeArrayIndex": "i"}},
            {"$match": {"line": {"$ne": ""}}},
            {"$project": {"stream": 1, "offset": {"$add": ["$o", "$i"]}, "line": 1}},
        ],
        "writeConcern": {"w": "majority"},
    }
}
