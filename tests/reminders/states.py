"""States of reminders for tests of the rules. All of it is written by hand, even what a DM shows."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from bot.github.model import Account, PullRequestState
from bot.model import AccountId, PersonId, PullRequestId, RepositoryId, RequestId, WorkspaceId
from bot.people.model import Absence, Person
from bot.reminders.model import Message, MessageState, ReminderState, Rhythm, Wait
from bot.reviews.model import PullRequest, ReviewRequest


def at(text: str) -> datetime:
    """November 2026 in UTC: "23 10:00" is Monday. Berlin is one hour ahead and works 08:00-16:00 UTC."""
    day, _, clock = text.partition(" ")
    hour, _, minute = clock.partition(":")
    return datetime(2026, 11, int(day), int(hour), int(minute), tzinfo=UTC)


OPENED = at("23 10:00")


def leave(start: str, end: str) -> Absence:
    return Absence(starts_at=at(start), ends_at=at(end))


def person(**changes: Any) -> Person:
    fields: dict[str, Any] = {
        "id": PersonId(1), "workspace_id": WorkspaceId(1), "slack_user_id": "U1", "name": "Ana",
        "zone": "Europe/Berlin",
    }  # fmt: skip
    return Person(**(fields | changes))


def request(**changes: Any) -> ReviewRequest:
    fields: dict[str, Any] = {
        "id": RequestId(5), "workspace_id": WorkspaceId(1), "pull_request_id": PullRequestId(7),
        "reviewer_id": AccountId(2), "reviewer_login": "ana", "requested_by": "ben", "is_again": False,
        "round": 1, "opened_at": OPENED,
    }  # fmt: skip
    return ReviewRequest(**(fields | changes))


def pull_request(**changes: Any) -> PullRequest:
    fields: dict[str, Any] = {
        "id": PullRequestId(7), "workspace_id": WorkspaceId(1), "repository_id": RepositoryId(1),
        "repository": "acme/api", "number": 12, "title": "Round up",
        "author": Account(id=AccountId(1), login="ben"), "url": "https://github.com/acme/api/pull/12",
        "state": PullRequestState.OPEN, "is_draft": False,
        "head_sha": "a1", "labels": frozenset(), "created_at": OPENED, "updated_at": OPENED,
    }  # fmt: skip
    return PullRequest(**(fields | changes))


def reminder_state(**changes: Any) -> ReminderState:
    """Ana is asked by Ben at 11:00 in Berlin, and nothing was sent yet."""
    fields: dict[str, Any] = {
        "request": request(), "pull_request": pull_request(), "person": person(), "rhythm": Rhythm(),
    }  # fmt: skip
    return ReminderState(**(fields | changes))


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


def message(number: int, time: str, shown: str | None, state: MessageState = MessageState.SENT) -> Message:
    """The DM with this number, begun at this time."""
    return Message(
        id=number, sequence=number, state=state, sending_at=at(time), sending_started_at=at(time),
        sent_at=at(time) if state is MessageState.SENT else None, channel="D1", ts=str(number), shown=shown,
    )  # fmt: skip


def sent(*times: str, of: ReminderState | None = None) -> ReminderState:
    """The state with DMs sent at these times: the last one is live, and the others are collapsed."""
    *older, last = enumerate(times)
    messages = [message(number, time, shows("older", number)) for number, time in older]
    messages.append(message(*last, shows("live", last[0])))
    return (of or reminder_state()).model_copy(update={"messages": tuple(messages)})


def unsent(state: MessageState) -> ReminderState:
    """The state with a first DM, begun as the request was opened, that did not arrive for sure."""
    return reminder_state(messages=(message(0, "23 10:00", None, state),))


def until(step: object) -> datetime | None:
    assert isinstance(step, Wait), step
    return step.until
