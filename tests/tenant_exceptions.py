"""Functions and modules with SQL that test_tenants.py does not ask for one workspace, and why."""

NOT_QUERIES = set(
    [
        "begin_pause",
        "end_pause",
        "record_polled",
        "save_pull_request",
        "open_review_requests",
        "close_review_requests",
        "close_requests_of_repositories",
        "delete_pull_requests_of",
        "silence_requests",
        "correct_close_reasons",
        "insert_pull_requests",
        "update_pull_requests",
        "open_requests",
        "close_requests",
        "name_requesters",
        "snooze_request",
        "end_snoozes_until_change",
        "mute_request",
        "record_quiet_until",
        "record_sync",
        "plan_item",
        "drop_item",
        "mark_listed",
        "save_reviews",
        "insert_entries",
        "mark_notified",
        "noting_obstacles",
        "upsert_person",
        "map_account",
        "lock_person",
        "insert_absence",
        "cancel_absence",
        "restore_absence",
        "snooze_person",
        "set_zone",
        "set_active",
        "set_dm_channel",
        "mark_welcomed",
        "rename_accounts",
        "rename_reviewers",
        "save_config",
        "move_config",
        "insert_assignment",
        "save_reading",
        "take_turn",
        "wait_until",
        "record_redelivery",
        "connect_account",
        "remove_accounts",
        "lock_choices",
        "begin_sending",
        "insert_notice",
        "record_sent",
        "record_shadow",
        "record_state",
        "delete_refused",
        "reopen_edits",
        "record_address",
        "decide_refused_anew",
        "note_obstacle",
        "noting_obstacles",
        "end_obstacle",
        "mark_reported",
        "delete_unsent",
        "forget_welcome",
        "execute_in_pages",
        "walk_in_pages",
        "walk_in_pages",
        "record_shown",
        "put_on_hold",
        "note_unheard",
        "plan_late_notice",
        "load_late_notices",
        "mark_late_notices",
        "mark_heard",
        "forget_unheard",
        "release_hold",
        "lock_installation",
        "revive_installation",
        "follow_repositories",
        "hold_pull_requests",
        "record_alive",
        "record_asked",
        "record_compared_installation",
        "record_compared_repository",
        "record_comparison",
        "record_delivered",
        "save_installation",
        "mark_installation",
        "save_repositories",
        "lock_repositories",
        "confirm_repositories",
        "record_naming",
        "record_repository",
        "delete_repositories",
        "remove_repositories",
        "insert_delivery",
        "record_outcomes",
        "take_delivery",
        "take_deliveries",
        "forget_installations",
        "give_installation",
        "give_stored_installation",
        "lock_decisions",
        "allow_account",
        "remember_account",
        "refuse_account",
        "note_waiting",
        "forget_waiting",
        "keep_installation",
        "mark_access_reported",
        "admit",
        "allow",
        "refuse",
        "record_slack_delivery",
        "save_installed_workspace",
        "save_grant",
        "mark_workspace_gone",
        "replace_sealed_token",
        "take_slot",
        "close_method",
        "forget_workspace_rows",
        "insert_action",
        "mark_undone",
    ]
)
"""Functions that write, lock, or run a job."""

OF_ALL = {
    "is_held_up",  # looks at the clock
    "load_watch",  # of the whole bot
    "list_stored_guids",  # of deliveries that GitHub lists for the whole App
    "list_asked",  # likewise
    "list_known_guids",  # likewise
    "list_rejected_guids",  # for the operator, who replays them
    "list_open_request_ids",  # `repair` looks at every request; each has a job of its own
    "list_people_to_notify",  # likewise
    "list_unheard_labels",  # for the operator
    "find_first_workspace",
    "find_only_workspace",
    "list_present_workspaces",
    "is_first_account",  # of the whole bot
    "list_asked_workspaces",  # every workspace that an account waits for
    "list_unallowed_accounts",  # ids alone, to leave them out
    "list_unaware_workspaces",  # each has a job of its own
    "list_foreign",  # says of ids that GitHub told whether they are somebody else's
    "list_sealed_tokens",  # to renew them
    "list_pauses",  # for who runs the bot
    "list_refused_people",  # likewise
    "list_polled_installations",  # each has a job of its own
    "find_gone_at",  # of the workspace that is asked about, in a test of its own
    "time_since_sending",  # of one message; never the same twice
    "is_refused",  # of one message
}
"""Queries that have to look at all workspaces."""

ELSEWHERE = {
    "clock", "credentials", "migrations", "web/states", "web/setup/passes", "web/setup/shadow_report",
    "flows/locks", "sandbox/page/state", "sandbox/jobs", "doctor/queue", "doctor/database", "doctor/github",
    "doctor/webhooks", "doctor/belief",
}  # fmt: skip
"""Modules whose SQL is about the whole bot (settings, health, the sandbox), or only writes and locks."""
