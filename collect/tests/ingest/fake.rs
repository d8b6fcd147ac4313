//! A store in memory that can be slow and can fail, and a hand-off that remembers.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lines::log_store::{Draft, PriorRun, StoredKey, Told};
use lines::retention::{Deletion, Retention, Trimmed};
use lines::{
    AppendError, Batch, Epoch, Extent, Hint, HintSink, Listing, LogReader, LogStore, Offset, StoreError,
    StreamName, Timestamp,
};
use parking_lot::Mutex;
use tokio::sync::watch;

/// What the next call of `append` does instead of its work.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// Stores nothing, and says so.
    NotStored,
    /// Stores nothing for want of room.
    Full,
    /// Stores nothing, and does not know.
    UnknownAndLost,
    /// Stores everything, and does not know.
    UnknownAndStored,
    /// Panics.
    Panic,
    /// Says that other keys were used than those it was asked for.
    WrongKeys,
}

pub(crate) struct FakeStore {
    state: Mutex<State>,
    open: watch::Sender<bool>,
    /// How many calls are waiting or working.
    busy: watch::Sender<usize>,
    /// Streams whose drafts stay behind in their calls, while those of others are stored and told.
    stuck: watch::Sender<Vec<String>>,
}

#[derive(Default)]
struct State {
    batches: HashMap<StreamName, Vec<Arc<Batch>>>,
    keys: HashMap<(StreamName, StoredKey), PriorRun>,
    /// For the next calls, one each.
    faults: VecDeque<Option<Fault>>,
    /// Streams of which nothing is stored.
    failing: Vec<String>,
    calls: Vec<Vec<(String, u32)>>,
    most_busy: usize,
    /// What each call takes.
    delay: Duration,
}

impl Default for FakeStore {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            open: watch::Sender::new(true),
            busy: watch::Sender::new(0),
            stuck: watch::Sender::default(),
        }
    }
}

impl FakeStore {
    /// From now on calls wait.
    pub(crate) fn close(&self) {
        self.open.send_replace(false);
    }

    /// Lets the waiting calls go on.
    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }

    /// Drafts of these streams stay behind, until others are named.
    pub(crate) fn hold_back(&self, streams: &[&str]) {
        self.stuck
            .send_replace(streams.iter().map(|&stream| stream.to_owned()).collect());
    }

    /// From now on each call takes so long.
    pub(crate) fn take(&self, delay: Duration) {
        self.state.lock().delay = delay;
    }

    /// Returns once so many calls are waiting.
    pub(crate) async fn wait_for_calls(&self, calls: usize) {
        self.busy
            .subscribe()
            .wait_for(|&busy| busy == calls)
            .await
            .unwrap();
    }

    /// Makes the next call fail.
    pub(crate) fn fail_next(&self, fault: Fault) {
        self.fail_after(0, fault);
    }

    /// Makes a call fail after so many that do not. Those that wait count.
    pub(crate) fn fail_after(&self, good: usize, fault: Fault) {
        let faults = &mut self.state.lock().faults;
        faults.extend(std::iter::repeat_n(None, good));
        faults.push_back(Some(fault));
    }

    /// No further call fails.
    pub(crate) fn work(&self) {
        self.state.lock().faults.clear();
    }

    /// Stores nothing of these streams, until told otherwise.
    pub(crate) fn fail_streams(&self, streams: &[&str]) {
        self.state.lock().failing = streams.iter().map(|&stream| stream.to_owned()).collect();
    }

    /// The stream's lines, in order.
    pub(crate) fn lines(&self, stream: &str) -> Vec<String> {
        let batches = self.batches(stream);
        let lines = batches.iter().flat_map(|batch| batch.lines.iter());
        lines
            .map(|line| String::from_utf8(line.to_vec()).unwrap())
            .collect()
    }

    pub(crate) fn batches(&self, stream: &str) -> Vec<Arc<Batch>> {
        let name = StreamName::parse(stream).unwrap();
        self.state.lock().batches.get(&name).cloned().unwrap_or_default()
    }

    /// For each call, the streams and counts of lines of its drafts.
    pub(crate) fn calls(&self) -> Vec<Vec<(String, u32)>> {
        self.state.lock().calls.clone()
    }

    /// The most calls that were under way at once.
    pub(crate) fn most_busy(&self) -> usize {
        self.state.lock().most_busy
    }
}

impl State {
    fn append(&mut self, draft: Draft) -> Result<Arc<Batch>, AppendError> {
        if self.failing.iter().any(|stream| *stream == draft.stream.as_str()) {
            return self.fail(draft, Fault::NotStored);
        }
        let used: Vec<PriorRun> = draft
            .keys
            .iter()
            .filter_map(|run| self.keys.get(&(draft.stream.clone(), run.key.clone())))
            .cloned()
            .collect();
        if !used.is_empty() {
            return Err(AppendError::KeysUsed(used));
        }
        let batches = self.batches.entry(draft.stream.clone()).or_default();
        let first = batches.last().map_or(Offset::ZERO, |batch| batch.next());
        for run in draft.keys {
            let from = first.plus(u64::from(run.skip));
            let prior = PriorRun {
                key: run.key.clone(),
                digest: run.digest,
                first: from,
                next: from.plus(u64::from(run.count)),
            };
            let twice = self.keys.insert((draft.stream.clone(), run.key), prior);
            assert!(twice.is_none(), "a draft had the same key twice");
        }
        assert_eq!(draft.lines.iter().count(), draft.lines.count as usize);
        let batch = Arc::new(Batch {
            stream: draft.stream,
            first,
            arrived: draft.arrived.unwrap_or_else(Timestamp::now),
            lines: draft.lines,
        });
        batches.push(Arc::clone(&batch));
        Ok(batch)
    }

