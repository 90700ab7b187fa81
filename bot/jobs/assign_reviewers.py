"""Chooses reviewers by the repository's rules and asks them on GitHub.

The decision is stored before GitHub is asked: if the process dies in between, the next try asks the same
people again, which does no harm. GitHub's own webhooks then open the review requests here.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog
from pydantic import Field

from bot.assignment.choice import Situation, choose_reviewers
from bot.assignment.config import RepositoryConfig, logins_of
from bot.assignment.matching import FileMatches, Matching, apply_matches, match_files
from bot.assignment.model import Assignment, Chosen, Decision, NoAssignment
from bot.assignment.rules import why_not_assigned
from bot.assignment.store import (
    find_unfinished_assignment,
    insert_assignment,
    list_assignments,
    record_asked,
)
from bot.clock import Clock
from bot.flows.candidates import list_candidates, lock_choices
from bot.flows.catalog import assign_reviewers_job, tell_author_job
from bot.flows.change import UNASKED_GRACE_MINUTES
from bot.flows.changed_files import Unread, find_files, record_files
from bot.flows.current_rules import find_rules
from bot.flows.obstacles import LONG, About, Call, ask_again_at, find_start, noting_obstacles
from bot.flows.paces import wait_until
from bot.flows.visibility import Address, find_address
from bot.github.model import (
    Account,
    NotFoundError,
    PathsRefusedError,
    PullRequestSnapshot,
    RefusedError,
    ReviewersRefusedError,
)
from bot.github.waiting import GitHubWaitError
from bot.model import AccountId, InstallationId, Parsed, PullRequestId, Value, WorkspaceId
from bot.people.store import Rename, rename_accounts
from bot.reminders.model import NoticeKind
from bot.reviews import store as reviews
from bot.reviews.model import PullRequest
from jobq import ClaimedJob, Discard, Postpone, Queue, write_transaction

log = structlog.get_logger()

MOST_ROUNDS = 3
"""How often to choose others in place of people whom GitHub refuses."""


class GitHub(Protocol):
    """The part of GitHub that this job needs."""

    async def load_changed_paths(
        self, installation_id: InstallationId, repository: str, number: int
    ) -> tuple[str, ...]: ...

    def leave_half(self, installation_id: InstallationId) -> None: ...

    async def find_account_by_id(
        self, installation_id: InstallationId, account_id: AccountId
    ) -> Account | None: ...
    async def load_pull_request(
        self, installation_id: InstallationId, repository: str, number: int
    ) -> PullRequestSnapshot: ...

    async def request_reviewers(
        self, installation_id: InstallationId, repository: str, number: int, logins: Sequence[str]
    ) -> tuple[Account, ...]: ...


class Arguments(Parsed):
    pull_request_id: PullRequestId


async def assign_reviewers(
    job: ClaimedJob, *, github: GitHub, queue: Queue, clock: Clock, is_live: bool
) -> Discard | None:
    """Asks the reviewers that one pull request still needs; stores the decision with its reasons.

    In shadow mode (not `is_live`) it decides and stores, but asks nobody.
    """
    pull_request_id = job.read(Arguments).pull_request_id
    address = await find_address(pull_request_id)
    if address is None:
        return Discard("no access to this pull request any more")
    door = _Door(github, address, pull_request_id, clock, ask_again_at(job, clock.now()))
    for _ in range(MOST_ROUNDS):
        try:
            plan = await _choose(pull_request_id, door, queue)
            answer = await _act(plan, door, is_live=is_live) if plan else None
        except RefusedError as error:
            if isinstance(error, NotFoundError) and door.again_at is not None:
                raise Postpone(door.again_at, f"GitHub does not show it: {error}") from error
            # A stored decision stays unfinished: the next fact tries again, with the access of that moment.
            return Discard(f"GitHub does not let us: {error}")
        if answer is None or not answer.refusals:
            return None
    return None


@dataclass(frozen=True)
class _Door:
    """The calls to GitHub about one pull request. The obstacles that they meet are noted."""

    github: GitHub
    address: Address
    pull_request_id: PullRequestId
    clock: Clock
    again_at: datetime | None

    async def load_paths(self, *, is_again: bool) -> tuple[str, ...] | None:
        """None if GitHub will not name them: then only rules for every path and fallbacks apply.

        That is so if this installation may not read them, or if GitHub answers questions, but not this one,
        for hours. Reading the files of a pull request again leaves half of the rate limit to other work.
        """
        try:
            if is_again:
                self.github.leave_half(self.address.installation_id)
            return await self._load_paths()
        except GitHubWaitError as error:
            # Kept for the next push, which does not know that this job waits.
            await wait_until(self.pull_request_id, Call.FILES, error.until)
            raise

    async def _load_paths(self) -> tuple[str, ...] | None:
        where = (self.address.installation_id, self.address.repository, self.address.number)
        about = About(self.pull_request_id)
        try:
            async with noting_obstacles(about, Call.FILES, self.clock, again_at=self.again_at):
                return await self.github.load_changed_paths(*where)
        except PathsRefusedError:
            return None
        except GitHubWaitError as error:
            since = await find_start(about, Call.FILES)
            if error.is_limit or since is None or self.clock.now() - since < LONG:
                raise
            await self.github.load_pull_request(*where)  # raises the same if all of GitHub is down
            return None

    async def request_reviewers(self, logins: Sequence[str]) -> tuple[Account, ...]:
        address, about = self.address, About(self.pull_request_id)
        async with noting_obstacles(about, Call.REVIEWERS, self.clock, again_at=self.again_at):
            return await self.github.request_reviewers(
                address.installation_id, address.repository, address.number, logins
            )


class _Answer(Value):
    """The accounts in GitHub's answer, and its reasons, by login, for refusing the others."""

    asked: tuple[AccountId, ...] = ()
    refusals: dict[str, str] = Field(default_factory=dict)


