"""The seconds of jobs and pages that look at everything of a company, or at all of one person."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

from bench.company import TEAM, Company
from bench.facts import WORKSPACE
from bot.actions.reviews import list_reviews_at_home
from bot.clock import Clock
from bot.doctor.doctor import CHECKS, examine
from bot.doctor.ports import DoctorPorts
from bot.flows.candidates import list_candidates
from bot.flows.catalog import REPAIR, SCHEDULE_DIGESTS, TIDY, Lane
from bot.github.watch import list_stored_guids
from bot.jobs.repair import repair
from bot.jobs.schedule_digests import schedule_digests
from bot.jobs.tidy import tidy
from bot.model import AccountId
from bot.people.store import find_person_by_account
from bot.settings import Settings
from jobq import ClaimedJob, Database, Queue

TIDIED_AFTER = timedelta(days=4)
"""The first tidying of a company finds the deliveries of some days to delete, as after a long weekend."""
OF_A_PERSON = ("App Home", "candidates")
"""Looks that grow with the work of one person or rule, and not with the company."""
ROUNDS = 3


async def measure_looks(dsn: str, company: Company) -> dict[str, float]:
    """Seconds by name. The best of some rounds if a look changes nothing."""
    async with Database(dsn, command_timeout=300) as database:
        return {name: seconds async for name, seconds in _looks(database, company)}


async def _looks(database: Database, company: Company) -> AsyncIterator[tuple[str, float]]:
    queue, clock, now = Queue(database), Clock(), datetime.now(UTC)  # noqa: TID251
    person = await find_person_by_account(WORKSPACE, AccountId(200))
    assert person is not None  # noqa: S101 - every company has this one
    team = [account.login for account in company.list_people()[:TEAM]]
    yield "App Home", await _best(lambda: list_reviews_at_home(person, now=now))
    yield "candidates", await _best(lambda: list_candidates(WORKSPACE, team, now))
    yield "metrics", await _best(queue.stats)
    ports = DoctorPorts(Settings(), clock, database, None, None, None)
    yield "doctor", await _best(lambda: examine(ports, CHECKS, within=300))
    # As many as a company has an hour: eight deliveries a pull request.
    guids = [f"{number:032x}" for number in range(company.people)]
    yield "missed deliveries", await _best(lambda: list_stored_guids(guids))
    yield (
        "first digests",
        await _seconds(schedule_digests(_tick(SCHEDULE_DIGESTS, now), queue=queue, clock=clock)),
    )
    yield "repair", await _seconds(repair(_tick(REPAIR, now), queue=queue))
    yield "tidy", await _seconds(tidy(_tick(TIDY, now), queue=queue, clock=Clock(TIDIED_AFTER)))


def _tick(job_type: str, now: datetime) -> ClaimedJob:
    return ClaimedJob(1, job_type, "{}", now, now, Lane.FACTS, 1, 1, 13, 5, None)


async def _best(look: Callable[[], Awaitable[object]]) -> float:
    return min([await _seconds(look()) for _ in range(ROUNDS)])


async def _seconds(look: Awaitable[object]) -> float:
    began = time.monotonic()
    await look
    return time.monotonic() - began
