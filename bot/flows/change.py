"""Stores what a fact or GitHub's own answer changes about a pull request."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.flows.catalog import remind_reviewer_job, tell_author_job
from bot.github.deliveries import DeliveryOutcome
from bot.model import AccountId, PullRequestId, RequestId
from bot.reminders.model import NoticeKind
from bot.reviews.changes import Closing, Opening, close_requests, open_requests
from bot.reviews.model import PullRequest, ReviewRequest
from bot.reviews.rules import Change
from jobq import Job

ASSIGN_AFTER_MINUTES = 1
"""Rules choose reviewers this much later, because humans and CODEOWNERS go first."""
GRACE_MINUTES = 2
"""The author hears this much later that nobody can be reached: somebody else may be asked by then."""
UNASKED_GRACE_MINUTES = 30
"""And that no person was asked: GitHub or a human may still ask one."""


@dataclass(frozen=True)
class AppliedChange:
    """The stored change in a few words, and the jobs to save in the same transaction."""

    note: str = ""
    jobs: tuple[Job, ...] = ()
    outcome: DeliveryOutcome = DeliveryOutcome.APPLIED


@dataclass(frozen=True)
class DecidedChange:
    """The change to the requests of a pull request, which is already stored as it is `after` the fact.

    `open_requests` are those before the change; `owners` are the accounts in it that belong to somebody. `at`
    is when it happened, by GitHub's clock.
    """

    after: PullRequest
    change: Change
    open_requests: Sequence[ReviewRequest]
    owners: Collection[AccountId]
    at: datetime


async def record_changes(decided: Sequence[DecidedChange]) -> list[AppliedChange]:
    """Closes and opens requests as decided. Every request that was or is open gets a reminder job.

    Call it in a transaction that has locked the pull requests, with one change for each.
    """
    await close_requests(
        Closing(request.id, reason, each.at) for each in decided for request, reason in each.change.closed
    )
    openings = [Opening(each.after, each.change.opened, each.at) for each in decided]
    opened: dict[PullRequestId, list[RequestId]] = {}
    for pull_request_id, request_id in await open_requests(openings):
        opened.setdefault(pull_request_id, []).append(request_id)
    return [
        AppliedChange(_describe(each.change), tuple(_follow_up(each, opened.get(each.after.id, ()))))
        for each in decided
    ]


def _follow_up(decided: DecidedChange, opened: Sequence[RequestId]) -> Iterator[Job]:
    after, change, open_requests = decided.after, decided.change, decided.open_requests
    for request_id in (*(request.id for request in open_requests), *opened):
        yield remind_reviewer_job(request_id, after.workspace_id)
    if any(asked.account.id not in decided.owners for asked in change.opened):
        notice = tell_author_job(after.id, NoticeKind.NOBODY_REACHABLE, after.workspace_id)
        yield notice.runs_in(minutes=GRACE_MINUTES)
    if after.requested_teams and len(open_requests) + len(opened) == len(change.closed):
        only_teams = tell_author_job(after.id, NoticeKind.NOBODY_ACTS, after.workspace_id)
        yield only_teams.runs_in(minutes=UNASKED_GRACE_MINUTES)


def _describe(change: Change) -> str:
    opened = [f"{requested.account.login} asked" for requested in change.opened]
    closed = [f"{request.reviewer_login} {reason}" for request, reason in change.closed]
    return ", ".join([*opened, *closed])
