//! Sessions: batches reach subscribers, live and out of the store.

pub mod history;
mod listing;
