"""Tells an author, once a round, that GitHub refuses to help with their pull request."""

from datetime import datetime, timedelta

from bot.assignment.model import Decision
from bot.assignment.store import list_assignments
from bot.clock import Clock
from bot.flows import outbox
from bot.flows.late_notices import is_held_up
from bot.flows.notices import PreparedNotice, begin_notice, follow_up, send_notice, wait_for_work
from bot.flows.obstacles import Call, Obstacle, describe_obstacle, list_obstacles
from bot.model import Parsed, PullRequestId
from bot.people.model import Person
from bot.people.store import find_person_by_account, lock_person
from bot.reminders.model import Notice, NoticeKind
from bot.reminders.notices import find_notice
from bot.reviews.model import PullRequest
from bot.reviews.store import lock_pull_request
from bot.slack.notices import render_obstacle_notice
from bot.slack.times import describe_instant
from jobq import ClaimedJob, Discard, HandlerResult, Postpone, write_transaction

ASKED_AGAIN_WITHIN = timedelta(minutes=30)
"""After an outage, the calls that GitHub refused are made again within this time, and may succeed."""


class Arguments(Parsed):
    pull_request_id: PullRequestId


async def tell_obstacle(job: ClaimedJob, *, slack: outbox.Slack | None, clock: Clock) -> HandlerResult:
    """Sends the notice in the author's working hours if GitHub still refuses; otherwise discards it."""
    if await is_held_up(job.due_at, clock.now()):
        return Postpone(clock.now() + ASKED_AGAIN_WITHIN, "it is late, so GitHub is asked again")
    prepared = await _prepare(job.read(Arguments).pull_request_id, clock.now())
    return await send_notice(prepared, slack=slack, clock=clock)


@write_transaction
async def _prepare(pull_request_id: PullRequestId, now: datetime) -> PreparedNotice:
    pull_request = await lock_pull_request(pull_request_id)
    if pull_request is None or not pull_request.is_open or pull_request.is_draft:
        return Discard("nothing is asked for")
    author = await find_person_by_account(pull_request.workspace_id, pull_request.author.id)
    if author is None or not author.is_active:
        return Discard("the author is not known in Slack")
    return await _prepare_for(author, pull_request, now)


async def _prepare_for(author: Person, pull_request: PullRequest, now: datetime) -> PreparedNotice:
    await lock_person(author.id)
    notice = Notice.to_author(author, NoticeKind.GITHUB_REFUSES, pull_request)
    if (earlier := await find_notice(notice)) is not None:
        return follow_up(earlier, author)
    obstacles = await list_obstacles(now, pull_request_id=pull_request.id)
    lasting = [obstacle for obstacle in obstacles if obstacle.is_long(now)]
    if not lasting:
        return Discard("GitHub has answered")
    if (wait := wait_for_work(author, now)) is not None:
        return wait
    sentences = [
        describe_obstacle(obstacle, describe_instant(obstacle.since, author.hours.zone, now))
        for obstacle in lasting
    ]
    if consequence := await _describe_consequence(pull_request, lasting):
        sentences.append(consequence)
    return await begin_notice(notice, author, render_obstacle_notice(pull_request, sentences), now)


async def _describe_consequence(pull_request: PullRequest, obstacles: list[Obstacle]) -> str:
    """A sentence about the choice made without the files; empty if Ripe waits for them."""
    stored = await list_assignments(pull_request.id)
    decision = stored[-1].decision if stored else None
    if decision is None or not decision.paths_refused or obstacles[0].call not in (Call.FILES, Call.STATE):
        return ""
    return f"So only rules for every path and fallbacks apply: {_outcome(decision)}"


def _outcome(decision: Decision) -> str:
    if decision.chosen:
        return f"{', '.join(chosen.name for chosen in decision.chosen)} will be asked."
    if decision.counted:
        return "nobody else is asked."
    return "nobody is asked. Please ask someone yourself."
