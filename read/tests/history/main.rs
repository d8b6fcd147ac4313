//! Questions about what was, as who asks them sees the answers, over every store that needs no server; and, by themselves,
//! what all readers share and what no request needs yet.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod faulty_store;
mod fixture;
#[path = "../../../store/tests/store/memory.rs"]
mod memory_store;

mod counts;
mod damage;
mod faults;
mod lines;
mod merged;
mod narrow;
mod questions;
mod streams;
mod with_ingest;

macro_rules! every_store {
    ($($module:ident: $($name:ident)*;)*) => {
        mod memory {
            $($(
                #[tokio::test]
                async fn $name() {
                    crate::$module::$name(&crate::fixture::Given::memory()).await;
                }
            )*)*
        }
        mod sqlite {
            $($(
                #[tokio::test]
                async fn $name() {
                    crate::$module::$name(&crate::fixture::Given::sqlite()).await;
                }
            )*)*
        }
    };
}

every_store! {
    lines:
        a_line_is_answered_as_it_is_stored_with_its_offset_first
        json_holds_the_same_lines_in_a_list
        who_finds_nothing_learns_how_the_filter_was_read
        times_are_also_unix_times_and_a_plus_sign_may_arrive_as_a_blank
        a_range_is_answered_whatever_the_batches_and_pages_are
        a_thousand_lines_are_answered_when_no_limit_is_named
        a_limit_above_the_most_counts_as_the_most
        filters_and_times_choose_among_the_lines
        times_are_asked_of_each_line_since_they_are_in_no_order
        all_that_matches_is_found_by_going_on_from_next_however_early_answers_end
        all_that_matches_is_found_by_going_back_to_from
        what_retention_removed_is_passed_over_and_an_emptied_stream_has_no_lines
        an_unreadable_stream_answers_byte_for_byte_like_one_that_does_not_exist
        me_is_the_stream_of_who_asks
        a_bad_parameter_is_named
        a_cursor_beyond_the_head_is_refused_with_the_head
        no_token_and_a_token_in_the_address_are_refused
        the_form_follows_what_the_request_likes_best;
    counts:
        counts_are_answered_as_one_object_in_the_order_of_time
        the_first_and_the_last_time_that_a_line_can_have_are_counted
        counts_are_what_the_lines_of_the_same_question_add_up_to
        each_line_is_counted_once_by_going_on_from_next_however_early_answers_end
        what_retention_removed_is_not_counted
        me_is_counted_for_who_asks_and_nobody_else
        what_cannot_be_counted_by_is_named;
    streams:
        a_stream_is_listed_with_what_is_kept_of_it
        an_emptied_stream_is_listed_without_a_last_arrival
        only_what_may_be_read_is_listed_by_name
        a_bad_or_unknown_parameter_is_named;
    with_ingest:
        what_was_sent_is_read_at_the_same_address
        lines_of_every_form_make_good_json;
}
