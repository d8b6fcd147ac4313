//! Lines come in and are kept.
//!
//! The path of a line through this crate: [`ingest`] turns a request into lines, [`append`] groups what waits into
//! batches, [`store`] keeps them, and what was kept is handed off through [`handoff`]. [`trim`] removes what is old.
//!
//! `collect` has never heard of Redis, of routes or of sessions. It is the one home of `mongodb` and `rusqlite`.

pub mod append;
pub mod batch;
pub mod filter;
pub mod handoff;
pub mod ingest;
pub mod line;
pub mod store;
pub mod stream;
pub mod time;
pub mod trim;

pub use batch::{Batch, Lines};
pub use filter::{Filter, FilterError, Verdict};
pub use handoff::{Handoff, Hint};
pub use line::{Level, Line, LineHead};
pub use store::LogStore;
pub use stream::{Epoch, Extent, Offset, StreamInfo, StreamName};
pub use time::{Second, Timestamp};
