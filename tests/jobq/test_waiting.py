"""Waiting with a limit leaves the work alone."""

import asyncio

from jobq import wait_without_cancelling


async def test_work_that_is_late_goes_on() -> None:
    gate = asyncio.Event()
    work = asyncio.create_task(gate.wait())
    assert await wait_without_cancelling(work, 0.01) is False
    gate.set()
    assert await wait_without_cancelling(work, 5) is True
    assert work.result() is True


async def test_an_error_of_the_work_is_left_for_the_caller_to_raise() -> None:
    async def fail() -> None:
        raise KeyError

    work = asyncio.create_task(fail())
    assert await wait_without_cancelling(work, 5) is True
    assert isinstance(work.exception(), KeyError)
