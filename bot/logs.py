"""One line per event: JSON for machines, columns for a person at a terminal, secrets for nobody."""

import logging
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from types import FrameType
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from bot.errors import format_traceback

LogFormat = Literal["auto", "json", "text"]

HIDDEN = "[hidden]"

CHATTY = ("httpx", "httpcore", "asyncio", "uvicorn.error")
"""Libraries that say at INFO what we say ourselves, with ids."""
CANDID = ("slack_bolt", "slack_sdk", "github")
"""Libraries that print at DEBUG whole requests and answers: what people wrote, and their addresses."""

_SECRET_NAME = re.compile(
    r"token|secret|passw|authorization|private_?key|credential|cookie|signature|api_?key", re.IGNORECASE
)
_SECRET_TEXT = re.compile(
    r"""
      xox[a-z]-[\w-]+ | xapp-[\w-]+              # Slack
    | (?<=[?&]ticket=)[\w-]+                     # in the address of Slack's Socket Mode
    | gh[a-z]_\w{4,} | github_pat_\w+            # GitHub
    | eyJ[\w-]+\.[\w-]+\.[\w-]*                  # a JSON web token
    | -----BEGIN[ ][^-]+-----.*?(?:-----END[ ][^-]+-----|\Z)
    | (?<=://)[^\s/@:]*:[^\s/@]*(?=@)            # user and password in an address
    | (?i:(?<=bearer[ ])|(?<=basic[ ]))[^\s,;"']{8,}
    """,
    re.VERBOSE | re.DOTALL,
)

_HINTS = ("xox", "xapp-", "ticket=", "github_pat_", "eyj", "-----begin", "://", "bearer ", "basic ")
"""Text with none of these, and without `gh` and `_`, holds no secret and need not be searched."""


def setup_logs(level: str = "INFO", form: LogFormat = "auto", stream: TextIO | None = None) -> None:
    """Send our events and those of every library to `stream` (default: stderr), from `level` up."""
    output = stream or sys.stderr
    origin: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
    ]
    ending: list[Processor] = [
        structlog.processors.ExceptionRenderer(format_traceback),
        hide_secrets,
        *_renderers(form, output),
    ]
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*origin, structlog.stdlib.PositionalArgumentsFormatter(), stamp],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
        )
    )
    # Our own events do not pass the standard library, which would double what a line costs.
    structlog.configure(
        processors=[*origin, stamp, *ending],
        logger_factory=lambda *_: _Lines(handler, _find_caller()),
        wrapper_class=structlog.make_filtering_bound_logger(level.lower()),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    for name in CANDID:
        logging.getLogger(name).setLevel(max(logging.INFO, root.level))


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace what looks like a credential, by its name or by its shape, at any depth."""
    return {name: _hide(name, value) for name, value in event.items()}


def hide_secrets_in(text: str) -> str:
    """`text` without anything shaped like a credential."""
    return _SECRET_TEXT.sub(HIDDEN, text) if _may_hold_secrets(text.casefold()) else text


def _may_hold_secrets(text: str) -> bool:
    for hint in _HINTS:
        if hint in text:
            return True
    return "gh" in text and "_" in text


class _Lines:
    """Writes finished lines to the stream of `handler`, between those of the standard library."""

    def __init__(self, handler: logging.StreamHandler[TextIO], name: str) -> None:
        self.name = name
        self._handler = handler

    def info(self, line: str) -> None:
        """Write a line. An error, such as a closed pipe, must not fail the work that is logged."""
        handler = self._handler
        handler.acquire()
        try:
            handler.stream.write(line + "\n")
            handler.flush()
        except (OSError, ValueError):
            pass
        finally:
            handler.release()

    debug = warning = error = critical = info


def _find_caller() -> str:
    """The name of the module that logs."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if name != __name__ and not name.startswith("structlog."):
            return name
        frame = frame.f_back
    return ""


def _hide(name: str, value: Any) -> Any:
    if isinstance(value, bool | int | float | None):
        return value
    if _is_secret(name):
        return HIDDEN
    return _hide_inside(name, value)


@lru_cache(maxsize=1_000)
def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def _hide_inside(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _hide(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_hide(name, inner) for inner in value]
    return hide_secrets_in(value if isinstance(value, str) else str(value))


def _renderers(form: LogFormat, output: TextIO) -> list[Processor]:
    if form == "text" or (form == "auto" and output.isatty()):
        plain = structlog.dev.plain_traceback  # the pretty one would show local variables
        return [structlog.dev.ConsoleRenderer(colors=output.isatty(), exception_formatter=plain)]
    return [structlog.processors.EventRenamer("message"), structlog.processors.JSONRenderer()]
