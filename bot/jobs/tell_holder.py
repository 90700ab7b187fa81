"""Tells a person that a GitHub account, which was theirs, was connected with somebody else."""

from bot.clock import Clock
from bot.flows import outbox
from bot.flows.notices import PreparedNotice, begin_notice, follow_up, send_notice
from bot.model import AccountId, Parsed, PersonId
from bot.people.store import find_person_by_account, list_logins, list_people_by_id, lock_person
from bot.reminders.model import Notice, NoticeKind
from bot.reminders.notices import find_notice
from bot.slack.accounts import render_moved
from jobq import ClaimedJob, Discard, HandlerResult, write_transaction


class Arguments(Parsed):
    person_id: PersonId
    account_id: AccountId


async def tell_holder(job: ClaimedJob, *, slack: outbox.Slack | None, clock: Clock) -> HandlerResult:
    """Sends the DM at once, even outside working hours: somebody may be reading what is theirs."""
    if slack is None:
        return Discard("shadow mode")
    prepared = await _prepare(job.read(Arguments), clock)
    return await send_notice(prepared, slack=slack, clock=clock)


@write_transaction
async def _prepare(arguments: Arguments, clock: Clock) -> PreparedNotice:
    people = await list_people_by_id([arguments.person_id])
    if not people or not people[0].is_active:
        return Discard("the person is gone")
    person = people[0]
    holder = await find_person_by_account(person.workspace_id, arguments.account_id)
    logins = await list_logins(person.workspace_id, [arguments.account_id])
    if holder is None or holder.id == person.id:
        return Discard("nobody else has the account")
    await lock_person(person.id)
    notice = Notice.to_person(person, NoticeKind.ACCOUNT_MOVED, f"{arguments.account_id} {holder.id}")
    if (earlier := await find_notice(notice)) is not None:
        return follow_up(earlier, person)
    rendered = render_moved(
        logins[arguments.account_id], holder.name, holder.slack_user_id, is_connected=True
    )
    return await begin_notice(notice, person, rendered, clock.now())
