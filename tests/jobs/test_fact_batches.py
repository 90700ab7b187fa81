"""Facts that are applied in batches leave the same rows as facts that are applied one by one."""

import asyncio
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.flows.catalog import Lane
from bot.github.deliveries import DeliveryOutcome
from bot.jobs.apply_fact import apply_fact, apply_facts, handle_facts
from jobq import BatchResult, ClaimedJob, Database, RunAlone
from jobq.claims import claim
from jobq.testing import drain
from tests.jobs.facts import CHO, DEV, Bot, install_bot, refusing
from tests.payloads import ANA, account
from tests.promises import Promise

BOT, RENAMED = account("renovate", 299, "Bot"), ANA | {"login": "ana-new"}
API, CORE = {"id": 301, "full_name": "acme/api"}, {"id": 301, "full_name": "acme/core"}
WEB = {"id": 302, "full_name": "acme/web"}

REMOVED: dict[str, Any] = {"repositories_added": [], "repositories_removed": [API]}


class Told(NamedTuple):
    """One delivery. Its second is drawn, so facts come late, and several tell of the same second."""

    event: str
    action: str
    changes: dict[str, Any]
    second: int = 0


def _told(
    number: int, what: str, second: int, asked: list[Any], who: Any, is_first: bool, repository: Any
) -> Told:
    changes: dict[str, Any] = {
        "id": number, "number": number, "title": "Round up" if is_first else "Round down",
        "requested_reviewers": asked, "requested_teams": [{"id": 1, "slug": "core"}] if second % 2 else [],
        "head": {"sha": f"a{second % 3}"}, "base": {"repo": repository if number % 2 else WEB},
    }  # fmt: skip
    if what in ("approved", "changes_requested", "commented"):
        review = {"id": number * 100 + second, "user": who}
        return Told("pull_request_review", "submitted", changes | {"state": what, "review": review}, second)
    is_closed = (what == "closed") is is_first
    changes |= {"state": "closed" if is_closed else "open", "of": who}
    return Told("pull_request", what, changes, second)


OF_PULL_REQUESTS = st.builds(
    _told,
    st.integers(11, 14),
    st.sampled_from(
        [
            "opened", "review_requested", "review_request_removed", "synchronize", "edited", "closed",
            "reopened", "approved", "changes_requested", "commented",
        ]
    ),
    st.integers(0, 4),
    st.lists(st.sampled_from([ANA, CHO, DEV]), max_size=2, unique_by=lambda each: int(each["id"])),
    st.sampled_from([ANA, CHO, DEV, BOT, RENAMED]),
    st.integers(0, 3).map(bool),
    st.sampled_from([API, API, API, CORE]),
)  # fmt: skip
"""Facts about four pull requests in two repositories, whether or not one goes with the others."""
OTHERS = st.sampled_from(
    [
        Told("repository", "renamed", {"repository": CORE}),
        Told(
            "installation_repositories", "removed", {"repositories_added": [], "repositories_removed": [API]}
        ),
        Told("installation", "suspend", {}),
    ]
)
HISTORIES = st.lists(st.one_of(*[OF_PULL_REQUESTS] * 8, OTHERS), min_size=2, max_size=14)

NAMES = """
    SELECT id, pull_request_id || '/' || reviewer_id || '/' || row_number() OVER (
        PARTITION BY pull_request_id, reviewer_id ORDER BY id) AS name
    FROM review_request
"""
TABLES = ("installation", "repository", "repository_config", "pull_request", "review", "held", "account")


async def look(bot: Bot) -> dict[str, Any]:
    """Everything that is stored. A review request is called by its reviewer instead of its id."""
    names = {row["id"]: row["name"] for row in await bot.db.fetch(NAMES)}
    seen: dict[str, Any] = dict(await bot.rows(TABLES))
    requests = [dict(row) for row in await bot.db.fetch("SELECT * FROM review_request")]
    seen["review_request"] = {names[row.pop("id")]: row for row in requests}
    seen["job"] = sorted(
        f"{each.job.job_type} {names.get(_request_of(each.job.arguments), each.job.arguments)} {each.due_at}"
        for each in await bot.queue.queued(1_000)
        if each.job.job_type != "apply_fact"
    )
    deliveries = await bot.db.fetch("SELECT guid, outcome, note FROM delivery ORDER BY guid")
    return seen | {"delivery": [tuple(row) for row in deliveries]}


