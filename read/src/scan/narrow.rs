//! Which lines need not be read: of many the store knows, without reading them, that they lack what the filter needs.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use edge::sieve::Account;
use lines::filter::needs::Needs;
use lines::{Filter, LogReader, Offset, StoreError, StreamName};
use parking_lot::Mutex;
use tokio::time::timeout;

use super::Budget;
use crate::questions::Questions;

/// Fewer lines are read sooner than asked about.
const WORTH_ASKING: u64 = 4096;
/// So many lines are asked about first; then twice as many, and so on.
const FIRST_ASKED: u64 = 1 << 20;
/// The most that are asked about at once: what the store knows of so many takes it some milliseconds.
const MOST_ASKED: u64 = 1 << 23;

/// What is known of one stream for one filter.
pub(super) struct Narrow {
    questions: Arc<Questions>,
    stream: StreamName,
    needs: Needs,
    /// Who wants to know: what it takes the store to tell is counted.
    account: Arc<Account>,
    /// How long it is worth waiting for what the store knows.
    within: Duration,
    known: Mutex<Known>,
}

/// What the store said last.
struct Known {
    /// Of these offsets …
    range: Range<Offset>,
    /// … lines may be wanted only here.
    places: Vec<Range<Offset>>,
    /// How many lines the next question is about.
    width: u64,
    /// The store did not tell in time, and is asked no more.
    is_late: bool,
}

impl Narrow {
    pub(super) fn new(
        questions: Arc<Questions>,
        stream: StreamName,
        filter: Option<&Filter>,
        account: Arc<Account>,
        within: Duration,
    ) -> Self {
        Self {
            questions,
            stream,
            needs: filter.map_or(Needs::Nothing, |filter| filter.needs().clone()),
            account,
            within,
            known: Mutex::new(Known {
                range: Offset::ZERO..Offset::ZERO,
                places: Vec::new(),
                width: FIRST_ASKED,
                is_late: false,
            }),
        }
    }

    /// The first lines of `from..end` that may be wanted; nothing at `end` when there are none. All that follow when the
    /// budget does not last to know more.
    pub(super) async fn place(&self, from: Offset, end: Offset, budget: &Budget) -> Range<Offset> {
        if self.needs.is_nothing() {
            return from..end;
        }
        let mut at = from;
        while at < end {
            let asked = {
                let mut known = self.known.lock();
                if known.range.contains(&at) {
                    match known.next(at) {
                        Some(place) if place.start < end => {
                            self.count(from, place.start);
                            return place.start..place.end.min(end);
                        }
                        _ => at = known.range.end.min(end),
                    }
                    continue;
                }
                if end.since(at) < WORTH_ASKING {
                    self.count(from, at);
                    return at..end;
                }
                at..end.min(at.plus(known.widen()))
            };
            let places = self.ask(asked.clone(), budget).await;
            let mut known = self.known.lock();
            (known.range, known.places) = (asked, places);
        }
        self.count(from, end);
        end..end
    }

    /// The last lines of `start..from` that may be wanted, if there are any. All that precede when the budget does not last
    /// to know more.
    pub(super) async fn place_before(
        &self,
        start: Offset,
        from: Offset,
        budget: &Budget,
    ) -> Option<Range<Offset>> {
        let mut at = from;
        while at > start {
            if self.needs.is_nothing() {
                return Some(start..at);
            }
            let asked = {
                let mut known = self.known.lock();
                if known.range.start < at && at <= known.range.end {
                    match known.before(at) {
                        Some(place) if place.end > start => {
                            self.count(place.end, from);
                            return Some(place.start.max(start)..place.end);
                        }
                        _ => at = known.range.start.max(start),
                    }
                    continue;
                }
                if at.since(start) < WORTH_ASKING {
                    self.count(at, from);
                    return Some(start..at);
                }
                Offset(at.0.saturating_sub(known.widen())).max(start)..at
            };
            let places = self.ask(asked.clone(), budget).await;
            let mut known = self.known.lock();
            (known.range, known.places) = (asked, places);
        }
        self.count(start, from);
        None
    }

    /// Reading everything is always right: a store that does not answer in time is not waited for, then or later. That
    /// earlier questions of this subscriber take their time says nothing about the store.
    async fn ask(&self, asked: Range<Offset>, budget: &Budget) -> Vec<Range<Offset>> {
        let is_late = budget.is_late() || self.account.wait().is_some() || self.known.lock().is_late;
        if is_late {
            return vec![asked];
        }
        let within = || self.within.min(budget.time_left());
        let places = self.questions.places(&self.stream, asked.clone(), &self.needs);
        // The store's time begins when it is asked.
        let question = async { timeout(within(), places).await };
        match self.account.asking(within(), question).await {
            Some(Ok(Ok(places))) => return places,
            Some(Ok(Err(error))) => self.known.lock().is_late = matches!(error, StoreError::Timeout(_)),
            Some(Err(_)) => self.known.lock().is_late = true,
            None => {}
        }
        vec![asked]
    }

    fn count(&self, from: Offset, to: Offset) {
        if to > from {
            metrics::counter!("tailcast_search_skipped_lines_total").increment(to.since(from));
        }
    }
}

