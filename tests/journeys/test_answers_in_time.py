"""Promise S8: every command and button is answered within 3 s while Postgres, Slack or GitHub hangs."""

import re
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, get_args

import pytest

from bot.actions.admin import ADMIN
from bot.actions.buttons import PRESS
from bot.sandbox.github.server import Fault as GitHubFault
from bot.sandbox.slack import payloads
from bot.sandbox.slack.model import Fault, Reply
from bot.slack.commands import ADMIN_WORDS, Command, parse_command
from bot.slack.messages import SAY
from tests.jobq.torture.proxy import Proxy, proxied
from tests.journeys.whole import MONDAY_MORNING, Whole, whole_bot
from tests.promises import Promise

LIMIT = 3.0
TYPED = (
    *("snooze 2h", "snooze acme/api#1 2h", "snooze acme/api#1 until change", "snooze off"),
    *("mute acme/api#1", "unmute acme/api#1", "ooo until friday", "ooo off"),
    *("reviews", "reviews team", "reviews why acme/api#1", "snooze", "ooo", "help", "whatever"),
    *("reviews link", "reviews link off", "reviews admin", "reviews admin join"),
    *("reviews admin invite-workspace", "reviews admin accounts", "reviews admin allow x"),
    *(f"reviews admin {word}" for word in ADMIN_WORDS),
)
"""At least one line for each kind of command."""
PRESSED = (*((name, "1") for name in PRESS), (SAY, "snooze 2h"), *((ADMIN, word) for word in ADMIN_WORDS))
SHORT_TYPED, SHORT_PRESSED = ("snooze 2h", "reviews admin pause", "help", "reviews link"), PRESSED[:1]
CHANGES = "SELECT (SELECT count(*) FROM action) + (SELECT count(*) FROM absence)"


def list_kinds(union: Any) -> set[type]:
    parts = get_args(union)
    return {union} if not parts else set().union(*map(list_kinds, parts))


def test_every_command_is_tried() -> None:
    assert {type(parse_command(line)) for line in TYPED} == list_kinds(Command)


@asynccontextmanager
async def prepared(dsn: str) -> AsyncIterator[tuple[Whole, Proxy]]:
    """A bot with a DM to Ana, an admin, behind a connection to Postgres that can freeze."""
    async with proxied(dsn) as proxy, whole_bot(proxy.dsn, MONDAY_MORNING) as ripe:
        await ripe.slack.change_user("ana", is_admin=True)
        await ripe.open_pull_request("billing/invoice.py")
        await ripe.slack.run_command("ana", "/reviews", "admin")
        yield ripe, proxy
        proxy.heal()
        await ripe.listeners.finish()


async def press(ripe: Whole, name: str, value: str) -> Reply:
    """Press a button of Ana's DM, with another name and value: not all have a message of their own here."""
    user, message = ripe.slack.user("ana"), ripe.messages("ana")[0]
    action = {"action_id": name, "block_id": "b", "type": "button", "value": value}
    return await ripe.slack.sender.send_payload(payloads.message_click(ripe.slack, user, message, action))


async def try_all(
    ripe: Whole, typed: tuple[str, ...], pressed: tuple[tuple[str, str], ...]
) -> tuple[float, list[str]]:
    """The slowest answer, and what was not answered in time or not in words."""
    slowest, failed = 0.0, []
    asked: list[tuple[str, bool, Coroutine[Any, Any, Reply]]] = [
        # A form is answered by a modal, and a button by a message of its own.
        (line, line not in ("snooze", "ooo"), ripe.slack.run_command("ana", "/ripe", line))
        for line in typed
    ]
    asked += [(f"[{name}]", False, press(ripe, name, value)) for name, value in pressed]
    for what, needs_text, asking in asked:
        began = time.monotonic()
        reply = await asking
        slowest = max(slowest, time.monotonic() - began)
        if not reply.in_time or reply.status != 200 or (needs_text and not reply.body):
            failed.append(f"{what}: {reply.status} {reply.body[:80]}")
    return slowest, failed


SIZES = [(SHORT_TYPED, SHORT_PRESSED), pytest.param(TYPED, PRESSED, marks=pytest.mark.torture)]


@pytest.mark.parametrize(("typed", "pressed"), SIZES)
async def test_while_postgres_is_frozen_every_command_and_button_is_answered_and_acts_once_at_most(
    dsn: str, promise: Promise, typed: tuple[str, ...], pressed: tuple[tuple[str, str], ...]
) -> None:
    async with prepared(dsn) as (ripe, proxy):
        proxy.fall_silent()
        slowest, failed = await try_all(ripe, typed, pressed)
        proxy.heal()
        await ripe.listeners.finish()
        changed = await ripe.app.database.fetchval(CHANGES)
        again = await ripe.slack.run_command("ana", "/snooze", "2h")
        effects = await ripe.app.database.fetchval(CHANGES) - changed
    figure = f"the slowest {slowest:.1f} s, {len(failed)} unanswered, {changed} changed after a refusal"
    promise("S8", f"{len(typed) + len(pressed)} commands and buttons while Postgres is frozen", figure)
    assert failed == []
    assert slowest < LIMIT
    assert changed == 0
    assert "Snoozed" in again.body
    assert effects == 1


@pytest.mark.parametrize(("typed", "pressed"), SIZES)
async def test_while_slack_and_github_hang_every_command_and_button_is_answered(
    dsn: str, promise: Promise, typed: tuple[str, ...], pressed: tuple[tuple[str, str], ...]
) -> None:
    async with prepared(dsn) as (ripe, _):
        ripe.slack.faults.add(Fault(method="*", kind="hang", times=1_000))
        ripe.server.faults.append(GitHubFault(hang=5, times=1_000))
        slowest, failed = await try_all(ripe, typed, pressed)
        paused = await ripe.app.database.fetchval("SELECT count(*) FROM pause")
        ripe.slack.faults.clear()
        ripe.server.faults.clear()
    figure = f"the slowest {slowest:.1f} s, {len(failed)} unanswered"
    promise("S8", f"{len(typed) + len(pressed)} commands and buttons while Slack and GitHub hang", figure)
    assert failed == []
    assert slowest < LIMIT
    # Ana was seen as an admin a moment ago. Nobody but her could resume, and Slack would have to confirm it.
    assert paused == 1


async def test_an_admin_whom_slack_never_confirmed_pauses_nothing_while_slack_hangs(dsn: str) -> None:
    async with whole_bot(dsn, MONDAY_MORNING) as ripe:
        await ripe.slack.change_user("ana", is_admin=True)
        ripe.slack.faults.add(Fault(method="users.info", kind="hang", times=10))
        reply = await ripe.slack.run_command("ana", "/reviews", "admin pause")
        assert reply.in_time
        assert re.search("nothing was changed", reply.body)
        assert await ripe.app.database.fetchval("SELECT count(*) FROM pause") == 0
        ripe.slack.faults.clear()
