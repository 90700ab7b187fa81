"""The action behind each of our buttons and menus."""

from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import Protocol

from bot.actions.absence import CANCEL_ABSENCE, SHORTEN_ABSENCE, cancel_absence, shorten_absence
from bot.actions.mute import mute, unmute
from bot.actions.snooze import SnoozePreset, snooze_by_preset
from bot.actions.undo import undo
from bot.actions.why import explain_request
from bot.model import RequestId, UserError
from bot.people.model import Person
from bot.slack.messages import MUTE, SNOOZE, UNDO, WHY, Rendered
from bot.slack.views import UNMUTE
from jobq import Queue


class Press(Protocol):
    """Carries out the action of a button. `value` is the value that Slack sends with it. Raises UserError."""

    def __call__(self, person: Person, value: str, *, queue: Queue, now: datetime) -> Awaitable[Rendered]: ...


async def _snooze(person: Person, value: str, *, queue: Queue, now: datetime) -> Rendered:
    request_id, _, preset = value.partition(":")
    if preset not in set(SnoozePreset):
        raise UserError("Ripe did not send this menu, so nothing was changed.")
    identity = RequestId(_number(request_id))
    return await snooze_by_preset(person, identity, SnoozePreset(preset), queue=queue, now=now)


async def _why(person: Person, value: str, *, queue: Queue, now: datetime) -> Rendered:
    return await explain_request(person, RequestId(_number(value)), now=now)


async def _mute(person: Person, value: str, *, queue: Queue, now: datetime) -> Rendered:
    return await mute(person, RequestId(_number(value)), queue=queue, now=now)


async def _unmute(person: Person, value: str, *, queue: Queue, now: datetime) -> Rendered:
    return await unmute(person, RequestId(_number(value)), queue=queue, now=now)


async def _undo(person: Person, value: str, *, queue: Queue, now: datetime) -> Rendered:
    return await undo(person, _number(value), queue=queue, now=now)


async def _cancel_absence(person: Person, value: str, *, queue: Queue, now: datetime) -> Rendered:
    return await cancel_absence(person, _number(value), queue=queue, now=now)


async def _shorten_absence(person: Person, value: str, *, queue: Queue, now: datetime) -> Rendered:
    return await shorten_absence(person, _number(value), queue=queue, now=now)


PRESS: Mapping[str, Press] = {
    SNOOZE: _snooze,
    WHY: _why,
    MUTE: _mute,
    UNMUTE: _unmute,
    UNDO: _undo,
    CANCEL_ABSENCE: _cancel_absence,
    SHORTEN_ABSENCE: _shorten_absence,
}
"""By the part of a button's action id before the colon."""


def _number(value: str) -> int:
    """Raises UserError for anything but a number, which only a forged button carries."""
    if not (value.isascii() and value.isdecimal() and len(value) < 19):
        raise UserError("Ripe did not send this button, so nothing was changed.")
    return int(value)
