"""Tells an admin, at most once a day, on which pull requests nobody acts while their authors get no DMs."""

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
from bot.flows.reminder_state import read_reminder_states
from bot.flows.standstill import NoticeContent, find_standstill
from bot.flows.unheard import forget_unheard, list_unheard, mark_heard
from bot.flows.visibility import Visibility, find_visibility
from bot.model import Parsed, WorkspaceId
from bot.people.store import lock_person
from bot.reminders.model import Notice, NoticeKind
from bot.reminders.notices import find_notice, is_refused
from bot.reviews.model import PullRequest
from bot.reviews.store import list_pull_requests_by_id
from bot.slack.gateway import SlackUser
from bot.slack.notices import render_unheard
from bot.working_time import local_day
from jobq import ClaimedJob, Discard, HandlerResult, Postpone, write_transaction

Unheard = tuple[PullRequest, NoticeContent]


class Slack(outbox.Slack, admins.Slack, Protocol):
    """The part of Slack that this job needs."""


class Arguments(Parsed):
    workspace_id: WorkspaceId


async def tell_admin_of_silence(job: ClaimedJob, *, slack: Slack | None, clock: Clock) -> HandlerResult:
    """Sends one list, in the admin's working hours, of what is still true."""
    workspace_id = job.read(Arguments).workspace_id
    if slack is None:
        return Discard("shadow mode")
    if not await list_unheard(workspace_id):
        return Discard("an admin has heard of everything")
    listed = await list_admins(slack, clock.now())
    prepared = await _prepare(workspace_id, listed, clock.now())
    result = await send_notice(prepared, slack=slack, clock=clock)
    if isinstance(prepared, ReadyNotice) and await is_refused(prepared.message_id):
        return Postpone(clock.now(), "Slack refused; another admin hears of it")
    return result


@write_transaction
async def _prepare(workspace_id: WorkspaceId, listed: Sequence[SlackUser], now: datetime) -> PreparedNotice:
    admin = await choose_admin(workspace_id, listed, now)
    if admin is None:
        return Discard("no admin gets DMs")  # `ripe doctor` and `ripe why` say so
    await lock_person(admin.id)
    notice = Notice.to_person(admin, NoticeKind.UNHEARD, local_day(admin.hours, now).isoformat())
    if (earlier := await find_notice(notice)) is not None:
        return follow_up(earlier, admin) if earlier.is_unresolved else wait_for_tomorrow(admin, now)
    if (wait := wait_for_admin(admin, now)) is not None:
        return wait
    unheard = await _load_unheard(workspace_id, now)
    if not unheard:
        return Discard("somebody acts on each of them again")
    rendered = render_unheard([(about, content.sentences) for about, content in unheard])
    prepared = await begin_notice(notice, admin, rendered, now)
    if isinstance(prepared, ReadyNotice):
        topics = {about.id: content.topics for about, content in unheard}
        await mark_heard(topics, prepared.message_id, now)
    return prepared


async def _load_unheard(workspace_id: WorkspaceId, now: datetime) -> list[Unheard]:
    """Those on which still nobody acts. The others are forgotten: the next look notes them again."""
    unheard, over = [], []
    for about in await list_pull_requests_by_id(await list_unheard(workspace_id)):
        is_asked = about.is_open and not about.is_draft
        is_visible = is_asked and await find_visibility(about.id) is Visibility.VISIBLE
        content = await find_standstill(about, now, read_reminder_states) if is_visible else None
        if isinstance(content, NoticeContent):
            unheard.append((about, content))
        else:
            over.append(about.id)
    await forget_unheard(over)
    return unheard
