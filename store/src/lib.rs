//! Where things are kept, and for how long: lines, on SQLite for one node and on MongoDB for a cluster.
//!
//! Both stores keep two contracts, [`lines::LogStore`] and, for small durable state, [`lines::Ledger`], and a behaviour
//! suite each runs against both. [`trim`] removes what is old, [`deleting`] whole streams for whoever may, and a [`sketcher`] makes what searches are short by.
//!
//! `store` has never heard of Redis, of routes or of sessions. It is the one home of `mongodb` and `rusqlite`.

pub mod clock;
mod damage;
pub mod deleting;
mod encoding;
mod ledger;
mod merge;
pub mod mongo;
mod oldest;
mod position;
pub mod sketcher;
pub mod sqlite;
mod timing;
pub mod trim;

pub use clock::{Clock, SystemClock};
pub use encoding::Compression;
pub use ledger::LedgerOptions;
