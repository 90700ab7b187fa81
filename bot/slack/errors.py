"""The errors of this room."""

import re

_CODE = re.compile(r"[\w.:-]{1,80}", re.ASCII)
NO_CODE = "an error without a code"


def parse_code(error: object) -> str | None:
    """The error code in an answer of Slack's; None if there is none. Only codes are stored and shown."""
    if not isinstance(error, str):
        return None
    return error if _CODE.fullmatch(error) else NO_CODE


class SlackError(Exception):
    """The base class of the errors below."""


class SlackRefusedError(SlackError):
    """Slack refused a call, so nothing was done. Its text is Slack's error code."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class SlackOutcomeUnknownError(SlackError):
    """The reply to a call was lost or makes no sense, so the call may have been carried out."""


class WorkspaceGoneError(SlackError):
    """Ripe was removed from this workspace, or has no token for it. Nothing may be sent there."""


class TokenUnreadableError(SlackError):
    """The token of a workspace cannot be decrypted. The text says what to do."""


class NotInTimeError(SlackError):
    """The workspace of a request cannot be found at the moment. Slack may send the request again."""


class NotOneWorkspaceError(SlackError):
    """The app was installed for a whole organization, or not as a bot: Ripe cannot use that."""
