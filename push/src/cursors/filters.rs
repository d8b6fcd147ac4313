//! Filters, compiled once a node: sessions with the same text share one, and so its frames.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use lines::filter::FilterLimits;
use lines::{Filter, FilterError};
use parking_lot::Mutex;

/// The filters in use.
pub(crate) struct Filters {
    limits: FilterLimits,
    by_text: Mutex<HashMap<String, Weak<Filter>>>,
}

impl Filters {
    /// None larger than this.
    pub(crate) fn new(limits: FilterLimits) -> Self {
        Self {
            limits,
            by_text: Mutex::default(),
        }
    }

    /// The filter that the text describes.
    pub(crate) fn get(&self, text: &str) -> Result<Arc<Filter>, FilterError> {
        if let Some(filter) = self.by_text.lock().get(text).and_then(Weak::upgrade) {
            return Ok(filter);
        }
        let filter = Arc::new(Filter::parse_within(text, &self.limits)?);
        let mut by_text = self.by_text.lock();
        // Another session may have been quicker; both must have the same one.
        if let Some(quicker) = by_text.get(text).and_then(Weak::upgrade) {
            return Ok(quicker);
        }
        by_text.retain(|_, filter| filter.strong_count() > 0);
        by_text.insert(text.to_owned(), Arc::downgrade(&filter));
        Ok(filter)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_is_the_same_filter_for_as_long_as_somebody_uses_it() {
        let filters = Filters::new(FilterLimits {
            terms: 1,
            ..FilterLimits::default()
        });
        let one = filters.get("level>=warn").unwrap();
        assert!(Arc::ptr_eq(&one, &filters.get("level>=warn").unwrap()));
        assert!(!Arc::ptr_eq(&one, &filters.get("level>=error").unwrap()));
        drop(one);
        filters.get("other").unwrap();
        assert_eq!(filters.by_text.lock().len(), 1);
        assert_eq!(filters.get("(").err().map(|error| error.position), Some(1));
        assert!(filters.get("two words").is_err(), "one more than the limit");
    }
}
