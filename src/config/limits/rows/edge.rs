//! Of `edge`.

use ::edge::sieve::SieveLimits;
use ::edge::{AcceptLimits, AttemptLimits, Http2Limits, LingerLimits, ServeLimits};

use super::*;

limits! {
    ServeLimits {
        accept: group,
        http: elsewhere("what a listener speaks is no limit"),
        request_head: duration(ms(100), HOUR),
        idle: duration(s(1), HOUR),
        stall: duration(s(1), HOUR),
        // The library takes no less.
        head_bytes: size(8 * KIB, MIB),
        head_fields: count(16, 1_000),
        linger: group,
        http2: group,
    }

    AcceptLimits {
        connections: elsewhere("`connections`, `connections_per_address` and `proxies`"),
        attempts: group,
        proxies: elsewhere("`trusted_proxies` and `forwarded_by`"),
        tls: elsewhere("`tls_certificate` and `tls_key`"),
        first_byte: duration(ms(100), HOUR),
        unsent: size(4 * KIB, 64 * MIB),
        shutdown: elsewhere("what all phases of stopping take together is decided in one place"),
    }

    Http2Limits {
        requests: count(1, 10_000),
        // What is usual without a word, and what the protocol has at the most.
        request_window: size(65_535, 1024 * MIB),
        connection_window: size(65_535, 1024 * MIB),
        unsent: size(16 * KIB, 64 * MIB),
        taken_back: count(1, 10_000),
        refused: count(1, 10_000),
        ping_every: duration(s(1), HOUR),
        pong_within: duration(ms(100), HOUR),
    }

    AttemptLimits {
        burst: count(1, 1_000_000),
        every: duration(Duration::from_micros(1), HOUR),
        addresses: count(1, 10_000_000),
    }

    LingerLimits {
        within: duration(ms(1), MINUTE),
        bytes: size(1, TIB),
    }

    SieveLimits {
        threads: count(1, 10_000),
        slice: duration(Duration::from_micros(100), s(1)),
        burst: duration(ms(10), DAY),
        share: share(0.001, 1_000.0),
    }
}
