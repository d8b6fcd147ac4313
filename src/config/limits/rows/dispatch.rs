//! Of `dispatch`.

use ::dispatch::link::LinkLimits;
use ::dispatch::{BackoffLimits, DispatchLimits, KeeperLimits, QueueLimits, RedisOptions, RelayLimits};

use super::*;

limits! {
    DispatchLimits {
        workers: count(1, 1_000),
        queue: group,
        lookups: count(1, 100_000),
        // As many names as go into one message of a link.
        lost_streams: count(1, 10_000),
        lost_pause: duration(ms(1), MINUTE),
    }

    QueueLimits {
        hints: count(1, 100_000_000),
        // The largest batch has to fit.
        bytes: size(8 * MIB, TIB),
    }

    RelayLimits {
        queue: group,
        lost_streams: count(1, 1_000_000),
        lost_pause: duration(ms(1), MINUTE),
    }

    LinkLimits {
        queue: group,
        lost_streams: count(1, 10_000),
        burst: count(1, 100_000),
        connect: duration(ms(10), HOUR),
        write: duration(ms(10), HOUR),
        ping: duration(ms(100), HOUR),
        silence: duration(ms(200), HOUR),
        retry: group,
        look: group,
    }

    BackoffLimits {
        first: duration(ms(1), HOUR),
        most: duration(ms(1), HOUR),
    }

    KeeperLimits {
        renew: duration(ms(100), s(9)),
        retry: duration(ms(10), s(9)),
        look: duration(ms(1), MINUTE),
    }

    RedisOptions {
        connect: duration(ms(10), HOUR),
        response: duration(ms(10), HOUR),
        turn: duration(ms(10), HOUR),
        retry: group,
        // Other nodes refuse a lease that is older.
        lease: duration(s(1), s(10)),
        targets_per_call: count(1, 10_000),
        sweeps_per_renewal: count(1, 10_000),
        withdrawals: count(1, 100_000_000),
        cached_keys: count(1, 100_000_000),
        nodes: count(1, 100_000),
        patterns: count(1, 10_000_000),
        cached_for: duration(s(1), DAY),
    }
}
