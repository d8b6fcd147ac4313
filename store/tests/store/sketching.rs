//! When sketches are made, and by whom: whatever the store is like, nobody reads it for nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lines::log_store::{Draft, PriorRun, StoredKey};
use lines::retention::{Deletion, Retention, Trimmed};
use lines::sketch::{Reach, Sketch};
use lines::{
    AppendError, Batch, Epoch, Extent, Listing, LogReader, LogStore, Offset, StoreError, StreamName,
    Timestamp,
};
use parking_lot::Mutex;
use store::sketcher::{Sizes, Sketcher};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::memory_store::MemoryStore;
use crate::place::{append, at, draft_at};

/// For how long a process has the turn that asks no more.
const TURN: Duration = Duration::from_secs(90);

/// A store without room for sketches, which takes its time to list its streams; shared by some processes.
#[derive(Default)]
struct Shared {
    memory: MemoryStore,
    listing_takes: Duration,
    /// Streams that were read.
    read: Mutex<BTreeSet<StreamName>>,
    /// Who is to make sketches, and until when.
    turn: Mutex<Option<(usize, Instant)>>,
    /// Who ever was.
    holders: Mutex<BTreeSet<usize>>,
}

/// The store as one of the processes has it.
struct Own {
    shared: Arc<Shared>,
    process: usize,
}

#[async_trait]
impl LogReader for Own {
    async fn epoch(&self) -> Result<Epoch, StoreError> {
        self.shared.memory.epoch().await
    }

    async fn read(
        &self,
        stream: &StreamName,
        from: Offset,
        max_bytes: usize,
    ) -> Result<Vec<Arc<Batch>>, StoreError> {
        self.shared.read.lock().insert(stream.clone());
        self.shared.memory.read(stream, from, max_bytes).await
    }

    async fn extents(&self, streams: &[StreamName]) -> Result<Vec<Extent>, StoreError> {
        self.shared.memory.extents(streams).await
    }

    async fn streams(&self) -> Result<Arc<Listing>, StoreError> {
        sleep(self.shared.listing_takes).await;
        self.shared.memory.streams().await
    }

    async fn first_since(&self, stream: &StreamName, since: Timestamp) -> Result<Offset, StoreError> {
        self.shared.memory.first_since(stream, since).await
    }
}

#[async_trait]
impl LogStore for Own {
    async fn append(&self, drafts: Vec<Draft>) -> Vec<Result<Arc<Batch>, AppendError>> {
        self.shared.memory.append(drafts).await
    }

    async fn used_keys(&self, keys: &[(StreamName, StoredKey)]) -> Result<Vec<Option<PriorRun>>, StoreError> {
        self.shared.memory.used_keys(keys).await
    }

    async fn trim(&self, retention: &Retention, now: Timestamp) -> Result<Trimmed, StoreError> {
        self.shared.memory.trim(retention, now).await
    }

    async fn delete_stream(
        &self,
        stream: &StreamName,
        ending: Option<Offset>,
    ) -> Result<Deletion, StoreError> {
        self.shared.memory.delete_stream(stream, ending).await
    }

    async fn is_to_sketch(&self) -> Result<bool, StoreError> {
        let mut turn = self.shared.turn.lock();
        let now = Instant::now();
        let is_free = turn.is_none_or(|(holder, until)| holder == self.process || until <= now);
        if is_free {
            *turn = Some((self.process, now + TURN));
            self.shared.holders.lock().insert(self.process);
        }
        Ok(is_free)
    }

    async fn sketched(&self, _: &StreamName, _: Offset) -> Result<Option<Reach>, StoreError> {
        Ok(Some(Reach::default()))
    }

    async fn keep_sketch(&self, _: &StreamName, _: Sketch) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.shared.memory.check().await
    }
}

fn sketcher(shared: &Arc<Shared>, process: usize) -> Sketcher {
    let shared = Arc::clone(shared);
    let sizes = Sizes {
        block: 512,
        fewest: 16,
    };
    Sketcher::new(Arc::new(Own { shared, process }), sizes)
}

#[tokio::test]
async fn a_store_that_has_no_room_for_one_sketch_is_not_read_for_others() {
    let shared = Arc::<Shared>::default();
    for name in ["a", "b", "c"] {
        for batch in 0..100_u64 {
            let number = |nth: u64| (batch * 10 + nth + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let said: Vec<String> = (0..10).map(|nth| format!("line {:020}", number(nth))).collect();
            let said: Vec<&str> = said.iter().map(String::as_str).collect();
            let draft = draft_at(name, at(batch as i64), &said);
            append(&shared.memory, draft).await.unwrap();
        }
    }
    assert!(sketcher(&shared, 0).round().await.unwrap());
    assert_eq!(shared.read.lock().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_makes_sketches_goes_on_doing_so_however_long_a_listing_takes() {
    for listing_takes in [2, 9].map(Duration::from_secs) {
        let shared = Arc::new(Shared {
            listing_takes,
            ..Shared::default()
        });
        let both = [0, 1].map(|process| sketcher(&shared, process).run(CancellationToken::new()));
        let ever = timeout(Duration::from_secs(3_600), futures_util::future::join_all(both));
        assert!(ever.await.is_err(), "they never end");
        assert_eq!(*shared.holders.lock(), BTreeSet::from([0]));
    }
}
