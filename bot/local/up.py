"""`ripe up`: everything on one machine. A Postgres of its own and, without credentials, the local sandbox."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from bot.credentials import complete_settings
from bot.local.embedded import EmbeddedPostgres
from bot.local.generated import find_or_make_secret_key
from bot.local.home import announced, locked, make_home
from bot.local.processes import HOST, Commands, base_url, make_children, make_environment
from bot.local.setup import check_setup, offer_setup
from bot.local.supervisor import Child, supervise
from bot.migrations import migrate
from bot.model import OperatorError
from bot.settings import Settings
from bot.web.server import check_port
from jobq import Database

LOOK_EVERY = 0.5
"""Seconds between two looks whether the embedded Postgres still runs."""

Show = Callable[[str], None]
"""Shows one line to the person at the terminal."""


async def run_up(
    settings: Settings, commands: Commands, stop: asyncio.Event, show: Show, *, reopens: bool = False
) -> None:
    """Run `commands` on a database until `stop` is set, and say what happens to `show`.

    If /setup is wanted, it comes first; `reopens` opens it even if it was finished before. Raises
    OperatorError. Afterwards no process is left.
    """
    home = make_home(settings)
    with locked(home):
        check_port(HOST if settings.is_sandbox else settings.ripe_host or HOST, settings.port)
        check_setup(settings, home)
        async with _database(settings, home, show) as (dsn, server):
            settings = _add_generated(settings, dsn, home)
            await _migrate(settings, show)
            ripe = _Ripe(commands, home, server, show)
            settings = await _set_up(settings, ripe, stop, reopens=reopens)
            if not stop.is_set():
                show(_greeting(settings))
                await ripe.run(settings, stop=stop)
        show("Stopped.")


@dataclass(frozen=True)
class _Ripe:
    """The processes on one home. `server` is the database's if it is embedded."""

    commands: Commands
    home: Path
    server: EmbeddedPostgres | None
    show: Show

    async def run(self, settings: Settings, *, stop: asyncio.Event) -> None:
        """Run the processes that such settings need, until `stop` is set. Raises OperatorError."""
        environment = make_environment(settings, self.home)
        children = make_children(settings, self.commands, environment)
        with announced(self.home, environment):
            if self.server is None:
                await supervise(children, stop, self.show)
            else:
                await _supervise_with(self.server, children, stop, self.show)


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


async def _set_up(settings: Settings, ripe: _Ripe, stop: asyncio.Event, *, reopens: bool) -> Settings:
    """Offer /setup if it is wanted. Returns the settings with everything that was ever entered there."""
    async with Database(settings.direct_url or "", max_size=2):
        await offer_setup(settings, ripe.run, stop, ripe.show, base_url(settings), reopens=reopens)
        return await complete_settings(settings.model_copy(update={"ripe_setup": False}))


def _greeting(settings: Settings) -> str:
    address = f"Ripe: {base_url(settings)}"
    return f"{address}  (local sandbox: nothing leaves this machine)" if settings.is_sandbox else address


async def _supervise_with(
    server: EmbeddedPostgres, children: list[Child], stop: asyncio.Event, show: Show
) -> None:
    """Supervise the processes, and end them if the embedded server dies. Raises OperatorError."""
    watch = asyncio.create_task(_stop_if_dead(server, stop))
    try:
        await supervise(children, stop, show)
    finally:
        watch.cancel()
        if server.has_died():  # the true reason, even when a process died of it first
            raise OperatorError(f"The embedded Postgres ended by itself: see {server.log}")


async def _stop_if_dead(server: EmbeddedPostgres, stop: asyncio.Event) -> None:
    while True:
        if server.has_died():
            stop.set()
        await asyncio.sleep(LOOK_EVERY)
