"""The command line. Each command is a few lines: it loads what it needs and calls a coroutine elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from bot.cli.commands import add_commands
from bot.cli.doctor import doctor
from bot.cli.servers import add_servers
from bot.local.embedded import EmbeddedPostgresError
from bot.local.supervisor import ChildDiedError
from bot.local.up import AlreadyUpError, PostgresDiedError
from bot.migrations import MigrationError
from bot.model import UserError
from bot.settings import SettingsError
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
add_servers(cli)
add_commands(cli)
cli.command()(doctor)


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


if __name__ == "__main__":
    main()
