"""The three kinds of Slack's refusals of a DM, by the errors that its methods document.

https://docs.slack.dev/reference/methods/chat.postMessage#errors, and likewise chat.update, conversations.open
and conversations.history.

A code that is in no table concerns the app, its token or the workspace (invalid_auth, missing_scope,
messages_tab_disabled, team_access_not_granted), or passes by itself (external_channel_migrating,
streaming_state_conflict, update_failed): an admin or time can mend that, so Ripe asks again later.
"""

from enum import Enum, auto

from bot.slack.model import MESSAGE_ERRORS

_STALE_CHANNEL = frozenset(
    {
        "channel_not_found",
        "is_archived",
        "is_inactive",
        "not_in_channel",
        "channel_is_archived",
        "method_not_supported_for_channel_type",
    }
)
"""The DM is kept under a channel of another installation, or one that was closed."""
_PERSON = frozenset(
    {
        "user_not_found", "users_not_found", "user_not_visible", "user_disabled", "cannot_dm_bot",
        "invalid_user_combination", "not_enough_users", "too_many_users", "users_list_not_supplied",
    }
)  # fmt: skip
"""The person cannot get a DM."""


class RefusalKind(Enum):
    """LATER: ask again. STALE_CHANNEL: open the DM channel anew. FINAL: not for this person or message."""

    LATER = auto()
    STALE_CHANNEL = auto()
    FINAL = auto()


def kind_of(code: str) -> RefusalKind:
    """The kind of one of Slack's error codes."""
    if code in _PERSON or code in MESSAGE_ERRORS:
        return RefusalKind.FINAL
    return RefusalKind.STALE_CHANNEL if code in _STALE_CHANNEL else RefusalKind.LATER


def for_good(code: str) -> str:
    """The code as it is stored with a DM that is never edited again, whatever its kind was."""
    return code if kind_of(code) is RefusalKind.FINAL else f"{code}, for good"


FINAL_ERRORS = (*sorted(_PERSON | MESSAGE_ERRORS), *(for_good(code) for code in sorted(_STALE_CHANNEL)))
"""Errors of DMs that are not tried again. Earlier releases stored codes of the other kinds as well."""
