"""Pull requests, people, review requests and messages for tests. All values are written by hand."""

from datetime import UTC, datetime
from typing import Any

from bot.github.model import Account, PullRequestState
from bot.model import AccountId, PersonId, PullRequestId, RepositoryId, RequestId, WorkspaceId
from bot.people.model import Absence, Person
from bot.reminders.model import Message, MessageState, ReminderState, Rhythm
from bot.reviews.model import PullRequest, ReviewRequest

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
"""10:00 in Berlin."""
OPENED = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def at(text: str) -> datetime:
    """November 2026 in UTC: "23 10:00" is Monday, "23" its midnight. Berlin works 08:00-16:00 UTC."""
    day, _, clock = text.partition(" ")
    hour, _, minute = (clock or "00:00").partition(":")
    return datetime(2026, 11, int(day), int(hour), int(minute), tzinfo=UTC)


def leave(start: str, end: str) -> Absence:
    return Absence(starts_at=at(start), ends_at=at(end))


def person(**changes: Any) -> Person:
    """Ana, who works in Berlin."""
    fields: dict[str, Any] = {
        "id": PersonId(1), "workspace_id": WorkspaceId(1), "slack_user_id": "U1", "name": "Ana",
        "zone": "Europe/Berlin",
    }  # fmt: skip
    return Person(**(fields | changes))


def pull_request(**changes: Any) -> PullRequest:
    """acme/api#12 by Ben, open since `OPENED`."""
    fields: dict[str, Any] = {
        "id": PullRequestId(7), "workspace_id": WorkspaceId(1), "repository_id": RepositoryId(1),
        "repository": "acme/api", "number": 12, "title": "Round up",
        "author": Account(id=AccountId(1), login="ben"), "url": "https://github.com/acme/api/pull/12",
        "state": PullRequestState.OPEN, "is_draft": False,
        "head_sha": "a1", "labels": frozenset(), "created_at": OPENED, "updated_at": OPENED,
    }  # fmt: skip
    return PullRequest(**(fields | changes))


def request(**changes: Any) -> ReviewRequest:
    """Ben asked Ana, at `OPENED`."""
    fields: dict[str, Any] = {
        "id": RequestId(5), "workspace_id": WorkspaceId(1), "pull_request_id": PullRequestId(7),
        "reviewer_id": AccountId(2), "reviewer_login": "ana", "requested_by": "ben", "is_again": False,
        "round": 1, "opened_at": OPENED,
    }  # fmt: skip
    return ReviewRequest(**(fields | changes))


def message(number: int, time: str, shown: str | None, state: MessageState = MessageState.SENT) -> Message:
    """The DM with this number, begun at this time."""
    return Message(
        id=number, sequence=number, state=state, sending_at=at(time), sending_started_at=at(time),
        sent_at=at(time) if state is MessageState.SENT else None, channel="D1", ts=str(number), shown=shown,
    )  # fmt: skip


def reminder_state(**changes: Any) -> ReminderState:
    """Ana is asked by Ben at 11:00 in Berlin, and nothing was sent yet."""
    fields: dict[str, Any] = {
        "request": request(), "pull_request": pull_request(), "person": person(), "rhythm": Rhythm(),
    }  # fmt: skip
    return ReminderState(**(fields | changes))
