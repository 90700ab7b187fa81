"""The commands that start a process and run it until a signal stops it: up, web, worker, parts."""

import asyncio
import gc
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from bot.logs import setup_logs
from bot.migrations import check_schema
from bot.settings import (
    Settings,
    load_settings,
    load_settings_of_running_bot,
    require_database,
)

if TYPE_CHECKING:
    from bot.web.app import MakePages

new_event_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
with suppress(ImportError):  # not every platform has it
    from uvloop import new_event_loop


def up(*, opens_setup: bool) -> None:
    """Run everything on this machine; `opens_setup` opens /setup even if it was finished before."""
    from bot.local.processes import usual_command
    from bot.local.up import run_up

    settings = load_settings()
    if opens_setup:
        settings = settings.model_copy(update={"ripe_setup": True})
    run_until_signal(lambda stop: run_up(settings, usual_command(), stop, print, reopens=opens_setup))


def web() -> None:
    """Serve GitHub's webhooks and Slack's requests."""
    settings = _start_process()
    from bot.web.app import run_web

    make_pages = None if settings.sandbox_url is None else _import_pages()
    run_until_signal(lambda stop: run_web(settings, stop, make_pages))


def worker() -> None:
    """Run the jobs. Any number of workers may share one database."""
    settings = _start_process()
    from bot.worker import run_worker

    run_until_signal(lambda stop: run_worker(settings, stop))


def parts() -> None:
    """Run every part in this process; `ripe up` keeps it running."""
    settings = _start_process()
    from bot.local.parts import run_parts

    run_until_signal(lambda stop: run_parts(settings, stop))


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

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(until_signal())


def _import_pages() -> "MakePages":
    """A real bot never imports the sandbox."""
    from bot.sandbox.entry import make_pages

    return make_pages


def _start_process() -> Settings:
    settings = load_settings_of_running_bot()
    setup_logs(settings.log_level, settings.log_format)
    asyncio.run(check_schema(settings.direct_url or require_database(settings)))
    return settings
