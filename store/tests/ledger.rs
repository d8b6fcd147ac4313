//! How a ledger behaves, checked on every implementation; then what only one of them has.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "ledger/behaviour.rs"]
mod behaviour;
#[path = "store/cable.rs"]
#[allow(dead_code)]
mod cable;
#[path = "ledger/child.rs"]
mod child;
#[path = "ledger/desk.rs"]
mod desk;
#[path = "store/memory.rs"]
#[allow(dead_code)]
mod memory_store;
#[path = "store/merged.rs"]
#[allow(dead_code)]
mod merged;
#[path = "ledger/mongo.rs"]
mod mongo_alone;
#[path = "store/place.rs"]
#[allow(dead_code)]
mod place;
#[path = "ledger/races.rs"]
mod races;
#[path = "servers/replica_set.rs"]
mod replica_set;
#[path = "ledger/sqlite.rs"]
mod sqlite_alone;
#[path = "ledger/stepdowns.rs"]
mod stepdowns;
#[path = "ledger/watching.rs"]
mod watching;

/// Runs each behaviour against one implementation.
macro_rules! against {
    ($implementation:ident: $($module:ident: $($name:ident)*;)*) => {
        mod $implementation {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let place = crate::place::Place::$implementation();
                    place.run(async |place| crate::$module::$name(place).await).await;
                }
            )*)*
        }
    };
}

/// Runs each behaviour against every implementation.
macro_rules! every_ledger {
    ($($behaviours:tt)*) => {
        against! { sqlite: $($behaviours)* }
        against! { mongo: $($behaviours)* }
    };
}

every_ledger! {
    behaviour:
        a_value_is_read_back_as_it_was_put
        what_is_expected_of_a_key_decides
        a_deleted_key_is_gone_and_never_has_an_earlier_revision_again
        several_keys_change_together_or_not_at_all
        what_changes_nothing_makes_no_revision
        a_prefix_lists_what_begins_with_it
        a_listing_goes_on_where_the_last_page_ended
        what_is_no_commit_is_refused_and_does_nothing
        everything_is_there_when_the_ledger_is_opened_again;
    watching:
        a_watcher_waits_for_what_it_watches_and_no_longer_than_it_wants
        a_watcher_that_was_away_gets_all_that_it_missed
        a_watcher_that_was_away_for_too_long_is_told_to_start_over
        a_revision_of_another_ledger_is_told_to_start_over
        a_watcher_that_has_just_committed_or_listed_is_not_ahead
        a_thousand_watchers_are_all_told;
    races:
        of_those_who_change_one_version_exactly_one_wins
        every_watcher_sees_every_revision_in_order_and_ends_with_what_is_there
        a_listing_shows_a_commit_whole_or_not_at_all
        whoever_lists_and_then_watches_misses_nothing
        two_that_look_at_each_others_key_are_not_both_let_in
        calls_that_are_given_up_leave_nothing_half_done;
    child:
        what_was_acknowledged_before_a_kill_is_there;
}
