"""A whole running sandbox, and a browser to look at it with."""

import asyncio
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager

import asyncpg
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Request, async_playwright

from bot.settings import Settings, child_environment
from bot.web.server import find_free_port
from tests.databases import Databases
from tests.shell import when_late

CHROMIUM = next(
    filter(None, map(shutil.which, ["chromium-headless-shell", "chromium", "chromium-browser"])), None
)
"""The first takes half of the others' time, since it never draws on a screen."""
STARTS_WITHIN = 50.0
ENDS_WITHIN = 20.0
"""Seconds."""

Opened = Callable[[int], AbstractAsyncContextManager[Page]]
"""Opens the sandbox's page at a width in pixels."""


@pytest.fixture(scope="package")
def sandbox(databases: Databases) -> Iterator[str]:
    """The address of a running `ripe up` whose story has been played: Ana was just asked."""
    with databases.new() as dsn, _running_sandbox(dsn) as address:
        yield address


@contextmanager
def _running_sandbox(dsn: str) -> Iterator[str]:
    home, port = tempfile.mkdtemp(prefix="ripe-test-"), find_free_port("127.0.0.1")
    unset = {name.upper(): "" for name in Settings.model_fields}
    own = {"RIPE_HOME": home, "PORT": str(port), "DATABASE_URL": dsn}
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "up"],
        env=child_environment(unset | own),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        _read_until(process, "DM · to Ana")
        # Every test asks something of her, on the same day.
        asyncio.run(_execute(dsn, "UPDATE person SET dms_per_day = 1000"))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=ENDS_WITHIN)
        shutil.rmtree(home)


async def _execute(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def _read_until(process: "subprocess.Popen[str]", text: str) -> None:
    seen: list[str] = []
    with when_late(STARTS_WITHIN, process.kill):
        for line in process.stdout or ():
            seen.append(line)
            if text in line:
                return
    pytest.fail(f"it ended without saying {text!r}:\n{''.join(seen)}")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all tests. Each test opens pages of its own in it."""
    if CHROMIUM is None:
        pytest.skip("Chromium is missing; install it with: apt-get install chromium-headless-shell")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest.fixture
def opened(browser: Browser, sandbox: str) -> Opened:
    """Opens the page. An error in it, or a request to another machine, fails the test."""

    @asynccontextmanager
    async def open_page(width: int) -> AsyncIterator[Page]:
        errors: list[str] = []
        unanswered: set[Request] = set()
        page = await browser.new_page(viewport={"width": width, "height": 800})
        page.on("console", lambda message: check_console(message.text, errors))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: _check_origin(request.url, sandbox, errors))
        page.on("request", lambda request: unanswered.add(request) if request.method == "POST" else None)
        page.on("requestfinished", lambda request: unanswered.discard(request))
        page.on("requestfailed", lambda request: unanswered.discard(request))
        await page.goto(sandbox)
        yield page
        # The next test uses the same sandbox: an order that the page just sent must reach it.
        while unanswered:
            await page.wait_for_timeout(20)
        await page.close()
        assert errors == []

    return open_page


def check_console(text: str, errors: list[str]) -> None:
    """Note what a page writes to the console as an error.

    Browsers write a refused request to the console, but a refusal is no error of the page.
    """
    if "status of 422" not in text:
        errors.append(text)


def _check_origin(url: str, origin: str, wrong: list[str]) -> None:
    if not url.startswith(f"{origin}/"):
        wrong.append(f"it asked {url}")
