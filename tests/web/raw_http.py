"""HTTP as bytes on a socket, for requests that no client library sends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def read_status(reader: asyncio.StreamReader) -> int:
    """The status of the answer; 0 if the connection was closed without one."""
    try:
        line = await reader.readline()
    except ConnectionError:
        return 0
    return int(line.split(b" ")[1]) if line.startswith(b"HTTP/") else 0


async def ask(url: str, request: bytes, within: float = 30.0) -> int:
    """The status with which these bytes are answered."""
    async with asyncio.timeout(within), connected(url) as (reader, writer):
        try:
            writer.write(request)
            await writer.drain()
        except ConnectionError:
            pass  # it was answered before it was read
        return await read_status(reader)


def head(method: str, path: str, *headers: str, host: str = "localhost") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin1")
