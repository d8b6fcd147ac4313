//! Which lines need not be read: of many the store knows, without reading them, that they lack what the filter needs.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use lines::filter::needs::Needs;
use lines::{Filter, LogReader, Offset, StreamName};
use parking_lot::Mutex;
use tokio::time::timeout;

use crate::questions::Questions;

/// Fewer lines are read sooner than asked about.
const WORTH_ASKING: u64 = 4096;
/// So many lines are asked about first; then twice as many, and so on.
const FIRST_ASKED: u64 = 1 << 20;
/// The most that are asked about at once.
const MOST_ASKED: u64 = 1 << 26;

/// What is known of one stream for one filter.
pub(super) struct Narrow {
    questions: Arc<Questions>,
    stream: StreamName,
    needs: Needs,
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
}

impl Narrow {
    pub(super) fn new(
        questions: Arc<Questions>,
        stream: StreamName,
        filter: Option<&Filter>,
        within: Duration,
    ) -> Self {
        Self {
            questions,
            stream,
            needs: filter.map_or(Needs::Nothing, |filter| filter.needs().clone()),
            within,
            known: Mutex::new(Known {
                range: Offset::ZERO..Offset::ZERO,
                places: Vec::new(),
                width: FIRST_ASKED,
            }),
        }
    }

    /// The first lines of `from..end` that may be wanted; nothing at `end` when there are none.
    pub(super) async fn place(&self, from: Offset, end: Offset) -> Range<Offset> {
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
            let places = self.ask(asked.clone()).await;
            let mut known = self.known.lock();
            (known.range, known.places) = (asked, places);
        }
        self.count(from, end);
        end..end
    }

    /// The last lines of `start..from` that may be wanted, if there are any.
    pub(super) async fn place_before(&self, start: Offset, from: Offset) -> Option<Range<Offset>> {
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
            let places = self.ask(asked.clone()).await;
            let mut known = self.known.lock();
            (known.range, known.places) = (asked, places);
        }
        self.count(start, from);
        None
    }

    /// Reading everything is always right: whoever does not answer in time is not waited for.
    async fn ask(&self, asked: Range<Offset>) -> Vec<Range<Offset>> {
        let places = self.questions.places(&self.stream, asked.clone(), &self.needs);
        match timeout(self.within, places).await {
            Ok(Ok(places)) => places,
            Ok(Err(_)) | Err(_) => vec![asked],
        }
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
