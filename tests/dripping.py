"""A server that answers a byte at a time, so that no wait for a byte is ever long."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

EVERY = 0.05
"""Seconds between two bytes."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
WHOLE_HEAD = HEAD + b"Content-Length: 100000\r\n\r\n"
OPEN_HEAD = HEAD + b"Connection: close\r\n\r\n"
"""The end of the connection is the end of the answer."""


@asynccontextmanager
async def dripping(head: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Its port. It sends `head` at once, and then goes on for ever."""
    connections = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.current_task())
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            while not writer.is_closing():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(EVERY)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in connections:
            if connection is not None:
                connection.cancel()
