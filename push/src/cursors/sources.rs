//! What all cursors of a node read from.

use std::sync::Arc;

use lines::LogReader;

use crate::Limits;
use crate::cursors::filtering::Filtering;
use crate::cursors::filters::Filters;
use crate::feeds::Feeds;
use crate::feeds::pages::Pages;

/// Recent lines, older ones, and what filters leave of them.
pub(crate) struct Sources {
    pub(crate) limits: Arc<Limits>,
    /// The store.
    pub(crate) store: Arc<dyn LogReader>,
    /// Recent lines of what is watched.
    pub(crate) feeds: Arc<Feeds>,
    /// Older ones.
    pub(crate) pages: Arc<Pages>,
    /// Filters in use.
    pub(crate) filters: Filters,
    /// Where they are put to lines.
    pub(crate) filtering: Filtering,
}
