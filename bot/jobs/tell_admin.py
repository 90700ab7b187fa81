"""Tells one admin of a workspace what GitHub and Slack refuse, and who gets no DMs: at most once a day."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from pydantic import BaseModel

from bot.clock import Clock
from bot.flows import outbox
from bot.flows.notices import (
    PreparedNotice,
    ReadyNotice,
    begin_notice,
    follow_up,
    send_notice,
    wait_for_work,
)
from bot.flows.obstacles import Obstacle, describe_obstacle, list_obstacles, mark_reported
from bot.model import WorkspaceId
from bot.people.model import Person
from bot.people.store import list_people, load_person, lock_person, upsert_person
from bot.reminders.model import Notice, NoticeKind
from bot.reminders.notices import find_notice
from bot.reminders.planning import intervals
from bot.slack.errors import SlackOutcomeUnknownError, SlackRefusedError
from bot.slack.gateway import SlackUser
from bot.slack.notices import render_admin_notice
from bot.slack.times import describe_instant
from bot.working_time import (
    UNKNOWN_ZONE,
    is_zone,
    local_day,
    next_working_instant,
    start_of_working_day_after,
)
from jobq import ClaimedJob, Discard, HandlerResult, Postpone, write_transaction

LOOK_AGAIN_AFTER = timedelta(hours=1)
"""While Slack does not say who is an admin."""


class Slack(outbox.Slack, Protocol):
    """The part of Slack that this job needs."""

    async def list_users(self) -> list[SlackUser]: ...


class Arguments(BaseModel):
    workspace_id: WorkspaceId


async def tell_admin(job: ClaimedJob, *, slack: Slack | None, clock: Clock) -> HandlerResult:
    """Sends one notice about everything that no admin has heard of, in the admin's working hours."""
    if slack is None:
        return Discard("shadow mode")
    workspace_id = job.read(Arguments).workspace_id
    if not await _list_untold(workspace_id, clock.now()):
        return Discard("nothing is refused any more")
    try:
        users = await slack.list_users()
    except (SlackRefusedError, SlackOutcomeUnknownError) as error:
        raise Postpone(clock.now() + LOOK_AGAIN_AFTER) from error
    admins = [user for user in users if user.is_admin and user.is_active and not user.is_bot]
    prepared = await _prepare(workspace_id, admins, clock.now())
    result = await send_notice(prepared, slack=slack, clock=clock)
    if isinstance(prepared, ReadyNotice):
        await mark_reported(
            (obstacle.id for obstacle in await _list_untold(workspace_id, clock.now())), clock.now()
        )
    return result


async def _list_untold(workspace_id: WorkspaceId, now: datetime) -> list[Obstacle]:
    listed = await list_obstacles(now, workspace_id=workspace_id)
    return [obstacle for obstacle in listed if obstacle.is_long(now) and not obstacle.is_reported]


@write_transaction
async def _prepare(workspace_id: WorkspaceId, admins: Sequence[SlackUser], now: datetime) -> PreparedNotice:
    untold = await _list_untold(workspace_id, now)
    admin = await _choose(workspace_id, admins, now)
    if admin is None or not untold:
        return Discard("there is no admin who gets DMs" if untold else "nothing is refused any more")
    await lock_person(admin.id)
    notice = Notice.to_person(admin, NoticeKind.REFUSALS, str(local_day(admin.hours, now)))
    if (earlier := await find_notice(notice)) is not None:
        return follow_up(earlier, admin) if earlier.is_unresolved else _wait_for_tomorrow(admin, now)
    if (wait := wait_for_work(admin, now)) is not None:
        return wait
    sentences = [
        describe_obstacle(obstacle, describe_instant(obstacle.since, admin.hours.zone, now))
        for obstacle in untold
    ]
    return await begin_notice(notice, admin, render_admin_notice(sentences), now)


async def _choose(workspace_id: WorkspaceId, admins: Sequence[SlackUser], now: datetime) -> Person | None:
    """An admin who is known to Ripe, if there is one; nobody to whom Slack refuses DMs."""
    people = {person.slack_user_id: person for person in await list_people(workspace_id)}
    refused = {obstacle.subject for obstacle in await list_obstacles(now, workspace_id=workspace_id)}
    reachable = [user for user in admins if user.id not in people or people[user.id].name not in refused]
    reachable.sort(key=lambda user: (user.id not in people, user.id))
    if not reachable:
        return None
    admin = reachable[0]
    if admin.id in people:
        return people[admin.id]
    zone = admin.zone if admin.zone and is_zone(admin.zone) else UNKNOWN_ZONE
    return await load_person(await upsert_person(workspace_id, admin.id, admin.name, zone))


def _wait_for_tomorrow(admin: Person, now: datetime) -> Postpone | Discard:
    tomorrow = start_of_working_day_after(admin.hours, now)
    at = tomorrow and next_working_instant(admin.hours, tomorrow, intervals(admin))
    return Postpone(at) if at else Discard("the admin is never at work")
