"""The entry points of the sandbox: its GitHub and Slack, its story, and its page in the web process.

Each imports its own part only.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bot.settings import Settings, SettingsError

if TYPE_CHECKING:
    from quart import Blueprint

    from bot.app import App


async def run_sandbox(settings: Settings, port: int, stop: asyncio.Event) -> None:
    """Act as GitHub and Slack on `port` until `stop` is set."""
    from bot.sandbox import app

    await app.run_sandbox(settings, port, stop)


async def tell_story(app: "App", sandbox_url: str, stop: asyncio.Event, show: Callable[[str], None]) -> None:
    """Play a pull request and show what happens, until `stop` is set."""
    from bot.sandbox import story

    await story.tell_story(app, sandbox_url, stop, show)


def make_pages(app: "App") -> "Sequence[Blueprint]":
    """The page at `/`, `/sandbox/state` and `/sandbox/clock`. Raises SettingsError without SANDBOX_URL."""
    from bot.sandbox.page.api import sandbox_blueprint
    from bot.sandbox.page.routes import page_blueprint

    if app.settings.sandbox_url is None:
        raise SettingsError("SANDBOX_URL: missing; `ripe up` starts the sandbox and sets it")
    return sandbox_blueprint(app, app.settings.sandbox_url), page_blueprint(app, app.settings.sandbox_url)