    fn fail(&mut self, draft: Draft, fault: Fault) -> Result<Arc<Batch>, AppendError> {
        let late = || StoreError::Timeout(Duration::from_secs(1));
        match fault {
            Fault::NotStored => Err(AppendError::NotStored(StoreError::Away("refused".into()))),
            Fault::Full => Err(AppendError::NotStored(StoreError::Full("no room".to_owned()))),
            Fault::UnknownAndLost => Err(AppendError::Unknown(late())),
            Fault::UnknownAndStored => {
                self.append(draft)?;
                Err(AppendError::Unknown(late()))
            }
            Fault::Panic => panic!("a fault of the store"),
            Fault::WrongKeys => Err(AppendError::KeysUsed(vec![])),
        }
    }
}

#[async_trait]
impl LogReader for FakeStore {
    async fn epoch(&self) -> Result<Epoch, StoreError> {
        Ok(Epoch::from_text("fake"))
    }

    async fn read(&self, stream: &StreamName, from: Offset, _: usize) -> Result<Vec<Arc<Batch>>, StoreError> {
        let batches = self.batches(stream.as_str());
        Ok(batches.into_iter().filter(|batch| batch.next() > from).collect())
    }

    async fn extents(&self, streams: &[StreamName]) -> Result<Vec<Extent>, StoreError> {
        let extent = |stream: &StreamName| Extent {
            first_available: Offset::ZERO,
            next: self
                .batches(stream.as_str())
                .last()
                .map_or(Offset::ZERO, |batch| batch.next()),
            ..Extent::default()
        };
        Ok(streams.iter().map(extent).collect())
    }

    async fn streams(&self) -> Result<Arc<Listing>, StoreError> {
        Ok(Arc::default())
    }

    async fn first_since(&self, _: &StreamName, _: Timestamp) -> Result<Offset, StoreError> {
        Ok(Offset::ZERO)
    }
}

#[async_trait]
impl LogStore for FakeStore {
    async fn append(&self, drafts: Vec<Draft>) -> Vec<Result<Arc<Batch>, AppendError>> {
        self.busy.send_modify(|busy| *busy += 1);
        let busy = *self.busy.borrow();
        {
            let mut state = self.state.lock();
            state.most_busy = state.most_busy.max(busy);
            let call = drafts
                .iter()
                .map(|draft| (draft.stream.to_string(), draft.lines.count));
            state.calls.push(call.collect());
        }
        let mut open = self.open.subscribe();
        open.wait_for(|&open| open).await.unwrap();
        let delay = self.state.lock().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        self.busy.send_modify(|busy| *busy -= 1);
        let mut state = self.state.lock();
        match state.faults.pop_front().flatten() {
            Some(fault) => drafts.into_iter().map(|draft| state.fail(draft, fault)).collect(),
            None => drafts.into_iter().map(|draft| state.append(draft)).collect(),
        }
    }

    async fn append_each(&self, drafts: Vec<Draft>, told: Told<'_>) {
        let is_held = |stuck: &[String], draft: &Draft| stuck.iter().any(|s| *s == draft.stream.as_str());
        let mut stuck = self.stuck.subscribe();
        let (mut late, prompt): (Vec<_>, Vec<_>) = {
            let stuck = stuck.borrow_and_update();
            let drafts = drafts.into_iter().enumerate();
            drafts.partition(|(_, draft)| is_held(&stuck, draft))
        };
        let store = async |some: Vec<(usize, Draft)>| {
            let (places, drafts): (Vec<usize>, Vec<Draft>) = some.into_iter().unzip();
            let outcomes = self.append(drafts).await;
            told(places.into_iter().zip(outcomes).collect());
        };
        if !prompt.is_empty() {
            store(prompt).await;
        }
        while !late.is_empty() {
            let free = |stuck: &Vec<String>| late.iter().any(|(_, draft)| !is_held(stuck, draft));
            let stuck = stuck.wait_for(free).await.unwrap().clone();
            let free;
            (late, free) = late.into_iter().partition(|(_, draft)| is_held(&stuck, draft));
            store(free).await;
        }
    }

    async fn used_keys(&self, keys: &[(StreamName, StoredKey)]) -> Result<Vec<Option<PriorRun>>, StoreError> {
        let state = self.state.lock();
        Ok(keys.iter().map(|key| state.keys.get(key).cloned()).collect())
    }

    async fn trim(&self, _: &Retention, _: Timestamp) -> Result<Trimmed, StoreError> {
        Ok(Trimmed::default())
    }

    async fn delete_stream(&self, _: &StreamName, _: Option<Offset>) -> Result<Deletion, StoreError> {
        Ok(Deletion::Absent)
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Remembers hints, as text: `a/b 0..3` for a batch, `lost a/b` for a loss.
#[derive(Default)]
pub(crate) struct Hints(Mutex<Vec<String>>);

impl Hints {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().clone()
    }
}

impl HintSink for Hints {
    fn hand_off(&self, hint: Hint) {
        self.0.lock().push(match hint {
            Hint::Batch(batch) => format!("{} {}..{}", batch.stream, batch.first, batch.next()),
            Hint::Lost(stream) => format!("lost {stream}"),
            Hint::AnyLost => "any lost".to_owned(),
        });
    }
}
