"""Posts one DM at most once, whatever happens in between. Every DM leaves through here.

A row says "sending" before Slack is called. If Slack's reply is lost, or this process dies, the DM may or may
not have arrived: then our own DM history is searched for the key that the DM carries.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol, TypeVar
from weakref import WeakKeyDictionary

import structlog

from bot.clock import Clock
from bot.flows.obstacles import About, Call, end_obstacle, note_obstacle
from bot.people.model import Person
from bot.people.store import forget_welcome, set_dm_channel
from bot.reminders import store
from bot.reminders.model import Message, MessageState
from bot.slack.errors import SlackOutcomeUnknownError, SlackRefusedError
from bot.slack.messages import Rendered
from bot.slack.refusals import RefusalKind, for_good, kind_of
from jobq import BackOff, Postpone, write_transaction

log = structlog.get_logger()

T = TypeVar("T")

SLACK_TIMEOUT = timedelta(seconds=10)
RECONCILE_AFTER = SLACK_TIMEOUT + timedelta(seconds=30)
"""After that a DM whose reply was lost is either in the history or was never posted."""
CLOCKS_DIFFER_BY = timedelta(days=1)
"""Slack's times are real ones. The clocks of Postgres and of the application may be wrong by hours: in a zone
that is taken for UTC, or in a sandbox. A day of one person's DM history is little to read."""

GONE = "message_not_found"

_back_offs: WeakKeyDictionary["Slack", BackOff] = WeakKeyDictionary()
"""Of this process, one for each workspace: the waits double while Slack refuses the same thing."""


class Slack(Protocol):
    """The part of Slack that sending needs."""

    async def open_dm(self, slack_user_id: str) -> str: ...

    async def post_dm(self, channel: str, rendered: Rendered, metadata_key: str) -> str: ...

    async def edit_dm(self, channel: str, ts: str, rendered: Rendered) -> None: ...

    async def find_posted(self, channel: str, metadata_key: str, since: datetime) -> str | None: ...


def _back_off(slack: Slack) -> BackOff:
    return _back_offs.setdefault(slack, BackOff())


def key_of(message_id: int) -> str:
    """The key in a DM's metadata by which it is found again."""
    return f"message:{message_id}"


async def post(
    message_id: int, person: Person, rendered: Rendered, shown: str, *, slack: Slack | None, clock: Clock
) -> None:
    """Posts the DM of a row in state SENDING. `shown` is the fingerprint of what it shows.

    Without `slack`, in shadow mode, the row says that it would have been sent. Raises Postpone when Slack
    asks to wait, or refuses for a reason that may pass (then the row is gone and may be begun again), or when
    the reply was lost (then the row is UNKNOWN, and `reconcile` must come before anything else about it). A
    refusal is noted as an obstacle; it is over once the person gets a DM.
    """
    if slack is None:
        await store.record_shadow(message_id, shown, clock.now())
        log.info("shadow mode: DM recorded, not sent", message_id=message_id)
        return

    async def post_in(channel: str) -> tuple[str, str]:
        return channel, await slack.post_dm(channel, rendered, key_of(message_id))

    try:
        channel, ts = await _in_channel(person, slack, post_in)
    except SlackRefusedError as error:
        log.warning("Slack refused a DM", message_id=message_id, error=str(error))
        if kind_of(error.error) is not RefusalKind.FINAL:
            await _forget_unsent(message_id)
            until = clock.now() + _back_off(slack).next_wait(f"dm {person.id}")
            await note_obstacle(About(person_id=person.id), Call.DMS, error.error, clock, until=until)
            raise Postpone(until, f"Slack refuses: {error}") from error
        await store.record_state(message_id, MessageState.FAILED, error.error)
        await note_obstacle(About(person_id=person.id), Call.DMS, error.error, clock, until=None)
    except SlackOutcomeUnknownError as error:
        await store.record_state(message_id, MessageState.UNKNOWN, str(error))
        wait = _back_off(slack).next_wait(f"dm {person.id}", RECONCILE_AFTER)
        raise Postpone(clock.now() + wait, f"whether the DM arrived is unknown: {error}") from error
    except Postpone:
        await _forget_unsent(message_id)
        raise
    else:
        _back_off(slack).succeed(f"dm {person.id}")
        await store.record_sent(message_id, channel, ts, shown, clock.now())
        log.info("DM sent", message_id=message_id)


