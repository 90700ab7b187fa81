"""Runs a command on the parts of the bot that runs here.

The modules of the command line import most of the bot inside their functions: every process starts with them,
and none needs everything.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import typer

from bot.settings import load_settings_of_running_bot

if TYPE_CHECKING:
    from bot.app import App


def run_on_app(work: Callable[["App"], Awaitable[bool]]) -> None:
    """Runs `work` on the bot's own parts and clock; exits with 1 where its answer is no."""

    async def run() -> bool:
        async with _opened() as app:
            return await work(app)

    if not asyncio.run(run()):
        raise typer.Exit(1)


def show(lines: Iterable[str]) -> None:
    """Prints each."""
    for line in lines:
        typer.echo(line)


@asynccontextmanager
async def _opened() -> AsyncIterator["App"]:
    from bot.app import following_clock, open_app

    async with (
        open_app(load_settings_of_running_bot()) as app,
        following_clock(app, lambda: None),
    ):
        yield app
