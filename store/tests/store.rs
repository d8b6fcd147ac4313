//! How a store behaves, checked on every implementation; then what only one of them has.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "store/backlog.rs"]
mod backlog;
#[path = "store/behaviour.rs"]
mod behaviour;
#[path = "store/cable.rs"]
mod cable;
#[path = "store/commands.rs"]
mod commands;
#[path = "store/damage.rs"]
mod damage;
#[path = "store/damaging.rs"]
mod damaging;
#[path = "store/delete_stream.rs"]
mod delete_stream;
#[path = "store/deletion.rs"]
mod deletion;
#[path = "store/faults.rs"]
mod faults;
#[path = "store/fence.rs"]
mod fence;
#[path = "store/full_disk.rs"]
mod full_disk;
#[path = "store/kept_out.rs"]
mod kept_out;
#[path = "store/memory.rs"]
mod memory_store;
#[path = "store/merged.rs"]
mod merged;
#[path = "store/merging.rs"]
mod merging;
#[path = "store/model.rs"]
mod model;
#[path = "store/mongo.rs"]
mod mongo_alone;
#[path = "store/place.rs"]
mod place;
#[path = "store/races.rs"]
mod races;
#[path = "store/recent.rs"]
mod recent;
#[path = "servers/replica_set.rs"]
mod replica_set;
#[path = "store/retention.rs"]
mod retention;
#[path = "store/sketches.rs"]
mod sketches;
#[path = "store/sketching.rs"]
mod sketching;
#[path = "store/spoilt.rs"]
mod spoilt;
#[path = "store/sqlite.rs"]
mod sqlite_alone;
#[path = "store/stepdowns.rs"]
mod stepdowns;
#[path = "store/versions.rs"]
mod versions;

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

/// Runs each behaviour against every implementation: what lasts, hides, breaks and tells the time only against those that
/// outlive their process, all else also against the one in memory, which other crates' tests stand on.
macro_rules! every_store {
    (everywhere { $($everywhere:tt)* } where_it_lasts { $($where_it_lasts:tt)* }) => {
        against! { memory: $($everywhere)* }
        against! { sqlite: $($everywhere)* $($where_it_lasts)* }
        against! { sqlite_in_place: $($everywhere)* $($where_it_lasts)* }
        against! { sqlite_merging: $($everywhere)* $($where_it_lasts)* }
        against! { mongo: $($everywhere)* $($where_it_lasts)* }
        against! { mongo_without_grace: $($everywhere)* $($where_it_lasts)* }
    };
}

every_store! {
    everywhere {
        behaviour:
            a_stored_batch_is_read_back_byte_for_byte
            each_append_goes_on_where_the_last_one_ended
            many_streams_are_appended_to_at_once_and_answered_in_order
            reading_begins_with_the_batch_that_holds_the_offset
            reading_ends_after_about_as_many_bytes_as_asked_for
            reading_at_or_beyond_the_head_gives_nothing
            an_unknown_stream_is_empty_and_not_listed
            what_keys_were_given_is_known_before_anything_is_stored
            a_repeated_key_gives_the_first_answer_and_stores_nothing
            lines_with_two_keys_are_found_by_each_of_them
            a_key_counts_in_its_own_stream_only
            what_is_left_of_a_draft_is_stored_without_the_used_keys
            lines_and_names_that_look_like_operators_stay_values
            a_large_batch_is_kept_whole
            a_batch_that_is_too_large_is_refused_alone
            the_first_line_since_a_time_is_found
            no_line_before_a_time_comes_after_the_end_before_it
            streams_are_listed_by_name_with_what_is_kept
            a_store_that_works_says_so;
        races:
            appenders_that_race_leave_no_hole_and_no_overlap
            a_key_that_races_is_stored_once
            a_key_that_is_repeated_in_a_crowd_is_stored_once
            readers_beside_an_appender_see_each_line_once_and_in_order
            nobody_who_races_waits_for_more_than_a_few_turns_of_the_others;
        delete_stream:
            a_deleted_stream_is_as_if_it_never_had_a_line
            only_what_was_seen_is_deleted
            a_deleted_stream_that_is_written_again_goes_on_where_it_ended
            a_repeated_request_brings_nothing_of_a_deleted_stream_back
            an_appender_that_slept_through_a_deletion_reuses_no_offset
            the_rate_of_a_stream_is_of_what_came_since_it_was_deleted
            deletions_beside_appenders_and_readers_give_no_offset_twice_and_take_all_that_was_acknowledged;
        retention:
            without_limits_nothing_is_removed
            what_is_too_old_goes_as_whole_batches
            an_emptied_stream_goes_on_where_it_ended
            an_appender_that_slept_through_a_trim_reuses_no_offset
            reading_below_the_floor_begins_at_the_floor
            times_below_the_floor_are_not_found
            the_oldest_go_until_the_store_is_small_enough
            a_trim_ends_after_a_bounded_piece_of_work
            trimming_at_once_is_safe;
    }
    where_it_lasts {
        behaviour:
            lines_are_the_same_whether_compressed_or_not
            the_epoch_stays_the_same_when_the_store_is_opened_again
            everything_is_there_when_the_store_is_opened_again;
        damage:
            what_is_sound_is_read_before_damage_and_after_it
            a_stream_goes_on_behind_a_damaged_end
            an_end_that_does_not_say_how_long_it_is_gives_no_offset_twice
            a_time_in_a_damaged_batch_begins_with_the_batch;
        sketches:
            what_is_sketched_is_passed_over_where_it_lacks_what_is_needed
            a_stream_with_few_lines_has_no_sketch
            two_who_make_the_same_sketch_keep_one
            sketches_are_there_when_the_store_is_opened_again
            damaged_lines_are_never_passed_over_unless_they_were_known_before
            sketches_of_lines_that_were_lost_hide_no_others
            sketches_of_lines_that_others_came_in_place_of_are_made_anew
            sketches_stay_with_lines_that_come_back;
        delete_stream:
            nothing_brings_a_deleted_stream_back
            what_retention_hid_comes_back_from_after_a_deletion_only
            a_deletion_that_is_given_up_is_done_or_not;
        retention:
            what_was_stamped_in_the_future_goes_with_what_follows_it
            what_waits_behind_younger_lines_holds_no_other_stream_up
            what_a_floor_hid_comes_back_as_it_was
            only_what_is_meant_comes_back
            what_came_back_stays_until_somebody_says_that_it_may_go
            lines_are_stamped_by_the_stores_clock_and_never_earlier_than_those_before
            a_clock_that_leaps_is_known_again_after_a_restart;
    }
}

