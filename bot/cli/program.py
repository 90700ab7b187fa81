"""Every command with its options. Each is a few lines: it imports what it needs and calls it."""

from typing import Annotated

import typer

from bot.cli.commands import add_commands


def _show_version(is_wanted: bool) -> None:
    from importlib import metadata

    if is_wanted:
        typer.echo(f"ripe {metadata.version('ripe')}")
        raise typer.Exit


cli = typer.Typer(
    name="ripe",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@cli.callback()
def ripe(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Reminds the right reviewer at the right time."""


@cli.command()
def up(
    setup: Annotated[bool, typer.Option("--setup", help="Connect GitHub and Slack in the browser.")] = False,
) -> None:
    """Start everything on this machine.

    Web and worker, and a Postgres and a sandbox if none are set.
    """
    from bot.cli import servers

    servers.up(opens_setup=setup)


@cli.command()
def web() -> None:
    """Serve GitHub's webhooks and Slack's requests."""
    from bot.cli import servers

    servers.web()


@cli.command()
def worker() -> None:
    """Run the jobs. Any number of workers may share one database."""
    from bot.cli import servers

    servers.worker()


add_commands(cli)


@cli.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what is wrong, and how to fix it.

    It examines settings, database, queue, people, GitHub and Slack. It exits with 0 when all is well, 1 when
    something failed, 2 when there are only warnings.
    """
    from bot.cli.doctor import examine

    raise typer.Exit(examine(as_json=as_json))
