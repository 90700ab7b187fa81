"""Serves our static files, which are small, from memory."""

from os import PathLike
from types import TracebackType
from typing import Self

from quart import Response
from quart.wrappers.response import FileBody


class WholeFile(FileBody):
    """A file that is read at once. Quart's own body stays open if the browser goes away half-way."""

    def __init__(self, file_path: str | PathLike[str], *, buffer_size: int | None = None) -> None:
        super().__init__(file_path, buffer_size=buffer_size)
        self._content: bytes | None = self.file_path.read_bytes()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, exc_type: type, exc_value: BaseException, tb: TracebackType) -> None:
        """Closes nothing, since nothing is open."""

    async def __anext__(self) -> bytes:
        content, self._content = self._content, None
        if content is None:
            raise StopAsyncIteration
        # A range, if the browser asked for one.
        return content[self.begin : self.end]


class WebResponse(Response):
    """The response class of every route."""

    file_body_class = WholeFile