class _Plan(Value):
    """The people to ask because of a stored decision, and those of it who were asked before."""

    workspace_id: WorkspaceId
    assignment_id: int
    chosen: tuple[Chosen, ...] = ()
    asked_before: tuple[AccountId, ...] = ()


class _Undecided(Value):
    """There is still a decision to make, by this configuration and these files."""

    pull_request: PullRequest
    config: RepositoryConfig
    files: FileMatches | Unread


async def _choose(pull_request_id: PullRequestId, door: _Door, queue: Queue) -> _Plan | None:
    """A stored decision to act on; None if there is nobody to ask."""
    plan, read = await _resume(pull_request_id, queue, door.clock.now()), None
    while isinstance(plan, _Undecided):
        files = plan.files
        if isinstance(files, Unread):
            read = read or await _read(plan.pull_request, files, door)
            # Strangers choose the paths. So neither the loop nor the locks of a transaction wait for this.
            files = await asyncio.to_thread(match_files, plan.config, read.paths)
        plan = await _decide(pull_request_id, files, read, queue, door.clock.now())
    if plan is None:
        log.info("nobody to ask", pull_request_id=pull_request_id)
    return plan


class _Read(Value):
    """The changed paths as GitHub named them when `pull_request` was so. None: it refuses."""

    pull_request: PullRequest
    paths: tuple[str, ...] | None
    read_at: datetime


async def _read(pull_request: PullRequest, unread: Unread, door: _Door) -> _Read:
    read_at = door.clock.now()
    paths = await door.load_paths(is_again=unread.is_again)
    return _Read(pull_request=pull_request, paths=paths, read_at=read_at)


async def _act(plan: _Plan, door: _Door, *, is_live: bool) -> _Answer:
    """Asks the chosen people, and stores GitHub's answer."""
    answer = await _ask(plan.chosen, door) if is_live else _Answer()
    refused = [person for person in plan.chosen if person.login in answer.refusals]
    await _follow_renames(plan.workspace_id, refused, door)
    await record_asked(plan.assignment_id, (*plan.asked_before, *answer.asked), answer.refusals)
    log.info(
        "reviewers asked" if is_live else "shadow mode: reviewers chosen, not asked",
        assignment_id=plan.assignment_id,
        asked=len(answer.asked),
        refused=len(answer.refusals),
    )
    return answer


@write_transaction
async def _resume(pull_request_id: PullRequestId, queue: Queue, now: datetime) -> _Plan | _Undecided | None:
    """The rest of an earlier try, or a decision that is still to make; None if nobody is to be asked now.

    While the files of the newest head have to wait, an earlier try goes on with those of its own head.
    """
    assignable = await _find_assignable(pull_request_id, now)
    if assignable is None:
        return None
    pull_request, config = assignable.pull_request, assignable.config
    files = await find_files(pull_request, config, now)
    not_before = files.not_before if isinstance(files, Unread) else None
    if not_before is not None:
        await queue.save(assign_reviewers_job(pull_request_id).runs_at(not_before))
    unfinished = await find_unfinished_assignment(pull_request_id)
    is_current = unfinished is not None and unfinished.decision.head_sha == pull_request.head_sha
    if unfinished is not None and (is_current or not_before is not None):
        plan = await _resume_unfinished(unfinished, pull_request)
        if plan is not None:
            return plan
    return None if not_before else _Undecided(pull_request=pull_request, config=config, files=files)


async def _resume_unfinished(unfinished: Assignment, pull_request: PullRequest) -> _Plan | None:
    """None if everybody was asked: by that earlier try, or by a human who may have taken it back since."""
    requested = {request.reviewer_id for request in await reviews.list_requests(pull_request.id)}
    chosen = unfinished.decision.chosen
    left = tuple(person for person in chosen if person.account_id not in requested)
    before = tuple(person.account_id for person in chosen if person.account_id in requested)
    if not left:
        await record_asked(unfinished.id, before, {})
        return None
    return _Plan(
        workspace_id=pull_request.workspace_id, assignment_id=unfinished.id, chosen=left, asked_before=before
    )


