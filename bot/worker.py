"""Runs the jobs: every job type in one table, one worker a lane."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from prometheus_client import CollectorRegistry

from bot.app import App, announce, following_clock, open_app
from bot.flows.catalog import (
    APPLY_FACT,
    ASK_FOR_VERDICT,
    ASSIGN_REVIEWERS,
    BACKFILL_REPOSITORY,
    COMPARE_INSTALLATION,
    COMPARE_REPOSITORY,
    COMPARE_WITH_GITHUB,
    DIGEST,
    ENTER_INSTALLATION,
    FIND_MISSED_DELIVERIES,
    FORGET_INSTALLATION,
    FORGET_WORKSPACE,
    GREET_INSTALLER,
    NOTICE_DOWNTIME,
    POLL,
    POLL_INSTALLATION,
    POLL_REPOSITORY,
    REFRESH_PROFILES,
    REFRESH_WORKSPACES,
    REMIND_REVIEWER,
    REPAIR,
    SCHEDULE_DIGESTS,
    SYNC_PULL_REQUEST,
    TELL_ADMIN,
    TELL_ADMIN_OF_ACCOUNTS,
    TELL_ADMIN_OF_SILENCE,
    TELL_AUTHOR,
    TELL_HOLDER,
    TELL_OBSTACLE,
    TIDY,
    WELCOME_DIGEST,
    Lane,
    find_missed_deliveries_job,
)
from bot.flows.hiding import hide_input
from bot.flows.in_workspace import InWorkspace
from bot.flows.metrics import DatabaseHealthMetrics, Exposition, JobMetrics
from bot.flows.obstacles import Call
from bot.flows.paces import at_pace
from bot.github.polling import POLL_EVERY
from bot.jobs.apply_fact import handle_facts
from bot.jobs.ask_for_verdict import ask_for_verdict
from bot.jobs.assign_reviewers import assign_reviewers
from bot.jobs.backfill_repository import backfill_repository
from bot.jobs.compare_installation import compare_installation
from bot.jobs.compare_repository import compare_repository
from bot.jobs.compare_with_github import EVERY as COMPARE_EVERY
from bot.jobs.compare_with_github import compare_with_github
from bot.jobs.digest import digest
from bot.jobs.enter_installation import enter_installation
from bot.jobs.find_missed_deliveries import EVERY as MISSED_EVERY
from bot.jobs.find_missed_deliveries import find_missed_deliveries
from bot.jobs.forget_installation import forget_installation
from bot.jobs.forget_workspace import forget_workspace
from bot.jobs.greet_installer import greet_installer
from bot.jobs.notice_downtime import EVERY as DOWNTIME_EVERY
from bot.jobs.notice_downtime import notice_downtime
from bot.jobs.poll import poll
from bot.jobs.poll_installation import poll_installation
from bot.jobs.poll_repository import poll_repository
from bot.jobs.refresh_profiles import refresh_profiles
from bot.jobs.refresh_workspaces import EVERY as REFRESH_EVERY
from bot.jobs.refresh_workspaces import refresh_workspaces
from bot.jobs.remind_reviewer import remind_reviewer
from bot.jobs.repair import EVERY as REPAIR_EVERY
from bot.jobs.repair import repair
from bot.jobs.schedule_digests import EVERY as DIGESTS_EVERY
from bot.jobs.schedule_digests import schedule_digests
from bot.jobs.sync_pull_request import sync_and_release
from bot.jobs.tell_admin import tell_admin
from bot.jobs.tell_admin_of_accounts import tell_admin_of_accounts
from bot.jobs.tell_admin_of_silence import tell_admin_of_silence
from bot.jobs.tell_author import tell_author
from bot.jobs.tell_holder import tell_holder
from bot.jobs.tell_obstacle import tell_obstacle
from bot.jobs.tidy import EVERY as TIDY_EVERY
from bot.jobs.tidy import tidy
from bot.settings import Settings
from bot.web.server import PortInUseError, is_free, serving
from jobq import Handler, Observer, Recurring, Timing, WithDeadline, Worker

LISTS_WITHIN = timedelta(minutes=30)
"""The deadline of jobs that read long lists from GitHub, a page a call."""


def build_handlers(app: App) -> Mapping[str, Handler]:
    """Every job type, with just the ports it uses. Stored errors quote nothing that a job has read."""
    return {job_type: hide_input(handler) for job_type, handler in _build_handlers(app).items()}


def _build_handlers(app: App) -> Mapping[str, Handler]:
    github, queue, clock = app.github, app.queue, app.clock
    within = InWorkspace(app.workspaces, app.switch, clock)
    list_reviews = within.send_unless_paused(partial(digest, queue=queue, clock=clock))
    return {
        APPLY_FACT: handle_facts(queue, clock),
        ASK_FOR_VERDICT: at_pace(
            Call.VERDICT, partial(ask_for_verdict, github=github, queue=queue, clock=clock), clock
        ),
        ASSIGN_REVIEWERS: within.assign_unless_paused(
            partial(assign_reviewers, github=github, queue=queue, clock=clock)
        ),
        BACKFILL_REPOSITORY: WithDeadline(
            partial(backfill_repository, github=github, queue=queue, clock=clock), LISTS_WITHIN
        ),
        COMPARE_INSTALLATION: WithDeadline(
            partial(compare_installation, github=github, queue=queue, clock=clock), LISTS_WITHIN
        ),
        COMPARE_REPOSITORY: WithDeadline(
            partial(compare_repository, github=github, queue=queue, clock=clock), LISTS_WITHIN
        ),
        DIGEST: list_reviews,
        ENTER_INSTALLATION: partial(enter_installation, github=github, queue=queue, clock=clock),
        FORGET_INSTALLATION: partial(forget_installation, clock=clock),
        FORGET_WORKSPACE: partial(forget_workspace, clock=clock),
        GREET_INSTALLER: within.send_unless_paused(partial(greet_installer, clock=clock)),
        POLL_INSTALLATION: WithDeadline(
            partial(poll_installation, github=github, queue=queue, clock=clock), LISTS_WITHIN
        ),
        POLL_REPOSITORY: WithDeadline(
            partial(poll_repository, github=github, queue=queue, clock=clock), LISTS_WITHIN
        ),
        REFRESH_PROFILES: within.send(partial(refresh_profiles, queue=queue)),
        # During a pause it still strikes the DMs of a request that is over; it sends nothing then.
        REMIND_REVIEWER: within.send(partial(remind_reviewer, queue=queue, clock=clock)),
        SYNC_PULL_REQUEST: at_pace(
            Call.STATE, partial(sync_and_release, github=github, queue=queue, clock=clock), clock
        ),
        TELL_ADMIN: within.send_unless_paused(partial(tell_admin, clock=clock)),
        TELL_ADMIN_OF_ACCOUNTS: within.send_unless_paused(
            partial(tell_admin_of_accounts, queue=queue, clock=clock)
        ),
        TELL_ADMIN_OF_SILENCE: within.send_unless_paused(partial(tell_admin_of_silence, clock=clock)),
        TELL_AUTHOR: within.send_unless_paused(partial(tell_author, queue=queue, clock=clock)),
        TELL_HOLDER: within.send(partial(tell_holder, clock=clock)),
        TELL_OBSTACLE: within.send_unless_paused(partial(tell_obstacle, clock=clock)),
        WELCOME_DIGEST: list_reviews,
        **{recurring.job_type: recurring.handler for recurring in build_recurring(app)},
    }


def build_recurring(app: App) -> tuple[Recurring, ...]:
    """The jobs that run by the clock. A worker saves each when it starts."""
    queue, clock, github = app.queue, app.clock, app.github
    missing = partial(find_missed_deliveries, github=github, queue=queue, clock=clock)
    comparing = partial(compare_with_github, github=github, queue=queue, clock=clock)
    noticing = partial(notice_downtime, queue=queue, clock=clock)
    digests = partial(schedule_digests, queue=queue, clock=clock)
    polling = partial(poll, github=github, queue=queue, clock=clock)
    # Where GitHub is polled, no webhook is expected to arrive.
    listening = (
        Recurring(POLL, POLL_EVERY, polling, clock.now, lane=Lane.CALLS)
        if app.settings.github_poll
        else Recurring(FIND_MISSED_DELIVERIES, MISSED_EVERY, missing, clock.now, lane=Lane.CALLS)
    )
    return (
        listening,
        Recurring(COMPARE_WITH_GITHUB, COMPARE_EVERY, comparing, clock.now, lane=Lane.CALLS),
        Recurring(NOTICE_DOWNTIME, DOWNTIME_EVERY, noticing, clock.now, lane=Lane.FACTS),
        Recurring(
            REFRESH_WORKSPACES,
            REFRESH_EVERY,
            partial(refresh_workspaces, queue=queue),
            clock.now,
            lane=Lane.FACTS,
        ),
        Recurring(SCHEDULE_DIGESTS, DIGESTS_EVERY, digests, clock.now, lane=Lane.FACTS),
        Recurring(TIDY, TIDY_EVERY, partial(tidy, queue=queue, clock=clock), clock.now, lane=Lane.FACTS),
        Recurring(REPAIR, REPAIR_EVERY, partial(repair, queue=queue), clock.now, lane=Lane.FACTS),
    )


def build_workers(
    app: App, timing: Timing | None = None, on_settled: Observer | None = None
) -> tuple[Worker, ...]:
    """One worker a lane: facts are many and fast, and must not wait behind calls to GitHub or Slack."""
    handlers = build_handlers(app)
    worker = partial(Worker, app.queue, handlers, timing=timing, on_settled=on_settled)
    return (
        worker(concurrency=8, prefetch=200, lane=Lane.FACTS),
        worker(concurrency=20, prefetch=0, lane=Lane.CALLS),
    )


async def run_worker(settings: Settings, stop: asyncio.Event) -> None:
    """Works until `stop` is set, then lets the running jobs end."""
    async with open_app(settings) as app:
        await work(app, stop)


async def work(app: App, stop: asyncio.Event) -> None:
    """Works on the jobs of an open App until `stop` is set, following the sandbox's clock."""
    async with _measured(app) as on_settled:
        workers = build_workers(app, on_settled=on_settled)

        def wake() -> None:
            for worker in workers:
                worker.wake()

        async with following_clock(app, wake):
            await announce(app, "worker")
            await app.queue.save_all(recurring.job for recurring in build_recurring(app))
            if not app.settings.github_poll:
                await app.queue.save(find_missed_deliveries_job())
            await run_workers(workers, stop)


async def run_workers(workers: Sequence[Worker], stop: asyncio.Event) -> None:
    """Runs these workers until `stop` is set."""
    async with asyncio.TaskGroup() as group:
        for worker in workers:
            group.create_task(worker.run())
        await stop.wait()
        await asyncio.gather(*(worker.stop() for worker in workers))


@asynccontextmanager
async def _measured(app: App) -> AsyncIterator[Observer | None]:
    """Watches the clock and, if METRICS_PORT is set, serves the counts of the yielded observer."""
    settings, registry = app.settings, CollectorRegistry()
    async with DatabaseHealthMetrics(app.queue, app.clock, registry).watched():
        if settings.metrics_port is None:
            yield None
            return
        port = settings.metrics_port
        if not is_free(settings.host, port):
            raise PortInUseError(
                f"METRICS_PORT: {port} is in use, perhaps by another worker: give each its own"
            )
        counted = JobMetrics(registry)
        # Quart takes 10 MB and part of the start, and most workers serve nothing.
        from bot.web.metrics import create_metrics_web

        web = create_metrics_web(Exposition(registry), settings.metrics_token)
        async with serving(web, settings.host, port):
            yield counted.count
