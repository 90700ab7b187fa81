"""Logs and stored jobs show the type and place of an error, and nothing that somebody else wrote."""

import importlib
import io
import json
import pkgutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
import structlog
from pydantic import BaseModel, TypeAdapter, ValidationError
from slack_sdk.errors import SlackApiError

import bot
from bot.errors import describe_error, format_traceback, may_quote
from bot.flows.hiding import hide_input
from bot.github.model import FACT, RefusedError
from bot.github.refusals import GraphQLRefusedError
from bot.github.wire import PullRequestEvent
from bot.logs import setup_logs
from bot.model import Parsed
from bot.slack.errors import NO_CODE, SlackRefusedError, parse_code
from bot.worker import build_handlers
from jobq import (
    BatchResult,
    ClaimedJob,
    Discard,
    Handler,
    HandlerResult,
    InBatches,
    Postpone,
    WithDeadline,
)
from jobq.execution import run_handler
from tests.journeys.whole import MONDAY_MORNING, whole_bot

CANARY = "canary-in-a-coal-mine"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
NOTE = ClaimedJob(1, "note", "{}", NOW, NOW, 0, 1, 1, 13, 5, None)


class Shape(Parsed):
    number: int


def invalid() -> ValidationError:
    with pytest.raises(ValidationError) as raised:
        Shape.model_validate({"number": CANARY})
    return raised.value


QUOTING = [
    KeyError(CANARY),
    ValueError(f"invalid literal for int(): {CANARY!r}"),
    UnicodeDecodeError("utf-8", CANARY.encode(), 0, 1, "invalid start byte"),
    LookupError(CANARY),
    AttributeError(CANARY),
    GraphQLRefusedError(200, {"errors": [{"message": CANARY}]}),
    SlackApiError("The request failed", {"ok": False, "error": CANARY}),  # type: ignore[no-untyped-call]
    httpx.InvalidURL(CANARY),
    asyncpg.DataError(f"invalid input for query argument $1: {CANARY!r}"),
    asyncpg.UniqueViolationError(f"Key (title)=({CANARY}) already exists."),
]


@pytest.mark.parametrize("error", QUOTING, ids=lambda error: type(error).__name__)
def test_an_error_that_quotes_its_data_shows_its_type_only(error: Exception) -> None:
    assert describe_error(error) == type(error).__name__
    assert may_quote(error)


def test_an_error_of_our_own_and_one_of_the_system_keep_their_texts() -> None:
    assert describe_error(RefusedError("422: no collaborator")) == "RefusedError: 422: no collaborator"
    assert describe_error(ConnectionRefusedError(111, "Connection refused")).endswith(": Connection refused")
    assert describe_error(asyncpg.UndefinedTableError("relation x")) == "UndefinedTableError: relation x"
    assert not may_quote(RefusedError("422"))


def test_a_field_that_cannot_be_read_is_named_and_not_quoted() -> None:
    assert describe_error(invalid()) == "ValidationError: Shape: number int_parsing"
    with pytest.raises(ValidationError) as raised:
        FACT.validate_python({"kind": "ping", CANARY: CANARY})
    assert CANARY not in describe_error(raised.value)


def test_a_traceback_quotes_neither_causes_nor_groups() -> None:
    stream = io.StringIO()
    try:
        try:
            raise KeyError(CANARY)
        except KeyError as error:
            raise ExceptionGroup(f"two {CANARY}", [ValueError(CANARY), RefusedError("422")]) from error
    except ExceptionGroup as group:
        text = format_traceback((type(group), group, group.__traceback__))
    assert CANARY not in text
    assert text.count("Traceback") == 4
    assert "RefusedError: 422" in text
    assert "test_errors.py" in text
    assert stream.getvalue() == ""


@pytest.mark.usefixtures("logging_as_before")
def test_a_logged_traceback_quotes_nothing() -> None:
    stream = io.StringIO()
    setup_logs("DEBUG", stream=stream)
    try:
        int(f"{CANARY}")
    except ValueError:
        structlog.get_logger().exception("failed")
    line = json.loads(stream.getvalue())
    assert line["exception"].endswith("ValueError")
    assert CANARY not in stream.getvalue()


def modules() -> Iterator[Any]:
    for module in pkgutil.walk_packages(bot.__path__, "bot."):
        if not module.name.startswith(("bot.sandbox", "bot.__main__")):
            yield importlib.import_module(module.name)


