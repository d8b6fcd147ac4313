//! docs/protocol.md says what the code does, where that can be compared.
#![allow(clippy::unwrap_used)]

use push::close::{Again, CODES};

const PROTOCOL: &str = include_str!("../../docs/protocol.md");

#[test]
fn every_close_code_is_in_the_table_with_its_advice() {
    for close in CODES {
        let again = match close.again {
            Again::ComeBack => "yes",
            Again::StayAway => "no",
        };
        let row = format!("| {} | `{}` | {again} |", close.code, close.reason);
        assert!(
            PROTOCOL.contains(&row),
            "docs/protocol.md has no row that begins {row:?}"
        );
    }
}

#[test]
fn the_limits_that_a_client_meets_are_those_of_the_code() {
    let limits = push::Limits::default();
    let rows = [
        format!(
            "| inbound message | {} KiB, in at most {} fragments |",
            limits.message_bytes / 1024,
            limits.message_fragments
        ),
        format!(
            "| inbound messages | {} a second, {} at once |",
            limits.messages_per_second, limits.message_burst
        ),
        format!("| subscriptions of a session | {} |", limits.subscriptions),
        format!("\"streams\":{}", limits.streams),
        format!("\"heartbeat_ms\":{}", limits.heartbeat.as_millis()),
        format!("at least every {} s", limits.filter_told_every.as_secs()),
        format!("{} s before", limits.expiring_ahead.as_secs()),
        format!("every {} ms at\nmost", limits.tick.as_millis()),
        format!(
            "at least every {} ms under load",
            limits.tick_stretched.as_millis()
        ),
    ];
    for row in rows {
        assert!(PROTOCOL.contains(&row), "docs/protocol.md does not say {row:?}");
    }
}
