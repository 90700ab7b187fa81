"""Chooses the admin of a workspace who hears what only an admin can mend. Uses the ambient transaction."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from bot.flows.notices import wait_for_work
from bot.flows.obstacles import list_obstacles
from bot.model import WorkspaceId
from bot.people.model import Person
from bot.people.store import list_people, load_person, upsert_person
from bot.reminders.planning import intervals
from bot.slack.errors import SlackOutcomeUnknownError, SlackRefusedError
from bot.slack.gateway import SlackUser
from bot.working_time import UNKNOWN_ZONE, is_zone, next_working_instant, start_of_working_day_after
from jobq import Discard, Postpone

LOOK_AGAIN_AFTER = timedelta(hours=1)
"""While Slack does not say who is an admin."""
_Rank = tuple[bool, datetime, bool, str]
_AT_ONCE = datetime.min.replace(tzinfo=UTC)


class Slack(Protocol):
    """The part of Slack that names the admins."""

    async def list_users(self) -> list[SlackUser]: ...


async def list_admins(slack: Slack, now: datetime) -> list[SlackUser]:
    """The admins of the workspace. Raises Postpone if Slack does not say."""
    try:
        users = await slack.list_users()
    except (SlackRefusedError, SlackOutcomeUnknownError) as error:
        raise Postpone(now + LOOK_AGAIN_AFTER, f"Slack does not name the admins: {error}") from error
    return [user for user in users if user.is_admin and user.is_active and not user.is_bot]


async def choose_admin(
    workspace_id: WorkspaceId, admins: Sequence[SlackUser], now: datetime
) -> Person | None:
    """An admin whom neither an absence nor a snooze keeps from reading; else the first who is back.

    Of several, people who are known to Ripe come first. Nobody is chosen who is never at work, or to whom
    Slack refuses DMs for good; and one to whom it has refused them for hours only if there is no other.
    """
    people = {person.slack_user_id: person for person in await list_people(workspace_id)}
    listed = await list_obstacles(now, workspace_id=workspace_id)
    refused = {each.person_id: each for each in listed if each.is_of_person and each.is_long(now)}
    ranks: dict[str, _Rank] = {}
    for admin in admins:
        person = people.get(admin.id)
        obstacle = refused.get(person.id) if person else None
        back_at = _back_at(person, now) if person else _AT_ONCE
        if back_at is not None and (obstacle is None or not obstacle.is_final):
            ranks[admin.id] = (obstacle is not None, back_at, person is None, admin.id)
    chosen = min(
        (admin for admin in admins if admin.id in ranks), key=lambda user: ranks[user.id], default=None
    )
    if chosen is None:
        return None
    return people.get(chosen.id) or await _enter(workspace_id, chosen)


async def _enter(workspace_id: WorkspaceId, admin: SlackUser) -> Person:
    zone = admin.zone if admin.zone and is_zone(admin.zone) else UNKNOWN_ZONE
    return await load_person(await upsert_person(workspace_id, admin.id, admin.name, zone))


def _back_at(person: Person, now: datetime) -> datetime | None:
    """When an absence or a snooze ends that keeps an admin from reading; else an instant before all of those.

    None: they are never at work.
    """
    at = next_working_instant(person.hours, max(now, person.snoozed_until or now), intervals(person))
    return _AT_ONCE if at is not None and at == next_working_instant(person.hours, now) else at


def wait_for_admin(admin: Person, now: datetime) -> Postpone | Discard | None:
    """Until when a notice waits for this admin. None: it may go now."""
    return wait_for_work(admin, now, admin.snoozed_until)


def wait_for_tomorrow(admin: Person, now: datetime) -> Postpone | Discard:
    """Until when the next notice waits, if this admin got one today."""
    tomorrow = start_of_working_day_after(admin.hours, now)
    if tomorrow is None:
        return Discard("the admin is never at work")
    return wait_for_work(admin, tomorrow, admin.snoozed_until) or Postpone(
        tomorrow, "the admin got a notice today"
    )
