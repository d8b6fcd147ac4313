//! Looking through lines whose slots come and go.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use auth::{Claims, Key, Minter, Verifier};
use dispatch::{MemoryTable, NodeId};
use edge::sieve::{Sieve, SieveLimits};
use lines::{LogStore, log_store::Draft};

use super::capacity::{Capacity, Held};
use super::owed::Owed;
use super::subscription::{From, Mode, Subscribe};
use super::{Cursors, Step};
use crate::cursors::subscribe::{self, Asker};
use crate::feeds::wake::Wake;
use crate::memory_store::MemoryStore;
use crate::testing::{ALL, batch};
use crate::{Limits, Parts, Push};

/// A session of alice with this filter on each of two streams that have lines; no filter is cheap enough to be put to them
/// in passing.
async fn cursors(filter: &str) -> Cursors {
    let key = Key::from_text("a key of at least thirty-two bytes").unwrap();
    let verifier = Arc::new(Verifier::hs256(&key, "tailcast"));
    let mut claims = Claims::new("alice", auth::token::unix_now() + 1_000);
    claims.read = vec!["**".to_owned()];
    let token = Minter::hs256(&key, "tailcast").mint(&claims).unwrap();
    let subscriber = verifier.check(&token).unwrap();
    let store: Arc<dyn LogStore> = Arc::new(MemoryStore::default());
    for stream in ["a", "b"] {
        let batch = batch(stream, 0, 10);
        let draft = Draft {
            stream: batch.stream.clone(),
            arrived: None,
            lines: batch.lines.clone(),
            keys: Vec::new(),
        };
        store.append(vec![draft]).await.remove(0).unwrap();
    }
    let push = Push::new(Parts {
        sieve: Sieve::new(SieveLimits::default()),
        store,
        routes: Arc::new(MemoryTable::default()),
        node: NodeId::from_text("this-node"),
        verifier,
        admission: tokio::sync::watch::channel(crate::AdmissionLimits::default()).1,
        fan_out: tokio::runtime::Handle::current(),
        limits: Limits {
            filter_in_passing: Duration::ZERO,
            announce_within: Duration::ZERO,
            ..Limits::default()
        },
    });
    let sources = &push.host().sources;
    let capacity = Capacity {
        streams: 2,
        place_bytes: None,
    };
    let wake = Arc::<Wake>::default();
    let mut cursors = Cursors::new(Arc::clone(sources), Arc::clone(&wake), &subscriber, capacity);
    for stream in ["a", "b"] {
        let request = Subscribe {
            id: stream.to_owned(),
            streams: vec![stream.to_owned()],
            from: From::Last(10),
            filter: Some(filter.to_owned()),
            mode: Mode::Complete,
        };
        let asker = Asker {
            subscriber: subscriber.clone(),
            wake: Arc::clone(&wake),
            have: HashSet::new(),
            held: Held::default(),
            encoding: ALL.encoding,
            capacity,
        };
        let started = subscribe::start(Arc::clone(sources), asker, request).await;
        let started = started.unwrap_or_else(|refusal| panic!("{}", refusal.code));
        cursors.add(started, &mut Vec::new());
    }
    cursors
}

/// Goes on until a frame is ready.
async fn look(cursors: &mut Cursors) -> String {
    loop {
        while cursors.next(&mut Vec::new()) != Step::Idle {}
        if let Some(fetch) = cursors.fetch() {
            let fetched = fetch.await;
            cursors.fetched(fetched, &mut Vec::new());
        } else if let Some(looking) = cursors.pass() {
            let filtered = looking.await;
            let stream = filtered.stream.to_string();
            let found = filtered.chunk.is_some();
            cursors.filtered(filtered);
            if found {
                return stream;
            }
        } else {
            panic!("there are lines to look through, and nothing looks");
        }
    }
}

#[tokio::test]
async fn a_frame_whose_subscription_ends_before_it_is_taken_holds_up_no_other_filter() {
    let mut cursors = cursors("line").await;
    let first = look(&mut cursors).await;
    // The client takes nothing at the moment, so the frame waits; what it was for ends.
    cursors.remove(&first, &mut Vec::new()).unwrap();
    let second = look(&mut cursors).await;
    assert_ne!(first, second);
    let mut out = Vec::new();
    assert_eq!(cursors.next(&mut out), Step::Sent);
    assert!(matches!(&out[0], Owed::Lines(chunk) if chunk.lines == 10));
}

#[tokio::test]
async fn how_far_a_filter_looked_before_a_pause_is_told_after_it() {
    let mut cursors = cursors("nowhere").await;
    let stream = look(&mut cursors).await;
    assert_eq!(cursors.next(&mut Vec::new()), Step::Looked);
    cursors.pause(&stream, true);
    let mut out = Vec::new();
    cursors.words(&mut out);
    assert!(!out.iter().any(|out| matches!(out, Owed::Looked { .. })));
    cursors.pause(&stream, false);
    assert!(cursors.word_at().is_some(), "a word is owed");
    cursors.words(&mut out);
    let told = out
        .iter()
        .any(|out| matches!(out, Owed::Looked { next, .. } if next.0 == 10));
    assert!(told);
}
