"""The queue against a model of it: a saved job runs after its last save, unless it is cancelled or dies.

Hypothesis mixes saves, admissions, claims, settlements and crashes, with stale fences and a clock that jumps
both ways. No more jobs of a concurrency key ever run than its limit allows.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from jobq import ClaimedJob, Database, Job, LeaseLostError, Outcome, Postpone, Queue
from jobq.admission import admit, list_blocked_keys
from jobq.claims import claim, extend, settle
from jobq.settlement import Settlement, give_back, settle_error, settle_result
from tests.jobq.working import NOON

T = TypeVar("T")
MINUTE = timedelta(minutes=1)
EXAMPLES = 60
FAR = timedelta(days=400)
MOST_AT_ONCE = 2
"""Jobs with the key of those that have one."""
JOBS = [Job(job_type="remind", arguments={"id": n}, max_retries=3) for n in range(2)]
JOBS += [
    job.model_copy(
        update={"arguments": {"id": n}, "concurrency_key": "acme", "concurrency_limit": MOST_AT_ONCE}
    )
    for n, job in enumerate(JOBS + JOBS[:1], 2)
]
some_job = st.sampled_from(JOBS)
some_minutes = st.integers(-5, 90)


class RollBackError(Exception):
    pass


@dataclass
class ModelJob:
    """The expected state of one job."""

    is_wanted: bool = False
    """It was saved, and since then neither started nor cancelled nor dead."""
    not_before: datetime = NOON
    """The earliest instant at which it may start, while it waits."""


class QueueMachine(RuleBasedStateMachine):
    loop: asyncio.AbstractEventLoop
    database: Database
    claimed_jobs = Bundle("claimed_jobs")

    @initialize()
    def empty(self) -> None:
        self.now = NOON
        self.queue = Queue(self.database, now=lambda: self.now)
        self.model = {job.arguments["id"]: ModelJob() for job in JOBS}
        self.holders: dict[int, ClaimedJob] = {}  # by row id: the last claim, if it is not settled
        self.expired: set[int] = set()  # ids of rows whose lease expired
        self.do(self.database.execute("TRUNCATE job, job_dead"))

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @rule(job=some_job, minutes=some_minutes)
    def save(self, job: Job, minutes: int) -> None:
        ripe_at = self.now + minutes * MINUTE
        expected = self.model[job.arguments["id"]]
        expected.not_before = min(expected.not_before, ripe_at) if expected.is_wanted else ripe_at
        expected.is_wanted = True
        self.do(self.queue.save(job.runs_at(ripe_at)))

    @rule(jobs=st.lists(some_job, max_size=5))
    def save_all(self, jobs: list[Job]) -> None:
        for job in jobs:
            expected = self.model[job.arguments["id"]]
            expected.not_before = min(expected.not_before, self.now) if expected.is_wanted else self.now
            expected.is_wanted = True
        self.do(self.queue.save_all(jobs))

    @rule(job=some_job)
    def cancel(self, job: Job) -> None:
        self.do(self.queue.cancel(job))
        self.model[job.arguments["id"]].is_wanted = False
        for row_id in [holder.id for holder in self.holders.values() if holder.arguments == job.arguments]:
            self.forget(row_id)

    @rule(job=some_job, minutes=some_minutes)
    def reschedule(self, job: Job, minutes: int) -> None:
        ripe_at = self.now + minutes * MINUTE
        if self.do(self.queue.reschedule(job, ripe_at)):
            self.model[job.arguments["id"]] = ModelJob(is_wanted=True, not_before=ripe_at)

    @rule(minutes=st.integers(-120, 600))
    def jump(self, minutes: int) -> None:
        self.now += minutes * MINUTE

    @rule(is_sweep=st.booleans())
    def admit(self, is_sweep: bool) -> None:
        self.do(self.admit_jobs(is_sweep))

    @rule(target=claimed_jobs, limit=st.integers(1, 3))
    def claim(self, limit: int) -> tuple[ClaimedJob, ...]:
        return self.claim_now(limit)

    def claim_now(self, limit: int) -> tuple[ClaimedJob, ...]:
        jobs = tuple(self.do(self.claim_jobs(limit)))
        for job in jobs:
            assert job.due_at <= self.now
            expected = self.model[job.arguments["id"]]
            assert job.id not in self.holders or job.id in self.expired, "a live lease was stolen"
            self.holders[job.id] = job
            self.expired.discard(job.id)
            expected.is_wanted = False
        return jobs

    @rule(jobs=claimed_jobs)
    def send_heartbeat(self, jobs: tuple[ClaimedJob, ...]) -> None:
        extended = self.do(self.extend(jobs))
        assert extended == {job.id for job in jobs if self.is_mine(job)}
        self.expired -= extended

    @rule(
        jobs=consumes(claimed_jobs),
        minutes=some_minutes,
        outcome=st.sampled_from(list(Outcome)),
        twice=st.booleans(),
    )
    def settle(self, jobs: tuple[ClaimedJob, ...], minutes: int, outcome: Outcome, twice: bool) -> None:
        settlements = [self.settlement(job, outcome, self.now + minutes * MINUTE) for job in jobs]
        mine = {job.id for job in jobs if self.is_mine(job)}
        before = self.do(self.rows())
        written = self.do(self.write(settlements))
        assert written == mine
        if not mine:
            assert self.do(self.rows()) == before, "a stale fence changed a row"
        for settlement in settlements:
            if settlement.job.id in mine:
                self.record(settlement)
        if twice:
            assert self.do(self.write(settlements)) == set(), "a settlement counted twice"

    @rule(jobs=consumes(claimed_jobs), commits=st.booleans())
    def finish(self, jobs: tuple[ClaimedJob, ...], commits: bool) -> None:
        """A handler finishes its jobs in its own transaction, which commits or not."""
        are_mine = all(self.is_mine(job) for job in jobs)
        before = self.do(self.rows())
        assert self.do(self.finish_in_transaction(jobs, commits=commits)) == are_mine
        if not (are_mine and commits):
            assert self.do(self.rows()) == before, "a transaction that was rolled back changed a row"
            return
        for job in jobs:
            assert job.is_finished
            self.forget(job.id)

    @rule(jobs=claimed_jobs)
    def crash(self, jobs: tuple[ClaimedJob, ...]) -> None:
        """Their leases expire. Until another worker claims them, their worker may still come back."""
        mine = [job.id for job in jobs if self.is_mine(job)]
        expire = "UPDATE job SET leased_until = now() - interval '1 second' WHERE id = ANY($1::bigint[])"
        self.do(self.database.execute(expire, mine))
        self.expired.update(mine)

    @rule(target=claimed_jobs, jobs=claimed_jobs)
    def take_over(self, jobs: tuple[ClaimedJob, ...]) -> tuple[ClaimedJob, ...]:
        """Another worker claims them, and the first one does not know it yet."""
        self.crash(jobs)
        return self.claim_now(len(JOBS))

    @invariant()
    def the_rows_are_right(self) -> None:
        if hasattr(self, "queue"):
            rows = {row["n"]: row for row in self.do(self.rows())}
            self.every_wanted_job_has_a_row(rows)
            self.no_more_jobs_of_a_key_run_than_its_limit(
                [row for row in rows.values() if row["concurrency_key"] is not None]
            )

    def every_wanted_job_has_a_row(self, rows: dict[Any, Any]) -> None:
        for n, expected in self.model.items():
            if expected.is_wanted:
                assert n in rows, f"job {n} is lost"
                due_at = rows[n]["due_at"] if rows[n]["again_at"] is None else rows[n]["again_at"]
                assert rows[n]["leased_until"] is not None or due_at <= expected.not_before

    def no_more_jobs_of_a_key_run_than_its_limit(self, rows: list[Any]) -> None:
        slots = [row["slot"] for row in rows if row["slot"] is not None]
        assert len(slots) == len(set(slots)) <= MOST_AT_ONCE
        assert all(row["slot"] is not None for row in rows if row["leased_until"] is not None)
        assert all(row["lane"] == 0 for row in rows if row["slot"] is not None)

    def teardown(self) -> None:
        """In the end every wanted job runs."""
        if hasattr(self, "queue"):
            wanted = {n for n, expected in self.model.items() if expected.is_wanted}
            wanted |= {self.holders[row_id].arguments["id"] for row_id in self.expired}
            self.do(
                self.database.execute(
                    "UPDATE job SET leased_until = now() - interval '1 second' WHERE leased_until IS NOT NULL"
                )
            )
            self.now += FAR
            assert wanted <= self.do(self.run_everything())

    def is_mine(self, job: ClaimedJob) -> bool:
        return self.holders.get(job.id) == job

    def forget(self, row_id: int) -> None:
        del self.holders[row_id]
        self.expired.discard(row_id)

    def settlement(self, job: ClaimedJob, outcome: Outcome, until: datetime) -> Settlement:
        match outcome:
            case Outcome.POSTPONED:
                return settle_result(job, Postpone(until), self.now)
            case Outcome.RETRIED | Outcome.DEAD:
                return settle_error(job, ValueError("no"), self.now)
            case Outcome.GIVEN_BACK:
                return give_back(job)
            case _:
                return settle_result(job, None, self.now)

    def record(self, settlement: Settlement) -> None:
        job = settlement.job
        self.forget(job.id)
        expected = self.model[job.arguments["id"]]
        if settlement.outcome in (Outcome.POSTPONED, Outcome.RETRIED, Outcome.GIVEN_BACK):
            ripe_at = settlement.ripe_at or job.due_at
            expected.not_before = min(expected.not_before, ripe_at) if expected.is_wanted else ripe_at
            expected.is_wanted = True

    async def claim_jobs(self, limit: int) -> list[ClaimedJob]:
        async with self.database.connection() as connection:
            return (await claim(connection, 0, self.now, limit)).jobs

    async def admit_jobs(self, is_sweep: bool) -> None:
        async with self.database.connection() as connection:
            keys = await list_blocked_keys(connection, 0) if is_sweep else []
            await admit(connection, 0, self.now, keys)

    async def extend(self, jobs: tuple[ClaimedJob, ...]) -> set[int]:
        async with self.database.connection() as connection:
            result = await extend(connection, jobs)
            assert result.extended | result.lost == {job.id for job in jobs}
            return result.extended

    async def finish_in_transaction(self, jobs: tuple[ClaimedJob, ...], *, commits: bool) -> bool:
        """Returns whether the jobs were ours to finish."""
        try:
            async with self.database.transaction():
                await self.queue.finish(jobs)
                if not commits:
                    raise RollBackError
        except LeaseLostError:
            return False
        except RollBackError:
            return True
        return True

    async def write(self, settlements: list[Settlement]) -> set[int]:
        async with self.database.connection() as connection:
            return (await settle(connection, settlements, self.now)).written

    async def rows(self) -> list[Any]:
        return await self.database.fetch(
            "SELECT *, (arguments->>'id')::int AS n, coalesce(ripe_at, created_at) AS due_at FROM job"
        )

    async def run_everything(self) -> set[int]:
        ran: set[int] = set()
        async with self.database.connection() as connection:
            await self.admit_jobs(is_sweep=True)
            while jobs := (await claim(connection, 0, self.now, 10)).jobs:
                ran |= {job.arguments["id"] for job in jobs}
                await settle(connection, [settle_result(job, None, self.now) for job in jobs], self.now)
                await self.admit_jobs(is_sweep=True)
        return ran


@pytest.fixture
def machine(dsn: str) -> Iterator[type[QueueMachine]]:
    """The machine with a database and an event loop of its own, because Hypothesis is not asynchronous."""
    with asyncio.Runner() as runner:
        database = Database(dsn)
        runner.run(database.open())

        class Machine(QueueMachine):
            pass

        Machine.loop = runner.get_loop()
        Machine.database = database
        yield Machine
        runner.run(database.close())


def test_a_saved_job_runs_whatever_happens(machine: type[QueueMachine]) -> None:
    size = settings(
        max_examples=EXAMPLES,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=size)
