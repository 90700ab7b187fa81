"""How many SQL statements a DM costs, from its claimed job to the handler's return."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from bot.flows.catalog import (
    greet_installer_job,
    remind_reviewer_job,
    tell_author_job,
    welcome_digest_job,
)
from bot.flows.reminder_state import load_reminder_states
from bot.model import AccountId, InstallationId, PersonId, PullRequestId, RequestId
from bot.reminders.model import NoticeKind
from bot.reviews import backlog
from bot.reviews.store import list_open_request_ids
from bot.sandbox.github.model import Pull
from bot.worker import build_handlers
from jobq import ClaimedJob, Job
from tests.counting import Count, counted
from tests.journeys.whole import MONDAY_MORNING, Whole, whole_bot

MONDAY_EVENING = datetime(2037, 11, 23, 18, 0, tzinfo=UTC)
TUESDAY_MORNING = datetime(2037, 11, 24, 8, 0, tzinfo=UTC)
THURSDAY_MORNING = datetime(2037, 11, 26, 9, 0, tzinfo=UTC)
"""Nobody has answered for 16 working hours in Berlin, and in London work begins."""

A_STATE = 3
A_DM = 14
A_REMINDER = 15
"""With the edit of the DM before it."""
AN_AUTHOR_NOTICE = 16
A_GREETING = 13
A_DIGEST = 15


@pytest.fixture
async def ripe(dsn: str) -> AsyncIterator[Whole]:
    async with whole_bot(dsn, MONDAY_MORNING) as whole:
        yield whole


async def run(ripe: Whole, job: Job) -> Count:
    """Runs the job's handler as a worker does. Returns what that cost."""
    claimed = ClaimedJob(
        1, job.job_type, json.dumps(job.arguments), None, ripe.clock.now(), job.lane, 1, 1, 13, 5, None
    )
    async with counted(ripe.app.database) as count:
        await build_handlers(ripe.app)[job.job_type](claimed)
    return count


async def ask_in_the_evening(ripe: Whole, *reviewers: str, pulls: int = 1) -> Pull:
    """Requests outside of working hours: their first DMs are due in the morning."""
    await ripe.go_to(MONDAY_EVENING)
    for _ in range(pulls):
        pull = ripe.github.open_pull_request("acme/web", "ben", "Round up", ["src/main.py"])
        ripe.github.request_review(pull, reviewers, by="ben")
    await ripe.settle()
    return pull


async def stop_at(ripe: Whole, instant: datetime) -> None:
    """Jobs that were due before this instant have run; jobs of the next minute are due and have not."""
    await ripe.go_to(instant - timedelta(seconds=1))
    ripe.clock.shift += timedelta(minutes=1)


async def the_only_request() -> RequestId:
    (request_id,) = await list_open_request_ids(after=None, limit=2)
    return request_id


async def test_the_state_of_a_reminder_loads_in_few_statements(ripe: Whole) -> None:
    await ask_in_the_evening(ripe, "cho")
    request_id = await the_only_request()
    async with counted(ripe.app.database) as count, ripe.app.database.transaction():
        assert await load_reminder_states([request_id], ripe.clock.now())
    assert len(count.statements) <= A_STATE, count.describe()


async def test_the_first_dm_that_a_person_ever_gets_costs_few_statements(ripe: Whole) -> None:
    await ask_in_the_evening(ripe, "cho")
    await stop_at(ripe, TUESDAY_MORNING)
    count = await run(ripe, remind_reviewer_job(await the_only_request()))
    assert ripe.reminders("cho") == 1
    assert len(count.statements) <= A_DM, count.describe()


async def test_a_reminder_costs_few_statements(ripe: Whole) -> None:
    await ask_in_the_evening(ripe, "cho")
    await stop_at(ripe, TUESDAY_MORNING + timedelta(hours=4))
    # GitHub has answered, as it must before a reminder.
    await ripe.app.database.execute("UPDATE pull_request SET synced_at = $1", ripe.clock.now())
    count = await run(ripe, remind_reviewer_job(await the_only_request()))
    assert ripe.reminders("cho") == 2
    assert len(count.statements) <= A_REMINDER, count.describe()


async def test_a_notice_to_an_author_costs_the_same_for_any_number_of_reviewers(ripe: Whole) -> None:
    pull = await ask_in_the_evening(ripe, "ana", "cho")
    await stop_at(ripe, THURSDAY_MORNING)
    count = await run(ripe, tell_author_job(PullRequestId(pull.id), NoticeKind.NO_ANSWER))
    assert len(ripe.dms("ben")) == 1
    assert len(count.statements) <= AN_AUTHOR_NOTICE, count.describe()


async def test_a_greeting_costs_few_statements(ripe: Whole) -> None:
    (installation,) = ripe.github.document.installations
    ben = await ripe.app.database.fetchval("SELECT id FROM account WHERE login = 'ben'")
    count = await run(ripe, greet_installer_job(InstallationId(installation.id), AccountId(ben)))
    assert len(ripe.dms("ben")) == 1
    assert len(count.statements) <= A_GREETING, count.describe()


async def test_a_welcome_digest_costs_the_same_for_any_number_of_reviews(ripe: Whole) -> None:
    await ask_in_the_evening(ripe, "cho", pulls=3)
    ids = await list_open_request_ids(after=None, limit=10)
    await backlog.insert_entries(ripe.app.workspace_id, ids, ripe.clock.now())
    await ripe.app.database.execute("UPDATE review_request SET snoozed_until_change = true")
    cho = await ripe.app.database.fetchval("SELECT person_id FROM account WHERE login = 'cho'")
    await stop_at(ripe, TUESDAY_MORNING)
    count = await run(ripe, welcome_digest_job(PersonId(cho)))
    assert len(ripe.dms("cho")) == 1
    assert len(count.statements) <= A_DIGEST, count.describe()
