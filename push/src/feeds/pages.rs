//! Lines for sessions that are behind what their feed holds: pages of the store, read once for all who want the same
//! ones, a bounded number at a time, first come first served.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use lines::{LogReader, Offset, StoreError, StreamName, log_reader::Damage};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use crate::Limits;
use crate::StoreAway;
use crate::feeds::view::{Chunk, View};
use crate::feeds::window::{Pull, Window};

/// The pages of a node.
pub(crate) struct Pages {
    store: Arc<dyn LogReader>,
    limits: Arc<Limits>,
    reads: Semaphore,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    by_stream: HashMap<StreamName, StreamPages>,
    bytes: usize,
}

#[derive(Default)]
struct StreamPages {
    kept: Vec<Page>,
    /// What cannot be read, for all who come there: from and to, and when that was found.
    damaged: Vec<(Offset, Offset, Instant)>,
    /// Where reads that are under way begin, and how to hear of their end: whether the store did not answer.
    reading: Vec<(Offset, watch::Receiver<bool>)>,
    /// Lines before it are gone, as far as was said while there was anything here. What a read found before that is not
    /// kept.
    floor: Offset,
}

struct Page {
    first: Offset,
    next: Offset,
    window: Window,
    used: Instant,
}

/// What the store has at a cursor.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Lines: [`Pages::cut`] has them.
    Lines,
    /// Nothing before this offset: retention took what was there.
    Gone(Offset),
    /// Lines up to this offset that are damaged.
    Damaged(Offset),
    /// Nothing at all, now.
    Nothing,
}

impl Pages {
    pub(crate) fn new(store: Arc<dyn LogReader>, limits: Arc<Limits>) -> Self {
        Self {
            store,
            reads: Semaphore::new(limits.replays),
            limits,
            state: Mutex::default(),
        }
    }

    /// What there is at `cursor`: a chunk or what one is sifted out of when a page that holds it is kept, else the need
    /// to read one.
    pub(crate) fn cut(&self, stream: &StreamName, cursor: Offset, view: &View) -> Pull {
        let mut state = self.state.lock();
        let Some(page) = state.page(stream, cursor) else {
            return Pull::Behind;
        };
        page.used = Instant::now();
        let next = page.next;
        let chunk = if view.filter.is_none() {
            let held = page.window.held();
            let chunk = page.window.cut(cursor, next, self.limits.frame_bytes, view);
            let holds = page.window.held();
            state.account(held, holds, &self.limits);
            chunk
        } else {
            match page.window.known(cursor, view) {
                None => match page.window.piece(cursor, next, self.limits.filter_bytes) {
                    Some(piece) => return Pull::Sift(piece),
                    None => None,
                },
                known => known,
            }
        };
        chunk.map_or(Pull::Behind, Pull::Chunk)
    }

    /// Keeps the chunk that came of a [`Pull::Sift`] for all who want the same.
    pub(crate) fn remember(&self, stream: &StreamName, view: &View, chunk: &Chunk) {
        let mut state = self.state.lock();
        if let Some(page) = state.page(stream, chunk.first) {
            let held = page.window.held();
            page.window.remember(view, chunk);
            let holds = page.window.held();
            state.account(held, holds, &self.limits);
        }
    }

