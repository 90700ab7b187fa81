"""The queue against a model of it: what is saved runs after its last save, unless it is cancelled or dies.

Claims, settlements and crashes are interleaved freely, with stale fences and a clock that jumps both ways.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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

from jobq import ClaimedJob, Database, Job, Outcome, Postpone, Queue
from jobq.claims import claim, extend, settle
from jobq.settlement import Settlement, give_back, settle_error, settle_result

T = TypeVar("T")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EXAMPLES = 60
FAR = timedelta(days=400)
JOBS = [Job(job_type="remind", arguments={"id": n}, max_retries=3) for n in range(3)]
some_job = st.sampled_from(JOBS)
some_minutes = st.integers(-5, 90)


@dataclass
class Promise:
    """What the model knows of one job."""

    wanted: bool = False
    """Saved, and not begun since, nor cancelled, nor dead."""
    not_before: datetime = NOON
    """The earliest instant at which it may begin; only kept while it waits."""


class QueueMachine(RuleBasedStateMachine):
    loop: asyncio.AbstractEventLoop
    database: Database
    held = Bundle("held")

    @initialize()
    def empty(self) -> None:
        self.now = NOON
        self.queue = Queue(self.database, now=lambda: self.now)
        self.promises = {job.arguments["id"]: Promise() for job in JOBS}
        self.holders: dict[int, ClaimedJob] = {}  # by row: the last claim, not settled
        self.expired: set[int] = set()  # rows whose lease ran out
        self.do(self.database.execute("TRUNCATE job, job_dead"))

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @rule(job=some_job, minutes=some_minutes)
    def save(self, job: Job, minutes: int) -> None:
        ripe_at = self.now + minutes * MINUTE
        promise = self.promises[job.arguments["id"]]
        promise.not_before = min(promise.not_before, ripe_at) if promise.wanted else ripe_at
        promise.wanted = True
        self.do(self.queue.save(job.runs_at(ripe_at)))

    @rule(jobs=st.lists(some_job, max_size=5))
    def save_all(self, jobs: list[Job]) -> None:
        for job in jobs:
            promise = self.promises[job.arguments["id"]]
            promise.not_before = min(promise.not_before, self.now) if promise.wanted else self.now
            promise.wanted = True
        self.do(self.queue.save_all(jobs))

    @rule(job=some_job)
    def cancel(self, job: Job) -> None:
        self.do(self.queue.cancel(job))
        self.promises[job.arguments["id"]].wanted = False
        for row_id in [held.id for held in self.holders.values() if held.arguments == job.arguments]:
            self.forget(row_id)

    @rule(job=some_job, minutes=some_minutes)
    def reschedule(self, job: Job, minutes: int) -> None:
        ripe_at = self.now + minutes * MINUTE
        if self.do(self.queue.reschedule(job, ripe_at)):
            self.promises[job.arguments["id"]] = Promise(wanted=True, not_before=ripe_at)

    @rule(minutes=st.integers(-120, 600))
    def jump(self, minutes: int) -> None:
        self.now += minutes * MINUTE

    @rule(target=held, limit=st.integers(1, 3))
    def claim(self, limit: int) -> tuple[ClaimedJob, ...]:
        return self.claim_now(limit)

    def claim_now(self, limit: int) -> tuple[ClaimedJob, ...]:
        jobs = tuple(self.do(self.claimed(limit)))
        for job in jobs:
            assert job.due_at <= self.now
            promise = self.promises[job.arguments["id"]]
            assert job.id not in self.holders or job.id in self.expired, "a live lease was stolen"
            self.holders[job.id] = job
            self.expired.discard(job.id)
            promise.wanted = False
        return jobs

    @rule(jobs=held)
    def beat(self, jobs: tuple[ClaimedJob, ...]) -> None:
        beat = self.do(self.extended(jobs))
        assert beat == {job.id for job in jobs if self.is_mine(job)}
        self.expired -= beat

    @rule(jobs=consumes(held), minutes=some_minutes, how=st.sampled_from(list(Outcome)), again=st.booleans())
    def settle(self, jobs: tuple[ClaimedJob, ...], minutes: int, how: Outcome, again: bool) -> None:
        settlements = [self.settlement(job, how, self.now + minutes * MINUTE) for job in jobs]
        mine = {job.id for job in jobs if self.is_mine(job)}
        before = self.do(self.rows())
        written = self.do(self.settled(settlements))
        assert written == mine
        if not mine:
            assert self.do(self.rows()) == before, "a stale fence changed a row"
        for settlement in settlements:
            if settlement.job.id in mine:
                self.note(settlement)
        if again:
            assert self.do(self.settled(settlements)) == set(), "a settlement sent twice counted twice"

    @rule(jobs=held)
    def crash(self, jobs: tuple[ClaimedJob, ...]) -> None:
        """Their leases run out. Until somebody else claims them, their worker may still come back."""
        mine = [job.id for job in jobs if self.is_mine(job)]
        expire = "UPDATE job SET leased_until = now() - interval '1 second' WHERE id = ANY($1::bigint[])"
        self.do(self.database.execute(expire, mine))
        self.expired.update(mine)

    @rule(target=held, jobs=held)
    def take_over(self, jobs: tuple[ClaimedJob, ...]) -> tuple[ClaimedJob, ...]:
        """Another worker claims them; the first one does not know yet."""
        self.crash(jobs)
        return self.claim_now(len(JOBS))

    @invariant()
    def every_promise_has_a_row(self) -> None:
        if not hasattr(self, "queue"):
            return
        rows = {row["n"]: row for row in self.do(self.rows())}
        for n, promise in self.promises.items():
            if promise.wanted:
                assert n in rows, f"job {n} is lost"
                due_at = rows[n]["due_at"] if rows[n]["again_at"] is None else rows[n]["again_at"]
                assert rows[n]["leased_until"] is not None or due_at <= promise.not_before

    def teardown(self) -> None:
        """In the end everything that was promised runs."""
        if hasattr(self, "queue"):
            wanted = {n for n, promise in self.promises.items() if promise.wanted}
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

    def settlement(self, job: ClaimedJob, how: Outcome, until: datetime) -> Settlement:
        match how:
            case Outcome.POSTPONED:
                return settle_result(job, Postpone(until), self.now)
            case Outcome.RETRIED | Outcome.DEAD:
                return settle_error(job, ValueError("no"), self.now)
            case Outcome.GIVEN_BACK:
                return give_back(job)
            case _:
                return settle_result(job, None, self.now)

    def note(self, settlement: Settlement) -> None:
        job = settlement.job
        self.forget(job.id)
        promise = self.promises[job.arguments["id"]]
        if settlement.outcome in (Outcome.POSTPONED, Outcome.RETRIED, Outcome.GIVEN_BACK):
            ripe_at = settlement.ripe_at or job.due_at
            promise.not_before = min(promise.not_before, ripe_at) if promise.wanted else ripe_at
            promise.wanted = True

    async def claimed(self, limit: int) -> list[ClaimedJob]:
        async with self.database.connection() as connection:
            return (await claim(connection, 0, self.now, limit)).jobs

    async def extended(self, jobs: tuple[ClaimedJob, ...]) -> set[int]:
        async with self.database.connection() as connection:
            beat = await extend(connection, jobs)
            assert beat.extended | beat.lost == {job.id for job in jobs}
            return beat.extended

    async def settled(self, settlements: list[Settlement]) -> set[int]:
        async with self.database.connection() as connection:
            return (await settle(connection, settlements, self.now)).written

    async def rows(self) -> list[Any]:
        return await self.database.fetch(
            "SELECT *, (arguments->>'id')::int AS n, coalesce(ripe_at, created_at) AS due_at FROM job"
        )

    async def run_everything(self) -> set[int]:
        ran: set[int] = set()
        async with self.database.connection() as connection:
            while jobs := (await claim(connection, 0, self.now, 10)).jobs:
                ran |= {job.arguments["id"] for job in jobs}
                await settle(connection, [settle_result(job, None, self.now) for job in jobs], self.now)
        return ran


@pytest.fixture
def machine(dsn: str) -> Iterator[type[QueueMachine]]:
    """The machine on a database of its own, with a loop of its own: Hypothesis is not async."""
    with asyncio.Runner() as runner:
        database = Database(dsn)
        runner.run(database.open())

        class Machine(QueueMachine):
            pass

        Machine.loop = runner.get_loop()
        Machine.database = database
        yield Machine
        runner.run(database.close())


def test_whatever_happens_a_saved_job_runs(machine: type[QueueMachine]) -> None:
    size = settings(
        max_examples=EXAMPLES,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=size)
