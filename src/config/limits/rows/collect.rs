//! Of `collect`.

use ::collect::append::{AppendLimits, StreamLimits};
use ::collect::ingest::Limits;

use super::*;

limits! {
    Limits {
        received: size(KIB, 4 * GIB),
        inflated: size(KIB, 16 * GIB),
        lines: count(1, 100_000_000),
        // Six times as much, if all of it has to be escaped, still goes over a link.
        line: size(64, 512 * KIB),
        too_long: elsewhere("`line_too_long`"),
        encoded: size(KIB, 64 * GIB),
        memory: size(MIB, TIB),
        memory_share: size(MIB, TIB),
        rate: size(1, GIB),
        silence: duration(ms(100), HOUR),
        body: duration(s(1), DAY),
        answer: duration(ms(100), HOUR),
        repeats: duration(s(1), DAY),
        repeats_memory: size(64 * KIB, TIB),
    }

    AppendLimits {
        calls: count(1, 256),
        slow: duration(ms(1), MINUTE),
        call_batches: count(1, 10_000),
        call_bytes: size(MIB, GIB),
        waiting_bytes: size(MIB, TIB),
        subscriber_bytes: size(MIB, TIB),
        away_after: duration(ms(10), HOUR),
        streams: group,
    }

    StreamLimits {
        burst: elsewhere("`new_streams`"),
        per_minute: elsewhere("`new_streams_per_minute`"),
        known: count(1_000, 1_000_000_000),
    }
}