def _request_of(arguments: dict[str, Any]) -> int:
    return int(arguments.get("request_id", 0))


async def begin(bot: Bot, history: Sequence[Told], *, is_installed: bool) -> list[ClaimedJob]:
    """Stores the deliveries of a history in a bot that knows acme/api at most. Returns their jobs."""
    await bot.db.execute(
        "DELETE FROM pull_request; DELETE FROM delivery; DELETE FROM job; DELETE FROM repository_config;"
        " DELETE FROM repository; DELETE FROM installation;"
        " UPDATE account SET login = split_part(login, '-', 1), renamed_at = NULL"
    )
    bot.minutes = 0
    if is_installed:
        await bot.apply(await bot.deliver("installation", "created"))
        await bot.db.execute("DELETE FROM job; DELETE FROM delivery")
    for each in history:
        changes = dict(each.changes)
        if each.event.startswith("pull_request"):
            changes["updated_at"] = f"2026-11-23T12:00:0{each.second}Z"
        await bot.deliver(each.event, each.action, **changes)
    return await claim_all(bot)


async def claim_all(bot: Bot) -> list[ClaimedJob]:
    async with bot.db.connection() as connection:
        return (await claim(connection, Lane.FACTS, bot.queue.now(), 100)).jobs


async def apply_alone(bot: Bot, jobs: Sequence[ClaimedJob]) -> None:
    for job in jobs:
        await apply_fact(job, queue=bot.queue, clock=bot.clock)


async def compare(bot: Bot, history: Sequence[Told], *, is_installed: bool) -> None:
    """A batch, and then the facts that it left, are the same as all of them in that order, one by one."""
    with bot.db.ambient():
        jobs = await begin(bot, history, is_installed=is_installed)
        results = await apply_facts(jobs, queue=bot.queue)
        left = [isinstance(result, RunAlone) for result in results]
        await apply_alone(bot, [job for job, is_left in zip(jobs, left, strict=True) if is_left])
        in_batches = await look(bot)
        jobs = await begin(bot, history, is_installed=is_installed)
        order = sorted(range(len(jobs)), key=left.__getitem__)
        await apply_alone(bot, [jobs[place] for place in order])
        assert in_batches == await look(bot)


@pytest.mark.parametrize("histories", [5, pytest.param(400, marks=pytest.mark.torture)])
def test_a_batch_leaves_the_same_rows_as_its_facts_one_by_one(
    dsn: str, histories: int, promise: Promise
) -> None:
    with asyncio.Runner() as runner:
        database = Database(dsn)
        runner.run(database.open())

        async def install() -> Bot:
            with database.ambient():
                return await install_bot(database)

        bot, count = runner.run(install()), 0

        # The first history is empty of surprises and short; the seed makes the small run the same each time.
        @settings(
            max_examples=histories, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
        )
        @given(HISTORIES, st.booleans())
        def check(history: list[Told], is_installed: bool) -> None:
            nonlocal count
            count += 1
            runner.run(compare(bot, history, is_installed=is_installed))

        check()
        runner.run(database.close())
    promise("W7", f"{histories} histories in batches and one by one", f"{count} left the same rows")


@pytest.fixture
async def bot(db: Database) -> Bot:
    return await install_bot(db)


async def apply_all(bot: Bot) -> list[BatchResult]:
    """Applies everything that is queued in one batch, and then what it leaves."""
    jobs = await claim_all(bot)
    results = await apply_facts(jobs, queue=bot.queue)
    await apply_alone(
        bot, [job for job, result in zip(jobs, results, strict=True) if isinstance(result, RunAlone)]
    )
    return list(results)


async def outcomes(bot: Bot) -> dict[str, int]:
    rows = await bot.db.fetch("SELECT outcome, count(*) FROM delivery GROUP BY 1")
    return {row["outcome"]: row["count"] for row in rows}


