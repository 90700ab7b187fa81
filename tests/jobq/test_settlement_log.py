"""The log of a worker: a line for each write, and for each job that failed."""

import logging

import pytest

from jobq import ClaimedJob, Discard, Job, Outcome, Queue, Settlement
from jobq.settlement_log import MOST_NAMED, SettlementLog, summarize
from tests.jobq.working import NOON, Recorder, numbered, working

NAME = "jobq.settlement_log"


def settled(job_id: int, outcome: Outcome = Outcome.DONE, **facts: str) -> Settlement:
    job = ClaimedJob(job_id, "note", "{}", NOON, NOON, 0, 1, 1, 13, 5, None)
    return Settlement(job, outcome, **facts)  # type: ignore[arg-type]


async def test_jobs_share_lines(queue: Queue, note: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    await queue.save_all(numbered(200))
    with caplog.at_level(logging.INFO):
        async with working(queue, {"note": note}, prefetch=200):
            await note.reached(200)
    lines = [record.getMessage() for record in caplog.records if record.name == NAME]
    assert sum(int(line.split()[2]) for line in lines if "job " not in line) > 150
    assert len(lines) < 20


async def test_a_failed_try_and_a_dead_job_have_lines_of_their_own(
    queue: Queue, note: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(job: ClaimedJob) -> None:
        await note(job)
        raise ValueError("what a person wrote")

    await queue.save(Job(job_type="retried"))
    await queue.save(Job(job_type="dead", max_retries=0))
    async with working(queue, {"retried": fail, "dead": fail}):
        await note.reached(2)
    lines = {record.levelname: record.getMessage() for record in caplog.records if record.name == NAME}
    assert lines["WARNING"].startswith("retried: retried job ")
    assert lines["ERROR"].startswith("dead: dead job ")
    assert all(line.endswith(" ms: ValueError") for line in lines.values())
    assert "what a person wrote" not in caplog.text


async def test_a_discarded_job_says_why(
    queue: Queue, note: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    async def discard(job: ClaimedJob) -> Discard:
        await note(job)
        return Discard("the pull request is closed")

    await queue.save(Job(job_type="discard"))
    with caplog.at_level(logging.INFO):
        async with working(queue, {"discard": discard}):
            await note.reached(1)
    assert any(line.endswith("ms: the pull request is closed") for line in caplog.messages)


def test_few_jobs_are_named_and_many_are_counted() -> None:
    few = [settled(7), settled(8, Outcome.POSTPONED)]
    many = [settled(n) for n in range(MOST_NAMED)] + [settled(99, Outcome.RETRIED)]
    assert summarize(few) == "note job 7 done, note job 8 postponed"
    assert summarize(many) == "10 note done, 1 note retried"


def test_only_a_few_of_many_jobs_give_their_reasons(caplog: pytest.LogCaptureFixture) -> None:
    settlement_log = SettlementLog()
    with caplog.at_level(logging.INFO):
        for n in range(100):
            settlement_log.note(settled(n, Outcome.POSTPONED, reason="paused"), 0.0)
        settlement_log.flush()
    assert len(caplog.messages) == MOST_NAMED + 1
    assert caplog.messages[-1] == "jobs settled: 100 note postponed"


def test_at_debug_each_job_has_a_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        settlement_log = SettlementLog()
        settlement_log.note(settled(7), 0.0125)
        settlement_log.flush()
    assert caplog.messages == ["done: note job 7, try 1, 12 ms", "jobs settled: note job 7 done"]


def test_nothing_is_logged_about_no_jobs(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        SettlementLog().flush()
    assert caplog.messages == []
