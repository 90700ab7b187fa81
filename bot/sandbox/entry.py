"""What the command line uses of the sandbox: its process, its story, and its page in the web process."""

from collections.abc import Sequence

from quart import Blueprint

from bot.app import App
from bot.sandbox.app import run_sandbox
from bot.sandbox.page.api import sandbox_blueprint
from bot.sandbox.page.routes import page_blueprint
from bot.sandbox.story import run_story
from bot.settings import SettingsError

__all__ = ["make_pages", "run_sandbox", "run_story"]


def make_pages(app: App) -> Sequence[Blueprint]:
    """The page at `/`, `/sandbox/state` and `/sandbox/clock`. Raises SettingsError without SANDBOX_URL."""
    if app.settings.sandbox_url is None:
        raise SettingsError("SANDBOX_URL: missing; `ripe up` starts the sandbox and sets it")
    return sandbox_blueprint(app, app.settings.sandbox_url), page_blueprint(app, app.settings.sandbox_url)