    /// Reads what the store has at `cursor`, or waits for a read that is likely to bring it.
    pub(crate) async fn find(&self, stream: &StreamName, cursor: Offset) -> Result<Found, StoreAway> {
        let turn = loop {
            let under_way = {
                let state = self.state.lock();
                let pages = state.by_stream.get(stream);
                if pages.is_some_and(|pages| pages.kept.iter().any(|page| page.holds(cursor))) {
                    return Ok(Found::Lines);
                }
                if let Some(end) = pages.and_then(|pages| pages.damage_at(cursor)) {
                    return Ok(Found::Damaged(end));
                }
                pages.and_then(|pages| pages.reading_towards(cursor))
            };
            match under_way {
                // An error of `changed` is the end of that read, too. Its failure is that of all who waited: if each tried in
                // its turn, the last one would wait as often as there are others, and its other streams with it.
                Some(mut end) => {
                    drop(end.changed().await);
                    if *end.borrow() {
                        return Err(StoreAway);
                    }
                }
                None => match self.begin(stream, cursor) {
                    Some(turn) => break turn,
                    None => continue,
                },
            }
        };
        let Ok(_place) = self.reads.acquire().await else {
            return Err(StoreAway);
        };
        metrics::counter!("tailcast_replay_reads_total").increment(1);
        let read = self.store.read(stream, cursor, self.limits.replay_bytes);
        let batches = match read.await {
            Ok(batches) => batches,
            // The store is there, and asking again changes nothing.
            Err(StoreError::Damaged(damage)) => return Ok(self.damaged(&damage, cursor)),
            Err(_) => {
                turn.end.send_replace(true);
                return Err(StoreAway);
            }
        };
        let Some(first) = batches.first() else {
            return self.nothing_at(stream, cursor).await;
        };
        let begins = first.first;
        let mut window = Window::new(stream.clone());
        batches.into_iter().for_each(|batch| window.append(batch));
        self.keep(window);
        if begins > cursor {
            Ok(Found::Gone(begins))
        } else {
            Ok(Found::Lines)
        }
    }

    /// Remembers damage. What lies before it and is not there went with retention.
    fn damaged(&self, damage: &Damage, cursor: Offset) -> Found {
        let mut state = self.state.lock();
        let pages = state.by_stream.entry(damage.stream.clone()).or_default();
        pages.damaged.push((damage.from, damage.to, Instant::now()));
        if damage.from > cursor {
            Found::Gone(damage.from)
        } else {
            Found::Damaged(damage.to.max(cursor.plus(1)))
        }
    }

    async fn nothing_at(&self, stream: &StreamName, cursor: Offset) -> Result<Found, StoreAway> {
        let extents = self.store.extents(std::slice::from_ref(stream)).await?;
        match extents.first() {
            Some(extent) if extent.first_available > cursor => Ok(Found::Gone(extent.first_available)),
            _ => Ok(Found::Nothing),
        }
    }

    /// Says that a read begins; its end is told when the answer is dropped. `None` when another one was quicker.
    fn begin<'a>(&'a self, stream: &'a StreamName, from: Offset) -> Option<Turn<'a>> {
        let mut state = self.state.lock();
        let pages = state.by_stream.entry(stream.clone()).or_default();
        if pages.reading_towards(from).is_some() {
            return None;
        }
        let (end, ended) = watch::channel(false);
        pages.reading.push((from, ended));
        Some(Turn {
            pages: self,
            stream,
            from,
            end,
        })
    }

    fn keep(&self, mut window: Window) {
        let mut state = self.state.lock();
        let state = &mut *state;
        let pages = state.by_stream.entry(window.stream().clone()).or_default();
        window.forget_before(pages.floor);
        let Some((first, next)) = window.range() else {
            return;
        };
        let bytes = window.held();
        pages.kept.push(Page {
            first,
            next,
            window,
            used: Instant::now(),
        });
        state.account(0, bytes, &self.limits);
    }

    /// Lets go of lines that the store does not have any more.
    pub(crate) fn forget_before(&self, stream: &StreamName, floor: Offset) {
        let mut state = self.state.lock();
        let state = &mut *state;
        let Some(pages) = state.by_stream.get_mut(stream) else {
            return;
        };
        pages.floor = pages.floor.max(floor);
        pages.kept.retain_mut(|page| {
            let held = page.window.held();
            page.window.forget_before(floor);
            state.bytes -= held - page.window.held();
            match page.window.range() {
                Some((first, _)) => page.first = first,
                None => return false,
            }
            true
        });
    }

    /// Lets go of pages that nobody used for a while.
    pub(crate) fn sweep(&self) {
        let mut state = self.state.lock();
        let Some(since) = Instant::now().checked_sub(self.limits.replay_kept) else {
            return;
        };
        for pages in state.by_stream.values_mut() {
            pages.damaged.retain(|(.., found)| *found > since);
        }
        state.retain(|page| page.used > since);
    }
}

