"""Follows the changes in a Slack profile that decide when a person is reminded."""

import structlog

from bot.flows.catalog import remind_reviewer_job
from bot.flows.open_requests import list_open_request_ids_of_person
from bot.flows.refused_people import decide_refused_anew
from bot.model import WorkspaceId
from bot.people import store
from bot.slack.gateway import SlackUser
from bot.slack.store import load_workspace
from bot.working_time import is_zone
from jobq import Queue, write_transaction

log = structlog.get_logger()


@write_transaction
async def follow_profile(workspace_id: WorkspaceId, user: SlackUser, *, queue: Queue) -> bool:
    """Takes over a new zone, a deactivation or a return, and schedules the reminders. True if one changed.

    A person who becomes a guest counts as deactivated, unless an admin connected them as a guest.
    """
    person = await store.find_person_by_slack_user(workspace_id, user.id)
    if person is None:
        return False
    await store.lock_person(person.id)
    if user.zone is not None and not is_zone(user.zone):
        log.warning("unknown zone in a Slack profile", zone=user.zone[:60], kept=person.zone)
    zone = user.zone if user.zone is not None and is_zone(user.zone) else person.zone
    is_outsider = user.is_outsider((await load_workspace(workspace_id)).team_id)
    guest_allowed = is_outsider if person.guest_allowed is None else person.guest_allowed
    is_active = user.is_active and (guest_allowed or not is_outsider)
    # Slack may have refused DMs while the person was deactivated, even if no event said so.
    jobs = await decide_refused_anew(queue.now(), person_id=person.id) if is_active else []
    await queue.save_all(jobs)
    if (is_active, guest_allowed) != (person.is_active, person.guest_allowed):
        await store.set_active(person.id, is_active, guest_allowed)
    if (zone, is_active) == (person.zone, person.is_active):
        return bool(jobs)
    await store.set_zone(person.id, zone)
    request_ids = await list_open_request_ids_of_person(person.id)
    await queue.save_all(remind_reviewer_job(request_id) for request_id in request_ids)
    return True
