//! Of `auth`.

use ::auth::api_keys::ApiKeyLimits;
use ::auth::revoked::MarkLimits;
use ::auth::service::Limits;
use ::auth::service::mint::MintLimits;
use ::auth::tickets::TicketLimits;

use super::*;

limits! {
    Limits {
        // A token has up to 16 KiB, and may be written with `%`.
        form_bytes: size(KIB, MIB),
        form_within: duration(ms(100), HOUR),
    }
}

limits! {
    MarkLimits {
        // Every node holds all of them in memory, some 200 bytes each.
        marks: count(1, 10_000_000),
        own_marks: count(1, 10_000_000),
    }
}

limits! {
    ApiKeyLimits {
        // Every node holds all of them in memory, some KiB each at the most.
        keys: count(1, 1_000_000),
        lifetime: duration(s(1), YEARS),
        lifetime_unless_said: duration(s(1), YEARS),
        overlap: duration(s(0), YEARS),
    }
}

limits! {
    MintLimits {
        lifetime: duration(s(1), DAY),
    }
}

limits! {
    TicketLimits {
        // It stands in logs.
        lifetime: duration(s(1), s(300)),
        burst: count(1, 10_000),
        per_minute: count(1, 100_000),
        redeemed_at_once: count(1, 10_000),
    }
}

/// Nobody knows where a key is after that.
const YEARS: Duration = s(10 * 366 * 86_400);
