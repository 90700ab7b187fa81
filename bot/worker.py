"""Runs the jobs: every job type in one table, one worker a lane."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from bot.app import App, following_clock, open_app
from bot.jobs.apply_fact import apply_fact
from bot.jobs.assign_reviewers import assign_reviewers
from bot.jobs.catalog import (
    APPLY_FACT,
    ASSIGN_REVIEWERS,
    REMIND_REVIEWER,
    SYNC_PULL_REQUEST,
    TELL_AUTHOR,
    TIDY,
    Lane,
)
from bot.jobs.remind_reviewer import remind_reviewer
from bot.jobs.stay_silent import stay_silent
from bot.jobs.sync_pull_request import sync_pull_request
from bot.jobs.tell_author import tell_author
from bot.jobs.tidy import EVERY as TIDY_EVERY
from bot.jobs.tidy import tidy
from bot.settings import Settings
from jobq import Handler, Recurring, Timing, Worker


def build_handlers(app: App) -> Mapping[str, Handler]:
    """Every job type, with just the ports it uses."""
    github, slack, queue, clock = app.github, app.slack, app.queue, app.clock
    handlers: dict[str, Handler] = {
        APPLY_FACT: partial(apply_fact, queue=queue, clock=clock),
        SYNC_PULL_REQUEST: partial(sync_pull_request, github=github, queue=queue),
        **{recurring.job_type: recurring.handler for recurring in build_recurring(app)},
    }
    if not app.is_live:
        silent = (ASSIGN_REVIEWERS, REMIND_REVIEWER, TELL_AUTHOR)
        return handlers | dict.fromkeys(silent, partial(stay_silent, clock=clock))
    return handlers | {
        ASSIGN_REVIEWERS: partial(assign_reviewers, github=github, queue=queue, clock=clock),
        REMIND_REVIEWER: partial(remind_reviewer, slack=slack, queue=queue, clock=clock),
        TELL_AUTHOR: partial(tell_author, slack=slack, clock=clock),
    }


def build_recurring(app: App) -> tuple[Recurring, ...]:
    """What runs by the clock. A worker saves each when it starts."""
    queue, clock = app.queue, app.clock
    return (Recurring(TIDY, TIDY_EVERY, partial(tidy, queue=queue, clock=clock), clock.now, lane=Lane.FACTS),)


def build_workers(app: App, timing: Timing | None = None) -> tuple[Worker, ...]:
    """Facts are many, fast and never wait behind calls to GitHub or Slack."""
    handlers = build_handlers(app)
    return (
        Worker(app.queue, handlers, concurrency=8, prefetch=200, lane=Lane.FACTS, timing=timing),
        Worker(app.queue, handlers, concurrency=20, prefetch=0, lane=Lane.CALLS, timing=timing),
    )


async def run_worker(settings: Settings, stop: asyncio.Event) -> None:
    """Works until `stop` is set, then stops in good order."""
    async with open_app(settings) as app:
        workers = build_workers(app)

        def wake() -> None:
            for worker in workers:
                worker.wake()

        async with following_clock(app, wake):
            await app.queue.save_all(recurring.job for recurring in build_recurring(app))
            await run_workers(workers, stop)


async def run_workers(workers: Sequence[Worker], stop: asyncio.Event) -> None:
    """Runs these workers until `stop` is set."""
    async with asyncio.TaskGroup() as group:
        for worker in workers:
            group.create_task(worker.run())
        await stop.wait()
        await asyncio.gather(*(worker.stop() for worker in workers))
