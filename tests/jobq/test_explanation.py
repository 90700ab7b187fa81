"""The log line of a job says until when it waits, and why it was postponed or discarded."""

import ast
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobq import ClaimedJob, Discard, HandlerResult, Job, Postpone, Queue
from jobq.explanation import MOST_SHOWN, explain
from jobq.settlement import settle_error, settle_result
from tests.jobq.working import Recorder, working

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
JOB = ClaimedJob(1, "note", "{}", NOW, NOW, 0, 1, 1, 13, 5, None)
LATER = NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("result", "end"),
    [
        (None, ""),
        (Postpone(LATER), ", until 2026-11-23 10:00:00Z"),
        (Postpone(LATER, "the workspace is paused"), ", until 2026-11-23 10:00:00Z: the workspace is paused"),
        (Discard("the person\nis gone"), ": the person is gone"),
        (Discard("x" * 1000), ": " + "x" * MOST_SHOWN),
    ],
)
def test_the_end_of_the_line(result: HandlerResult, end: str) -> None:
    assert explain(settle_result(JOB, result, NOW)) == end
    if result is not None:
        assert explain(settle_error(JOB, result, NOW)) == end


def test_a_failed_try_shows_no_reason() -> None:
    assert explain(settle_error(JOB, KeyError("x"), NOW)) == ""


async def test_a_worker_logs_the_reason(
    queue: Queue, note: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    async def wait(job: ClaimedJob) -> HandlerResult:
        await note(job)
        return Postpone(datetime(2126, 11, 23, 10, tzinfo=UTC), "the workspace is paused")

    async def end(job: ClaimedJob) -> HandlerResult:
        await note(job)
        raise Discard("the person is gone")

    caplog.set_level(logging.INFO, "jobq")
    await queue.save_all([Job(job_type="wait"), Job(job_type="end")])
    async with working(queue, {"wait": wait, "end": end}):
        await note.reached(2)
    lines = [line for line in caplog.messages if line.startswith(("postponed", "discarded"))]
    assert any(line.endswith("until 2126-11-23 10:00:00Z: the workspace is paused") for line in lines)
    assert any(line.endswith(": the person is gone") for line in lines)


def list_postponements() -> Iterator[tuple[str, ast.Call]]:
    for file in Path("bot").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Postpone":
                yield f"{file}:{node.lineno}", node


def test_the_bot_names_a_reason_wherever_it_postpones_a_job() -> None:
    assert [place for place, call in list_postponements() if len(call.args) < 2] == []
    assert len(list(list_postponements())) > 20
