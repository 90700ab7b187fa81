"""The part of /setup in `ripe up`: it opens the setup if it is wanted, and goes on once it is finished."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from bot.credentials import load_choices
from bot.local.generated import SANDBOX_FILE
from bot.settings import Settings, SettingsError
from bot.web.setup.passes import issue_token
from jobq import DatabaseUnavailableError, utc_now

LOOK_EVERY = 0.5
"""Seconds between two looks whether the setup is finished."""


class Run(Protocol):
    """Runs the processes that such settings need, until `stop` is set."""

    def __call__(self, settings: Settings, *, stop: asyncio.Event) -> Awaitable[None]: ...


def check_setup(settings: Settings, home: Path) -> None:
    """Raises SettingsError if the home holds data of the sandbox, which must not meet real people."""
    if settings.ripe_setup and settings.database_url is None and (home / SANDBOX_FILE).exists():
        raise SettingsError(
            f"RIPE_HOME: {home} holds the sandbox's data, which a real bot should not meet. "
            "Set RIPE_HOME to a new folder, in .env too, so that it is used from now on."
        )


async def offer_setup(
    settings: Settings, run: Run, stop: asyncio.Event, show: Callable[[str], None], url: str, *, reopens: bool
) -> None:
    """Run /setup until it is finished or `stop` is set, if it is wanted. People reach it at `url`.

    Uses the ambient database. A setup that was finished is opened again only with `reopens`: RIPE_SETUP may
    stay in the environment for ever, and a restart must not take the bot down.
    """
    finished_at = await _load_finished_at()
    if not settings.ripe_setup or (finished_at is not None and not reopens):
        return
    show(f"Setup: {url}/setup?token={await issue_token(utc_now())}")
    show("       Open it once, within an hour: anybody who has this link can connect this bot.")
    is_over = asyncio.Event()
    watch = asyncio.create_task(_wait_until_over(finished_at, stop, is_over))
    try:
        await run(settings, stop=is_over)
    finally:
        watch.cancel()
        await asyncio.wait({watch})
    if not stop.is_set():
        show("The setup is finished. Starting with what was entered ...")


async def _wait_until_over(finished_before: str | None, stop: asyncio.Event, is_over: asyncio.Event) -> None:
    while not stop.is_set():
        with suppress(DatabaseUnavailableError):
            if await _load_finished_at() != finished_before:
                break
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_EVERY)
    is_over.set()


async def _load_finished_at() -> str | None:
    return (await load_choices()).get("finished_at")
