//! Of `read`.

use ::read::views::ViewLimits;
use ::read::{Limits, QuestionLimits};

use super::*;

limits! {
    Limits {
        default_lines: count(1, 100_000_000),
        lines: count(1, 100_000_000),
        page_bytes: size(64 * KIB, GIB),
        answer_bytes: size(64 * KIB, 16 * GIB),
        scan_bytes: size(64 * KIB, TIB),
        scan_time: duration(ms(10), HOUR),
        buckets: count(1, 10_000_000),
        answers: count(1, 1_000_000),
        answers_of_subscriber: count(1, 1_000_000),
        sending_bytes: size(MIB, TIB),
        small_answer: size(KIB, GIB),
        small_bytes: size(MIB, TIB),
        turn: duration(ms(1), HOUR),
        page_turn: duration(ms(1), HOUR),
        until_within: duration(ms(1), HOUR),
        stall: duration(s(1), HOUR),
        listing_age: duration(ms(1), s(10)),
        filter: group,
    }

    ViewLimits {
        of_subscriber: count(1, 100_000),
        links_left: count(1, 2_000),
        bytes: size(KIB, 32 * KIB),
        burst: count(1, 1_000_000),
        per_minute: count(1, 1_000_000),
        listing_bytes: size(MIB, TIB),
        stall: duration(s(1), HOUR),
        body_within: duration(ms(100), HOUR),
    }

    QuestionLimits {
        heads: count(1, 1_000_000),
        listings_apart: duration(ms(1), HOUR),
        listings_rest: duration(ms(1), HOUR),
    }
}
