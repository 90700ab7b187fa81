"""The command line. Each command is a few lines: it loads what it needs and calls a coroutine elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from typing import Annotated

import typer

from bot.cli.commands import add_commands
from bot.cli.doctor import doctor
from bot.cli.servers import add_servers
from bot.model import OperatorError, UserError
from jobq import DatabaseUnavailableError


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"ripe {metadata.version('ripe')}")
        raise typer.Exit


cli = typer.Typer(
    name="ripe",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@cli.callback()
def ripe(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Reminds the right reviewer at the right time."""


add_servers(cli)
add_commands(cli)
cli.command()(doctor)


def main() -> None:
    """Run the command that the arguments name; exits with 1 when it fails."""
    with expecting_errors():
        cli()


@contextmanager
def expecting_errors() -> Iterator[None]:
    """Print errors whose text says what to do, and exit with 1. All others are bugs, and show a traceback."""
    try:
        yield
    except (OperatorError, UserError, DatabaseUnavailableError) as error:
        typer.echo(str(error), err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