// Where batches begin is not what these ask.
against! {
    mongo_merged:
        behaviour:
            a_stored_batch_is_read_back_byte_for_byte
            each_append_goes_on_where_the_last_one_ended
            many_streams_are_appended_to_at_once_and_answered_in_order
            reading_at_or_beyond_the_head_gives_nothing
            an_unknown_stream_is_empty_and_not_listed
            what_keys_were_given_is_known_before_anything_is_stored
            a_repeated_key_gives_the_first_answer_and_stores_nothing
            lines_with_two_keys_are_found_by_each_of_them
            a_key_counts_in_its_own_stream_only
            what_is_left_of_a_draft_is_stored_without_the_used_keys
            lines_and_names_that_look_like_operators_stay_values
            a_large_batch_is_kept_whole
            a_batch_that_is_too_large_is_refused_alone
            the_first_line_since_a_time_is_found
            streams_are_listed_by_name_with_what_is_kept
            a_store_that_works_says_so
            the_epoch_stays_the_same_when_the_store_is_opened_again
            everything_is_there_when_the_store_is_opened_again;
        delete_stream:
            a_deleted_stream_is_as_if_it_never_had_a_line
            only_what_was_seen_is_deleted
            a_deleted_stream_that_is_written_again_goes_on_where_it_ended
            nothing_brings_a_deleted_stream_back;
        retention:
            without_limits_nothing_is_removed
            an_emptied_stream_goes_on_where_it_ended
            only_what_is_meant_comes_back;
}

// Nor these, where it is done while they run, and ends of old are believed in.
against! {
    mongo_merging:
        races:
            appenders_that_race_leave_no_hole_and_no_overlap
            a_key_that_races_is_stored_once
            a_key_that_is_repeated_in_a_crowd_is_stored_once
            readers_beside_an_appender_see_each_line_once_and_in_order
            nobody_who_races_waits_for_more_than_a_few_turns_of_the_others;
        delete_stream:
            a_deleted_stream_that_is_written_again_goes_on_where_it_ended
            an_appender_that_slept_through_a_deletion_reuses_no_offset
            deletions_beside_appenders_and_readers_give_no_offset_twice_and_take_all_that_was_acknowledged
            a_deletion_that_is_given_up_is_done_or_not;
        retention:
            an_emptied_stream_goes_on_where_it_ended
            an_appender_that_slept_through_a_trim_reuses_no_offset
            only_what_is_meant_comes_back;
}

/// Nor these, where batches are joined while they run.
macro_rules! joined {
    ($($behaviours:tt)*) => {
        against! { sqlite_joining: $($behaviours)* }
        against! { sqlite_pressed: $($behaviours)* }
    };
}

joined! {
    behaviour:
        each_append_goes_on_where_the_last_one_ended
        many_streams_are_appended_to_at_once_and_answered_in_order
        reading_at_or_beyond_the_head_gives_nothing
        what_keys_were_given_is_known_before_anything_is_stored
        a_repeated_key_gives_the_first_answer_and_stores_nothing
        lines_with_two_keys_are_found_by_each_of_them
        a_key_counts_in_its_own_stream_only
        what_is_left_of_a_draft_is_stored_without_the_used_keys
        lines_and_names_that_look_like_operators_stay_values
        a_large_batch_is_kept_whole
        a_batch_that_is_too_large_is_refused_alone
        the_first_line_since_a_time_is_found
        streams_are_listed_by_name_with_what_is_kept
        everything_is_there_when_the_store_is_opened_again;
    races:
        appenders_that_race_leave_no_hole_and_no_overlap
        a_key_that_races_is_stored_once
        a_key_that_is_repeated_in_a_crowd_is_stored_once
        readers_beside_an_appender_see_each_line_once_and_in_order
        nobody_who_races_waits_for_more_than_a_few_turns_of_the_others;
    delete_stream:
        a_deleted_stream_is_as_if_it_never_had_a_line
            only_what_was_seen_is_deleted
        a_deleted_stream_that_is_written_again_goes_on_where_it_ended
        a_repeated_request_brings_nothing_of_a_deleted_stream_back
        nothing_brings_a_deleted_stream_back
        deletions_beside_appenders_and_readers_give_no_offset_twice_and_take_all_that_was_acknowledged;
    retention:
        without_limits_nothing_is_removed
        an_emptied_stream_goes_on_where_it_ended
        an_appender_that_slept_through_a_trim_reuses_no_offset
        only_what_is_meant_comes_back;
}