async def test_the_life_of_a_pull_request_fits_into_one_batch(bot: Bot) -> None:
    await bot.deliver("pull_request", "opened")
    await bot.deliver("pull_request", "review_requested", of=ANA, requested_reviewers=[ANA])
    await bot.deliver("pull_request", "review_requested", of=CHO, requested_reviewers=[ANA, CHO])
    await bot.deliver("pull_request_review", "submitted", requested_reviewers=[CHO])
    await bot.deliver("pull_request", "closed", state="closed", merged_at="2026-11-23T12:05:00Z")
    assert await apply_all(bot) == [None] * 5
    ended = await bot.db.fetch("SELECT reviewer_login, close_reason FROM review_request ORDER BY id")
    assert [tuple(row) for row in ended] == [("ana", "approved"), ("cho", "merged")]
    assert await bot.db.fetchval("SELECT count(*) FROM job WHERE job_type = 'apply_fact'") == 0


async def test_a_fact_that_postgres_refuses_costs_only_itself(bot: Bot) -> None:
    bad = await bot.deliver("pull_request", "opened", id=12)
    await bot.db.execute(
        "UPDATE delivery SET fact = jsonb_set(fact, '{pull_request,number}', '9999999999') WHERE guid = $1",
        bad,
    )
    for number in (11, 13):
        await bot.deliver("pull_request", "opened", id=number, requested_reviewers=[ANA])
    with pytest.raises(asyncpg.DataError):
        await drain(bot.queue, {"apply_fact": handle_facts(bot.queue, bot.clock)} | bot.waiting)
    assert await outcomes(bot) == {"applied": 3, "queued": 1}  # the installation is the third
    assert await bot.outcome(bad) is DeliveryOutcome.QUEUED


async def test_the_first_facts_of_an_unknown_installation_come_in_one_batch(bot: Bot) -> None:
    await bot.db.execute("DELETE FROM repository; DELETE FROM installation")
    for number in (11, 12, 13):
        await bot.deliver("pull_request", "opened", id=number, requested_reviewers=[ANA])
    assert [type(result) for result in await apply_all(bot)] == [RunAlone] * 3
    assert await bot.db.fetchval("SELECT count(*) FROM review_request WHERE closed_at IS NULL") == 3


async def test_a_batch_that_is_not_committed_finishes_no_job(bot: Bot) -> None:
    await bot.deliver("pull_request", "opened", requested_reviewers=[ANA])
    jobs, before = await claim_all(bot), await bot.rows()
    async with refusing(bot.db, "INSERT ON review_request"):
        with pytest.raises(asyncpg.RaiseError):
            await apply_facts(jobs, queue=bot.queue)
    assert await bot.rows() == before
    assert await bot.db.fetchval("SELECT count(*) FROM job WHERE job_type = 'apply_fact'") == 1


@pytest.mark.parametrize("rounds", [3, pytest.param(60, marks=pytest.mark.torture)])
async def test_batches_at_once_neither_deadlock_nor_lose_a_fact(
    bot: Bot, rounds: int, promise: Promise
) -> None:
    """Three workers take what comes, of the same pull requests, while the repository gets new names."""
    for turn in range(rounds):
        numbers = [*range(1 + turn * 8, 13 + turn * 8)] * 2  # a third of them is stored already
        for place, number in enumerate(numbers):
            title, asked = ("Old", [ANA]) if place < len(numbers) / 2 else ("New", [CHO])
            await bot.deliver("pull_request", "edited", id=number, title=title, requested_reviewers=asked)
        name = f"acme/api-{turn}"
        rename = await bot.deliver("repository", "renamed", repository={"id": 301, "full_name": name})
        jobs = await claim_all(bot)
        works = [apply_facts(jobs[start::3], queue=bot.queue) for start in range(3)]
        results = list(chain(*await asyncio.gather(*works)))
        left = [
            job
            for job, result in zip(chain(*(jobs[start::3] for start in range(3))), results, strict=True)
            if isinstance(result, RunAlone)
        ]
        await asyncio.gather(*(apply_alone(bot, [job]) for job in left))
        assert await bot.outcome(rename) is DeliveryOutcome.APPLIED
    assert await bot.db.fetchval("SELECT count(*) FROM delivery WHERE outcome = 'queued'") == 0
    titles = await bot.db.fetch("SELECT DISTINCT title FROM pull_request")
    asked = await bot.db.fetch("SELECT DISTINCT reviewer_login FROM review_request WHERE closed_at IS NULL")
    promise("W4", f"{rounds} rounds of three batches at once and a rename", "0 deadlocks, every fact applied")
    assert [row["title"] for row in titles] == ["New"]
    assert [row["reviewer_login"] for row in asked] == ["cho"]
