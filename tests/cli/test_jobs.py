"""`ripe jobs` as a shell sees it."""

import asyncio
import re
import subprocess
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from bot.flows.catalog import Lane
from jobq import Database, Job, Queue
from jobq.claims import claim, settle
from jobq.settlement import settle_error
from tests.github_server import APP_ID, WEBHOOK_SECRET, private_key
from tests.shell import ripe

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
T = TypeVar("T")


@pytest.fixture
def shell(tmp_path: Path, dsn: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return ripe(
            tmp_path,
            "jobs",
            *arguments,
            DATABASE_URL=dsn,
            GITHUB_APP_ID=str(APP_ID),
            GITHUB_APP_PRIVATE_KEY=private_key().get_secret_value(),
            GITHUB_WEBHOOK_SECRET=WEBHOOK_SECRET.get_secret_value(),
            SLACK_BOT_TOKEN="xoxb-none",
            SLACK_SIGNING_SECRET="signing secret",
        )

    return run


Shell = Callable[..., subprocess.CompletedProcess[str]]


def on_queue(dsn: str, work: Callable[[Queue], Awaitable[T]]) -> T:
    """Run `work` on the queue, at noon of some day."""

    async def run() -> T:
        async with Database(dsn) as database:
            return await work(Queue(database, lambda: NOON))

    return asyncio.run(run())


def remind(request_id: int, **options: int) -> Job:
    arguments = {"request_id": request_id}
    return Job(job_type="remind_reviewer", arguments=arguments, lane=Lane.CALLS, **options)


async def fail_once(queue: Queue) -> None:
    """Let every ripe job fail. Those that may not be retried are then dead."""
    error = ValueError("no such\nchannel, with xoxb-1234-secret")
    async with queue.database.connection() as connection:
        jobs = (await claim(connection, Lane.CALLS, NOON, 10)).jobs
        await settle(connection, [settle_error(job, error, NOON) for job in jobs], NOON)


def lines(ended: subprocess.CompletedProcess[str]) -> list[str]:
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def test_the_list_says_what_waits_what_runs_and_why_it_failed_last(shell: Shell, dsn: str) -> None:
    async def fill(queue: Queue) -> None:
        await queue.save(remind(5))
        await fail_once(queue)
        await queue.save(Job(job_type="apply_fact", arguments={"guid": "g1"}))
        async with queue.database.connection() as connection:
            await claim(connection, Lane.FACTS, NOON, 1)
        await queue.save(remind(600).runs_in(hours=24 * 36_500))

    on_queue(dsn, fill)
    output = lines(shell("list"))
    assert output[0] == "lane facts: 0 ready; 0 later; 1 running; 0 dead"
    assert re.fullmatch(
        r"lane calls: 1 ready, the oldest for (\d+ days?, )?\d+:\d\d:\d\d; 1 later; 0 running; 0 dead",
        output[1],
    )
    assert output[2:] == [
        "ID  TYPE             DUE                      TRIES    ARGUMENTS",
        '2   apply_fact       runs                     1 of 14  {"guid":"g1"}',
        '1   remind_reviewer  2026-03-02 12:05:00 UTC  1 of 14  {"request_id":5}',
        "    ValueError: no such channel, with [hidden]",
        '3   remind_reviewer  2126-02-06 12:00:00 UTC  0 of 14  {"request_id":600}',
    ]
    assert lines(shell("list", "--limit", "1"))[2:] == [
        "ID  TYPE        DUE   TRIES    ARGUMENTS",
        '2   apply_fact  runs  1 of 14  {"guid":"g1"}',
        "These are the first 1 of 3; --limit shows more.",
    ]


def test_an_empty_queue_says_so(shell: Shell) -> None:
    assert lines(shell("list")) == ["Nothing is queued."]
    assert lines(shell("dead")) == ["Nothing is dead."]


def test_a_dead_job_is_shown_with_its_error_and_lives_again(shell: Shell, dsn: str) -> None:
    async def die(queue: Queue) -> None:
        await queue.save(remind(5, max_retries=0))
        await fail_once(queue)

    on_queue(dsn, die)
    assert lines(shell("dead")) == [
        "ID  TYPE             DIED                     TRIES  ARGUMENTS",
        '1   remind_reviewer  2026-03-02 12:00:00 UTC  1      {"request_id":5}',
        "    ValueError: no such channel, with [hidden]",
    ]
    ended = shell("revive", "1", "7")
    assert (ended.returncode, ended.stdout) == (1, "1 is queued again.\n")
    assert ended.stderr == "7: no dead job has this id; `ripe jobs dead` lists them.\n"
    (alive,) = on_queue(dsn, lambda queue: queue.queued())
    assert (alive.job.arguments, alive.tries) == ({"request_id": 5}, 0)
    assert on_queue(dsn, lambda queue: queue.dead()) == []


def test_a_job_is_cancelled_by_its_id_and_an_unknown_id_is_reported(shell: Shell, dsn: str) -> None:
    async def fill(queue: Queue) -> None:
        await queue.save(remind(5))
        await queue.save(remind(6).runs_in(hours=1))
        async with queue.database.connection() as connection:
            await claim(connection, Lane.CALLS, NOON, 10, lease=timedelta(hours=1))

    on_queue(dsn, fill)
    ended = shell("cancel", "2", "77", "1")
    assert ended.returncode == 1
    assert ended.stdout.splitlines() == [
        'Cancelled 2: remind_reviewer {"request_id":6}.',
        'Cancelled 1: remind_reviewer {"request_id":5}. It runs just now, and is not stopped.',
    ]
    assert ended.stderr == "77: no queued job has this id; `ripe jobs list` lists them.\n"
    assert on_queue(dsn, lambda queue: queue.queued()) == []


@pytest.mark.parametrize("arguments", [("revive",), ("cancel", "seven"), ("cancel", str(10**30))])
def test_a_malformed_id_is_refused_in_a_sentence(shell: Shell, arguments: tuple[str, ...]) -> None:
    ended = shell(*arguments)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert "ID..." in ended.stderr
