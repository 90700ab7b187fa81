"""Promise Q12: a handler that hangs is cancelled at its deadline and counted, and its neighbours run on."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import asyncpg
import pytest

from jobq import (
    ClaimedJob,
    Database,
    DatabaseUnavailableError,
    Job,
    Outcome,
    Postpone,
    Queue,
    Recurring,
    Settlement,
    Timing,
    WithDeadline,
)
from jobq.claims import claim_one, settle
from jobq.deadlines import END_WITHIN, LOOK_EVERY
from jobq.job import LATEST
from jobq.settlement import MOST_GIVE_BACKS, settle_error
from tests.jobq.working import (
    NOON,
    Clock,
    Recorder,
    connected,
    load_only_row,
    numbered,
    until,
    working,
)
from tests.promises import Promise

DEADLINE = timedelta(seconds=0.2)
BRIEF = Timing(deadline=DEADLINE)
SOON = LOOK_EVERY + 5
"""Seconds within which a deadline has been noticed, even on a busy machine."""


async def wait_for_ever() -> None:
    await asyncio.Event().wait()


async def hang(job: ClaimedJob) -> None:
    await wait_for_ever()


async def stay_although_cancelled(job: ClaimedJob) -> None:
    ends_at = time.monotonic() + LOOK_EVERY + END_WITHIN + 4
    while time.monotonic() < ends_at:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0.5)


async def finish_when_cancelled(job: ClaimedJob) -> None:
    try:
        await wait_for_ever()
    except asyncio.CancelledError:
        return


async def lose_the_connection_when_cancelled(job: ClaimedJob) -> None:
    try:
        await wait_for_ever()
    except asyncio.CancelledError:
        raise DatabaseUnavailableError("cut") from None


async def test_a_handler_that_hangs_is_cancelled_counted_and_its_place_found(
    queue: Queue, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await queue.save(Job(job_type="hang"))
    note = Recorder()
    with caplog.at_level(logging.ERROR):
        async with working(queue, {"hang": hang, "note": note}, BRIEF, concurrency=1):
            await queue.save_all(numbered(3))
            assert len(await note.reached(3)) == 3
    row = await load_only_row(db)
    assert (row["tries"], row["leased_until"]) == (1, None)
    assert row["last_error"].startswith("TimeoutError: cancelled after 0.2 s; it waited in ")
    assert "in wait_for_ever" in row["last_error"]
    assert all(f" in {name}" in caplog.text for name in ("hang", "wait_for_ever"))


async def test_a_handler_may_have_a_deadline_of_its_own(queue: Queue) -> None:
    outcomes = Outcomes()
    handlers = {
        "slow": WithDeadline(lambda job: asyncio.sleep(2 * LOOK_EVERY), timedelta(minutes=1)),
        "hang": WithDeadline(hang, DEADLINE),
    }
    await queue.save_all([Job(job_type="slow"), Job(job_type="hang")])
    async with working(queue, handlers, Timing(deadline=timedelta(seconds=0.5)), on_settled=outcomes.note):
        await outcomes.reached(2)
    assert outcomes.by_type == {"slow": Outcome.DONE, "hang": Outcome.RETRIED}


async def test_a_handler_that_ignores_its_cancellation_holds_no_place(queue: Queue, db: Database) -> None:
    await queue.save(Job(job_type="stay"))
    note = Recorder()
    async with working(queue, {"stay": stay_although_cancelled, "note": note}, BRIEF, concurrency=1):
        await queue.save_all(numbered(1))
        await note.reached(1)
    row = await load_only_row(db)
    assert (row["tries"], "TimeoutError" in row["last_error"]) == (1, True)


@pytest.mark.parametrize(
    ("handler", "outcome"),
    [(finish_when_cancelled, Outcome.DONE), (lose_the_connection_when_cancelled, Outcome.DEAD)],
)
async def test_only_work_that_ended_well_after_its_deadline_counts_as_done(
    queue: Queue, handler: Callable[[ClaimedJob], object], outcome: Outcome
) -> None:
    outcomes = Outcomes()
    await queue.save(Job(job_type="late", max_retries=0))
    async with working(queue, {"late": handler}, BRIEF, on_settled=outcomes.note):  # type: ignore[dict-item]
        await outcomes.reached(1)
    assert outcomes.by_type == {"late": outcome}


async def test_a_recurring_job_that_hangs_runs_again_at_its_next_tick(queue: Queue, clock: Clock) -> None:
    hanging = Recurring("tick", timedelta(minutes=1), hang, clock, deadline=DEADLINE)
    outcomes = Outcomes()
    await queue.save(Job(job_type="tick", max_retries=0))
    async with working(queue, {"tick": hanging.handler}, on_settled=outcomes.note):
        await outcomes.reached(1)
    assert outcomes.by_type == {"tick": Outcome.POSTPONED}


async def check_neighbours(queue: Queue, hanging: int, others: int, promise: Promise) -> None:
    """Hanging jobs take every place again and again; the others run between them."""
    note, outcomes = Recorder(), Outcomes()
    jobs = [Job(job_type="hang", arguments={"n": n}, max_retries=0) for n in range(hanging)]
    began = time.monotonic()
    await queue.save_all([*jobs, *numbered(others)])
    async with working(
        queue, {"hang": hang, "note": note}, BRIEF, concurrency=hanging // 2, on_settled=outcomes.note
    ):
        await note.reached(others)
        await outcomes.reached(hanging + others)
    took = time.monotonic() - began
    dead = await queue.dead()
    promise("Q12", f"{hanging} jobs that hang among {others}", f"{len(dead)} dead, all done in {took:.1f} s")
    assert len(dead) == hanging
    assert all("TimeoutError" in str(job.last_error) for job in dead)


async def test_jobs_that_hang_leave_their_places_to_others(queue: Queue, promise: Promise) -> None:
    await check_neighbours(queue, 4, 20, promise)


@pytest.mark.torture
async def test_many_jobs_that_hang_leave_their_places_to_others(queue: Queue, promise: Promise) -> None:
    await check_neighbours(queue, 100, 2_000, promise)


class Outcomes:
    """How each job ended, by its type."""

    def __init__(self) -> None:
        self.by_type: dict[str, Outcome] = {}
        self.count = 0

    def note(self, settlement: Settlement, late: timedelta, ran: timedelta) -> None:
        self.by_type[settlement.job.job_type] = settlement.outcome
        self.count += 1

    async def reached(self, count: int) -> None:
        async def is_reached() -> bool:
            return self.count >= count

        await until(is_reached, SOON * 2)


def claimed(**changes: int) -> ClaimedJob:
    fields: dict[str, Any] = {"tries": 1, "max_retries": 13, "base_retry_minutes": 5} | changes
    return ClaimedJob(
        id=1, job_type="note", arguments_json="{}", ripe_at=None, created_at=NOON, lane=0, fence=0,
        last_error=None, **fields,
    )  # fmt: skip


async def test_a_job_that_is_given_back_again_and_again_is_counted(noon_queue: Queue, clock: Clock) -> None:
    await noon_queue.save(Job(job_type="note", max_retries=2))
    outcomes = []
    for _ in range(MOST_GIVE_BACKS + 3):
        clock.at += timedelta(days=1)
        async with noon_queue.database.connection() as connection:
            job = await claim_one(connection, clock())
            assert job is not None
            settlement = settle_error(job, asyncpg.DeadlockDetectedError("deadlock"), clock())
            await settle(connection, [settlement], clock())
        outcomes.append(settlement.outcome)
    assert outcomes == [Outcome.GIVEN_BACK] * MOST_GIVE_BACKS + [Outcome.RETRIED] * 2 + [Outcome.DEAD]


@pytest.mark.parametrize("error", [ValueError("bug"), TimeoutError("late")])
def test_another_error_between_ends_the_row_of_give_backs(error: Exception) -> None:
    assert settle_error(claimed(give_backs=MOST_GIVE_BACKS), error, NOON).give_backs == 0


FAR = [
    datetime(9999, 12, 31, tzinfo=UTC),
    datetime.max.replace(tzinfo=timezone(-timedelta(hours=12))),
    datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
]


@pytest.mark.parametrize("instant", FAR, ids=str)
async def test_no_instant_is_too_far_to_be_stored(queue: Queue, db: Database, instant: datetime) -> None:
    async def postpone(job: ClaimedJob) -> Postpone:
        return Postpone(instant)

    outcomes = Outcomes()
    await queue.save(Job(job_type="far"))
    async with working(queue, {"far": postpone, "note": Recorder()}, on_settled=outcomes.note):
        await outcomes.reached(1)
        await queue.save_all(numbered(1))
        await outcomes.reached(2)
    row = await load_only_row(db)
    assert NOON < row["due_at"] <= LATEST
    far = Job(job_type="far")
    assert await queue.reschedule(far, instant)
    await queue.save(far.runs_at(instant))
    await queue.save(Job(job_type="other").runs_in(hours=8e7))
    assert len(await queue.queued()) == 2


def test_retries_end_within_the_time_that_can_be_stored() -> None:
    job = claimed(tries=1_000, max_retries=1_000, base_retry_minutes=1_440)
    assert settle_error(job, ValueError("bug"), NOON).ripe_at == NOON + timedelta(days=365)


REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'not this one' USING ERRCODE = 'invalid_parameter_value';
END $$;
CREATE TRIGGER refuse BEFORE DELETE ON job
FOR EACH ROW WHEN (old.arguments->>'n' = '7') EXECUTE FUNCTION refuse();
"""
REFUSE_ALL = REFUSE.replace("BEFORE DELETE", "BEFORE DELETE OR UPDATE OF ripe_at")


@pytest.mark.parametrize("ddl", [REFUSE, REFUSE_ALL], ids=["its deletion", "all of its results"])
async def test_a_result_that_postgres_refuses_costs_no_other_job(
    queue: Queue, db: Database, ddl: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(db) as connection:
        await connection.execute(ddl)
        outcomes = Outcomes()
        await queue.save_all(numbered(20))
        async with working(queue, {"note": Recorder()}, on_settled=outcomes.note, prefetch=20):
            await outcomes.reached(20)

            async def only_one_is_left() -> bool:
                return len(await queue.queued()) == 1

            await until(only_one_is_left)
        row = await load_only_row(db)
        assert "Postgres refuses the result of note job" in caplog.text
        if ddl == REFUSE:
            assert row["last_error"].startswith("its result cannot be stored: ")
            assert (row["tries"], row["leased_until"]) == (1, None)
