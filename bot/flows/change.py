"""Stores what a fact or GitHub's own answer changes about a pull request."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.flows.catalog import remind_reviewer_job, tell_author_job
from bot.github.deliveries import DeliveryOutcome
from bot.model import AccountId
from bot.reminders.model import NoticeKind
from bot.reviews import store
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


async def record_change(
    after: PullRequest,
    change: Change,
    open_requests: Sequence[ReviewRequest],
    owners: Collection[AccountId],
    at: datetime,
) -> AppliedChange:
    """Closes and opens requests as decided. Every request that was or is open gets a reminder job.

    `open_requests` are those before the change; `owners` are the accounts in it that belong to somebody. `at`
    is when it happened, by GitHub's clock. Call it in a transaction that has locked the pull request.
    """
    await store.close_review_requests(((request.id, reason) for request, reason in change.closed), at)
    opened = await store.open_review_requests(after, change.opened, at)
    touched = [*(request.id for request in open_requests), *opened]
    jobs = [remind_reviewer_job(request_id) for request_id in touched]
    if any(asked.account.id not in owners for asked in change.opened):
        notice = tell_author_job(after.id, NoticeKind.NOBODY_REACHABLE)
        jobs.append(notice.runs_in(minutes=GRACE_MINUTES))
    if after.requested_teams and len(open_requests) + len(opened) == len(change.closed):
        only_teams = tell_author_job(after.id, NoticeKind.NOBODY_ACTS)
        jobs.append(only_teams.runs_in(minutes=UNASKED_GRACE_MINUTES))
    return AppliedChange(_describe(change), tuple(jobs))


def _describe(change: Change) -> str:
    opened = [f"{requested.account.login} asked" for requested in change.opened]
    closed = [f"{request.reviewer_login} {reason}" for request, reason in change.closed]
    return ", ".join([*opened, *closed])
