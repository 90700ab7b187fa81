"""`ripe jobs`: lists queued and dead jobs, cancels the former and revives the latter."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.running import run_on_app, show

if TYPE_CHECKING:
    from bot.app import App
    from jobq import DeadJob, Job, LaneStats, QueuedJob

jobs = typer.Typer(help="What is queued, and what failed for good.", no_args_is_help=True)

LARGEST_ID = 2**63 - 1
Limit = Annotated[int, typer.Option(min=1, max=100_000, help="How many to show.")]
Ids = Annotated[list[int], typer.Argument(metavar="ID...", min=1, max=LARGEST_ID, show_default=False)]


@jobs.command(name="list")
def list_jobs(limit: Limit = 50) -> None:
    """Show how many jobs each lane has, and the next ones."""

    async def run(app: "App") -> bool:
        lanes = await app.queue.stats()
        queued = await app.queue.queued(limit)
        show(_describe(lane) for lane in lanes)
        show(_list_queued(queued) if queued else ["Nothing is queued."])
        total = sum(lane.ready + lane.blocked + lane.future + lane.leased for lane in lanes)
        if total > len(queued):
            typer.echo(f"These are the first {len(queued)} of {total}; --limit shows more.")
        return True

    run_on_app(run)


@jobs.command()
def dead(limit: Limit = 50) -> None:
    """Show the jobs that failed for good, the newest first."""

    async def run(app: "App") -> bool:
        dead_jobs = await app.queue.dead(limit)
        show(_list_dead(dead_jobs) if dead_jobs else ["Nothing is dead."])
        return True

    run_on_app(run)


@jobs.command()
def revive(ids: Ids) -> None:
    """Queue dead jobs again: they run now, with all their tries."""

    async def run(app: "App") -> bool:
        return all([await _revive(app, dead_id) for dead_id in ids])

    run_on_app(run)


@jobs.command()
def cancel(ids: Ids) -> None:
    """Delete jobs that wait. A job that is running goes on to its end, but does not run again."""

    async def run(app: "App") -> bool:
        return all([await _cancel(app, job_id) for job_id in ids])

    run_on_app(run)


async def _revive(app: "App", dead_id: int) -> bool:
    if await app.queue.revive(dead_id):
        typer.echo(f"{dead_id} is queued again.")
        return True
    typer.echo(f"{dead_id}: no dead job has this id; `ripe jobs dead` lists them.", err=True)
    return False


async def _cancel(app: "App", job_id: int) -> bool:
    queued = await app.queue.find(job_id)
    if queued is None or not await app.queue.cancel(queued.job):
        typer.echo(f"{job_id}: no queued job has this id; `ripe jobs list` lists them.", err=True)
        return False
    running = " It runs just now, and is not stopped." if queued.is_running else ""
    typer.echo(f"Cancelled {job_id}: {queued.job.job_type} {_arguments(queued.job)}.{running}")
    return True


def _describe(lane: "LaneStats") -> str:
    from bot.flows.catalog import describe_lane

    oldest = lane.oldest_ripe_age
    age = "" if oldest is None else f", the oldest for {timedelta(seconds=int(oldest.total_seconds()))}"
    blocked = f" {lane.blocked} wait for others of their account or workspace;" if lane.blocked else ""
    return (
        f"lane {describe_lane(lane.lane)}: {lane.ready} ready{age};{blocked} {lane.future} later;"
        f" {lane.leased} running; {lane.dead} dead"
    )


def _list_queued(queued: "Sequence[QueuedJob]") -> Iterator[str]:
    header = ("ID", "TYPE", "DUE", "TRIES", "ARGUMENTS")
    rows = [
        (str(row.id), row.job.job_type, "runs" if row.is_running else _instant(row.due_at),
         f"{row.tries} of {row.job.max_retries + 1}", _arguments(row.job))
        for row in queued
    ]  # fmt: skip
    return _columns(header, rows, [row.last_error for row in queued])


def _list_dead(dead_jobs: "Sequence[DeadJob]") -> Iterator[str]:
    header = ("ID", "TYPE", "DIED", "TRIES", "ARGUMENTS")
    rows = [
        (str(row.id), row.job.job_type, _instant(row.died_at), str(row.tries), _arguments(row.job))
        for row in dead_jobs
    ]
    return _columns(header, rows, [row.last_error for row in dead_jobs])


def _columns(
    header: Sequence[str], rows: Sequence[Sequence[str]], errors: Sequence[str | None]
) -> Iterator[str]:
    """Aligned lines. The last column is never cut, and each error has a line of its own."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)][:-1]
    for cells, error in zip((header, *rows), (None, *errors), strict=True):
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]
        yield "  ".join((*padded, cells[-1]))
        if error:
            yield f"{' ' * widths[0]}  {_hide_secrets(' '.join(error.split()))}"


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _arguments(job: "Job") -> str:
    return _hide_secrets(json.dumps(job.arguments, separators=(",", ":"), ensure_ascii=False))


def _hide_secrets(text: str) -> str:
    from bot.logs import hide_secrets_in

    return hide_secrets_in(text)
