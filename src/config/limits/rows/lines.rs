//! Of `lines`.

use ::lines::filter::FilterLimits;
use ::lines::log_store::CallLimits;

use super::*;

limits! {
    CallLimits {
        batches: count(1, 10_000),
        bytes: size(1, GIB),
    }

    FilterLimits {
        bytes: size(16, 64 * KIB),
        terms: count(1, 10_000),
        regexes: count(0, 1_000),
        // What is within each other takes a thread's stack.
        depth: count(0, 100),
        regex_bytes: size(KIB, 64 * MIB),
        regex_steps: count(1_000, 1_000_000_000),
        regex_memory: size(64 * KIB, GIB),
    }
}
