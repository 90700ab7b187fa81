"""Compares the people of a workspace with their Slack profiles, once a day: an event may have been lost."""

from typing import Protocol

import structlog

from bot.flows.profiles import follow_profile
from bot.model import Parsed, WorkspaceId
from bot.people.store import list_people
from bot.slack.errors import SlackOutcomeUnknownError, SlackRefusedError
from bot.slack.gateway import SlackUser
from jobq import ClaimedJob, Discard, HandlerResult, Queue

log = structlog.get_logger()


class Slack(Protocol):
    """The part of Slack that this job needs."""

    async def list_users(self) -> list[SlackUser]: ...


class Arguments(Parsed):
    workspace_id: WorkspaceId


async def refresh_profiles(job: ClaimedJob, *, slack: Slack | None, queue: Queue) -> HandlerResult:
    """Takes over each profile that changed: a deactivation, a return, a guest, a zone."""
    if slack is None:
        return Discard("shadow mode")
    workspace_id = job.read(Arguments).workspace_id
    people = {person.slack_user_id for person in await list_people(workspace_id)}
    if not people:
        return Discard("nobody is linked")
    try:
        profiles = [user for user in await slack.list_users() if user.id in people]
    except (SlackRefusedError, SlackOutcomeUnknownError) as error:
        return Discard(f"Slack does not list its users: {error}")  # asked again tomorrow
    changed = [await follow_profile(workspace_id, user, queue=queue) for user in profiles]
    log.info("profiles refreshed", workspace_id=workspace_id, people=len(profiles), changed=sum(changed))
    return None
