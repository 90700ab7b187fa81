"""Greets the person who installed the App in one DM: where it is, what to do next, and how to stop it."""

from datetime import datetime

from bot.clock import Clock
from bot.flows import outbox
from bot.flows.current_rules import list_rules
from bot.flows.notices import PreparedNotice, begin_notice, follow_up, send_notice, wait_for_work
from bot.github.store import find_active_installation
from bot.model import AccountId, InstallationId, Parsed
from bot.people.store import find_person_by_account, lock_person
from bot.reminders.model import Notice, NoticeKind
from bot.reminders.notices import find_notice
from bot.slack.notices import render_greeting
from jobq import ClaimedJob, Discard, HandlerResult, write_transaction


class Arguments(Parsed):
    installation_id: InstallationId
    account_id: AccountId


async def greet_installer(job: ClaimedJob, *, slack: outbox.Slack | None, clock: Clock) -> HandlerResult:
    """Sends the DM once for an installation, in working hours; to nobody if we do not know who it was."""
    prepared = await _prepare(job.read(Arguments), clock.now(), is_live=slack is not None)
    return await send_notice(prepared, slack=slack, clock=clock)


@write_transaction
async def _prepare(arguments: Arguments, now: datetime, *, is_live: bool) -> PreparedNotice:
    installation = await find_active_installation(arguments.installation_id)
    if installation is None:
        return Discard("not installed any more")
    person = await find_person_by_account(installation.workspace_id, arguments.account_id)
    if person is None or not person.is_active:
        return Discard("the person who installed it is not known in Slack")
    await lock_person(person.id)
    notice = Notice.to_person(person, NoticeKind.GREETING, str(arguments.installation_id))
    if (earlier := await find_notice(notice)) is not None:
        return follow_up(earlier, person)
    if (wait := wait_for_work(person, now)) is not None:
        return wait
    ruled = frozenset(await list_rules(installation.workspace_id))
    rendered = render_greeting(installation.account, installation.repositories, ruled)
    return await begin_notice(notice, person, rendered, now, welcomes=is_live)
