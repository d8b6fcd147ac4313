//! The words that all of Tailcast shares: what has bytes on a wire or in a store, and nothing else.
//!
//! Streams have [names](name), hold [lines](mod@line) at [offsets](stream), and are written, kept and passed on in
//! [batches](batch). A reader says by a [`filter`] which lines are wanted, and a [`sketch`] says
//! of many at once that none of them is. [`charset`] makes UTF-8 of what is not. Three ports: [`log_store`] is where batches are
//! kept, and [`log_reader`] the half of it that cannot write; [`hint`] is where they go next; [`ledger`] keeps small state.
//! Other crates implement them.
//!
//! `lines` does no I/O, has no runtime, and has never heard of tokens, HTTP, Redis or a database.

pub mod batch;
pub mod charset;
pub mod filter;
pub mod hint;
mod json;
pub mod ledger;
pub mod level;
pub mod line;
pub mod listing;
pub mod log_reader;
pub mod log_store;
pub mod name;
pub mod retention;
mod shared_error;
pub mod sketch;
pub mod stream;
pub mod time;

pub use batch::{Batch, Lines};
pub use charset::Charset;
pub use filter::{Filter, FilterError, Verdict};
pub use hint::{Hint, HintSink};
pub use ledger::Ledger;
pub use level::Level;
pub use line::{Line, LineHead};
pub use listing::Listing;
pub use log_reader::{LogReader, StoreError};
pub use log_store::{AppendError, LogStore};
pub use name::{NameError, Pattern, StreamName, Target};
pub use shared_error::SharedError;
pub use stream::{Epoch, Extent, Offset, StreamInfo};
pub use time::{Second, Timestamp};
