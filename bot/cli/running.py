"""Runs a command with the settings and the clock of the bot that runs here.

The modules of the command line import the bot inside their functions: `ripe --help` imports all of them, and
each command needs only its own part.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from bot.app import App


def run_on_app(work: Callable[["App"], Awaitable[bool]]) -> None:
    """Run `work` on the bot's App; exit with 1 if it returns False."""
    import asyncio

    from bot.app import following_clock, open_app
    from bot.settings import load_settings_of_running_bot

    async def run() -> bool:
        async with open_app(load_settings_of_running_bot()) as app, following_clock(app, lambda: None):
            return await work(app)

    if not asyncio.run(run()):
        raise typer.Exit(1)


def show(lines: Iterable[str]) -> None:
    """Print each line."""
    for line in lines:
        typer.echo(line)
