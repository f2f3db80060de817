//! Every scenario by name.

/// Hands the list of scenarios to another macro of this crate.
#[macro_export]
#[doc(hidden)]
macro_rules! for_each_scenario {
    ($then:ident! [$($extra:tt)*]) => {
        $crate::$then! { [$($extra)*]
                ack: answers_that_wait_are_bounded a_forgotten_ack_takes_no_room a_forgotten_ack_has_no_timeout answers_find_their_emit foreign_and_second_answers_are_ignored a_timeout_always_settles a_timeout_while_offline_takes_the_emit_back a_timeout_behind_a_full_sink_takes_the_emit_back the_default_time_is_configured a_cut_settles_what_was_sent_and_keeps_the_rest leaving_settles_acks events_can_be_answered an_answer_does_not_cross_connections a_queued_answer_dies_with_its_connection what_was_told_to_be_lost_has_no_other_end a_receipt_is_the_end_of_what_is_forgotten a_forgotten_ack_is_no_second_end;
                claim: a_server_that_knows_is_not_told no_takeover_without_need an_unanswered_claim_may_have_been_granted an_answer_to_a_claim_that_was_left a_name_that_is_given_again an_unknown_session_may_be_elsewhere a_restored_session_is_taken_over restored_sessions_have_one_connection a_frozen_server_is_left_for_the_next another_server_is_the_reason the_server_that_answers_is_the_reason an_older_connection_is_asked_about_too an_unfinished_resync_is_done_again a_session_is_stored_after_its_end a_resync_ends_after_the_connection a_claim_that_was_lost_hides_nothing;
                coalesce: a_key_replaces_in_place a_key_does_not_pass_the_bound_of_bytes a_key_is_for_its_own_place what_has_replaced_another_can_be_cancelled of_two_that_came_back_the_newer_is_replaced what_has_come_back_is_replaced;
                connect: a_late_authentication_is_reported_and_counts namespaces_have_names opens_the_connection_and_then_the_namespace namespaces_share_one_connection a_refusal_is_final_until_connect connect_is_idempotent auth_travels_with_connect auth_is_asked_again_at_every_attempt auth_that_fails_is_reported disconnect_flushes_and_closes closing_leaves_all a_goodbye_gives_the_server_a_moment a_goodbye_can_be_said_at_once a_namespace_is_left_once_its_events_are_read the_next_connection_proves_nothing_of_the_one_before an_answer_before_the_question leaving_one_namespace_keeps_the_connection a_kick_is_final leaving_while_connecting_leaves_no_ghost coming_back_while_leaving_adopts_the_answer an_unanswered_connect_is_reported a_late_answer_to_connect_counts a_server_of_version_2_is_named late_input_is_ignored the_address_can_be_asked_for a_kick_keeps_what_was_not_handed_over coming_back_waits_until_the_server_has_let_go an_unanswered_connect_does_not_outlast_the_others;
                emit: emits_are_held_until_the_namespace_is_connected tickets_rise attachments_follow_their_packet attachments_arrive_with_their_packet a_full_buffer_refuses_and_hands_the_value_back unanswered_emits_count a_full_sink_holds_packets_back too_many_attachments_are_refused volatile_emits_are_dropped_unless_they_leave_at_once a_dropped_volatile_emit_settles_its_ack what_was_not_handed_over_comes_first_after_reconnecting emits_after_a_cut_are_held a_held_emit_can_be_cancelled a_flush_waits_for_the_pong a_flush_over_a_broken_connection_says_so a_flush_while_offline_waits a_flush_without_pings_ends_when_all_is_written observed_packets_are_shown_when_they_leave a_volatile_emit_does_not_outlive_its_transport a_volatile_emit_over_a_silent_connection_is_dropped a_flush_after_a_broken_connection_says_so leaving_waits_for_the_receipt_of_a_flush a_pong_proves_what_its_own_connection_carried a_receipt_of_the_next_session_proves_nothing_about_the_one_before emits_over_a_silent_connection_are_held a_late_ping_releases_what_was_held a_quiet_drop_ends_like_a_loss what_is_held_can_be_seen_and_dropped attachments_may_be_base64_over_websocket what_comes_back_counts_once;
                gap: none_where_nothing_is_missing why_events_may_be_missing another_node_knows_nothing several_servers_stay_where_the_query_is_asked_for a_gap_says_what_is_known who_leaves_misses_what_came_after_the_last_word events_wait_for_a_resync events_that_wait_are_bounded leaving_ends_a_resync what_waited_in_vain_is_missing a_replay_that_is_too_much_for_a_resync;
                limits: malformed_packets_close_the_connection foreign_texts_close_the_connection unannounced_binary_closes_the_connection a_packet_between_attachments_closes_the_connection too_many_announced_attachments_close_the_connection too_many_attachment_bytes_close_the_connection an_unfinished_packet_closes_the_connection a_partial_packet_dies_with_its_connection an_emit_above_max_payload_is_refused a_flood_of_pings_is_answered_once a_body_of_too_many_packets_ends_the_session foreign_namespaces_are_ignored what_max_payload_is_compared_with_is_what_is_sent a_namespace_and_what_follows_it_count one_after_the_other_fits;
                outbox: fates_of_a_plain_emit fates_of_an_acked_emit watched_while_it_awaits_its_answer receipts_are_asked_once_a_second a_receipt_does_not_wait_for_what_comes_later receipts_can_be_off a_receipt_from_a_namespace_that_does_not_exist the_fate_of_the_forgotten_is_not_invented old_emits_expire an_emit_may_have_an_age_of_its_own the_oldest_makes_room what_cannot_make_room_is_not_dropped the_newest_is_dropped a_volatile_emit_replaces_nothing a_dropped_volatile_emit_has_a_fate a_window_of_attempts a_cut_goes_back_to_the_oldest an_answer_out_of_order_does_not_move_the_window a_pause_before_another_attempt without_a_time_only_a_cut_repeats cancelled_in_flight what_is_held_is_not_overtaken;
                store: stored_first a_store_is_opened_once what_is_kept_makes_no_room write_behind a_store_that_refuses what_left_before_it_was_refused ids_are_reserved what_was_left_comes_first without_a_store_after_all a_store_that_somebody_else_has ids_that_cannot_be_reserved what_was_left_grows_old too_old_after_an_attempt the_middleware_is_asked_once_there_are_ids;
                shared_store: the_leader_sends_what_all_have_stored a_follower_takes_over_in_order who_has_lost_the_lead_sends_nothing_more ids_are_given_once an_id_of_another_process_is_not_given_again a_flush_ends_with_the_lead a_followers_acks_are_not_those_of_the_store taking_over_without_a_name_keeps_the_connection;
                polling: one_get_waits_at_any_time one_post_is_in_flight_at_any_time emits_are_shown_as_sent_at_once messages_of_the_application_are_sent attachments_leave_with_their_packet attachments_arrive_as_base64 bodies_stay_within_max_payload what_has_no_room_waits_for_another_body heartbeats_are_answered a_close_packet_ends_the_session leaving_says_goodbye leaving_while_opening_aborts_the_get a_failed_request_ends_the_session a_flush_ends_with_the_answer_to_the_post volatile_emits_are_dropped_during_a_post a_foreign_body_ends_the_session packets_behind_the_handshake_are_read a_flush_over_an_emit_that_never_left_ends a_request_may_take_only_so_long waking_up_does_not_end_a_session a_body_is_a_receipt_for_what_is_in_it;
                reconnect: waking_up_probes_the_connection waking_up_late_reconnects_at_once waking_up_too_late_asks_nobody a_cut_is_followed_by_a_new_session the_first_attempt_is_retried the_limit_of_attempts_is_kept an_hour_of_sleep online_storms_start_one_attempt_a_second a_mere_open_does_not_reset_the_backoff a_connected_namespace_resets_the_backoff reconnect_now_does_not_wait leaving_ends_the_attempts without_reconnection_a_cut_is_final reconnection_can_be_turned_off_while_waiting a_hanging_transport_leaves_time_for_the_next the_next_transport_is_tried an_early_close_is_noticed_at_once silence_is_noticed a_bad_handshake_fails_the_attempt a_second_handshake_is_ignored the_network_can_be_cut_and_come_back no_transports_is_an_error what_a_left_session_still_holds_comes_first_on_the_next an_attempt_may_take_for_ever options_are_read_anew_at_each_attempt;
                recovery: what_was_missed_is_delivered another_session_is_no_recovery a_refusal_throws_away_what_came_before a_cut_before_the_answer_loses_nothing leaving_forgets_the_session not_every_event_has_an_offset an_offset_is_of_today_and_above_the_last a_claim_carries_the_authentication_data namespaces_recover_apart recovery_can_be_turned_off too_many_events_before_the_answer_end_the_session events_before_the_first_answer_are_delivered events_do_not_cross_sessions a_session_that_nobody_claimed_is_not_resumed a_session_is_not_resumed_from_before_a_gap a_session_without_an_offset_is_not_resumed other_names_are_no_recovery;
                retry: one_emit_at_a_time silence_causes_another_attempt an_emit_may_have_a_time_of_its_own time_begins_when_an_attempt_is_written a_late_answer_counts a_late_answer_spares_an_attempt a_cut_causes_another_attempt what_was_not_written_is_no_attempt leaving_ends_an_attempt the_last_attempt_may_leave_with_its_namespace volatile_emits_pass what_was_written_is_not_cancelled a_flush_waits_for_the_answers flushes_are_told_once a_flush_ends_while_offline what_waits_is_bounded endless_attempts_take_no_room an_emit_that_is_too_large_makes_way polling_carries_attempts each_attempt_is_observed a_time_without_end_is_none what_waits_is_sent_as_it_was_emitted;
                retry_after: the_next_attempt_waits_as_long_as_it_is_asked_to no_server_is_waited_for_longer_than_ten_times_the_longest_delay a_delay_that_is_longer_than_asked_for_stays the_wait_is_spread_but_never_shorter only_the_application_comes_earlier a_session_that_ends_so_is_followed_by_the_wait other_servers_need_not_be_left_alone;
                takeover: a_websocket_is_taken_over a_server_that_does_not_let_go a_takeover_that_comes_too_late what_could_not_be_taken_over_is_not_waited_for what_the_server_has_not_any_more_is_not_taken_over a_server_that_comes_back_is_asked_again a_polling_session_is_ended a_shell_without_status_asks_first a_shell_without_status_hears_the_servers_word an_upgraded_session_is_asked_for_once a_session_that_did_not_move_is_ended a_takeover_that_fails_costs_a_second silence_is_not_the_clock leaving_ends_a_takeover a_takeover_ends_with_the_network an_answer_of_somebody_else_ends_a_takeover;
                unsent: what_never_left_comes_back what_has_left_in_part_does_not_come_back what_the_server_has_read_does_not_come_back a_volatile_one_that_never_left_is_dropped what_never_left_comes_back_without_its_ack what_never_left_was_no_attempt what_has_come_back_makes_room;
                upgrade: an_end_that_waits_for_the_move_settles_acks the_session_moves_to_websocket polling_goes_on_during_the_probe writes_go_on_while_the_get_is_released a_probe_that_fails_keeps_the_session a_wrong_answer_to_the_probe_keeps_the_session a_silent_probe_is_given_up a_probe_that_breaks_late_resumes_polling an_end_waits_for_the_move an_end_waits_no_longer_than_the_move the_end_of_the_session_ends_the_probe no_probe_without_need a_remembered_upgrade_starts_with_websocket what_works_can_be_told;
        }
    };
}

/// One `#[test]` for each scenario, with this [`Face`](crate::Face).
#[macro_export]
macro_rules! scenario_tests {
    ([$face:expr] $($module:ident: $($name:ident)*;)*) => {
        $(mod $module {
            #[allow(unused_imports)]
            use super::*;
            $(#[test]
            fn $name() {
                $crate::scenario::$module::$name(&$face);
            })*
        })*
    };
    ($face:expr) => {
        $crate::for_each_scenario!(scenario_tests! [$face]);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! scenario_list {
    ([] $($module:ident: $($name:ident)*;)*) => {
        &[$($((concat!(stringify!($module), "::", stringify!($name)), $crate::scenario::$module::$name)),*),*]
    };
}

/// One scenario: its name, and what to call.
pub type Scenario<F> = (&'static str, fn(&F));

/// All of them, for runners that have no `#[test]`.
#[must_use]
pub fn all<F: crate::Face>() -> &'static [Scenario<F>] {
    crate::for_each_scenario!(scenario_list![])
}
