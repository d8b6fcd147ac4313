//! Of `push`.

use ::push::{AdmissionLimits, Limits};

use super::*;
use crate::fan_out::FanOutLimits;

limits! {
    AdmissionLimits {
        sessions: count(1, 10_000_000),
        sessions_of_subscriber: count(1, 10_000_000),
        sessions_per_second: count(1, 1_000_000),
    }

    FanOutLimits {
        threads: count(1, 10_000),
        nice: count(0, 19),
        relay: group,
    }

    Limits {
        message_bytes: size(KIB, 16 * MIB),
        message_fragments: count(1, 100_000),
        messages_per_second: count(1, 1_000_000),
        message_burst: count(1, 1_000_000),
        rate_limited_in_a_row: count(1, 1_000_000),
        bad_messages_in_a_row: count(1, 1_000_000),
        subscriptions: count(1, 1_000_000),
        streams: count(1, 1_000_000),
        filter: group,
        subscribe_within: duration(ms(100), HOUR),
        announce_within: duration(ms(10), HOUR),
        // What stands between forgets a connection that is silent for minutes.
        heartbeat: duration(s(1), 5 * MINUTE),
        pong_within: duration(ms(100), HOUR),
        progress_within: duration(s(1), HOUR),
        close_within: duration(ms(10), MINUTE),
        expiring_ahead: duration(s(1), DAY),
        frame_bytes: size(KIB, 16 * MIB),
        filter_bytes: size(KIB, 64 * MIB),
        filter_in_passing: duration(Duration::from_micros(1), ms(10)),
        // The protocol promises it.
        filter_told_every: duration(ms(100), s(5)),
        recent_bytes: size(KIB, GIB),
        // The protocol promises that it is not more often.
        behind_every: duration(s(1), HOUR),
        queue_bytes: size(KIB, 64 * MIB),
        event_id_bytes: size(KIB, MIB),
        feed_bytes: size(KIB, 64 * GIB),
        feeds_bytes: size(MIB, TIB),
        group_bytes: size(64 * KIB, 64 * GIB),
        tick: duration(ms(1), MINUTE),
        tick_stretched: duration(ms(1), MINUTE),
        write_cost: duration(Duration::from_micros(1), ms(10)),
        linger: duration(ms(1), HOUR),
        replays: count(1, 10_000),
        replay_bytes: size(KIB, GIB),
        replay_kept: duration(ms(1), HOUR),
        replay_cache_bytes: size(MIB, TIB),
        head_first: duration(ms(10), HOUR),
        head_last: duration(ms(10), HOUR),
        list_every: duration(ms(100), DAY),
        offered: count(1, 100_000_000),
    }
}
