"""Posts signed deliveries, in a process of its own: `python -m bench.load PORT CONNECTIONS SECONDS RATE`.

RATE 0 is a closed loop: each connection posts again as soon as it has its answer. Any other rate is an open
loop: a delivery is due at each tick, and its time counts from then, however late it could be sent. At the end
it reports as one JSON object.
"""

import asyncio
import itertools
import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator

import uvloop
from pydantic import SecretStr

from bench.deliveries import SECRET, bodies
from bot.github.signature import sign

HEAD = (
    "POST /github/webhooks HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    "User-Agent: GitHub-Hookshot/bench\r\nAccept: */*\r\n"
    "X-GitHub-Event: pull_request\r\nX-Hub-Signature-256: {signature}\r\n"
    "Content-Length: {length}\r\nX-GitHub-Delivery: "
)
WARM_UP = 1.0
"""Seconds that are not counted."""


class Load:
    """The deliveries that are posted, and how they went."""

    def __init__(self) -> None:
        self.run = os.urandom(4).hex()
        self.numbers = itertools.count()
        self.counts_from = 0.0
        self.answered = 0
        self.failed = 0
        self.times: list[float] = []

    def answer(self, status: int, due_at: float) -> None:
        """Count an answer to a delivery that was due at an instant."""
        now = time.monotonic()
        if now < self.counts_from:
            return
        self.answered += 1
        self.failed += not 200 <= status < 300
        self.times.append(now - due_at)

    def guid(self) -> bytes:
        """A new one."""
        return b"%s-0000-4000-8000-%012d" % (self.run.encode(), next(self.numbers))


class Connection(asyncio.Protocol):
    """Posts one delivery at a time. `on_free` is called after each answer."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.on_free: Callable[[Connection], None]
        self.due_at = 0.0
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]

    def post(self, request: tuple[bytes, bytes], due_at: float) -> None:
        """Send it now."""
        self.due_at = due_at
        self.transport.write(b"".join((request[0], self.load.guid(), b"\r\n\r\n", request[1])))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator or not _is_whole(head.lower(), body):
            return
        self._buffer = b""
        self.load.answer(int(head[9:12]), self.due_at)
        self.on_free(self)


def _is_whole(head: bytes, body: bytes) -> bool:
    if b"transfer-encoding: chunked" in head:
        return body.endswith(b"0\r\n\r\n")
    return len(body) >= int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])


def requests() -> Iterator[tuple[bytes, bytes]]:
    """Head and body of one delivery after the other, signed once and posted many times."""
    made = []
    for body in bodies():
        signature = sign(body, SecretStr(SECRET))
        made.append((HEAD.format(signature=signature, length=len(body)).encode(), body))
    return itertools.cycle(made)


async def post_closed(port: int, connections: int, seconds: float, load: Load) -> None:
    """As many as are answered."""
    posted = requests()
    ends_at = time.monotonic() + WARM_UP + seconds
    over = asyncio.Event()

    def post_next(connection: Connection) -> None:
        now = time.monotonic()
        if now < ends_at:
            connection.post(next(posted), now)
        else:
            over.set()

    opened = await _connect(port, connections, load)
    load.counts_from = time.monotonic() + WARM_UP
    for connection in opened:
        connection.on_free = post_next
        post_next(connection)
    await over.wait()


async def post_open(port: int, connections: int, seconds: float, rate: float, load: Load) -> None:
    """At a rate, whatever becomes of them."""
    posted, due = requests(), deque[float]()
    free = deque(await _connect(port, connections, load))
    last = asyncio.Event()

    def post_due() -> None:
        while due and free:
            free.popleft().post(next(posted), due.popleft())

    def on_free(connection: Connection) -> None:
        free.append(connection)
        post_due()
        last.set() if len(free) == connections else last.clear()

    for connection in free:
        connection.on_free = on_free
    began = time.monotonic()
    load.counts_from = began + WARM_UP
    for number in range(int(rate * (WARM_UP + seconds))):
        due_at = began + number / rate
        await asyncio.sleep(max(0.0, due_at - time.monotonic()))
        due.append(due_at)
        post_due()
    await last.wait()


async def _connect(port: int, count: int, load: Load) -> list[Connection]:
    loop = asyncio.get_running_loop()
    return [
        (await loop.create_connection(lambda: Connection(load), "127.0.0.1", port))[1] for _ in range(count)
    ]


async def main(port: str, connections: str, seconds: str, rate: str) -> None:
    """Post and report."""
    load = Load()
    if float(rate):
        await post_open(int(port), int(connections), float(seconds), float(rate), load)
    else:
        await post_closed(int(port), int(connections), float(seconds), load)
    took = time.monotonic() - load.counts_from
    report = {"answered": load.answered, "failed": load.failed, "seconds": took, "times": load.times}
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
