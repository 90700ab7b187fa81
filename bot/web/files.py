"""Answers with our own files, which are small, from memory."""

from os import PathLike
from types import TracebackType
from typing import Self

from quart import Response
from quart.wrappers.response import FileBody


class WholeFile(FileBody):
    """A file read at once. Quart reads piece by piece, and leaves it open when the browser goes away."""

    def __init__(self, file_path: str | PathLike[str], *, buffer_size: int | None = None) -> None:
        super().__init__(file_path, buffer_size=buffer_size)
        self._content: bytes | None = self.file_path.read_bytes()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, exc_type: type, exc_value: BaseException, tb: TracebackType) -> None:
        """Nothing is open."""

    async def __anext__(self) -> bytes:
        content, self._content = self._content, None
        if content is None:
            raise StopAsyncIteration
        # A part of it, where the browser asked for one.
        return content[self.begin : self.end]


class WebResponse(Response):
    """What every route answers with."""

    file_body_class = WholeFile
