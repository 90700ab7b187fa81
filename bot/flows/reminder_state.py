"""Loads all that the next step about a review request depends on."""

from collections.abc import Iterable
from datetime import datetime

from bot.assignment.config import rhythm
from bot.assignment.model import Assignment
from bot.assignment.store import find_config, list_assignments
from bot.flows.visibility import Visibility, find_visibility
from bot.model import PullRequestId, RequestId, WorkspaceId
from bot.modes import find_pause
from bot.people.model import Person
from bot.people.rules import current_absence
from bot.people.store import find_person_by_account, load_person, lock_person
from bot.reminders import store as outbox
from bot.reminders.model import Rhythm, View
from bot.reviews import store as reviews
from bot.reviews.model import ReviewRequest
from bot.reviews.rules import is_approved_enough


async def load_view(request_id: RequestId, now: datetime) -> View | None:
    """The state of this moment, with the pull request and the request locked. None: there is no such request.

    Call it in a transaction: until its end no fact about the pull request and nothing that its reviewer
    does (snooze, mute, absence) can be committed, and nobody else counts the reviewer's DMs of today.
    """
    found = await reviews.find_request(request_id)
    pull_request = await reviews.lock_pull_request(found.pull_request_id) if found else None
    request = await reviews.lock_request(request_id) if pull_request else None
    if pull_request is None or request is None:
        return None
    person = await _lock_person(request)
    config = await find_config(request.workspace_id, pull_request.repository)
    assignments = await list_assignments(pull_request.id)
    return View(
        request=request,
        pull_request=pull_request,
        person=person,
        rhythm=rhythm(config) if config else Rhythm(),
        pattern=_pattern(request, assignments),
        messages=await outbox.list_messages(request_id),
        is_approved_enough=is_approved_enough(
            request,
            pull_request,
            await reviews.list_reviews(pull_request),
            needed=config.reminders.approvals_needed if config else 1,
            demands=assignments[-1].decision.demands if assignments else (),
        ),
        has_twin=await outbox.has_twin(request_id),
        held=await why_held(request.workspace_id, pull_request.id),
        away_until=absence.ends_at if person and (absence := current_absence(person, now)) else None,
        dms_today=await outbox.count_dms_today(person.id, person.zone, now) if person else 0,
    )


async def why_held(workspace_id: WorkspaceId, pull_request_id: PullRequestId) -> str:
    """Why nobody may be asked about a pull request for now; empty where they may.

    While an installation is suspended no webhook comes, so nobody knows whether a review is still wanted, nor
    afterwards until GitHub was asked. What is gone for good is not asked for at all.
    """
    match await find_visibility(pull_request_id):
        case Visibility.GONE:
            return "GitHub does not show its pull request any more"
        case Visibility.ON_HOLD:
            return "the installation is suspended, or was and GitHub is still being asked what is open"
        case Visibility.VISIBLE:
            pause = await find_pause(workspace_id)
            return str(pause) if pause else ""


async def _lock_person(request: ReviewRequest) -> Person | None:
    found = await find_person_by_account(request.workspace_id, request.reviewer_id)
    if found is None:
        return None
    await lock_person(found.id)
    return await load_person(found.id)


def _pattern(request: ReviewRequest, assignments: Iterable[Assignment]) -> str:
    """What a rule chose this reviewer for; empty if a human asked them."""
    if request.requested_by is not None and not request.requested_by.endswith("[bot]"):
        return ""
    for assignment in assignments:
        for chosen in assignment.decision.chosen:
            if chosen.account_id == request.reviewer_id:
                return chosen.pattern
    return ""
