"""Jobs, retries and settlements, without a database."""

from datetime import timedelta

import asyncpg
import pytest
from pydantic import BaseModel, ValidationError

from jobq import ClaimedJob, DatabaseUnavailableError, Discard, Job, Outcome, Postpone, TransactionDoomedError
from jobq.job import retry_delay
from jobq.settlement import (
    LEASE_EXPIRED,
    describe_error,
    is_suspected_poison,
    settle_error,
    settle_exhausted,
    settle_result,
)
from tests.jobq.working import NOON

MINUTE = timedelta(minutes=1)


def claimed(*, tries: int = 1, max_retries: int = 13, last_error: str | None = None) -> ClaimedJob:
    return ClaimedJob(1, "remind", '{"id": 7}', None, NOON, 0, 1, tries, max_retries, 5, last_error)


def test_a_job_is_ripe_at_once_unless_it_has_a_time() -> None:
    job = Job(job_type="remind", arguments={"id": 7})
    assert job.ripe_at_when_saved(NOON) is None
    assert job.runs_in(hours=1, minutes=30).ripe_at_when_saved(NOON) == NOON + 90 * MINUTE
    assert job.runs_at(NOON + MINUTE).ripe_at_when_saved(NOON) == NOON + MINUTE
    assert job.runs_in(hours=1).runs_at(NOON).ripe_at_when_saved(NOON) == NOON
    assert job.runs_at(NOON).runs_in(minutes=1).ripe_at_when_saved(NOON) == NOON + MINUTE


def test_a_delay_counts_from_the_moment_of_saving() -> None:
    job = Job(job_type="remind").runs_in(hours=1)
    assert job.ripe_at_when_saved(NOON + MINUTE) == NOON + 61 * MINUTE


@pytest.mark.parametrize(
    "change",
    [{"job_type": ""}, {"arguments": {"at": NOON}}, {"max_retries": -1}, {"lane": -1}, {"unknown": 1}],
)
def test_a_malformed_job_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Job.model_validate({"job_type": "remind", **change})


def test_an_instant_without_a_zone_is_refused() -> None:
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(ValueError, match="no time zone"):
        Postpone(naive)
    with pytest.raises(ValueError, match="no time zone"):
        Job(job_type="remind").runs_at(naive)


def test_retries_come_after_5_20_45_minutes_and_last_2_8_days() -> None:
    delays = [retry_delay(tries, 5) for tries in range(1, 14)]
    assert delays[:3] == [5 * MINUTE, 20 * MINUTE, 45 * MINUTE]
    assert round(sum(delays, timedelta()) / timedelta(days=1), 1) == 2.8


def test_arguments_can_be_read_as_a_model_or_as_a_dict() -> None:
    class Arguments(BaseModel):
        id: int

    assert claimed().read(Arguments).id == 7
    assert claimed().arguments == {"id": 7}


def test_a_returned_postponement_resets_the_tries() -> None:
    settlement = settle_result(claimed(tries=3), Postpone(NOON + MINUTE), NOON)
    assert (settlement.outcome, settlement.ripe_at, settlement.tries) == (Outcome.POSTPONED, NOON + MINUTE, 0)


def test_a_raised_postponement_does_not_count_as_a_try() -> None:
    settlement = settle_error(claimed(tries=3), Postpone(NOON + MINUTE), NOON)
    assert (settlement.outcome, settlement.ripe_at, settlement.tries) == (Outcome.POSTPONED, NOON + MINUTE, 2)


def test_a_postponement_takes_at_least_a_second() -> None:
    assert settle_result(claimed(), Postpone(NOON - MINUTE), NOON).ripe_at == NOON + timedelta(seconds=1)


def test_a_discard_means_the_same_returned_or_raised() -> None:
    discard = Discard("closed")
    assert settle_result(claimed(), discard, NOON) == settle_error(claimed(), discard, NOON)


def test_a_job_dies_when_its_last_retry_fails() -> None:
    assert settle_error(claimed(tries=13), ValueError(), NOON).outcome is Outcome.RETRIED
    assert settle_error(claimed(tries=14), ValueError(), NOON).outcome is Outcome.DEAD
    assert settle_error(claimed(tries=1, max_retries=0), ValueError(), NOON).outcome is Outcome.DEAD


def test_the_longest_possible_retry_delay_does_not_overflow() -> None:
    job = ClaimedJob(1, "remind", "{}", None, NOON, 0, 1, 1_000, 1_000, 1_440, None)
    assert settle_error(job, ValueError(), NOON).ripe_at is not None


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.DeadlockDetectedError("deadlock"),
        asyncpg.SerializationError("conflict"),
        asyncpg.LockNotAvailableError("lock_timeout"),
        asyncpg.ConnectionDoesNotExistError("cut"),
        asyncpg.InternalClientError("got result for unknown protocol state"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.AdminShutdownError("terminated"),
        DatabaseUnavailableError("refused"),
    ],
)
def test_a_transient_database_error_does_not_count_as_a_try(error: Exception) -> None:
    settlement = settle_error(claimed(tries=14), error, NOON)
    assert settlement.outcome is Outcome.GIVEN_BACK
    assert (settlement.ripe_at, settlement.tries) == (NOON + timedelta(seconds=1), 13)


def test_a_deadlock_that_doomed_a_transaction_does_not_count_as_a_try() -> None:
    doomed = TransactionDoomedError("an inner block failed")
    doomed.__cause__ = asyncpg.DeadlockDetectedError("deadlock")
    assert settle_error(claimed(), doomed, NOON).outcome is Outcome.GIVEN_BACK


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.InterfaceError("the server expects 1 argument for this query, 0 were passed"),
        asyncpg.UniqueViolationError("duplicate"),
        ConnectionRefusedError("some other server"),
        TimeoutError(),
    ],
)
def test_any_other_error_counts_as_a_try(error: Exception) -> None:
    assert settle_error(claimed(), error, NOON).outcome is Outcome.RETRIED


def test_a_job_whose_workers_died_in_all_its_tries_is_dead() -> None:
    assert settle_exhausted(claimed(tries=14)) is None
    settlement = settle_exhausted(claimed(tries=15))
    assert settlement is not None
    assert (settlement.outcome, settlement.tries) == (Outcome.DEAD, 14)


def test_a_job_is_suspected_poison_after_its_worker_died_twice() -> None:
    assert not is_suspected_poison(claimed(tries=2, last_error=LEASE_EXPIRED))
    assert is_suspected_poison(claimed(tries=3, last_error=LEASE_EXPIRED))
    assert not is_suspected_poison(claimed(tries=3, last_error="ValueError: x"))


def test_the_description_of_an_error_has_its_type_text_and_place_and_fits_postgres() -> None:
    try:
        raise ValueError("nul \x00 and surrogate \udc80" + "x" * 5_000)
    except ValueError as error:
        text = describe_error(error)
    assert text.startswith("ValueError: nul \ufffd and surrogate ?x")
    assert text.endswith("test_the_description_of_an_error_has_its_type_text_and_place_and_fits_postgres)")
    assert len(text) < 2_500
