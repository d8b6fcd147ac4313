//! Of the stores.

use ::store::LedgerOptions;
use ::store::mongo::MongoOptions;
use ::store::sqlite::SqliteOptions;

use super::*;

limits! {
    SqliteOptions {
        compression: elsewhere("`store_compression`"),
        full_call: group,
        deadline: duration(ms(100), HOUR),
        readers: count(2, 1_000),
        queue: count(1, 1_000_000),
        commit_bytes: size(64 * KIB, GIB),
        trim_batches: count(1, 100_000_000),
        grace: duration(s(1), 30 * DAY),
        clock: elsewhere("no limit"),
        ledger: group,
        spare_bytes: size(0, TIB),
        small_bytes: size(0, MIB),
        recent_bytes: size(64 * KIB, GIB),
        merge_after: duration(ms(1), DAY),
        merged_bytes: size(16 * KIB, 8 * MIB),
        merge_span: duration(ms(1), DAY),
        reserve_bytes: size(0, TIB),
    }

    MongoOptions {
        compression: elsewhere("`store_compression`"),
        full_call: group,
        deadline: duration(ms(100), HOUR),
        server_selection: duration(ms(10), HOUR),
        tail_valid: duration(ms(100), HOUR),
        tails: count(1, 100_000_000),
        grace: duration(s(60), 30 * DAY),
        trim_batches: count(1, 100_000_000),
        merged_bytes: size(0, MIB),
        merge_after: duration(s(60), 365 * DAY),
        merge_span: duration(s(1), 30 * DAY),
        ledger: group,
        clock: elsewhere("no limit"),
        database_clock: elsewhere("no limit"),
    }

    LedgerOptions {
        history: count(10, 1_000_000_000),
        history_bytes: size(MIB, TIB),
        recent_bytes: size(64 * KIB, GIB),
        poll: duration(ms(10), MINUTE),
    }
}
