//! Of `auth`.

use ::auth::revoked::MarkLimits;
use ::auth::service::Limits;

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
