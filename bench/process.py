"""A worker process under measurement: `python -m bench.process SUBJECT DSN BODY EXPECTED`. SIGTERM stops it.

It says what happened as one JSON object a line, with instants of the monotonic clock, which all processes of
one machine share.
"""

import asyncio
import gc
import importlib
import json
import logging
import resource
import signal
import sys
import time
from collections.abc import Callable

import uvloop

from bench.subjects.model import Body, Subject

TENTHS = 10


def say(event: str, **facts: object) -> None:
    """One line, at once."""
    sys.stdout.write(json.dumps({"event": event, **facts}) + "\n")
    sys.stdout.flush()


def counting(expected: int) -> Body:
    """Does nothing. Says when the first job began and when each tenth of `expected` had run."""
    count = 0
    marks: list[float] = []

    def body(number: int) -> None:
        nonlocal count
        if count % (expected // TENTHS) == 0:
            marks.append(time.monotonic())
            if count == 0:
                say("first", at=marks[0])
        count += 1
        if count == expected:
            marks.append(time.monotonic())
            say("ran", marks=marks, peak_kib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

    return body


def brief(expected: int) -> Body:
    """Waits 2 ms, as for an answer. Says what `counting` says."""
    count = counting(expected)

    def body(number: int) -> asyncio.Future[None]:
        count(number)
        return asyncio.ensure_future(asyncio.sleep(0.002))

    return body


def stamping(_: int) -> Body:
    """Says when each job began."""

    def body(number: int) -> None:
        say("began", n=number, at=time.monotonic())

    return body


def lasting(_: int) -> Body:
    """Takes a second. Says when each job began and ended."""

    async def last(number: int) -> None:
        say("began", n=number, at=time.monotonic())
        await asyncio.sleep(1)
        say("ended", n=number)

    return lambda number: asyncio.ensure_future(last(number))


def load_subject(name: str) -> Subject:
    """Imports nothing of the others: what they load would slow this one's garbage collector."""
    subject: Subject = importlib.import_module(f"bench.subjects.{name}").SUBJECT
    return subject


BODIES: dict[str, Callable[[int], Body]] = {
    "counting": counting,
    "brief": brief,
    "stamping": stamping,
    "lasting": lasting,
}


async def main(subject: str, dsn: str, body: str, expected: str) -> None:
    """Work until SIGTERM, then say how long stopping took."""
    stop = asyncio.Event()
    asked_at = 0.0

    def ask() -> None:
        nonlocal asked_at
        asked_at = time.monotonic()
        stop.set()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ask)
    loaded = load_subject(subject)
    # As a server does after its start: the collector need not look at what was imported again and again.
    gc.collect()
    gc.freeze()
    say("up")
    await loaded.work(dsn, BODIES[body](int(expected)), stop)
    say("stopped", seconds=time.monotonic() - asked_at)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    uvloop.run(main(*sys.argv[1:]))
