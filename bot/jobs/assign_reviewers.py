"""Chooses reviewers by the repository's rules and asks them on GitHub.

The decision is stored before GitHub is asked: if the process dies in between, the next try asks the same
people again, which does no harm. The requests themselves are opened by GitHub's own webhooks.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import structlog
from pydantic import BaseModel, Field

from bot.assignment.choice import Situation, choose_reviewers
from bot.assignment.config import RepositoryConfig, logins_of
from bot.assignment.model import Assignment, Chosen, Decision, NoAssignment
from bot.assignment.rules import why_not_assigned
from bot.assignment.store import (
    find_config,
    find_unfinished_assignment,
    insert_assignment,
    list_assignments,
    record_asked,
)
from bot.clock import Clock
from bot.flows.candidates import list_candidates, lock_choices
from bot.flows.catalog import tell_author_job
from bot.flows.visibility import Address, find_address
from bot.github.model import (
    AccessLostError,
    Account,
    ChangedPaths,
    NotFoundError,
    PathsRefusedError,
    ReviewersRefusedError,
)
from bot.model import AccountId, InstallationId, PullRequestId, Value
from bot.reminders.model import NoticeKind
from bot.reviews import store as reviews
from bot.reviews.model import PullRequest
from jobq import ClaimedJob, Discard, Queue, write_transaction

log = structlog.get_logger()

MOST_ROUNDS = 3
"""How often others are chosen in the place of people whom GitHub refuses."""


class GitHub(Protocol):
    """What this job asks of GitHub."""

    async def load_changed_paths(
        self, installation_id: InstallationId, repository: str, number: int
    ) -> ChangedPaths: ...

    async def request_reviewers(
        self, installation_id: InstallationId, repository: str, number: int, logins: Sequence[str]
    ) -> tuple[Account, ...]: ...


class Arguments(BaseModel):
    pull_request_id: PullRequestId


async def assign_reviewers(
    job: ClaimedJob, *, github: GitHub, queue: Queue, clock: Clock, is_live: bool
) -> Discard | None:
    """Asks whoever is missing on one pull request; stores whom, and why nobody else.

    In shadow mode (not `is_live`) it decides and stores all the same, and asks nobody.
    """
    pull_request_id = job.read(Arguments).pull_request_id
    address = await find_address(pull_request_id)
    if address is None:
        return Discard("no access to this pull request any more")
    for _ in range(MOST_ROUNDS):
        try:
            todo = await _choose(pull_request_id, address, github, queue, clock)
            answer = await _act(todo, address, github, is_live=is_live) if todo else None
        except (NotFoundError, AccessLostError) as error:
            # A stored decision stays unfinished: the next fact tries again, with the access of that moment.
            return Discard(f"GitHub does not let us: {error}")
        if answer is None or not answer.refusals:
            return None
    return None


class _Answer(Value):
    """Whom GitHub's answer lists, and its reasons, by login, for those it refused."""

    asked: tuple[AccountId, ...] = ()
    refusals: dict[str, str] = Field(default_factory=dict)


class _Todo(Value):
    """Whom to ask by which stored decision."""

    assignment_id: int
    chosen: tuple[Chosen, ...] = ()
    asked_before: tuple[AccountId, ...] = ()


class _Undecided(Value):
    """There is still a decision to make."""


async def _choose(
    pull_request_id: PullRequestId, address: Address, github: GitHub, queue: Queue, clock: Clock
) -> _Todo | None:
    """A stored decision to act on; None: there is nobody to ask."""
    todo = await _begin(pull_request_id, clock.now())
    if isinstance(todo, _Undecided):
        paths = await _load_paths(github, address)
        todo = await _decide(pull_request_id, paths, queue, clock.now())
    if todo is None:
        log.info("nobody to ask", pull_request_id=pull_request_id)
    return todo


async def _act(todo: _Todo, address: Address, github: GitHub, *, is_live: bool) -> _Answer:
    """Asks those who are chosen, and stores what GitHub made of it."""
    answer = await _ask(todo.chosen, address, github) if is_live else _Answer()
    await record_asked(todo.assignment_id, (*todo.asked_before, *answer.asked), answer.refusals)
    log.info(
        "reviewers asked" if is_live else "shadow mode: reviewers chosen, not asked",
        assignment_id=todo.assignment_id,
        asked=len(answer.asked),
        refused=len(answer.refusals),
    )
    return answer


@write_transaction
async def _begin(pull_request_id: PullRequestId, now: datetime) -> _Todo | _Undecided | None:
    """What an earlier try left unfinished, or a decision to make; None: nobody is to be asked."""
    found = await _find_assignable(pull_request_id, now)
    if found is None:
        return None
    unfinished = await find_unfinished_assignment(pull_request_id, found.pull_request.head_sha)
    if unfinished is None:
        return _Undecided()
    # Whoever has a request by now was asked by that earlier try, or by a human who may have thought again.
    known = {request.reviewer_id for request in await reviews.list_requests(pull_request_id)}
    left = tuple(chosen for chosen in unfinished.decision.chosen if chosen.account_id not in known)
    before = tuple(one.account_id for one in unfinished.decision.chosen if one.account_id in known)
    if left:
        return _Todo(assignment_id=unfinished.id, chosen=left, asked_before=before)
    await record_asked(unfinished.id, before, {})
    return _Undecided()


