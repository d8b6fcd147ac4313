//! The words that all of Tailcast shares: what has bytes on a wire or in a store, and nothing else.
//!
//! Streams have [names](name), hold [lines](mod@line) at [offsets](stream), and are written, kept and passed on in
//! [batches](batch). A reader says by a [`filter`] which lines are wanted. Two ports: [`log_store`] is where batches are
//! kept, [`hint`] is where they go next; other crates implement them.
//!
//! `lines` does no I/O, has no runtime, and has never heard of tokens, HTTP, Redis or a database.

pub mod batch;
pub mod filter;
pub mod hint;
mod json;
pub mod line;
pub mod log_store;
pub mod name;
pub mod retention;
pub mod stream;
pub mod time;

pub use batch::{Batch, Lines};
pub use filter::{Filter, FilterError, Verdict};
pub use hint::{Hint, HintSink};
pub use line::{Level, Line, LineHead};
pub use log_store::{AppendError, LogStore, StoreError};
pub use name::{NameError, Pattern, StreamName, Target};
pub use stream::{Epoch, Extent, Offset, StreamInfo};
pub use time::{Second, Timestamp};