@write_transaction
async def _decide(
    pull_request_id: PullRequestId, files: FileMatches, read: _Read | None, queue: Queue, now: datetime
) -> _Plan | _Undecided | None:
    """Chooses on the state of this moment, and stores the decision. None if nobody is to be asked.

    Undecided if the configuration has other patterns than those that were matched.
    """
    if read is not None and await reviews.lock_pull_request(pull_request_id) is not None:
        await record_files(read.pull_request, files, read.read_at)
    assignable = await _find_assignable(pull_request_id, now)
    if assignable is None:
        return None
    matching = apply_matches(assignable.config, files)
    if matching is None:
        return _Undecided(
            pull_request=assignable.pull_request, config=assignable.config, files=Unread(is_again=True)
        )
    await lock_choices(assignable.pull_request.workspace_id)
    decision = choose_reviewers(await _load_situation(assignable.pull_request, matching, now))
    if not decision.chosen:
        await _record_nobody(assignable.pull_request, decision, now)
        is_alone = decision.reason is NoAssignment.NOBODY_LEFT and not decision.counted
        if is_alone and not decision.paths_refused:  # of that, the author hears as an obstacle
            await queue.save(tell_author_job(pull_request_id, NoticeKind.NOBODY_LEFT))
        if decision.reason is NoAssignment.NO_RULE_MATCHES and not decision.counted:
            unasked = tell_author_job(pull_request_id, NoticeKind.NOBODY_ACTS)
            await queue.save(unasked.runs_in(minutes=UNASKED_GRACE_MINUTES))
        return None
    assignment_id = await insert_assignment(assignable.pull_request, decision, now)
    return _Plan(
        workspace_id=assignable.pull_request.workspace_id, assignment_id=assignment_id, chosen=decision.chosen
    )


class _Assignable(Value):
    """A locked pull request to which its repository's rules apply."""

    pull_request: PullRequest
    config: RepositoryConfig


async def _find_assignable(pull_request_id: PullRequestId, now: datetime) -> _Assignable | None:
    """None for a pull request that is left alone. If its repository has rules, the reason is stored."""
    if (pull_request := await reviews.lock_pull_request(pull_request_id)) is None:
        return None
    config = await find_rules(pull_request.workspace_id, pull_request.repository)
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
    """Stores why nobody is asked, unless the newest decision says the same."""
    stored = await list_assignments(pull_request.id)
    if not stored or _gist(stored[-1].decision) != _gist(decision):
        await insert_assignment(pull_request, decision, now)


def _gist(decision: Decision) -> object:
    return decision.reason, decision.detail, decision.verdicts


async def _load_situation(pull_request: PullRequest, matching: Matching, now: datetime) -> Situation:
    requests = await reviews.list_requests(pull_request.id)
    stored = await list_assignments(pull_request.id)
    requested = {request.reviewer_id for request in requests}
    return Situation(
        pull_request=pull_request,
        matching=matching,
        candidates=await list_candidates(pull_request.workspace_id, logins_of(matching.config), now),
        requests=requests,
        asked=frozenset(_all_asked(stored) - requested),
        reviews=await reviews.list_reviews(pull_request),
        refused=frozenset(login.lower() for assignment in stored for login in assignment.refusals),
    )


def _all_asked(stored: Sequence[Assignment]) -> set[AccountId]:
    return {account for assignment in stored for account in assignment.asked or ()}


async def _ask(chosen: Sequence[Chosen], door: _Door) -> _Answer:
    """Asks all at once; if GitHub refuses them together, one by one, to learn which of them it refuses."""
    logins = [person.login for person in chosen]
    try:
        listed = await door.request_reviewers(logins)
    except ReviewersRefusedError as error:
        if len(chosen) == 1:
            return _Answer(refusals={logins[0]: str(error)})
        return _merge([await _ask([person], door) for person in chosen])
    ids = {account.id for account in listed}
    return _Answer(
        asked=tuple(person.account_id for person in chosen if person.account_id in ids),
        refusals={
            person.login: "GitHub's answer does not list them"
            for person in chosen
            if person.account_id not in ids
        },
    )


async def _follow_renames(workspace_id: WorkspaceId, refused: Sequence[Chosen], door: _Door) -> None:
    """GitHub refuses a login that was given up, so ask for the one that the account has now.

    The next choice then has that person under the new login, which was not refused.
    """
    for person in refused:
        account = await door.github.find_account_by_id(door.address.installation_id, person.account_id)
        if account is not None and account.login.lower() != person.login.lower():
            log.info("an account was renamed", account_id=account.id)
            await rename_accounts([Rename(workspace_id, account.id, account.login, door.clock.now())])


def _merge(answers: Sequence[_Answer]) -> _Answer:
    refusals: dict[str, str] = {}
    for answer in answers:
        refusals |= answer.refusals
    return _Answer(asked=tuple(account for answer in answers for account in answer.asked), refusals=refusals)