def test_no_model_outside_the_sandbox_quotes_its_input() -> None:
    quoting: set[str] = set()
    for module in modules():
        for name, value in vars(module).items():
            is_model = isinstance(value, type) and issubclass(value, BaseModel)
            is_foreign = is_model and value.__module__.startswith("pydantic")
            if is_model and not is_foreign and not value.model_config.get("hide_input_in_errors"):
                quoting.add(f"{value.__module__}.{name}")
            if isinstance(value, TypeAdapter):
                try:
                    value.validate_python(f"{CANARY}")
                except ValidationError as error:
                    quoting.update({f"{module.__name__}.{name}"} if CANARY in str(error) else ())
    assert quoting == set()


def test_an_odd_payload_is_not_quoted() -> None:
    with pytest.raises(ValidationError) as raised:
        PullRequestEvent.model_validate({"action": [CANARY], "pull_request": CANARY})
    assert CANARY not in str(raised.value)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("invalid_auth", "invalid_auth"),
        ("team_access_not_granted", "team_access_not_granted"),
        (f"Dear user, {CANARY}", NO_CODE),
        ("x" * 81, NO_CODE),
        ("naïve", NO_CODE),
        (None, None),
        (7, None),
    ],
)
def test_only_a_code_of_slack_is_shown(error: object, code: str | None) -> None:
    assert parse_code(error) == code


async def run_one(handler: Handler, job: ClaimedJob = NOTE) -> str:
    """The error that would be stored with the job."""
    settlement, _ = await run_handler(job, {job.job_type: handler}, lambda: NOW)
    return settlement.error or ""


async def test_a_failed_job_stores_the_type_and_the_place_of_its_error() -> None:
    async def fail(_: ClaimedJob) -> HandlerResult:
        raise KeyError(CANARY)

    error = await run_one(hide_input(fail))
    assert error.startswith("RuntimeError: KeyError (")
    assert "test_errors.py" in error
    assert error.endswith("in fail)")


@pytest.mark.parametrize("raised", [Postpone(NOW), Discard("gone"), asyncpg.DeadlockDetectedError("x")])
async def test_other_ends_of_a_job_stay_as_they_are(raised: Exception) -> None:
    async def end(_: ClaimedJob) -> HandlerResult:
        raise raised

    with pytest.raises(type(raised)) as ended:
        await hide_input(end)(NOTE)
    assert ended.value is raised


async def test_no_type_of_job_quotes_its_arguments(dsn: str) -> None:
    arguments = json.dumps({"number": CANARY, CANARY: 1})
    async with whole_bot(dsn, MONDAY_MORNING) as ripe:
        with ripe.app.database.ambient():
            errors = [
                await run_one(handler, replace(NOTE, job_type=job_type, arguments_json=arguments))
                for job_type, handler in build_handlers(ripe.app).items()
            ]
    assert [error for error in errors if CANARY in error] == []
    assert sum("KeyError" in error or "ValidationError" in error for error in errors) > 10


async def test_a_batch_quotes_nothing_either() -> None:
    async def fail(jobs: Sequence[ClaimedJob]) -> Sequence[BatchResult]:
        raise KeyError(CANARY)

    async def refuse(jobs: Sequence[ClaimedJob]) -> Sequence[BatchResult]:
        return [None, Discard("gone"), ValueError(CANARY)]

    handler = hide_input(InBatches(fail, size=7))
    assert isinstance(handler, InBatches)
    assert handler.size == 7
    with pytest.raises(RuntimeError, match=r"^KeyError$"):
        await handler.batch([NOTE])
    hidden = hide_input(InBatches(refuse))
    assert isinstance(hidden, InBatches)
    done, discarded, failed = await hidden.batch([NOTE] * 3)
    assert (done, str(discarded), str(failed)) == (None, "gone", "ValueError")


def test_a_deadline_stays_with_its_handler() -> None:
    async def run(_: ClaimedJob) -> HandlerResult:
        return None

    wrapped = hide_input(WithDeadline(run, timedelta(hours=1)))
    assert isinstance(wrapped, WithDeadline)
    assert wrapped.deadline == timedelta(hours=1)


def test_slack_refusals_name_their_code() -> None:
    assert describe_error(SlackRefusedError("invalid_auth")) == "SlackRefusedError: invalid_auth"
