"""The three kinds of Slack's refusals of a DM: https://docs.slack.dev/reference/methods/chat.postMessage#errors.

A code that is in neither table concerns the app, its token or the workspace (invalid_auth, missing_scope,
messages_tab_disabled, team_access_not_granted): an admin can mend that, so Ripe asks again later.
"""

from enum import Enum, auto

_STALE_CHANNEL = frozenset(
    {
        "channel_not_found",
        "is_archived",
        "not_in_channel",
        "channel_is_archived",
        "method_not_supported_for_channel_type",
    }
)
_FINAL = frozenset(
    {
        # The person cannot get a DM.
        "user_not_found", "users_not_found", "user_not_visible", "user_disabled", "cannot_dm_bot",
        "invalid_user_combination", "not_enough_users", "too_many_users", "users_list_not_supplied",
        # The message cannot be posted or edited, however often it is tried.
        "message_not_found", "cant_update_message", "cant_broadcast_message", "edit_window_closed",
        "is_inactive",
        "no_text", "msg_too_long", "msg_blocks_too_long", "invalid_blocks", "invalid_blocks_format",
        "invalid_attachments", "too_many_attachments", "attachment_payload_limit_exceeded", "block_mismatch",
        "invalid_metadata_format", "invalid_metadata_schema", "metadata_too_large",
        "metadata_must_be_sent_from_app", "markdown_text_conflict", "cannot_reply_to_message",
        "duplicate_channel_not_found", "duplicate_message_not_found", "invalid_arguments", "invalid_arg_name",
        "invalid_array_arg", "too_many_contact_cards",
    }
)  # fmt: skip


class RefusalKind(Enum):
    """LATER: ask again. STALE_CHANNEL: open the DM channel anew. FINAL: not for this person or message."""

    LATER = auto()
    STALE_CHANNEL = auto()
    FINAL = auto()


def kind_of(code: str) -> RefusalKind:
    """The kind of one of Slack's error codes."""
    if code in _FINAL:
        return RefusalKind.FINAL
    return RefusalKind.STALE_CHANNEL if code in _STALE_CHANNEL else RefusalKind.LATER
