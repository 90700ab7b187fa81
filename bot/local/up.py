"""`ripe up`: everything on one machine. A Postgres of its own and, without credentials, the local sandbox.

This process prepares: database, keys, and /setup if it is wanted. Then it turns itself into the supervisor,
which is small, and which runs the bot in a process of its own.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from pydantic import SecretStr

from bot.credentials import complete_settings
from bot.local.embedded import EmbeddedPostgres
from bot.local.generated import find_or_make_secret_key
from bot.local.handover import Handover
from bot.local.home import announced, locked, make_home
from bot.local.processes import HOST, base_url, make_environment
from bot.local.setup import check_setup, offer_setup
from bot.local.supervisor import HEARD, STOPS
from bot.migrations import migrate
from bot.model import OperatorError
from bot.settings import Settings, child_environment
from bot.web.server import check_port
from jobq import Database

LOOK_EVERY = 0.5
"""Seconds between two looks whether the embedded Postgres still runs."""

Show = Callable[[str], None]
"""Shows one line to the person at the terminal."""


async def run_up(
    settings: Settings, command: Sequence[str], stop: asyncio.Event, show: Show, *, reopens: bool = False
) -> None:
    """Prepare, and say what happens to `show`; then keep `command` running. Returns if `stop` is set before.

    If /setup is wanted, it comes first; `reopens` opens it even if it was finished before. Raises
    OperatorError. Afterwards no process is left.
    """
    home = make_home(settings)
    with locked(home) as lock:
        check_port(HOST if settings.is_sandbox else settings.ripe_host or HOST, settings.port)
        check_setup(settings, home)
        async with _database(settings, home, show) as (dsn, server):
            settings = _add_generated(settings, dsn, home)
            await _migrate(settings, show)
            settings = await _set_up(settings, _SetupServer(home, server), stop, show, reopens=reopens)
            if not stop.is_set():
                environment = make_environment(settings, home)
                with announced(home, environment) as note:
                    handover = Handover(command, str(note), _greeting(settings))
                    if server is not None:
                        server.hand_over(handover)
                    os.set_inheritable(lock, True)
                    await _hold_signals(stop)
                    if not stop.is_set():
                        _become_supervisor(handover, environment)
        show("Stopped.")


async def _hold_signals(stop: asyncio.Event) -> None:
    """Keep signals for the supervisor. Those that have come already set `stop`."""
    loop = asyncio.get_running_loop()
    signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    await asyncio.sleep(0.01)
    # Threads of libraries may still take a signal. The loop would hear of it too late.
    for number in STOPS:
        loop.remove_signal_handler(number)
        signal.signal(number, lambda *_: stop.set())


def _become_supervisor(handover: Handover, environment: Mapping[str, str]) -> NoReturn:
    """Go on as another program in this same process, which stays the parent of Postgres."""
    command = [sys.executable, "-m", "bot.local.supervisor", handover.dump()]
    sys.stdout.flush()
    os.execve(command[0], command, child_environment(environment))  # noqa: S606 - no shell is wanted


@dataclass(frozen=True)
class _SetupServer:
    """Serves /setup in this process. `server` is the database's if it is embedded."""

    home: Path
    server: EmbeddedPostgres | None

    async def run(self, settings: Settings, *, stop: asyncio.Event) -> None:
        """Serve until `stop` is set. Raises OperatorError."""
        # Only here: they take most of the time that a start takes.
        from bot.local.parts import label_output, run_together
        from bot.web.app import run_web

        environment = make_environment(settings, self.home)
        given: dict[str, Any] = {name.lower(): value for name, value in environment.items()}
        settings = Settings(**given)
        label_output(settings)
        parts = {"web": run_web(settings, stop)}
        if self.server is not None:
            parts["postgres"] = _watch(self.server, stop)
        with announced(self.home, environment):
            await run_together(parts, stop)


@asynccontextmanager
async def _database(
    settings: Settings, home: Path, show: Show
) -> AsyncIterator[tuple[str, EmbeddedPostgres | None]]:
    """The address of the database, and the server behind it when it is ours."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value(), None
        return
    server = EmbeddedPostgres(home / "postgres")
    if server.is_new:
        show(f"Making a Postgres database in {server.data} (once) ...")
    show("Starting embedded Postgres ...")
    try:
        await asyncio.to_thread(server.start)
        yield server.dsn(), server
    finally:
        server.stop()


def _add_generated(settings: Settings, dsn: str, home: Path) -> Settings:
    keys = settings.secret_keys or [SecretStr(find_or_make_secret_key(home))]
    return settings.model_copy(update={"database_url": SecretStr(dsn), "secret_keys": keys})


async def _migrate(settings: Settings, show: Show) -> None:
    for name in await migrate(settings.direct_url or ""):
        show(f"Applied {name}")


async def _set_up(
    settings: Settings, server: _SetupServer, stop: asyncio.Event, show: Show, *, reopens: bool
) -> Settings:
    """Offer /setup if it is wanted. Returns the settings with everything that was ever entered there."""
    async with Database(settings.direct_url or "", max_size=2):
        await offer_setup(settings, server.run, stop, show, base_url(settings), reopens=reopens)
        return await complete_settings(settings.model_copy(update={"ripe_setup": False}))


def _greeting(settings: Settings) -> str:
    address = f"Ripe: {base_url(settings)}"
    return f"{address}  (local sandbox: nothing leaves this machine)" if settings.is_sandbox else address


async def _watch(server: EmbeddedPostgres, stop: asyncio.Event) -> None:
    """Wait until `stop` is set. Raises OperatorError if the server ends before."""
    while not stop.is_set():
        if server.has_died():
            raise OperatorError(f"The embedded Postgres ended by itself: see {server.log}")
        await asyncio.sleep(LOOK_EVERY)