async def reconcile(message: Message, person: Person, *, slack: Slack | None, clock: Clock) -> None:
    """Finds out whether a DM arrived, and adopts it, or forgets the row so that it can be sent again.

    Raises Postpone while the answer may still change, and notes an obstacle if Slack does not answer. In
    shadow mode nothing can have arrived.
    """
    if slack is None:
        await _forget_unsent(message.id)
        return
    waited = await store.time_since_sending(message.id)
    if waited < RECONCILE_AFTER:
        raise Postpone(clock.now() + RECONCILE_AFTER - waited, "a lost DM may still arrive")

    async def find_in(channel: str) -> tuple[str, str | None]:
        return channel, await slack.find_posted(channel, key_of(message.id), _searched_since(message))

    try:
        channel, ts = await _in_channel(person, slack, find_in)
    except (SlackRefusedError, SlackOutcomeUnknownError) as error:
        log.warning("a lost DM cannot be looked up", message_id=message.id, error=str(error))
        until = clock.now() + max(RECONCILE_AFTER, _back_off(slack).next_wait(f"lost {message.id}"))
        reason = f"it does not say whether the last one arrived: {error}"
        await note_obstacle(About(person_id=person.id), Call.DMS, reason, clock, until=until)
        raise Postpone(until, f"Slack: {reason}") from error
    _back_off(slack).succeed(f"lost {message.id}")
    await end_obstacle(About(person_id=person.id), Call.DMS)
    if ts is None:
        await _forget_unsent(message.id)
    else:
        _back_off(slack).succeed(f"dm {person.id}")
        # Its look is unknown: no fingerprint is empty, so the next step brings it up to date.
        await store.record_sent(message.id, channel, ts, "", message.sending_at)
    log.info("lost DM reconciled", message_id=message.id, arrived=ts is not None)


async def edit(
    message: Message,
    rendered: Rendered,
    *,
    slack: Slack | None,
    clock: Clock,
    person: Person | None = None,
) -> str | None:
    """Changes what a sent DM shows. Returns Slack's reason if it refuses for good.

    `person` is its reader: if its channel is stale, the DM is looked for in the one that is opened anew.
    Raises Postpone if the edit is to be tried again: it may be repeated without harm.
    """
    if slack is None or message.channel is None or message.ts is None:
        return "shadow mode"
    try:
        await _edit(message, message.channel, message.ts, person, rendered, slack)
    except (SlackRefusedError, SlackOutcomeUnknownError) as error:
        if isinstance(error, SlackRefusedError) and kind_of(error.error) is not RefusalKind.LATER:
            if person is not None and error.error != GONE:  # a message that is gone does not look open
                await note_obstacle(About(person_id=person.id), Call.EDITS, error.error, clock, until=None)
            return for_good(error.error)
        wait = _back_off(slack).next_wait(f"edit {message.id}")
        raise Postpone(clock.now() + wait, f"Slack does not edit: {error}") from error
    _back_off(slack).succeed(f"edit {message.id}")
    return None


async def _edit(
    message: Message, channel: str, ts: str, person: Person | None, rendered: Rendered, slack: Slack
) -> None:
    try:
        await slack.edit_dm(channel, ts, rendered)
    except SlackRefusedError as error:
        if person is None or kind_of(error.error) is not RefusalKind.STALE_CHANNEL:
            raise
        opened = await slack.open_dm(person.slack_user_id)
        await set_dm_channel(person.id, opened)
        found_ts = await _edit_in(opened, ts, message, rendered, slack)
        if found_ts is None:
            raise
        await store.record_address(message.id, opened, found_ts)


async def _edit_in(channel: str, ts: str, message: Message, rendered: Rendered, slack: Slack) -> str | None:
    """Edits the DM in a channel that was opened anew. Returns its `ts` there; None if it is not there."""
    try:
        await slack.edit_dm(channel, ts, rendered)
        return ts
    except SlackRefusedError as error:
        if error.error != GONE and kind_of(error.error) is not RefusalKind.STALE_CHANNEL:
            raise
    try:
        moved_to = await slack.find_posted(channel, key_of(message.id), _searched_since(message))
    except SlackRefusedError as error:
        if error.error != "missing_scope" and kind_of(error.error) is RefusalKind.LATER:
            raise
        return None
    if moved_to is not None:
        await slack.edit_dm(channel, moved_to, rendered)
    return moved_to


def _searched_since(message: Message) -> datetime:
    return min(message.sending_at, message.sending_started_at) - CLOCKS_DIFFER_BY


async def _in_channel(person: Person, slack: Slack, work: Callable[[str], Awaitable[T]]) -> T:
    """Works in the person's DM channel. If the one that we kept is stale, it is opened anew, once."""
    if person.dm_channel is not None:
        try:
            return await work(person.dm_channel)
        except SlackRefusedError as error:
            if kind_of(error.error) is not RefusalKind.STALE_CHANNEL:
                raise
            person = person.model_copy(update={"dm_channel": None})
    return await work(await _channel_of(person, slack))


async def _channel_of(person: Person, slack: Slack) -> str:
    if person.dm_channel is not None:
        return person.dm_channel
    channel = await slack.open_dm(person.slack_user_id)
    await set_dm_channel(person.id, channel)
    return channel


@write_transaction
async def _forget_unsent(message_id: int) -> None:
    """Lets the DM be sent again. If it carried the welcome text, the next DM will."""
    if (unsent := await store.delete_unsent(message_id)) is not None:
        await forget_welcome(unsent.person_id, unsent.sending_at)
