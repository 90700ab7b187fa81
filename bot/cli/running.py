"""Runs a command on the parts of the bot that runs here."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

import typer

from bot.app import App, following_clock, open_app
from bot.settings import load_settings_of_running_bot


def run_on_app(work: Callable[[App], Awaitable[bool]]) -> None:
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
async def _opened() -> AsyncIterator[App]:
    async with (
        open_app(load_settings_of_running_bot()) as app,
        following_clock(app, lambda: None),
    ):
        yield app
