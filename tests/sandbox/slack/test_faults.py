"""Slack goes wrong on demand, as callers meet it on the wire."""

import asyncio
from datetime import timedelta

import aiohttp
import httpx
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.encryption import tls_context
from bot.sandbox.slack.model import Fault
from bot.sandbox.slack.world import SlackWorld
from tests.sandbox.slack.conftest import Clock

ANA, POST = "U0ANA00001", "chat.postMessage"


async def test_a_cut_after_the_message_was_posted_loses_only_the_reply(
    slack: AsyncWebClient, world: SlackWorld
) -> None:
    world.faults.add(Fault(method=POST, kind="cut", moment="after"))
    with pytest.raises(aiohttp.ClientError):
        await slack.chat_postMessage(channel=ANA, text="hello")
    assert [message.text for message in world.messages_to("ana")] == ["hello"]
    assert [(call.error, call.fault) for call in world.calls] == [(None, "cut")]
    await slack.chat_postMessage(channel=ANA, text="again")


async def test_a_cut_before_it_was_posted_loses_the_message(slack: AsyncWebClient, world: SlackWorld) -> None:
    world.faults.add(Fault(method=POST, kind="cut"))
    with pytest.raises(aiohttp.ClientError):
        await slack.chat_postMessage(channel=ANA, text="hello")
    assert world.messages_to("ana") == []
    assert [call.error for call in world.calls] == ["cut"]


async def test_an_error_may_come_before_or_after(slack: AsyncWebClient, world: SlackWorld) -> None:
    world.faults.add(Fault(method=POST, kind="error", status=503))
    world.faults.add(Fault(method=POST, kind="error", moment="after"))
    for text, status in (("lost", 503), ("posted", 500)):
        with pytest.raises(SlackApiError) as failed:
            await slack.chat_postMessage(channel=ANA, text=text)
        assert failed.value.response.status_code == status
    assert [message.text for message in world.messages_to("ana")] == ["posted"]


async def test_a_hang_ends_when_the_caller_has_waited_enough(
    slack: AsyncWebClient, world: SlackWorld
) -> None:
    world.faults.add(Fault(method=POST, kind="hang", moment="after"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(slack.chat_postMessage(channel=ANA, text="hello"), 0.2)
    assert [message.text for message in world.messages_to("ana")] == ["hello"]


async def test_a_rate_limit_lasts_as_long_as_it_says_and_for_its_method_only(
    slack: AsyncWebClient, world: SlackWorld, clock: Clock
) -> None:
    world.faults.add(Fault(method=POST, kind="ratelimited", retry_after=30))
    for wait in (0, 29):
        clock.move(timedelta(seconds=wait))
        with pytest.raises(SlackApiError) as limited:
            await slack.chat_postMessage(channel=ANA, text="early")
        answer = limited.value.response
        assert (answer.status_code, answer["error"]) == (429, "ratelimited")
        assert answer.headers["Retry-After"] == "30"
    assert (await slack.auth_test())["ok"]
    clock.move(timedelta(seconds=1))
    await slack.chat_postMessage(channel=ANA, text="in time")
    assert [message.text for message in world.messages_to("ana")] == ["in time"]


async def test_faults_are_met_as_often_as_ordered_and_any_method_may_meet_one(
    slack: AsyncWebClient, world: SlackWorld
) -> None:
    world.faults.add(Fault(method="*", kind="error", times=2))
    for _ in range(2):
        with pytest.raises(SlackApiError):
            await slack.auth_test()
    assert (await slack.auth_test())["ok"]


async def test_an_answer_through_a_response_url_meets_faults_too(
    slack: AsyncWebClient, world: SlackWorld
) -> None:
    url = world.new_response_url(world.user("ana"), world.dm_with(world.user("ana")))
    world.faults.add(Fault(method="response_url", kind="error"))
    world.faults.add(Fault(method="response_url", kind="cut", moment="after"))
    async with httpx.AsyncClient(verify=tls_context()) as client:
        assert (await client.post(url, json={"text": "lost"})).status_code == 500
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(url, json={"text": "kept"})
        assert (await client.post(url, json={"text": ""})).json() == {"ok": False, "error": "no_text"}
    assert [message.text for message in world.messages_to("ana")] == ["kept"]
