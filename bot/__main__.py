"""The command line. Each command is a few lines: it loads what it needs and calls a coroutine elsewhere."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
import uvloop

from bot.cli.commands import add_commands
from bot.cli.doctor import doctor
from bot.local.embedded import EmbeddedPostgresError
from bot.local.supervisor import ChildDiedError
from bot.local.up import AlreadyUpError, PostgresDiedError, run_up, usual_commands
from bot.logs import setup_logs
from bot.migrations import MigrationError, check_schema
from bot.model import UserError
from bot.settings import (
    Settings,
    SettingsError,
    load_settings,
    load_settings_of_running_bot,
    require_database,
)
from bot.web.server import PortInUseError
from jobq import DatabaseUnavailableError

EXPECTED = (
    AlreadyUpError,
    ChildDiedError,
    DatabaseUnavailableError,
    EmbeddedPostgresError,
    MigrationError,
    PortInUseError,
    PostgresDiedError,
    SettingsError,
    UserError,
)
"""Errors that say what to do. All others are bugs, and show where."""

cli = typer.Typer(
    name="ripe",
    help="Reminds the right reviewer at the right time.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command that the arguments name; exits with 1 when it fails."""
    with expected_errors_told():
        cli()


@contextmanager
def expected_errors_told() -> Iterator[None]:
    """End the process with 1 and the error's own text, where that text says what to do."""
    try:
        yield
    except EXPECTED as error:
        typer.echo(str(error), err=True)
        sys.exit(1)


def run_until_signal(run: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run with an event that SIGINT, SIGTERM and a closed terminal set. A second signal does not wait."""

    async def until_signal() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()

        def end(number: signal.Signals) -> None:
            stop.set()
            loop.remove_signal_handler(number)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, end, number)
        await run(stop)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(until_signal())


add_commands(cli)
cli.command()(doctor)


@cli.command()
def up(
    setup: Annotated[bool, typer.Option("--setup", help="Connect GitHub and Slack in the browser.")] = False,
) -> None:
    """Start everything here: web, worker, and a Postgres and a sandbox where none are set."""
    settings = load_settings()
    if setup:
        settings = settings.model_copy(update={"ripe_setup": True})
    run_until_signal(lambda stop: run_up(settings, usual_commands(), stop, typer.echo, reopens=setup))


@cli.command()
def web() -> None:
    """Serve GitHub's webhooks and Slack's requests."""
    settings = _start_process()
    from bot.web.app import run_web

    run_until_signal(lambda stop: run_web(settings, stop))


@cli.command()
def worker() -> None:
    """Run the jobs. Any number of workers may share one database."""
    settings = _start_process()
    from bot.worker import run_worker

    run_until_signal(lambda stop: run_worker(settings, stop))


@cli.command(hidden=True)
def sandbox() -> None:
    """Pretend to be GitHub and Slack for the bot on this machine; `ripe up` starts it."""
    settings = _start_process()
    from bot.sandbox.app import run_sandbox

    port = urlsplit(settings.sandbox_url or "").port
    if port is None:
        raise SettingsError("SANDBOX_URL: missing; `ripe up` starts the sandbox and sets it")
    run_until_signal(lambda stop: run_sandbox(settings, port, stop))


@cli.command(hidden=True)
def story() -> None:
    """Play a pull request in the sandbox and tell what happens; `ripe up` starts it."""
    from bot.sandbox.story import run_story

    settings = _start_process()
    run_until_signal(lambda stop: run_story(settings, stop, typer.echo))


@cli.command()
def migrate() -> None:
    """Bring the database to this version's schema."""
    from bot import migrations

    settings = load_settings_of_running_bot()
    applied = asyncio.run(migrations.migrate(settings.direct_url or require_database(settings)))
    for name in applied:
        typer.echo(f"Applied {name}")
    if not applied:
        typer.echo("The database is up to date.")


def _start_process() -> Settings:
    settings = load_settings_of_running_bot()
    setup_logs(settings.log_level, settings.log_format)
    asyncio.run(check_schema(settings.direct_url or require_database(settings)))
    return settings


if __name__ == "__main__":
    main()
