"""`ripe up`: everything on one machine. A Postgres of its own and, without credentials, the local sandbox."""

import asyncio
import fcntl
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from bot.credentials import complete_settings
from bot.local.embedded import EmbeddedPostgres
from bot.local.generated import find_or_make_sandbox_credentials, find_or_make_secret_key, write_private
from bot.local.supervisor import Child, supervise
from bot.local.up_setup import check_setup, offer_setup
from bot.migrations import migrate
from bot.settings import Settings, child_environment, require_database, running_file
from bot.web.server import check_port, find_free_port, is_free
from jobq import Database

HOST = "127.0.0.1"
LOOK_EVERY = 0.5
"""Seconds between two looks whether the embedded Postgres still runs."""

Show = Callable[[str], None]
Commands = Mapping[str, Sequence[str]]
"""Name and command line of each process."""


class AlreadyUpError(Exception):
    """Another `ripe up` runs on the same home. The text says which and what to do."""


class PostgresDiedError(Exception):
    """The embedded Postgres ended while it was needed. The text says where to look."""


def usual_commands() -> dict[str, list[str]]:
    """The processes of a whole Ripe. Those of the sandbox run with it only."""
    names = ("web", "worker", "sandbox", "story")
    return {name: [sys.executable, "-m", "bot", name] for name in names}


async def run_up(
    settings: Settings, commands: Commands, stop: asyncio.Event, show: Show, *, reopens: bool = False
) -> None:
    """Run `commands` on a database until `stop` is set. What happens is told to `show`, a line at a time.

    Where /setup is wanted, that comes first; `reopens` it even where it was finished before. Raises
    SettingsError, AlreadyUpError, PortInUseError, EmbeddedPostgresError, MigrationError, ChildDiedError and
    PostgresDiedError, each of which says what to do. Afterwards no process is left.
    """
    home = _make_home(settings)
    with _alone_in(home):
        check_port(HOST, settings.port)
        check_setup(settings, home)
        async with _database(settings, home, show) as (dsn, server):
            await _migrate(settings, dsn, show)
            keys = settings.secret_keys or [SecretStr(find_or_make_secret_key(home))]
            settings = settings.model_copy(update={"database_url": SecretStr(dsn), "secret_keys": keys})
            run = partial(_run, commands=commands, home=home, server=server, show=show)
            async with Database(settings.direct_url or dsn, max_size=2):
                await offer_setup(settings, run, stop, show, _base_url(settings), reopens=reopens)
                settings = await complete_settings(settings.model_copy(update={"ripe_setup": False}))
            if not stop.is_set():
                show(_greeting(settings))
                await run(settings, stop=stop)
        show("Stopped.")


async def _run(
    settings: Settings,
    *,
    commands: Commands,
    home: Path,
    server: EmbeddedPostgres | None,
    show: Show,
    stop: asyncio.Event,
) -> None:
    """Runs those of `commands` that such a Ripe needs, until `stop` is set."""
    changes = _changes(settings, home)
    environment = child_environment(changes)
    children = [
        Child(name, command, environment)
        for name, command in commands.items()
        if name in _needed(settings, commands)
    ]
    with _announced(home, changes):
        await _supervise(children, server, stop, show)


def _needed(settings: Settings, commands: Commands) -> Collection[str]:
    if settings.ripe_setup:
        return ("web",)
    return commands if settings.is_sandbox else commands.keys() - {"sandbox", "story"}


def _greeting(settings: Settings) -> str:
    address = f"Ripe: {_base_url(settings)}"
    return f"{address}  (local sandbox: nothing leaves this machine)" if settings.is_sandbox else address


def _base_url(settings: Settings) -> str:
    local = f"http://{HOST}:{settings.port}"
    return local if settings.is_sandbox else settings.public_url or local


def _make_home(settings: Settings) -> Path:
    home = settings.ripe_home.expanduser().resolve()
    home.mkdir(parents=True, exist_ok=True)
    return home


@contextmanager
def _alone_in(home: Path) -> Iterator[None]:
    """Hold the home's lock, which the kernel drops with this process however it ends."""
    with (home / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise AlreadyUpError(
                f"Ripe is already up on {home} (process {lock.read().strip() or 'unknown'}). "
                "Stop that one, or set RIPE_HOME and PORT to others."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


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


async def _migrate(settings: Settings, dsn: str, show: Show) -> None:
    for name in await migrate(settings.direct_url or dsn):
        show(f"Applied {name}")


def _changes(settings: Settings, home: Path) -> dict[str, str]:
    """What the processes are told beyond our own environment."""
    changes = {
        "DATABASE_URL": require_database(settings),
        "SECRET_KEYS": ",".join(key.get_secret_value() for key in settings.secret_keys),
        "PORT": str(settings.port),
        "RIPE_HOME": str(home),
        "LOG_FORMAT": "text" if settings.log_format == "auto" else settings.log_format,
        "PYTHONUNBUFFERED": "1",
        # Never empty: that would leave it to the .env file.
        "RIPE_SETUP": str(settings.ripe_setup).lower(),
    }
    if settings.is_sandbox:
        if "log_level" not in settings.model_fields_set:
            changes["LOG_LEVEL"] = "WARNING"  # the story tells what happens
        changes |= find_or_make_sandbox_credentials(home) | _sandbox_addresses(settings)
    return changes


def _sandbox_addresses(settings: Settings) -> dict[str, str]:
    # The same one each time if it can be: links in old messages go there.
    port = settings.port + 1 if is_free(HOST, settings.port + 1) else find_free_port(HOST)
    sandbox = f"http://{HOST}:{port}"
    return {
        "PUBLIC_URL": _base_url(settings),
        "SANDBOX_URL": sandbox,
        "GITHUB_API_URL": f"{sandbox}/api/v3",
        "GITHUB_WEB_URL": sandbox,
        "SLACK_API_URL": f"{sandbox}/slack/api/",
        "RIPE_MODE": "live",
    }


@contextmanager
def _announced(home: Path, changes: Mapping[str, str]) -> Iterator[None]:
    """Let other commands on this machine, such as `ripe why`, find the running bot."""
    path = running_file(home)
    write_private(path, json.dumps(changes, indent=2))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


async def _supervise(
    children: Sequence[Child], server: EmbeddedPostgres | None, stop: asyncio.Event, show: Show
) -> None:
    if server is None:
        await supervise(children, stop, show)
        return
    watch = asyncio.create_task(_stop_if_dead(server, stop))
    try:
        await supervise(children, stop, show)
    finally:
        watch.cancel()
        if server.has_died():  # the true reason, also when a process died of it first
            raise PostgresDiedError(f"The embedded Postgres ended by itself: see {server.log}")


async def _stop_if_dead(server: EmbeddedPostgres, stop: asyncio.Event) -> None:
    while True:
        if server.has_died():
            stop.set()
        await asyncio.sleep(LOOK_EVERY)
