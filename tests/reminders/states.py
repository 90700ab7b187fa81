"""The content of DMs about a review request, and states with DMs that were sent. Written by hand."""

import hashlib
import json
from datetime import datetime
from typing import Any

from bot.reminders.model import UNTIL_CHANGE, MessageState, ReminderState, Wait
from tests.factories import message, reminder_state


def shows(look: str, sequence: int, **changes: Any) -> str:
    """The fingerprint, as it is stored, of a DM about that request."""
    card = {
        "request_id": 5, "look": look, "sequence": sequence, "repository": "acme/api", "number": 12,
        "title": "Round up", "url": "https://github.com/acme/api/pull/12", "author": "ben",
        "additions": None, "deletions": None, "turn": "ben asked for your review", "owned": "",
        "reminders": 3, "note": "", "close_reason": None, "is_first_ever": False,
    }  # fmt: skip
    text = json.dumps(card | changes, separators=(",", ":"))
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def sent(*times: str, of: ReminderState | None = None) -> ReminderState:
    """The state with DMs sent at these times: the last one is live, and the others are collapsed.

    GitHub has always just been asked.
    """
    *older, last = enumerate(times)
    messages = [message(number, time, shows("older", number)) for number, time in older]
    messages.append(message(*last, shows("live", last[0])))
    return (of or reminder_state()).model_copy(
        update={"messages": tuple(messages), "synced_at": UNTIL_CHANGE}
    )


def unsent(state: MessageState) -> ReminderState:
    """The state with a first DM, begun as the request was opened, that did not arrive for sure."""
    return reminder_state(messages=(message(0, "23 10:00", None, state),))


def until(step: object) -> datetime | None:
    assert isinstance(step, Wait), step
    return step.until
