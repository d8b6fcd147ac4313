//! How much may be asked, and how long it may take.

use std::time::Duration;

use lines::filter::FilterLimits;

/// How much history may be asked, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Lines of an answer when the request names no `limit`.
    pub default_lines: u64,
    /// The most lines of an answer: a larger `limit` counts as this.
    pub lines: u64,
    /// What is read from the store at a time, in bytes of NDJSON; what one answer on its way holds in memory.
    pub page_bytes: usize,
    /// What a search collects before it ends early, in bytes; held in memory until it is sent.
    pub answer_bytes: usize,
    /// What a search reads before it ends early, in bytes.
    pub scan_bytes: usize,
    /// How long a search looks before it ends early.
    pub scan_time: Duration,
    /// Stretches of time that one answer counts lines in before it ends early; at least 1.
    pub buckets: usize,
    /// Questions that are worked on at once.
    pub answers: usize,
    /// Those of one subscriber.
    pub answers_of_subscriber: usize,
    /// Answers on their way, in bytes that they hold in memory; a quarter of it for one subscriber.
    pub sending_bytes: usize,
    /// An answer of at most so many bytes is a small one.
    pub small_answer: usize,
    /// Small answers on their way, in bytes that they have for themselves; a quarter of it for one subscriber.
    pub small_bytes: usize,
    /// How long a request waits for its place; then it is refused.
    pub turn: Duration,
    /// How long an answer on its way waits until its next page may be read; then it breaks off.
    pub page_turn: Duration,
    /// How long it is worth looking for where `until` lies, before more is read than needed.
    pub until_within: Duration,
    /// How long a reader may take nothing of an answer before it is cut off.
    pub stall: Duration,
    /// How old a listing of streams may be: within this, requests share one.
    pub listing_age: Duration,
    /// How large a filter may be.
    pub filter: FilterLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            default_lines: 1_000,
            lines: 100_000,
            page_bytes: 1024 * 1024,
            answer_bytes: 16 * 1024 * 1024,
            scan_bytes: 256 * 1024 * 1024,
            scan_time: Duration::from_secs(10),
            buckets: 10_000,
            answers: 32,
            answers_of_subscriber: 8,
            sending_bytes: 256 * 1024 * 1024,
            small_answer: 64 * 1024,
            small_bytes: 64 * 1024 * 1024,
            turn: Duration::from_secs(1),
            page_turn: Duration::from_secs(10),
            until_within: Duration::from_millis(2_500),
            stall: Duration::from_secs(30),
            listing_age: Duration::from_secs(1),
            filter: FilterLimits::default(),
        }
    }
}
