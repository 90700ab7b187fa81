"""A network that can be partitioned: a TCP proxy in front of Postgres's Unix socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, urlsplit

SOCKET = ".s.PGSQL.5432"


class Proxy:
    """Carries bytes both ways. While it is silent, connections stay open and nothing arrives.

    Like a real partition, it refuses nothing: all bytes that were sent meanwhile are delivered afterwards,
    even if their sender has given up.
    """

    def __init__(self, dsn: str) -> None:
        address = urlsplit(dsn)
        (sockets,) = parse_qs(address.query)["host"]
        self._path = f"{sockets}/{SOCKET}"
        self._database = address.path
        self._carrying = asyncio.Event()
        self._carrying.set()
        self._pumps: set[asyncio.Task[None]] = set()
        self.dsn = ""
        self.delivered_late = 0
        """How many bytes for Postgres were held back and then delivered."""

    def fall_silent(self) -> None:
        """Let nothing pass from now on, in either direction."""
        self._carrying.clear()

    def heal(self) -> None:
        """Deliver everything that was held back, and carry on."""
        self._carrying.set()

    async def serve(self) -> AsyncIterator["Proxy"]:
        """Listen on a port of its own."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        self.dsn = f"postgresql://postgres@127.0.0.1:{port}{self._database}?sslmode=disable"
        try:
            yield self
        finally:
            server.close()
            for pump in self._pumps:
                pump.cancel()
            await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._carrying.wait()
        there, answer = await asyncio.open_unix_connection(self._path)
        for pump in (
            self._pump(reader, answer, is_request=True),
            self._pump(there, writer, is_request=False),
        ):
            task = asyncio.create_task(pump)
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)

    async def _pump(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, is_request: bool
    ) -> None:
        # Either side may hang up.
        with suppress(ConnectionError):
            while data := await source.read(65_536):
                if not self._carrying.is_set():
                    await self._carrying.wait()
                    self.delivered_late += len(data) if is_request else 0
                target.write(data)
                await target.drain()
        await self._carrying.wait()
        target.close()


@asynccontextmanager
async def proxied(dsn: str) -> AsyncIterator[Proxy]:
    """A proxy to the server of `dsn`, for the length of the block."""
    async for proxy in Proxy(dsn).serve():
        yield proxy