impl Page {
    fn holds(&self, cursor: Offset) -> bool {
        self.first <= cursor && cursor < self.next
    }
}

impl StreamPages {
    /// Where the damage at `cursor` ends, if there is some.
    fn damage_at(&self, cursor: Offset) -> Option<Offset> {
        let mut damaged = self.damaged.iter();
        let (_, end, _) = damaged.find(|(from, to, _)| *from <= cursor && cursor < *to)?;
        Some(*end)
    }

    fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.reading.is_empty() && self.damaged.is_empty()
    }

    /// A read from a little before `cursor` is likely to bring it.
    fn reading_towards(&self, cursor: Offset) -> Option<watch::Receiver<bool>> {
        const LITTLE: u64 = 1_000;
        let near = |&&(from, _): &&(Offset, _)| from <= cursor && cursor.since(from) <= LITTLE;
        self.reading.iter().find(near).map(|(_, ended)| ended.clone())
    }
}

impl State {
    fn page(&mut self, stream: &StreamName, cursor: Offset) -> Option<&mut Page> {
        let pages = self.by_stream.get_mut(stream)?;
        pages.kept.iter_mut().find(|page| page.holds(cursor))
    }

    /// A page holds `after` instead of `before`. Pages beyond the bound go, the least used first.
    fn account(&mut self, before: usize, after: usize, limits: &Limits) {
        self.bytes = self.bytes + after - before;
        while self.bytes > limits.replay_cache_bytes && self.drop_oldest() {}
    }

    fn retain(&mut self, keep: impl Fn(&Page) -> bool) {
        let mut bytes = 0;
        self.by_stream.retain(|_, pages| {
            pages.kept.retain(&keep);
            bytes += pages.kept.iter().map(|page| page.window.held()).sum::<usize>();
            !pages.is_empty()
        });
        self.bytes = bytes;
    }

    /// Whether there was one.
    fn drop_oldest(&mut self) -> bool {
        let pages = self.by_stream.values().flat_map(|pages| &pages.kept);
        let Some(oldest) = pages.map(|page| page.used).min() else {
            return false;
        };
        self.retain(|page| page.used > oldest);
        true
    }
}

/// A read under way.
struct Turn<'a> {
    pages: &'a Pages,
    stream: &'a StreamName,
    from: Offset,
    /// Dropping it wakes those who wait.
    end: watch::Sender<bool>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.pages.state.lock();
        if let Some(pages) = state.by_stream.get_mut(self.stream) {
            pages.reading.retain(|(from, _)| *from != self.from);
            if pages.is_empty() {
                state.by_stream.remove(self.stream);
            }
        }
    }
}

/// Between which bounds a session waits before it asks a store again that is away, or that does not show yet what a hint told
/// of.
const AGAIN: backoff::Limits = backoff::Limits {
    first: Duration::from_millis(250),
    most: Duration::from_secs(5),
};

/// How long it waits after so many attempts in vain.
pub(crate) fn pause_before(attempt: u32) -> Duration {
    backoff::pause(AGAIN, attempt)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::faulty_store::{DEADLINE, FaultyStore};

    #[tokio::test(start_paused = true)]
    async fn all_who_wait_for_a_read_that_fails_have_its_answer_and_none_tries_after_the_other() {
        let store = Arc::<FaultyStore>::default();
        store.silent.store(true, Ordering::SeqCst);
        let limits = Arc::new(Limits::default());
        let pages = Pages::new(store, Arc::clone(&limits));
        let stream = StreamName::parse("s").unwrap();
        let began = Instant::now();
        let found = (0..50).map(|nth| pages.find(&stream, Offset(nth)));
        let found = futures_util::future::join_all(found).await;
        assert!(found.iter().all(|found| *found == Err(StoreAway)));
        assert!(began.elapsed() < DEADLINE * 2);
        assert!(pages.state.lock().by_stream.is_empty());
    }
}
