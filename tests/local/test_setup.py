"""`ripe up` with /setup: real processes, from an empty home to a bot that is connected and starts again."""

import asyncio
import re
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from bot.credentials import load_choices
from bot.encryption import tls_context
from bot.local.generated import SANDBOX_FILE
from bot.local.setup import check_setup, offer_setup
from bot.sandbox.github.seed import REPOSITORIES
from bot.settings import Settings, SettingsError
from bot.web.server import find_free_port
from bot.web.setup.passes import close_setup
from jobq import Database, utc_now
from tests.journeys.test_processes import WITHIN, read_until, started, stop
from tests.web.setup_scene import World, connect_github, connect_slack, send, served_world

pytestmark = pytest.mark.timeout(300)
"""Seconds: they start up to a dozen processes."""


async def test_an_empty_machine_is_set_up_in_the_browser_and_comes_back_connected(tmp_path: Path) -> None:
    port = find_free_port("127.0.0.1")
    address = f"http://127.0.0.1:{port}"
    async with served_world(address) as world:
        environment = {
            "RIPE_HOME": str(tmp_path / "home"), "PORT": str(port), "RIPE_SETUP": "1", **world.environment(),
        }  # fmt: skip
        async with started("up", environment) as ripe:
            async with _let_in(ripe, address) as browser:
                await send(browser, "/setup/profile", profile="assign", owner="acme", public_url=address)
                await connect_github(browser)
                world.github.world.install(REPOSITORIES)
                await connect_slack(browser)
                assert "Ripe is live" in (await send(browser, "/setup/mode", mode="live")).text
            output = await read_until(ripe, "The setup is finished", "Ripe: http")
            assert "sandbox" not in output
            await _wait_for(address)
            await _until_asked(world, "/pulls")  # what was installed during the setup is read now
            async with httpx.AsyncClient(base_url=address, verify=tls_context()) as stranger:
                assert "The setup is closed" in (await stranger.get("/setup")).text
                assert "Ripe is running" in (await stranger.get("/")).text
            await stop(ripe)
        async with started("up", environment) as again:
            output = await read_until(again, f"Ripe: {address}")
            assert "Setup" not in output
            assert "sandbox" not in output
            await _wait_for(address)
            await stop(again)


async def test_a_bot_in_shadow_is_set_up_again_to_go_live(db: Database, dsn: str, tmp_path: Path) -> None:
    port = find_free_port("127.0.0.1")
    address = f"http://127.0.0.1:{port}"
    async with served_world(address) as world:
        own = {"RIPE_HOME": str(tmp_path / "home"), "PORT": str(port), "DATABASE_URL": dsn}
        environment = own | world.environment()
        async with started("up --setup", environment) as ripe, _let_in(ripe, address) as browser:
            await send(browser, "/setup/profile", profile="assign", owner="acme", public_url=address)
            await connect_github(browser)
            await connect_slack(browser)
            assert "Ripe is in shadow mode" in (await send(browser, "/setup/mode", mode="shadow")).text
            await read_until(ripe, "Ripe: http")
            await stop(ripe)
        assert (await load_choices())["ripe_mode"] == "shadow"
        async with started("up --setup", environment) as again, _let_in(again, address) as browser:
            assert (await browser.get("/setup")).url.path == "/setup/check"
            assert "Ready to go live?" in (await browser.get("/setup/mode")).text
            assert "Ripe is live" in (await send(browser, "/setup/mode", mode="live")).text
            await read_until(again, "Ripe: http")
            await stop(again)
        assert (await load_choices())["ripe_mode"] == "live"


@asynccontextmanager
async def _let_in(ripe: Process, address: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that has opened the printed link."""
    link = re.search(r"Setup: (\S+)", await read_until(ripe, "Setup: ", "within an hour"))
    assert link is not None
    await _wait_for(address)
    async with httpx.AsyncClient(
        base_url=address, follow_redirects=True, timeout=WITHIN, verify=tls_context()
    ) as browser:
        assert (await browser.get(link[1])).status_code == 200
        yield browser


async def _wait_for(address: str) -> None:
    """Wait until the bot listens."""
    transport = httpx.AsyncHTTPTransport(retries=8, verify=tls_context())  # waits twice as long before each
    async with httpx.AsyncClient(transport=transport, timeout=WITHIN) as client:
        assert (await client.get(f"{address}/livez")).status_code == 200


async def _until_asked(world: World, path: str) -> None:
    """Wait until the worker has asked GitHub for this path."""
    async with asyncio.timeout(WITHIN):
        while not any(path in call for call in world.github.calls):  # noqa: ASYNC110 - another process acts
            await asyncio.sleep(0.05)


async def test_data_of_the_sandbox_is_never_mixed_with_real_people(tmp_path: Path) -> None:
    (tmp_path / SANDBOX_FILE).write_text("{}")
    with pytest.raises(SettingsError, match="Set RIPE_HOME to a new folder"):
        check_setup(Settings(_env_file=None, database_url=None, ripe_setup=True), tmp_path)
    check_setup(Settings(_env_file=None, database_url=None), tmp_path)


@pytest.mark.parametrize("reopens", [False, True])
async def test_a_setup_that_was_finished_is_opened_again_only_when_asked_for(
    db: Database, dsn: str, *, reopens: bool
) -> None:
    await close_setup(utc_now())
    stop, lines, runs = asyncio.Event(), list[str](), list[Settings]()

    async def run(settings: Settings, *, stop: asyncio.Event) -> None:
        runs.append(settings)
        await close_setup(utc_now())
        await stop.wait()

    settings = Settings(_env_file=None, database_url=SecretStr(dsn), ripe_setup=True)
    await offer_setup(settings, run, stop, lines.append, "http://127.0.0.1:8080", reopens=reopens)
    assert len(runs) == reopens
    assert any("/setup?token=" in line for line in lines) == reopens
