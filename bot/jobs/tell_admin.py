"""Tells one admin of a workspace what GitHub and Slack refuse, and who gets no DMs: at most once a day."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.clock import Clock
from bot.flows import admins, outbox
from bot.flows.admins import choose_admin, list_admins, wait_for_admin, wait_for_tomorrow
from bot.flows.notices import (
    PreparedNotice,
    ReadyNotice,
    begin_notice,
    follow_up,
    send_notice,
)
from bot.flows.obstacles import Obstacle, describe_obstacle, list_obstacles, mark_reported
from bot.model import Parsed, WorkspaceId
from bot.people.model import Person
from bot.people.store import lock_person
from bot.reminders.model import Notice, NoticeKind
from bot.reminders.notices import find_notice, is_refused
from bot.slack.gateway import SlackUser
from bot.slack.notices import render_admin_notice
from bot.slack.times import describe_instant
from bot.working_time import local_day
from jobq import ClaimedJob, Discard, HandlerResult, Postpone, write_transaction


class Slack(outbox.Slack, admins.Slack, Protocol):
    """The part of Slack that this job needs."""


class Arguments(Parsed):
    workspace_id: WorkspaceId


async def tell_admin(job: ClaimedJob, *, slack: Slack | None, clock: Clock) -> HandlerResult:
    """Sends one notice about everything that no admin has heard of, in the admin's working hours."""
    if slack is None:
        return Discard("shadow mode")
    workspace_id = job.read(Arguments).workspace_id
    if not await _list_unreported(workspace_id, clock.now()):
        return Discard("nothing is refused any more")
    admins_of_slack = await list_admins(slack, clock.now())
    prepared, listed_ids = await _prepare(workspace_id, admins_of_slack, clock.now())
    result = await send_notice(prepared, slack=slack, clock=clock)
    if isinstance(prepared, ReadyNotice):
        if await is_refused(prepared.message_id):
            return Postpone(clock.now(), "Slack refused; another admin hears of it")
        await mark_reported(listed_ids, clock.now())
    return result


async def _list_unreported(workspace_id: WorkspaceId, now: datetime) -> list[Obstacle]:
    listed = await list_obstacles(now, workspace_id=workspace_id)
    return [obstacle for obstacle in listed if obstacle.is_long(now) and not obstacle.is_reported]


@write_transaction
async def _prepare(
    workspace_id: WorkspaceId, admins_of_slack: Sequence[SlackUser], now: datetime
) -> tuple[PreparedNotice, tuple[int, ...]]:
    """The notice, and the ids of the obstacles that it lists."""
    unreported = await _list_unreported(workspace_id, now)
    admin = await choose_admin(workspace_id, admins_of_slack, now)
    if admin is None or not unreported:
        return Discard("no admin gets DMs" if unreported else "nothing is refused any more"), ()
    prepared = await _prepare_for(admin, unreported, now)
    return prepared, tuple(obstacle.id for obstacle in unreported)


async def _prepare_for(admin: Person, unreported: Sequence[Obstacle], now: datetime) -> PreparedNotice:
    await lock_person(admin.id)
    notice = Notice.to_person(admin, NoticeKind.REFUSALS, str(local_day(admin.hours, now)))
    if (earlier := await find_notice(notice)) is not None:
        return follow_up(earlier, admin) if earlier.is_unresolved else wait_for_tomorrow(admin, now)
    if (wait := wait_for_admin(admin, now)) is not None:
        return wait
    sentences = [
        describe_obstacle(obstacle, describe_instant(obstacle.since, admin.hours.zone, now))
        for obstacle in unreported
    ]
    return await begin_notice(notice, admin, render_admin_notice(sentences), now)
