"""Slack without a public address: everything works over a connection that the bot opens."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from bot.encryption import tls_context
from bot.sandbox.slack.socket_mode import SCOPE, Moment, Sockets
from bot.slack.messages import SNOOZE
from tests.journeys.two_workspaces import install
from tests.journeys.two_workspaces import type_command as type_in
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
    """Runs a command and returns the answer."""
    reply = await ripe.slack.run_command(name, command, text)
    assert reply.error is None, reply
    await ripe.settle()
    return ripe.dms(name)[-1]


async def actions(ripe: Whole) -> int:
    """The number of actions of all people."""
    done: int = await ripe.app.database.fetchval("SELECT count(*) FROM action")
    return done


async def test_a_slash_command_is_answered_over_the_connection(ripe: Whole) -> None:
    assert "Tue 24 Nov" in await type_command(ripe, "cho", "/snooze", "tomorrow")
    await ripe.open_pull_request("docs/intro.md")
    assert ripe.reminders("cho") == 0


async def test_a_button_does_what_it_says(ripe: Whole) -> None:
    await ripe.open_pull_request("docs/intro.md")
    reply = await ripe.slack.click("cho", ripe.messages("cho")[-1].ts, SNOOZE, "1:tomorrow")
    assert reply.is_ok, reply
    await ripe.settle()
    assert "Tue 24 Nov, 09:00 (Europe/Berlin)" in ripe.dms("cho")[-1]


async def test_a_form_opens_is_corrected_and_done(ripe: Whole) -> None:
    assert (await ripe.slack.run_command("cho", "/ooo")).is_ok
    await ripe.settle()
    [form] = ripe.slack.modals_of("cho")
    days = {"first_day": "2037-11-27", "last_day": "2037-11-24"}
    wrong = await ripe.slack.submit_view("cho", form, days)
    assert wrong.errors == {"last_day": "The last day is before the first."}
    done = await ripe.slack.submit_view("cho", form, {"first_day": "2037-11-24", "last_day": "2037-11-27"})
    assert done.is_ok, done
    [shown] = ripe.slack.modals_of("cho")
    assert "Back on Mon 30 Nov" in ripe.slack.rendered_view(shown)


async def test_a_command_in_a_dm_does_the_same(ripe: Whole) -> None:
    assert (await ripe.slack.send_dm("cho", "snooze tomorrow")).is_ok
    await ripe.settle()
    assert "Tue 24 Nov, 09:00" in ripe.dms("cho")[-1]


async def test_the_bot_connects_again_when_slack_refreshes_the_connection(
    ripe: Whole, sockets: Sockets
) -> None:
    sockets.refresh()
    await connected(sockets)
    assert "Tue 24 Nov" in await type_command(ripe, "cho", "/snooze", "tomorrow")


async def test_the_bot_connects_again_when_the_connection_ends(ripe: Whole, sockets: Sockets) -> None:
    sockets.drop()
    assert (await ripe.slack.run_command("cho", "/reviews")).error == "dispatch_failed"
    await connected(sockets)
    assert "Tue 24 Nov" in await type_command(ripe, "cho", "/snooze", "tomorrow")


@pytest.mark.parametrize("moment", ["sent", "answered"])
async def test_a_request_on_the_wire_when_the_connection_ends_is_done_once(
    ripe: Whole, sockets: Sockets, moment: Moment
) -> None:
    sockets.cut_next = moment
    lost = await ripe.slack.send_dm("cho", "snooze tomorrow")
    assert lost.error == "dispatch_failed"
    await connected(sockets)
    for number in (1, 2):
        assert (await ripe.slack.send_again(lost, number)).is_ok
    await ripe.settle()
    assert await actions(ripe) == 1
    assert "Tue 24 Nov, 09:00" in ripe.dms("cho")[-1]


async def test_one_connection_serves_every_workspace_each_with_its_own_token(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    await install(browser)
    assert "/reviews" in await type_in(ripe.beta, "cho", "/ripe", "help")
    before = len(ripe.slack.calls)
    await ripe.beta.run_command("cho", "/ooo")
    await ripe.settle()
    assert len(ripe.beta.modals_of("cho")) == 1
    assert len(ripe.slack.calls) == before


async def test_a_workspace_without_ripe_is_acknowledged_so_that_slack_asks_no_more(ripe: Whole) -> None:
    reply = await ripe.beta.send_dm("cho", "snooze tomorrow")
    assert (reply.status, reply.body) == (200, "")


async def test_a_request_that_is_posted_meanwhile_is_refused(ripe: Whole) -> None:
    async with httpx.AsyncClient(verify=tls_context()) as slack:
        answer = await slack.post(f"{ripe.app.settings.public_url}/slack/events", content=b"{}")
    assert answer.status_code == 404
    assert "Socket Mode" in answer.text


async def test_a_connection_that_slack_refuses_at_first_comes_about(dsn: str, sockets: Sockets) -> None:
    sockets.scopes.clear()
    async with whole_bot(dsn, MONDAY_MORNING, sockets=sockets) as ripe:
        assert (await ripe.slack.run_command("cho", "/reviews")).error == "dispatch_failed"
        sockets.scopes.add(SCOPE)
        await connected(sockets)
        assert "Tue 24 Nov" in await type_command(ripe, "cho", "/snooze", "tomorrow")


async def test_the_bot_says_goodbye_when_it_stops(dsn: str, sockets: Sockets) -> None:
    async with whole_bot(dsn, MONDAY_MORNING, sockets=sockets):
        await connected(sockets)
    assert not sockets.connected.is_set()
