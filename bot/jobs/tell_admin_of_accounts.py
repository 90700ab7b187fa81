"""Asks an admin of a workspace whether Ripe may work for the GitHub accounts that wait there."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Protocol

import structlog

from bot.clock import Clock
from bot.flows import admins, outbox
from bot.flows.account_access import allow
from bot.flows.admins import choose_admin, list_admins, wait_for_admin, wait_for_tomorrow
from bot.flows.notices import PreparedNotice, ReadyNotice, begin_notice, follow_up, send_notice
from bot.github.access import (
    AccountAccess,
    list_unreported_access,
    lock_decisions,
    mark_access_reported,
)
from bot.model import Parsed, WorkspaceId
from bot.people.model import Person
from bot.people.store import find_person_by_account, lock_person
from bot.reminders.model import Notice, NoticeKind
from bot.reminders.notices import count_notices_to_person, find_notice, is_refused
from bot.slack.accounts import WaitingAccount, render_waiting
from bot.slack.gateway import SlackUser
from bot.working_time import bounds_of_local_day
from jobq import ClaimedJob, Discard, HandlerResult, Postpone, Queue, write_transaction

log = structlog.get_logger()

MOST_A_DAY = 3
"""Notices to one admin. Anybody can install a public App, so anybody can cause one."""


class Slack(outbox.Slack, admins.Slack, Protocol):
    """The part of Slack that this job needs."""


class Arguments(Parsed):
    workspace_id: WorkspaceId


async def tell_admin_of_accounts(
    job: ClaimedJob, *, slack: Slack | None, queue: Queue, clock: Clock
) -> HandlerResult:
    """Sends one notice about every account of which no admin has heard, in the admin's working hours.

    An account on which an admin of this workspace installed the App is allowed without a question.
    """
    if slack is None:
        return Discard("shadow mode")  # Home and the doctor show them
    workspace_id = job.read(Arguments).workspace_id
    if not await list_unreported_access(workspace_id):
        return Discard("no account waits")
    listed = await list_admins(slack, clock.now())
    await _allow_those_of_admins(workspace_id, listed, queue, clock.now())
    prepared, waiting = await _prepare(workspace_id, listed, clock.now())
    result = await send_notice(prepared, slack=slack, clock=clock)
    if isinstance(prepared, ReadyNotice):
        if await is_refused(prepared.message_id):
            return Postpone(clock.now(), "Slack refused; another admin hears of it")
        await _mark(workspace_id, waiting, clock.now())
    return result


@write_transaction
async def _allow_those_of_admins(
    workspace_id: WorkspaceId, listed: Sequence[SlackUser], queue: Queue, now: datetime
) -> None:
    names = {user.id: user.name for user in listed}
    await lock_decisions()
    for access in await list_unreported_access(workspace_id):
        if access.installed_by is None:
            continue
        person = await find_person_by_account(workspace_id, access.installed_by)
        if person is not None and person.slack_user_id in names:
            await allow(access, names[person.slack_user_id], queue, now)


@write_transaction
async def _prepare(
    workspace_id: WorkspaceId, listed: Sequence[SlackUser], now: datetime
) -> tuple[PreparedNotice, Sequence[AccountAccess]]:
    """The notice, and the accounts that it lists."""
    waiting = await list_unreported_access(workspace_id)
    if not waiting:
        return Discard("no account waits"), ()
    admin = await choose_admin(workspace_id, listed, now)
    if admin is None:
        return Discard("no admin gets DMs"), ()
    return await _prepare_for(admin, waiting, now), waiting


async def _prepare_for(admin: Person, waiting: Sequence[AccountAccess], now: datetime) -> PreparedNotice:
    await lock_person(admin.id)
    listed = " ".join(str(access.account_id) for access in waiting)
    notice = Notice.to_person(admin, NoticeKind.ACCOUNTS, sha256(listed.encode()).hexdigest()[:32])
    if (earlier := await find_notice(notice)) is not None:
        if not earlier.is_unresolved:
            await _mark_in(admin.workspace_id, waiting, now)
        return follow_up(earlier, admin)
    if (wait := wait_for_admin(admin, now)) is not None:
        return wait
    today, _ = bounds_of_local_day(admin.hours, now)
    if await count_notices_to_person(admin.id, NoticeKind.ACCOUNTS, today) >= MOST_A_DAY:
        return wait_for_tomorrow(admin, now)
    accounts = [WaitingAccount(id=access.account_id, login=access.login) for access in waiting]
    return await begin_notice(notice, admin, render_waiting(accounts), now)


@write_transaction
async def _mark(workspace_id: WorkspaceId, waiting: Sequence[AccountAccess], now: datetime) -> None:
    await _mark_in(workspace_id, waiting, now)


async def _mark_in(workspace_id: WorkspaceId, waiting: Sequence[AccountAccess], now: datetime) -> None:
    await mark_access_reported(workspace_id, (access.account_id for access in waiting), now)
