"""All parts in one process: each names its lines, and the end of one is the end of all."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import cast

import pytest
import structlog

from bot.local.parts import LabelledLines, run_together
from bot.logs import setup_logs
from bot.model import OperatorError
from tests.shell import modules_of

log = structlog.get_logger()


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def lines(output: io.StringIO) -> LabelledLines:
    return LabelledLines(output, len("worker"))


async def wait_for(stop: asyncio.Event) -> None:
    await stop.wait()


async def test_each_line_stands_behind_the_name_of_the_part_that_wrote_it(
    output: io.StringIO, lines: LabelledLines
) -> None:
    stop = asyncio.Event()

    async def speak(text: str, after: asyncio.Event, then: asyncio.Event) -> None:
        await after.wait()
        lines.show(text)
        await asyncio.to_thread(lines.show, "in a thread")
        then.set()
        await stop.wait()

    first, second = asyncio.Event(), asyncio.Event()
    first.set()
    parts = {"web": speak("two\nlines", first, second), "worker": speak("", second, stop)}
    await run_together(parts, stop)
    lines.show("no part")
    assert output.getvalue().splitlines() == [
        "web    | two", "web    | lines", "web    | in a thread",
        "worker | ", "worker | in a thread", "ripe   | no part",
    ]  # fmt: skip


async def fails() -> None:
    raise ValueError("a bug")


async def fails_in_a_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(fails())


async def refuses() -> None:
    raise OperatorError("Set PORT to another.")


async def ends() -> None:
    pass


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (fails, "ValueError: a bug"),
        (fails_in_a_group, "ValueError: a bug"),
        (refuses, "Set PORT to another."),
        (ends, "nobody asked it to"),
    ],
)
async def test_if_one_part_ends_the_others_end_in_good_order_and_the_error_names_it(
    part: Callable[[], Awaitable[None]], reason: str
) -> None:
    stop, seen = asyncio.Event(), list[str]()

    async def other() -> None:
        await stop.wait()
        seen.append("ended well")

    with pytest.raises(OperatorError, match=f"^worker ended: {reason}$"):
        await run_together({"web": other(), "worker": part()}, stop)  # type: ignore[dict-item]
    assert seen == ["ended well"]


@pytest.mark.usefixtures("logging_as_before")
async def test_the_traceback_of_a_bug_names_its_part(output: io.StringIO, lines: LabelledLines) -> None:
    setup_logs(form="text", stream=cast("io.TextIOWrapper", lines))
    with suppress(OperatorError):
        await run_together({"web": fails()}, asyncio.Event())
    written = output.getvalue().splitlines()
    assert any("Traceback" in line for line in written)
    assert all(line.startswith("web    | ") for line in written)


async def test_an_end_that_was_asked_for_is_no_error() -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(run_together({"web": wait_for(stop), "worker": wait_for(stop)}, stop))
    stop.set()
    await running


def test_the_supervisor_imports_the_standard_library_only() -> None:
    loaded = modules_of("import bot.local.supervisor")
    ours = {name for name in loaded if name.startswith("bot")}
    assert ours == {"bot", "bot.local", "bot.local.guardian", "bot.local.handover", "bot.local.supervisor"}
    assert not loaded & {"asyncio", "dataclasses", "pydantic", "structlog", "typing"}
