"""All of Ripe in one process: web and worker, and in the sandbox GitHub, Slack and the story.

They share the libraries, the database's connections and the gateways, so that a machine with one Ripe needs
a third of the memory. `ripe web` and `ripe worker` run each on its own, on as many machines as wanted.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextvars import ContextVar
from typing import Any, TextIO, cast
from urllib.parse import urlsplit

import structlog

from bot.app import App, open_app
from bot.logs import setup_logs
from bot.model import OperatorError
from bot.settings import Settings, SettingsError
from bot.web.app import serve_web
from bot.worker import work
from jobq import DatabaseUnavailableError

log = structlog.get_logger()

Part = Coroutine[Any, Any, None]

_part: ContextVar[str] = ContextVar("part", default="ripe")


class LabelledLines:
    """A stream of lines, each behind the name of the part that wrote it. `width` is that of the names."""

    def __init__(self, stream: TextIO, width: int) -> None:
        self._stream = stream
        self._width = width

    def write(self, text: str) -> int:
        """Write whole lines."""
        label = f"{_part.get():<{self._width}} | "
        lines = text.removesuffix("\n").split("\n")
        return self._stream.write("".join(f"{label}{line}\n" for line in lines))

    def show(self, line: str) -> None:
        """Write one line at once."""
        self.write(line)
        self.flush()

    def flush(self) -> None:
        """Write at once what was kept back."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Whether a person reads it at a terminal."""
        return self._stream.isatty()


def label_output(settings: Settings) -> LabelledLines:
    """Label this process's log. Returns the stream for other lines."""
    width = len("sandbox" if settings.is_sandbox else "worker")
    lines = LabelledLines(sys.stdout, width)
    setup_logs(settings.log_level, settings.log_format, cast("TextIO", lines))
    return lines


async def run_parts(settings: Settings, stop: asyncio.Event) -> None:
    """Run every part that such settings need until `stop` is set. Raises OperatorError."""
    lines = label_output(settings)
    async with open_app(settings) as app:
        await run_together(_list_parts(app, stop, lines.show), stop)


async def run_together(parts: Mapping[str, Part], stop: asyncio.Event) -> None:
    """Run these until they have ended by themselves, as they do once `stop` is set.

    If one ends before, all are stopped. Raises OperatorError, which names it and says why.
    """
    tasks = [asyncio.create_task(_named(name, part), name=name) for name, part in parts.items()]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    was_asked = stop.is_set()
    stop.set()
    await asyncio.wait(tasks)
    if not was_asked:
        first = next(iter(done))
        raise OperatorError(f"{first.get_name()} ended: {first.result() or 'nobody asked it to'}")


async def _named(name: str, part: Part) -> str:
    """Run a part under its name. Returns why it failed; nothing if it ended by itself."""
    _part.set(name)
    try:
        await part
    except (OperatorError, DatabaseUnavailableError) as error:
        return str(error)
    except Exception as error:
        log.exception("a part of Ripe failed")
        return _describe(error)
    return ""


def _describe(error: Exception) -> str:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


def _list_parts(app: App, stop: asyncio.Event, show: Callable[[str], None]) -> dict[str, Part]:
    settings = app.settings
    if settings.sandbox_url is None:
        return {"web": serve_web(app, stop), "worker": work(app, stop)}
    # A real bot never imports the sandbox.
    from bot.sandbox.entry import make_pages, run_sandbox, tell_story

    port = urlsplit(settings.sandbox_url).port
    if port is None:
        raise SettingsError("SANDBOX_URL: has no port; `ripe up` sets it")
    return {
        "web": serve_web(app, stop, make_pages),
        "worker": work(app, stop),
        "sandbox": run_sandbox(settings, port, stop),
        "story": tell_story(app, settings.sandbox_url, stop, show),
    }
