"""The commands that ask a running bot or change its data: all but those that start a process, and doctor."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.accounts import accounts
from bot.cli.forget import forget
from bot.cli.jobs import jobs
from bot.cli.running import run_on_app, show

if TYPE_CHECKING:
    from bot.app import App

config = typer.Typer(help="The rules: one YAML file.", no_args_is_help=True)
people = typer.Typer(help="Who is who on GitHub and in Slack.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The file to read.", exists=True, dir_okay=False)]


def add_commands(cli: typer.Typer) -> None:
    """Add these commands to the command line."""
    cli.add_typer(config, name="config")
    cli.add_typer(people, name="people")
    cli.add_typer(accounts, name="accounts")
    cli.add_typer(jobs, name="jobs")
    cli.command()(why)
    cli.command()(slack_link)
    cli.command()(forget)
    cli.command()(replay)
    cli.command()(migrate)


@config.command()
def check(file: File) -> None:
    """List a file's problems, and what applying it would change."""

    async def run(app: "App") -> bool:
        from bot.actions.apply_config import check_config

        report = await check_config(_read(file), app.workspace_id)
        show(report.lines())
        return report.is_ok

    run_on_app(run)


@config.command()
def apply(file: File) -> None:
    """Apply a configuration file that has no problems."""

    async def run(app: "App") -> bool:
        from bot.actions.apply_config import apply_config

        report = await apply_config(_read(file), app.workspace_id, queue=app.queue, now=app.clock.now())
        show(report.lines())
        return report.is_ok

    run_on_app(run)


@config.command()
def export() -> None:
    """Print the configuration that is in effect."""

    async def run(app: "App") -> bool:
        from bot.actions.export_config import export_config

        typer.echo(await export_config(app.workspace_id), nl=False)
        return True

    run_on_app(run)


@people.command(name="import")
def import_(
    file: File,
    does_apply: Annotated[bool, typer.Option("--apply", help="Connect them; without it, only show.")] = False,
) -> None:
    """Connect GitHub logins to Slack users.

    The file is CSV or YAML with github_login, slack_id or email, name, ...
    """

    async def run(app: "App") -> bool:
        from bot.actions.import_people import import_people

        report = await import_people(
            _read(file),
            file.name,
            app.workspace_id,
            apply=does_apply,
            github=app.github,
            slack=app.slack,
            queue=app.queue,
            clock=app.clock,
        )
        show(report.lines())
        return report.is_ok

    run_on_app(run)


@people.command(name="list")
def list_people() -> None:
    """Show who is connected, and which reviewers are not."""

    async def run(app: "App") -> bool:
        from bot.actions.import_people import describe_people

        show(await describe_people(app.workspace_id))
        return True

    run_on_app(run)


def why(pull_request: Annotated[str, typer.Argument(metavar="OWNER/REPO#N")]) -> None:
    """Say why a pull request has its reviewers, and what each was sent."""

    async def run(app: "App") -> bool:
        from bot.actions.explain import explain

        show(await explain(app.workspace_id, pull_request, app.clock.now()))
        return True

    run_on_app(run)


def slack_link() -> None:
    """Print the link with which one more Slack workspace installs Ripe: good for one time, for an hour."""

    async def run(app: "App") -> bool:
        from bot.web.workspace_link import make_workspace_link

        typer.echo(await make_workspace_link(app.settings, "the command line"))
        return True

    run_on_app(run)


def replay(
    files: Annotated[list[Path] | None, typer.Argument(exists=True, dir_okay=False)] = None,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="Have GitHub deliver again what an older Ripe rejected.")
    ] = False,
) -> None:
    """Post stored GitHub payloads to the running bot again.

    They are signed, and the outcome of each is printed.
    """
    import asyncio

    from bot.model import UserError
    from bot.settings import load_settings_of_running_bot

    if bool(files) is rejected:
        raise UserError("Name the files to replay, or use --rejected.")

    async def run() -> None:
        from bot.cli.replay import replay as replay_files
        from bot.cli.replay import replay_rejected

        settings = load_settings_of_running_bot()
        lines = replay_rejected(settings) if rejected else replay_files(settings, files or [])
        async for line in lines:
            typer.echo(line)

    asyncio.run(run())


def migrate() -> None:
    """Bring the database to this version's schema."""
    import asyncio

    from bot import migrations
    from bot.settings import load_settings_of_running_bot, require_database

    settings = load_settings_of_running_bot()
    applied = asyncio.run(migrations.migrate(settings.direct_url or require_database(settings)))
    for name in applied:
        typer.echo(f"Applied {name}")
    if not applied:
        typer.echo("The database is up to date.")


def _read(file: Path) -> str:
    from bot.model import UserError

    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read as text: {error}") from error
