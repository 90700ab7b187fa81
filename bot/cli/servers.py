"""The commands that start a process and run it until a signal stops it: up, web, worker, sandbox, story."""

import asyncio
import gc
import signal
from collections.abc import Callable, Coroutine
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import uvloop

from bot.logs import setup_logs
from bot.migrations import check_schema
from bot.settings import (
    Settings,
    SettingsError,
    load_settings,
    load_settings_of_running_bot,
    require_database,
)


def up(*, opens_setup: bool) -> None:
    """Run everything on this machine; `opens_setup` opens /setup even if it was finished before."""
    from bot.local.processes import usual_commands
    from bot.local.up import run_up

    settings = load_settings()
    if opens_setup:
        settings = settings.model_copy(update={"ripe_setup": True})
    run_until_signal(lambda stop: run_up(settings, usual_commands(), stop, print, reopens=opens_setup))


def web() -> None:
    """Serve GitHub's webhooks and Slack's requests."""
    settings = _start_process()
    from bot.web.app import run_web

    make_pages = _import_sandbox().make_pages if settings.sandbox_url is not None else None
    run_until_signal(lambda stop: run_web(settings, stop, make_pages))


def worker() -> None:
    """Run the jobs. Any number of workers may share one database."""
    settings = _start_process()
    from bot.worker import run_worker

    run_until_signal(lambda stop: run_worker(settings, stop))


def sandbox() -> None:
    """Pretend to be GitHub and Slack for the bot on this machine; `ripe up` starts it."""
    settings = _start_process()
    port = urlsplit(settings.sandbox_url or "").port
    if port is None:
        raise SettingsError("SANDBOX_URL: missing; `ripe up` starts the sandbox and sets it")
    run_until_signal(lambda stop: _import_sandbox().run_sandbox(settings, port, stop))


def story() -> None:
    """Play a pull request in the sandbox and print what happens; `ripe up` starts it."""
    settings = _start_process()
    run_until_signal(lambda stop: _import_sandbox().run_story(settings, stop, print))


def run_until_signal(run: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run with an event that SIGINT, SIGTERM and SIGHUP set. A second signal ends the process at once."""

    async def until_signal() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()

        def end(number: signal.Signals) -> None:
            stop.set()
            loop.remove_signal_handler(number)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, end, number)
        # Imported modules stay until the end, so no garbage collection has to look at them again.
        gc.freeze()
        await run(stop)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(until_signal())


def _import_sandbox() -> ModuleType:
    """The one place where production code meets the sandbox. A real bot never imports it."""
    from bot.sandbox import entry

    return entry


def _start_process() -> Settings:
    settings = load_settings_of_running_bot()
    setup_logs(settings.log_level, settings.log_format)
    asyncio.run(check_schema(settings.direct_url or require_database(settings)))
    return settings
