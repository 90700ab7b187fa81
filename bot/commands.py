"""The commands that ask a running bot, or change what it knows: config, people, why, jobs, replay."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from bot.actions.apply_config import apply_config, check_config
from bot.actions.explain import explain
from bot.actions.export_config import export_config
from bot.actions.import_people import describe_people, import_people
from bot.app import App, following_clock, open_app
from bot.model import UserError
from bot.replay import replay as replay_files
from bot.settings import load_settings_of_running_bot

config = typer.Typer(help="The rules: one YAML file.", no_args_is_help=True)
people = typer.Typer(help="Who is who on GitHub and in Slack.", no_args_is_help=True)
jobs = typer.Typer(help="What is queued.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The file to read.", exists=True, dir_okay=False)]


def add_commands(cli: typer.Typer) -> None:
    """Adds these commands to the command line."""
    cli.add_typer(config, name="config")
    cli.add_typer(people, name="people")
    cli.add_typer(jobs, name="jobs")
    cli.command()(why)
    cli.command()(replay)


@config.command()
def check(file: File) -> None:
    """List every problem of a configuration file, and what it would change."""

    async def run(app: App) -> bool:
        report = await check_config(_read(file), app.workspace_id)
        _show(report.lines())
        return report.is_ok

    _run(run)


@config.command()
def apply(file: File) -> None:
    """Apply a configuration file that has no problems."""

    async def run(app: App) -> bool:
        report = await apply_config(_read(file), app.workspace_id, queue=app.queue, now=app.clock.now())
        _show(report.lines())
        return report.is_ok

    _run(run)


@config.command()
def export() -> None:
    """Print the configuration that is in effect."""

    async def run(app: App) -> bool:
        typer.echo(await export_config(app.workspace_id), nl=False)
        return True

    _run(run)


@people.command(name="import")
def import_(
    file: File,
    does_apply: Annotated[bool, typer.Option("--apply", help="Do it.")] = False,
) -> None:
    """Connect GitHub logins to Slack users: CSV or YAML with github_login, slack_id or email, name, ..."""

    async def run(app: App) -> bool:
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
        _show(report.lines())
        return report.is_ok

    _run(run)


@people.command(name="list")
def list_people() -> None:
    """Show who is connected, and which reviewers are not."""

    async def run(app: App) -> bool:
        _show(await describe_people(app.workspace_id))
        return True

    _run(run)


@jobs.command(name="list")
def list_jobs() -> None:
    """Show how full the queue is, lane by lane, and which jobs are dead."""

    async def run(app: App) -> bool:
        for lane in await app.queue.stats():
            age = f", the oldest for {lane.oldest_ripe_age}" if lane.oldest_ripe_age else ""
            typer.echo(
                f"lane {lane.lane}: {lane.ready} ready{age}; {lane.future} later; {lane.leased} running;"
                f" {lane.dead} dead"
            )
        for dead in await app.queue.dead():
            typer.echo(f"dead {dead.id}: {dead.job.job_type} {dead.job.arguments}: {dead.last_error}")
        return True

    _run(run)


def why(pull_request: Annotated[str, typer.Argument(metavar="OWNER/REPO#N")]) -> None:
    """Tell why a pull request has the reviewers it has, and what each of them was sent."""

    async def run(app: App) -> bool:
        _show(await explain(app.workspace_id, pull_request, app.clock.now()))
        return True

    _run(run)


def replay(files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False)]) -> None:
    """Sign stored GitHub payloads, post them to the running bot, and print what each led to."""

    async def run() -> None:
        async for line in replay_files(load_settings_of_running_bot(), files):
            typer.echo(line)

    asyncio.run(run())


def _run(work: Callable[[App], Awaitable[bool]]) -> None:
    """Runs on the bot's own parts; exits with 1 where the answer is no."""

    async def run() -> bool:
        async with _opened() as app:
            return await work(app)

    if not asyncio.run(run()):
        raise typer.Exit(1)


@asynccontextmanager
async def _opened() -> AsyncIterator[App]:
    async with (
        open_app(load_settings_of_running_bot()) as app,
        following_clock(app, lambda: None),
    ):
        yield app


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read as text: {error}") from error


def _show(lines: list[str]) -> None:
    for line in lines:
        typer.echo(line)