impl Known {
    fn next(&self, at: Offset) -> Option<Range<Offset>> {
        let nth = self.places.partition_point(|place| place.end <= at);
        let place = self.places.get(nth)?;
        Some(place.start.max(at)..place.end)
    }

    fn before(&self, at: Offset) -> Option<Range<Offset>> {
        let count = self.places.partition_point(|place| place.start < at);
        let place = self.places.get(count.checked_sub(1)?)?;
        Some(place.start..place.end.min(at))
    }

    fn widen(&mut self) -> u64 {
        let width = self.width;
        self.width = width.saturating_mul(2).min(MOST_ASKED);
        width
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use edge::sieve::{Sieve, SieveLimits};
    use lines::{Batch, Epoch, Extent, Listing, StoreError, Timestamp};

    use super::*;
    use crate::QuestionLimits;

    const END: Offset = Offset(1_000_000_000);

    /// A store of which only places are asked: lines may be nowhere, but to the first questions it never says so.
    #[derive(Default)]
    struct Places {
        asked: AtomicUsize,
        silent: usize,
    }

    fn unasked<T>() -> Result<T, StoreError> {
        Err(StoreError::Away("nobody asks".into()))
    }

    #[async_trait]
    impl LogReader for Places {
        async fn epoch(&self) -> Result<Epoch, StoreError> {
            unasked()
        }

        async fn read(&self, _: &StreamName, _: Offset, _: usize) -> Result<Vec<Arc<Batch>>, StoreError> {
            unasked()
        }

        async fn extents(&self, _: &[StreamName]) -> Result<Vec<Extent>, StoreError> {
            unasked()
        }

        async fn streams(&self) -> Result<Arc<Listing>, StoreError> {
            unasked()
        }

        async fn first_since(&self, _: &StreamName, _: Timestamp) -> Result<Offset, StoreError> {
            unasked()
        }

        async fn places(
            &self,
            _: &StreamName,
            _: Range<Offset>,
            _: &Needs,
        ) -> Result<Vec<Range<Offset>>, StoreError> {
            if self.asked.fetch_add(1, Ordering::SeqCst) < self.silent {
                std::future::pending().await
            }
            Ok(Vec::new())
        }
    }

    fn narrow(store: &Arc<Places>) -> Narrow {
        narrow_for(store, Sieve::new(SieveLimits::default()).account("ann"))
    }

    fn narrow_for(store: &Arc<Places>, account: Arc<Account>) -> Narrow {
        Narrow::new(
            Questions::new(
                Arc::clone(store) as _,
                QuestionLimits::default(),
                tokio::runtime::Handle::current(),
            ),
            StreamName::parse("s").unwrap(),
            Some(&Filter::parse("needle").unwrap()),
            account,
            Duration::from_millis(2_500),
        )
    }

    fn budget(time: Duration) -> Budget {
        Budget::of(usize::MAX, time)
    }

    #[tokio::test]
    async fn a_store_that_knows_of_no_place_is_asked_about_all_lines() {
        let store = Arc::new(Places::default());
        let (narrow, budget) = (narrow(&store), budget(Duration::from_secs(1_000_000)));
        assert_eq!(narrow.place(Offset(7), END, &budget).await, END..END);
        assert_eq!(narrow.place_before(Offset(7), END, &budget).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_does_not_tell_in_time_is_asked_once() {
        let store = Arc::new(Places {
            silent: usize::MAX,
            ..Places::default()
        });
        let (narrow, budget) = (narrow(&store), budget(Duration::from_secs(1_000_000)));
        let mut at = Offset::ZERO;
        while at < END {
            let place = narrow.place(at, END, &budget).await;
            assert!(place.start == at && place.end > at, "{place:?}");
            at = place.end;
        }
        let place = narrow.place_before(Offset::ZERO, END, &budget).await.unwrap();
        assert!(place.end == END && place.start < END, "{place:?}");
        assert_eq!(store.asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waited_for_its_own_earlier_question_still_asks() {
        let store = Arc::new(Places {
            silent: 1,
            ..Places::default()
        });
        let account = Sieve::new(SieveLimits::default()).account("ann");
        let earlier = narrow_for(&store, Arc::clone(&account));
        let (later, budget) = (
            narrow_for(&store, account),
            budget(Duration::from_secs(1_000_000)),
        );
        let rest = async {
            let mut at = Offset::ZERO;
            while at < END {
                at = later.place(at, END, &budget).await.end;
            }
        };
        tokio::join!(earlier.place(Offset::ZERO, END, &budget), rest);
        let asked = store.asked.load(Ordering::SeqCst);
        assert!(asked > 1, "the store was taken for a slow one");
    }

    #[tokio::test]
    async fn nothing_is_asked_when_time_is_over() {
        let store = Arc::new(Places::default());
        let (narrow, budget) = (narrow(&store), budget(Duration::ZERO));
        let place = narrow.place(Offset::ZERO, END, &budget).await;
        assert!(
            place.start == Offset::ZERO && place.end > Offset::ZERO,
            "{place:?}"
        );
        let place = narrow.place_before(Offset::ZERO, END, &budget).await.unwrap();
        assert!(place.end == END && place.start < END, "{place:?}");
        assert_eq!(store.asked.load(Ordering::SeqCst), 0);
    }
}
