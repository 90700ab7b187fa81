"""Real processes: a worker that is killed at the worst moment, and the whole of `ripe up`."""

import asyncio
import re
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from bot.sandbox.slack.model import Fault
from bot.settings import child_environment
from bot.web.server import find_free_port
from tests.github_server import APP_ID, WEBHOOK_SECRET, private_key
from tests.journeys.whole import Whole

pytestmark = pytest.mark.timeout(300)
"""Seconds: they start up to a dozen processes."""

WITHIN = 60.0
"""Seconds in which anything here must have happened; it takes a few."""


@asynccontextmanager
async def started(command: str, environment: Mapping[str, str]) -> AsyncIterator[Process]:
    """`ripe COMMAND`, with its options, as a process of its own; nothing of it is left afterwards."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *command.split(),
        env=child_environment(environment),
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def read_until(process: Process, *wanted: str) -> str:
    """Its output, up to the last of the wanted texts, which appear in this order."""
    seen, place = "", 0
    assert process.stdout is not None
    async with asyncio.timeout(WITHIN):
        for text in wanted:
            while (start := seen.find(text, place)) < 0:
                line = await process.stdout.readline()
                assert line, f"it ended before it said {text!r}:\n{seen}"
                seen += line.decode()
            place = start + len(text)
    return seen


def worker_environment(ripe: Whole, dsn: str) -> dict[str, str]:
    settings = ripe.app.settings
    return {
        "DATABASE_URL": dsn,
        "SANDBOX_URL": settings.sandbox_url or "",
        "PUBLIC_URL": settings.public_url or "",
        "GITHUB_APP_ID": str(APP_ID),
        "GITHUB_APP_PRIVATE_KEY": private_key().get_secret_value(),
        "GITHUB_WEBHOOK_SECRET": WEBHOOK_SECRET.get_secret_value(),
        "GITHUB_API_URL": settings.github_api_url,
        "SLACK_BOT_TOKEN": "xoxb-sandbox",
        "SLACK_SIGNING_SECRET": "signing secret",
        "SLACK_API_URL": settings.slack_api_url,
    }


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_worker_killed_while_its_dm_is_on_the_wire_leaves_one_dm(
    ripe: Whole, dsn: str, moment: str
) -> None:
    # The worker follows the sandbox's clock, which is kept in the database.
    await ripe.app.database.execute("INSERT INTO sandbox_clock (shift) VALUES ($1)", ripe.clock.shift)
    ripe.slack.faults.add(Fault(method="chat.postMessage", kind="hang", moment=moment))
    pull = ripe.github.open_pull_request("acme/api", "ben", "Round up", ["src/main.py"])
    ripe.github.request_review(pull, ["cho"], by="ben")
    await ripe.github.webhooks.idle()
    async with started("worker", worker_environment(ripe, dsn)) as worker:
        await _until_slack_was_called(ripe)
        worker.kill()
    # The job of a killed worker is free when its lease ends, and the bot looks for the lost DM after 40 s.
    # Both follow clocks that a test cannot move, so move the stored times into the past.
    await ripe.app.database.execute("UPDATE job SET leased_until = now() - interval '1 second'")
    await ripe.app.database.execute("UPDATE message SET sending_on = sending_on - interval '1 minute'")
    await ripe.settle()
    assert ripe.reminders("cho") == 1
    assert len(ripe.live("cho")) == 1


async def _until_slack_was_called(ripe: Whole) -> None:
    async with asyncio.timeout(WITHIN):
        while not any(call.method == "chat.postMessage" for call in ripe.slack.calls):  # noqa: ASYNC110 - another process acts
            await asyncio.sleep(0.05)


async def test_one_command_starts_everything_shows_a_reminder_and_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    environment = {"RIPE_HOME": str(home), "PORT": str(find_free_port("127.0.0.1"))}
    async with started("up", environment) as ripe:
        output = await read_until(ripe, "Ripe: http", "Decision on acme/api#1", "DM · to Ana", "[Mute]")
        assert re.search(r"Ana asked: owns billing/\*\*", output)
        assert "Cho skipped: out until Friday" in output
        children = psutil.Process(ripe.pid).children(recursive=True)
        assert len(children) > 4
        await stop(ripe)
    assert not [child for child in children if child.is_running()]
    async with started("up", environment) as again:
        output = await read_until(again, "Back where you left it", "Last DM · to Ana: ", "shows all of it")
        assert "Decision on" not in output
        await stop(again)


async def stop(ripe: Process) -> None:
    """Ctrl-C. All its processes then end by themselves, in good order."""
    ripe.send_signal(signal.SIGINT)
    async with asyncio.timeout(WITHIN):
        rest, _ = await ripe.communicate()
    output = rest.decode()
    assert ripe.returncode == 0, output
    assert "is killed" not in output, output
    assert output.endswith("Stopped.\n")