@write_transaction
async def _decide(
    pull_request_id: PullRequestId, paths: tuple[str, ...] | None, queue: Queue, now: datetime
) -> _Todo | None:
    """Chooses on the state of this moment, and stores it. None: nobody is to be asked."""
    found = await _find_assignable(pull_request_id, now)
    if found is None:
        return None
    await lock_choices(found.pull_request.workspace_id)
    decision = choose_reviewers(await _load_situation(found, paths, now))
    if not decision.chosen:
        await _record_nobody(found.pull_request, decision, now)
        if decision.reason is NoAssignment.NOBODY_LEFT and not decision.counted:
            await queue.save(tell_author_job(pull_request_id, NoticeKind.NOBODY_LEFT))
        return None
    assignment_id = await insert_assignment(found.pull_request, decision, now)
    return _Todo(assignment_id=assignment_id, chosen=decision.chosen)


class _Assignable(Value):
    """A pull request, locked, that its repository's rules apply to."""

    pull_request: PullRequest
    config: RepositoryConfig


async def _find_assignable(pull_request_id: PullRequestId, now: datetime) -> _Assignable | None:
    """None, and why is stored, if it is to be left alone; without rules nothing is stored either."""
    if (pull_request := await reviews.lock_pull_request(pull_request_id)) is None:
        return None
    config = await find_config(pull_request.workspace_id, pull_request.repository)
    if config is None:
        return None
    if (why := why_not_assigned(pull_request, config)) is None:
        return _Assignable(pull_request=pull_request, config=config)
    reason, detail = why
    nobody = Decision(
        head_sha=pull_request.head_sha,
        paths=0,
        wanted=config.reviewers,
        counted=0,
        reason=reason,
        detail=detail,
    )
    await _record_nobody(pull_request, nobody, now)
    return None


async def _record_nobody(pull_request: PullRequest, decision: Decision, now: datetime) -> None:
    """Stores why nobody is asked, unless that is what the newest decision says already."""
    stored = await list_assignments(pull_request.id)
    if not stored or _gist(stored[-1].decision) != _gist(decision):
        await insert_assignment(pull_request, decision, now)


def _gist(decision: Decision) -> object:
    return decision.reason, decision.detail, decision.verdicts


async def _load_situation(found: _Assignable, paths: tuple[str, ...] | None, now: datetime) -> Situation:
    pull_request = found.pull_request
    requests = await reviews.list_requests(pull_request.id)
    stored = await list_assignments(pull_request.id)
    told = {request.reviewer_id for request in requests}
    return Situation(
        pull_request=pull_request,
        config=found.config,
        paths=paths,
        candidates=await list_candidates(pull_request.workspace_id, logins_of(found.config), now),
        requests=requests,
        asked=frozenset(_all_asked(stored) - told),
        reviews=await reviews.list_reviews(pull_request),
        refused=frozenset(login.lower() for assignment in stored for login in assignment.refusals),
    )


def _all_asked(stored: Sequence[Assignment]) -> set[AccountId]:
    return {account for assignment in stored for account in assignment.asked or ()}


async def _load_paths(github: GitHub, address: Address) -> tuple[str, ...] | None:
    """None where this installation may not know: then only fallbacks and rules for every path apply."""
    try:
        changed = await github.load_changed_paths(address.installation_id, address.repository, address.number)
    except PathsRefusedError:
        return None
    return changed.paths


async def _ask(chosen: Sequence[Chosen], address: Address, github: GitHub) -> _Answer:
    """Asks all at once; if GitHub refuses them together, one by one, to learn whom it refuses."""
    logins = [one.login for one in chosen]
    try:
        listed = await github.request_reviewers(
            address.installation_id, address.repository, address.number, logins
        )
    except ReviewersRefusedError as error:
        if len(chosen) == 1:
            return _Answer(refusals={logins[0]: str(error)})
        return _merge([await _ask([one], address, github) for one in chosen])
    ids = {account.id for account in listed}
    return _Answer(
        asked=tuple(one.account_id for one in chosen if one.account_id in ids),
        refusals={
            one.login: "GitHub's answer does not list them" for one in chosen if one.account_id not in ids
        },
    )


def _merge(answers: Sequence[_Answer]) -> _Answer:
    refusals: dict[str, str] = {}
    for answer in answers:
        refusals |= answer.refusals
    return _Answer(asked=tuple(one for answer in answers for one in answer.asked), refusals=refusals)
