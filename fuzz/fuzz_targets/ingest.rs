//! Everything that a sender says of a body, and the body, whole through the routes: the first byte says how it is told, the
//! rest is the body. What is stored is one object of JSON a line, as many as were accepted.
#![no_main]

#[path = "../../store/tests/store/memory.rs"]
#[allow(dead_code, unreachable_pub)]
mod memory;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use auth::{Claims, Key, Minter, Verifier};
use axum::body::Body;
use collect::Door;
use collect::append::{AppendLimits, Appender};
use collect::ingest::{self, Limits, Parts};
use http::Request;
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use lines::{Hint, HintSink, LogReader, Offset, StreamName};
use memory::MemoryStore;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tower::ServiceExt;

const TYPES: [&str; 8] = [
    "",
    "application/x-ndjson",
    "application/json",
    "text/plain",
    "text/plain; charset=utf-16",
    "application/json; charset=utf-16le",
    "application/x-ndjson; charset=windows-1252",
    "text/plain; charset=utf-16be",
];
const ENCODINGS: [&str; 4] = ["", "gzip", "zstd", "identity"];
const PATHS: [&str; 2] = ["/v1/lines?stream=a/b", "/v1/lines"];

struct Nobody;

impl HintSink for Nobody {
    fn hand_off(&self, _: Hint) {}
}

struct Known {
    verifier: Arc<Verifier>,
    authorization: String,
    runtime: tokio::runtime::Runtime,
}

impl Known {
    fn new() -> Self {
        let key = Key::from_text("a key of the fuzz targets, which is long enough").expect("a key");
        let mut claims = Claims::new("fuzz", auth::token::unix_now() + 86_400);
        claims.write = vec!["**".to_owned()];
        let token = Minter::hs256(&key, "tailcast").mint(&claims).expect("a token");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Self {
            verifier: Arc::new(Verifier::hs256(&key, "tailcast")),
            authorization: format!("Bearer {token}"),
            runtime: runtime.expect("a runtime"),
        }
    }
}

thread_local! {
    static KNOWN: OnceCell<Known> = const { OnceCell::new() };
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&how, body)) = bytes.split_first() else { return };
    KNOWN.with(|known| {
        let known = known.get_or_init(Known::new);
        known.runtime.block_on(one(known, usize::from(how), body.to_vec()));
    });
});

async fn one(known: &Known, how: usize, body: Vec<u8>) {
    let store = Arc::new(MemoryStore::default());
    let appender = Appender::new(store.clone(), Arc::new(Nobody), watch::channel(AppendLimits::default()).1);
    let limits = Limits { inflated: 4 << 20, ..Limits::default() };
    let parts = Parts { verifier: known.verifier.clone(), door: Door::new(appender, limits) };
    let mut request = Request::post(PATHS[how & 1]).header("authorization", &known.authorization);
    for (name, value) in [("content-type", TYPES[(how >> 1) & 7]), ("content-encoding", ENCODINGS[(how >> 4) & 3])] {
        if !value.is_empty() {
            request = request.header(name, value);
        }
    }
    let request = request.body(Body::from(body)).expect("a request");
    let answer = ingest::router(parts).oneshot(request).await.expect("an answer");
    let status = answer.status();
    let text = answer.into_body().collect().await.expect("a body").to_bytes();
    let said: Value = serde_json::from_slice(&text).expect("JSON");
    assert!([200, 400, 403, 413, 415].contains(&status.as_u16()), "{status}: {said}");
    let accepted = said["accepted"].as_u64().unwrap_or_default();
    let mut stored = 0;
    for name in said["streams"].as_object().into_iter().flat_map(|streams| streams.keys()) {
        let name = StreamName::parse(name).expect("a name");
        for batch in store.read(&name, Offset(0), usize::MAX).await.expect("batches") {
            let ndjson = std::str::from_utf8(&batch.lines.ndjson).expect("UTF-8");
            assert_eq!(ndjson.matches('\n').count(), batch.lines.count as usize);
            for line in ndjson.lines() {
                let line: BTreeMap<&str, &RawValue> = serde_json::from_str(line).expect("an object");
                let known = |name: &&str| ["ts", "level", "message", "fields"].contains(name);
                assert!(line.keys().all(known) && line.contains_key("ts") && line.contains_key("message"));
                stored += 1;
            }
        }
    }
    assert_eq!(accepted, stored);
}
