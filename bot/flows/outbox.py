"""Posts one DM at most once, whatever happens in between. Every DM leaves through here.

A row says "sending" before Slack is called. If Slack's reply is lost, or this process dies, the DM may or may
not have arrived: then our own DM history is searched for the key that the DM carries.
"""

from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bot.clock import Clock
from bot.people.model import Person
from bot.people.store import forget_welcome, set_dm_channel
from bot.reminders import store
from bot.reminders.model import Message, MessageState
from bot.slack.errors import SlackOutcomeUnknownError, SlackRefusedError
from bot.slack.messages import Rendered
from jobq import Postpone, write_transaction

log = structlog.get_logger()

SLACK_TIMEOUT = timedelta(seconds=10)
RECONCILE_AFTER = SLACK_TIMEOUT + timedelta(seconds=30)
"""After that a DM whose reply was lost is either in the history or was never posted."""
EDIT_AGAIN_AFTER = timedelta(seconds=10)


class Slack(Protocol):
    """The part of Slack that sending needs."""

    async def open_dm(self, slack_user_id: str) -> str: ...

    async def post_dm(self, channel: str, rendered: Rendered, metadata_key: str) -> str: ...

    async def edit_dm(self, channel: str, ts: str, rendered: Rendered) -> None: ...

    async def find_posted(self, channel: str, metadata_key: str, since: datetime) -> str | None: ...


def key_of(message_id: int) -> str:
    """The key in a DM's metadata by which it is found again."""
    return f"message:{message_id}"


async def post(
    message_id: int, person: Person, rendered: Rendered, shown: str, *, slack: Slack | None, clock: Clock
) -> None:
    """Posts the DM of a row in state SENDING. `shown` is the fingerprint of what it shows.

    Without `slack`, in shadow mode, the row says that it would have been sent. Raises Postpone when Slack
    asks to wait (then the row is gone and may be begun again) or when the reply was lost (then the row is
    UNKNOWN, and `reconcile` must come before anything else about it).
    """
    if slack is None:
        await store.record_shadow(message_id, shown, clock.now())
        log.info("shadow mode: DM recorded, not sent", message_id=message_id)
        return
    try:
        channel = await _channel_of(person, slack)
        ts = await slack.post_dm(channel, rendered, key_of(message_id))
    except SlackRefusedError as error:
        await store.record_state(message_id, MessageState.FAILED, str(error))
        log.warning("Slack refused a DM", message_id=message_id, error=str(error))
    except SlackOutcomeUnknownError as error:
        await store.record_state(message_id, MessageState.UNKNOWN, str(error))
        raise Postpone(clock.now() + RECONCILE_AFTER) from error
    except Postpone:
        await _forget_unsent(message_id)
        raise
    else:
        await store.record_sent(message_id, channel, ts, shown, clock.now())
        log.info("DM sent", message_id=message_id)


async def reconcile(message: Message, person: Person, *, slack: Slack | None, clock: Clock) -> None:
    """Finds out whether a DM arrived, and adopts it, or forgets the row so that it can be sent again.

    Raises Postpone while the answer may still change. In shadow mode nothing can have arrived.
    """
    if slack is None:
        await _forget_unsent(message.id)
        return
    waited = await store.time_since_sending(message.id)
    if waited < RECONCILE_AFTER:
        raise Postpone(clock.now() + RECONCILE_AFTER - waited)
    since = message.sending_at - timedelta(minutes=5)
    try:
        channel = await _channel_of(person, slack)
        ts = await slack.find_posted(channel, key_of(message.id), since)
    except SlackOutcomeUnknownError as error:
        raise Postpone(clock.now() + RECONCILE_AFTER) from error
    if ts is None:
        await _forget_unsent(message.id)
    else:
        # Its look is unknown: no fingerprint is empty, so the next step brings it up to date.
        await store.record_sent(message.id, channel, ts, "", message.sending_at)
    log.info("lost DM reconciled", message_id=message.id, arrived=ts is not None)


async def edit(message: Message, rendered: Rendered, *, slack: Slack | None, clock: Clock) -> str | None:
    """Changes what a sent DM shows. Returns Slack's reason if it refuses: then nobody should try again."""
    if slack is None or message.channel is None or message.ts is None:
        return "shadow mode"
    try:
        await slack.edit_dm(message.channel, message.ts, rendered)
    except SlackRefusedError as error:
        return str(error)
    except SlackOutcomeUnknownError as error:
        # An edit may be repeated without harm, and a strike should not wait long.
        raise Postpone(clock.now() + EDIT_AGAIN_AFTER) from error
    return None


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
