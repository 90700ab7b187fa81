"""Every outcome of a call to Slack, over a real connection."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from bot.slack.errors import SlackOutcomeUnknownError, SlackRefusedError
from bot.slack.gateway import SlackGateway, SlackUser, parse_user
from bot.slack.messages import Rendered, render_text
from bot.web.server import find_free_port, serving
from jobq import Postpone
from tests.slack.script import Reply, Script, error, ok

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HELLO = Rendered(blocks=render_text("hello").blocks, text="hello")


@asynccontextmanager
async def gateway_at(address: str, within: float = 5.0) -> AsyncIterator[SlackGateway]:
    gateway = SlackGateway(SecretStr("xoxb-test"), f"{address}/", now=lambda: NOW, timeout=within)
    try:
        yield gateway
    finally:
        await gateway.close()


@asynccontextmanager
async def scripted(*replies: Reply) -> AsyncIterator[tuple[SlackGateway, Script]]:
    script = Script(*replies)
    async with serving(script.web()) as address, gateway_at(address) as gateway:
        yield gateway, script


@asynccontextmanager
async def silent_slack(after_request: Callable[[asyncio.StreamWriter], None]) -> AsyncIterator[str]:
    """Reads the request and never answers."""

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        after_request(writer)

    server = await asyncio.start_server(on_connection, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_dm_carries_its_key_and_expands_no_links() -> None:
    async with scripted(ok(ts="12.5", channel="D1")) as (gateway, script):
        assert await gateway.post_dm("D1", HELLO, "message:4") == "12.5"
    [(method, sent)] = script.calls
    assert method == "chat.postMessage"
    assert sent["channel"] == "D1"
    assert sent["text"] == "hello"
    assert sent["blocks"] == list(HELLO.blocks)
    assert sent["metadata"] == {"event_type": "ripe_reminder", "event_payload": {"key": "message:4"}}
    assert (sent["unfurl_links"], sent["unfurl_media"], sent["parse"]) == (False, False, "none")


async def test_a_refusal_is_certain_and_names_slacks_reason() -> None:
    async with scripted(error("channel_not_found")) as (gateway, _):
        with pytest.raises(SlackRefusedError) as refused:
            await gateway.post_dm("D1", HELLO, "message:4")
    assert refused.value.error == "channel_not_found"


@pytest.mark.parametrize(
    ("reply", "wait"),
    [
        (error("ratelimited", 429, **{"Retry-After": "17"}), 17),
        (error("ratelimited", 429), 30),
        (error("ratelimited", 429, **{"Retry-After": "soon"}), 30),
        (error("ratelimited", 429, **{"Retry-After": "999999999999"}), 3600),
        (error("ratelimited", 429, **{"Retry-After": "inf"}), 3600),
        (error("ratelimited", 429, **{"Retry-After": "-5"}), 30),
        (error("ratelimited", 429, **{"Retry-After": "nan"}), 30),
        (error("ratelimited", 429, **{"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}), 3600),
        (error("ratelimited", 429, **{"Retry-After": "Mon, 23 Nov 2020 12:00:00 GMT"}), 30),
        (error("message_limit_exceeded"), 30),
        ((429, "slow down", {"Content-Type": "text/html", "Retry-After": "5"}), 5),
    ],
)
async def test_too_many_calls_wait_as_long_as_slack_says(reply: Reply, wait: int) -> None:
    async with scripted(reply) as (gateway, _):
        with pytest.raises(Postpone) as postponed:
            await gateway.post_dm("D1", HELLO, "message:4")
    assert postponed.value.until == NOW + timedelta(seconds=wait)


@pytest.mark.parametrize(
    "reply",
    [
        error("internal_error"),
        error("fatal_error"),
        error("request_timeout"),
        error("service_unavailable", 503),
        error("whatever", 500),
        (502, "<html>bad gateway</html>", {"Content-Type": "text/html"}),
        (200, "<html>hello from a proxy</html>", {"Content-Type": "text/html"}),
        (200, "hello from a proxy", {"Content-Type": "text/plain"}),
        (200, "{", {"Content-Type": "application/json"}),
        (200, "[]", {"Content-Type": "application/json"}),
        (200, '{"ok": false}', {"Content-Type": "application/json"}),
        (200, "", {"Content-Type": "application/json"}),
    ],
)
async def test_an_unknown_outcome_is_reported_and_not_retried(reply: Reply) -> None:
    async with scripted(reply) as (gateway, script):
        with pytest.raises(SlackOutcomeUnknownError):
            await gateway.post_dm("D1", HELLO, "message:4")
    assert len(script.calls) == 1


async def test_a_connection_that_ends_before_the_reply_leaves_the_outcome_unknown() -> None:
    requests: list[asyncio.StreamWriter] = []

    def cut(writer: asyncio.StreamWriter) -> None:
        requests.append(writer)
        writer.close()

    async with silent_slack(cut) as address, gateway_at(address) as gateway:
        with pytest.raises(SlackOutcomeUnknownError):
            await gateway.post_dm("D1", HELLO, "message:4")
    # slack_sdk's own retry handler would post it again.
    assert len(requests) == 1


async def test_a_reply_that_does_not_come_in_time_leaves_the_outcome_unknown() -> None:
    writers: list[asyncio.StreamWriter] = []
    async with silent_slack(writers.append) as address, gateway_at(address, within=0.2) as gateway:
        with pytest.raises(SlackOutcomeUnknownError):
            await gateway.post_dm("D1", HELLO, "message:4")
        for writer in writers:
            writer.close()


async def test_a_refused_connection_postpones_the_call() -> None:
    async with gateway_at(f"http://127.0.0.1:{find_free_port('127.0.0.1')}") as gateway:
        with pytest.raises(Postpone):
            await gateway.post_dm("D1", HELLO, "message:4")


def message(ts: str, key: str | None) -> dict[str, Any]:
    if key is None:
        return {"type": "message", "ts": ts, "text": "something else"}
    return {"ts": ts, "metadata": {"event_type": "ripe_reminder", "event_payload": {"key": key}}}


async def test_our_own_dm_is_found_by_its_key_on_a_later_page() -> None:
    pages = (
        ok(
            messages=[message("9", None), message("8", "message:5")],
            response_metadata={"next_cursor": "next"},
        ),
        ok(messages=[message("7", "message:4")], response_metadata={"next_cursor": ""}),
    )
    async with scripted(*pages) as (gateway, script):
        assert await gateway.find_posted("D1", "message:4", NOW) == "7"
    assert [sent.get("cursor") for _, sent in script.calls] == [None, "next"]
    assert script.calls[0][1]["oldest"] == f"{NOW.timestamp():.6f}"
    assert script.calls[0][1]["include_all_metadata"] in ("1", "true", "True")


async def test_a_dm_that_never_arrived_is_not_found() -> None:
    async with scripted(ok(messages=[message("8", "message:5")])) as (gateway, _):
        assert await gateway.find_posted("D1", "message:4", NOW) is None


USER = {
    "id": "U1",
    "name": "ana",
    "deleted": False,
    "tz": "Europe/Berlin",
    "profile": {"display_name": "", "real_name": "Ana Lima", "email": "ana@acme.example"},
}


async def test_a_user_has_a_name_and_a_zone() -> None:
    async with scripted(ok(user=USER)) as (gateway, _):
        user = await gateway.find_user_by_email("ana@acme.example")
    assert user == SlackUser(id="U1", name="Ana Lima", zone="Europe/Berlin", email="ana@acme.example")


@pytest.mark.parametrize(("code", "by_email"), [("users_not_found", True), ("user_not_found", False)])
async def test_an_unknown_user_is_none(code: str, by_email: bool) -> None:
    async with scripted(error(code)) as (gateway, _):
        user = await (gateway.find_user_by_email("x@y") if by_email else gateway.find_user("U9"))
    assert user is None


async def test_an_answer_goes_where_the_person_clicked() -> None:
    script = Script((200, "ok", {"Content-Type": "text/plain"}))
    async with serving(script.web()) as address, gateway_at(address) as gateway:
        await gateway.respond(f"{address}/actions/1/2", HELLO, replace=True)
    [(path, sent)] = script.calls
    assert path == "actions/1/2"
    assert sent["response_type"] == "ephemeral"
    assert sent["replace_original"] is True
    assert sent["text"] == "hello"


async def test_an_expired_answer_address_is_a_refusal() -> None:
    script = Script((404, "expired_url", {"Content-Type": "text/plain"}))
    async with serving(script.web()) as address, gateway_at(address) as gateway:
        with pytest.raises(SlackRefusedError):
            await gateway.respond(f"{address}/actions/1/2", HELLO)


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"tz": None},
        {"tz": ""},
        {"tz": 7, "tz_offset": "x"},
        {"profile": None},
        {"profile": "x", "name": 7},
    ],
    ids=str,
)
def test_a_user_without_a_usable_zone_or_name_is_read(odd: dict[str, object]) -> None:
    user = parse_user({"id": "U1"} | odd)
    assert (user.id, user.name, user.zone, user.email) == ("U1", "U1", None, None)
