"""Sends notices: DMs that are not about one review request. Each is sent at most once.

A job first prepares its notice in a transaction: it checks `find_notice`, `wait_for_work` and whether the
notice is still true, and ends with `begin_notice`, which writes the outbox row. Then `send_notice` acts on
the result.
"""

from datetime import datetime

import structlog

from bot.clock import Clock
from bot.flows import outbox
from bot.model import Value
from bot.people.model import Person
from bot.people.store import mark_welcomed
from bot.reminders.model import Message, Notice
from bot.reminders.notices import insert_notice
from bot.reminders.planning import intervals
from bot.slack.messages import Rendered
from bot.working_time import next_working_instant
from jobq import Discard, HandlerResult, Postpone

log = structlog.get_logger()


class ReadyNotice(Value):
    """A notice to post now. Its outbox row is written."""

    notice: Notice
    message_id: int
    person: Person
    rendered: Rendered


class LostNotice(Value):
    """A notice that may have arrived, to be reconciled before another one begins."""

    message: Message
    person: Person


PreparedNotice = ReadyNotice | LostNotice | Postpone | Discard


async def send_notice(prepared: PreparedNotice, *, slack: outbox.Slack | None, clock: Clock) -> HandlerResult:
    """Posts a ready notice; reconciles a lost one and has the job look again. Raises what the outbox does."""
    match prepared:
        case ReadyNotice(notice=notice, message_id=message_id, person=person, rendered=rendered):
            log.info("notice begins", kind=notice.kind, person_id=person.id, message_id=message_id)
            await outbox.post(message_id, person, rendered, "", slack=slack, clock=clock)
            return None
        case LostNotice(message=message, person=person):
            await outbox.reconcile(message, person, slack=slack, clock=clock)
            return Postpone(clock.now(), "a lost DM was looked up")
        case _:
            return prepared


def follow_up(earlier: Message, person: Person) -> LostNotice | Discard:
    """Decides about a notice that has an outbox row already."""
    if earlier.is_unresolved:
        return LostNotice(message=earlier, person=person)
    return Discard("it was sent already")


def wait_for_work(
    person: Person, now: datetime, not_before: datetime | None = None
) -> Postpone | Discard | None:
    """Until when a notice waits for the person's working hours, and for `not_before`. None: it may go now."""
    at = next_working_instant(person.hours, max(now, not_before or now), intervals(person))
    if at is None:
        return Discard("its reader is never at work")
    return Postpone(at, "its reader is not at work") if at > now else None


async def begin_notice(
    notice: Notice, person: Person, rendered: Rendered, now: datetime, *, welcomes: bool = False
) -> ReadyNotice | Postpone:
    """Writes the outbox row: once it is committed, the notice may be on the wire.

    `welcomes` says that this DM tells a person who never got one what Ripe is.
    """
    message_id = await insert_notice(notice, now)
    if message_id is None:
        return Postpone(now, "another job began it")
    if welcomes:
        await mark_welcomed(person.id, now)
    return ReadyNotice(notice=notice, message_id=message_id, person=person, rendered=rendered)
