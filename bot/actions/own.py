"""Loads the review requests of a person: nobody can act on a request that was made to somebody else."""

from bot.actions.model import Snooze
from bot.flows.review_queue import list_open_requests_of_person
from bot.model import RequestId, UserError
from bot.people.model import Person
from bot.people.store import find_person_by_account
from bot.reviews import store as reviews
from bot.reviews.model import PullRequest, ReviewRequest
from bot.slack.escape import disarm


async def load_own(person: Person, request_id: RequestId) -> tuple[ReviewRequest, PullRequest]:
    """A person's open review request, locked. Raises UserError if it is over or another person's."""
    request, pull_request = await load_locked(request_id)
    owner = await find_person_by_account(request.workspace_id, request.reviewer_id)
    if owner is None or owner.id != person.id:
        raise UserError("This review was not asked of you, so nothing was changed.")
    if request.closed_at is not None or not pull_request.is_open:
        raise UserError("This review is over: there is nothing to remind you of.")
    return request, pull_request


async def load_locked(request_id: RequestId) -> tuple[ReviewRequest, PullRequest]:
    """A review request and its pull request, locked in the order used everywhere. Raises UserError."""
    unlocked = await reviews.load_request(request_id)
    pull_request = await reviews.lock_pull_request(unlocked.pull_request_id)
    request = await reviews.lock_request(request_id)
    if pull_request is None or request is None:
        raise UserError("This review request no longer exists.")
    return request, pull_request


async def load_own_by_name(person: Person, full_name: str, number: int) -> tuple[ReviewRequest, PullRequest]:
    """A person's open review request by the name of its pull request, such as acme/api#12. Raises UserError.

    The error is the same for unknown pull requests and for those of other people, so it gives nothing away.
    """
    pull_request = await reviews.find_pull_request_by_name(person.workspace_id, full_name, number)
    for request, its_pull_request in await list_open_requests_of_person(person.id):
        if pull_request is not None and its_pull_request.id == pull_request.id:
            return request, its_pull_request
    name = f"{disarm(full_name, 60)}#{number}"
    raise UserError(f"{name} is not waiting for your review, as far as Ripe knows.")


def snooze_of(request: ReviewRequest) -> Snooze:
    return Snooze(until=request.snoozed_until, until_change=request.is_snoozed_until_change)
