"""`/reviews` and the App Home tab: the reviews that concern one person."""

from datetime import datetime
from typing import Any

from bot.flows.review_queue import list_open_requests_of_person, list_waiting_for_others
from bot.people.model import Person
from bot.reviews.model import PullRequest, ReviewRequest
from bot.slack.messages import Rendered
from bot.slack.views import ReviewQueue, render_home, render_queue
from jobq import read_transaction


async def list_reviews(person: Person, *, now: datetime) -> Rendered:
    """The answer to `/reviews`: my turn, snoozed, waiting for others."""
    return render_queue(await load_queue(person, now), person, now)


async def list_reviews_at_home(person: Person, *, now: datetime) -> dict[str, Any]:
    """The same list as the App Home tab."""
    return render_home(await load_queue(person, now), person, now)


@read_transaction
async def load_queue(person: Person, now: datetime) -> ReviewQueue:
    """All open reviews that concern a person, oldest first."""
    requests = await list_open_requests_of_person(person.id)
    return ReviewQueue(
        my_turn=tuple(pair for pair in requests if not _rests(pair[0], now)),
        resting=tuple(pair for pair in requests if _rests(pair[0], now)),
        others=_by_pull_request(await list_waiting_for_others(person.id)),
    )


def _rests(request: ReviewRequest, now: datetime) -> bool:
    is_snoozed = request.snoozed_until is not None and request.snoozed_until > now
    return request.is_muted or request.is_snoozed_until_change or is_snoozed


def _by_pull_request(
    pairs: tuple[tuple[ReviewRequest, PullRequest], ...],
) -> tuple[tuple[PullRequest, tuple[str, ...]], ...]:
    logins: dict[int, list[str]] = {}
    pull_requests: dict[int, PullRequest] = {}
    for request, pull_request in pairs:
        pull_requests[pull_request.id] = pull_request
        logins.setdefault(pull_request.id, []).append(request.reviewer_login)
    return tuple((pull_requests[identity], tuple(names)) for identity, names in logins.items())
