"""Slack without a public address: the same things as over HTTP, down a connection that the bot opens."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from bot.sandbox.slack.socket_mode import Sockets
from tests.journeys.whole import APP_TOKEN, MONDAY_MORNING, Whole, whole_bot

CONNECTS_WITHIN = 10.0


@pytest.fixture
def sockets() -> Sockets:
    return Sockets(SecretStr(APP_TOKEN))


@pytest.fixture
async def ripe(dsn: str, sockets: Sockets) -> AsyncIterator[Whole]:
    """A running bot on a Monday morning, connected."""
    async with whole_bot(dsn, MONDAY_MORNING, sockets=sockets) as whole:
        await connected(sockets)
        yield whole


async def connected(sockets: Sockets) -> None:
    await asyncio.wait_for(sockets.connected.wait(), CONNECTS_WITHIN)


async def type_command(ripe: Whole, name: str, command: str, text: str = "") -> str:
    """What the person is answered."""
    reply = await ripe.slack.run_command(name, command, text)
    assert reply.error is None, reply
    await ripe.settle()
    return ripe.dms(name)[-1]


async def test_a_slash_command_is_answered_over_the_connection(ripe: Whole) -> None:
    assert "Tue 24 Nov" in await type_command(ripe, "cho", "/snooze", "tomorrow")
    await ripe.open_pull_request("docs/intro.md")
    assert ripe.reminders("cho") == 0
