"""Tells whoever installed the App, in one DM, where it is, what to do next, and how to stop it."""

from datetime import datetime

import structlog
from pydantic import BaseModel

from bot.assignment.store import list_configs
from bot.clock import Clock
from bot.flows import outbox
from bot.github.store import ActiveInstallation, find_active_installation
from bot.model import AccountId, InstallationId, Value
from bot.people.model import Person
from bot.people.store import find_person_by_account, lock_person, mark_welcomed
from bot.reminders import letters, rules
from bot.reminders.letters import Letter
from bot.reminders.model import Message
from bot.slack.notices import render_greeting
from bot.working_time import next_working_instant
from jobq import ClaimedJob, Discard, HandlerResult, Postpone, write_transaction

log = structlog.get_logger()


class Arguments(BaseModel):
    installation_id: InstallationId
    account_id: AccountId


class _Due(Value):
    """A DM to send: its row is written. Or `lost`: one that may have arrived, to be found out first."""

    person: Person
    installation: ActiveInstallation
    ruled: frozenset[str] = frozenset()
    message_id: int | None = None
    lost: Message | None = None


async def greet_installer(job: ClaimedJob, *, slack: outbox.Slack | None, clock: Clock) -> HandlerResult:
    """Sends the DM once for an installation, in working hours; to nobody if we do not know who it was."""
    due = await _begin(job.read(Arguments), clock.now(), is_live=slack is not None)
    if not isinstance(due, _Due):
        return due
    if due.message_id is None:
        if due.lost is not None:
            await outbox.reconcile(due.lost, due.person, slack=slack, clock=clock)
        return Postpone(clock.now())
    rendered = render_greeting(due.installation.account, due.installation.repositories, due.ruled)
    await outbox.post(due.message_id, due.person, rendered, "", slack=slack, clock=clock)
    log.info("installer greeted", person_id=due.person.id)
    return None


@write_transaction
async def _begin(arguments: Arguments, now: datetime, *, is_live: bool) -> _Due | Postpone | Discard:
    installation = await find_active_installation(arguments.installation_id)
    if installation is None:
        return Discard("not installed any more")
    person = await find_person_by_account(installation.workspace_id, arguments.account_id)
    if person is None or not person.is_active:
        return Discard("nobody is mapped to whoever installed it")
    await lock_person(person.id)
    if (lost := await letters.find_unsettled(person, Letter.GREETING)) is not None:
        return _Due(person=person, installation=installation, lost=lost)
    at = next_working_instant(person.hours, now, rules.intervals(person))
    if at is None or at > now:
        return Postpone(at) if at else Discard("never at work")
    message_id = await letters.begin_letter(person, Letter.GREETING, str(arguments.installation_id), now)
    if message_id is None:
        return Discard("greeted already")
    if is_live:
        await mark_welcomed(person.id, now)
    ruled = frozenset(await list_configs(installation.workspace_id))
    return _Due(person=person, installation=installation, ruled=ruled, message_id=message_id)
