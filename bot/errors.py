"""Errors as logs and stored jobs may show them: nothing that somebody else wrote.

The text of many errors quotes the data that they stumbled over: a KeyError its key, a ValueError the text
that is no number, a constraint of Postgres the whole row, an error of an HTTP client the answer. So the text
is shown only if its type is known to quote nobody. Of every other error the type and the place in the code
are shown, which is what a developer needs.
"""

import traceback
from collections.abc import Iterator
from types import TracebackType

import asyncpg
from pydantic import ValidationError
from pydantic_core import ErrorDetails

_PACKAGES = frozenset({"bot", "jobq", "builtins"})
_QUOTING = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
_MOST_FIELDS = 5

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def describe_error(error: BaseException) -> str:
    """The type of an error, and its text if that quotes nobody."""
    text = _text_of(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def may_quote(error: BaseException) -> bool:
    """Whether the text of an error may quote what somebody else wrote."""
    return _text_of(error) != str(error)


def format_traceback(exc_info: ExcInfo) -> str:
    """The traceback of an error and of its causes, each without a text that may quote somebody."""
    return "\n".join(_format(error) for error in reversed(list(_chain(exc_info[1]))))


def _text_of(error: BaseException) -> str:
    if isinstance(error, ValidationError):
        return _describe_fields(error)
    if isinstance(error, OSError):
        return error.strerror or ""
    if isinstance(error, asyncpg.PostgresError) and not isinstance(error, _QUOTING):
        return str(error.args[0]) if error.args else ""  # without its DETAIL, which quotes the row
    return str(error) if _is_ours(type(error)) or type(error) is RuntimeError else ""


def _is_ours(error: type[BaseException]) -> bool:
    """Whether its text is ours. A library's base class may add what it was answered."""
    return error.__module__ != "builtins" and all(
        base.__module__.partition(".")[0] in _PACKAGES for base in error.__mro__
    )


def _describe_fields(error: ValidationError) -> str:
    """Which fields could not be read, and why. The name of an unknown field comes from outside."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return f"{error.title}: {', '.join(_describe_field(problem) for problem in problems[:_MOST_FIELDS])}"


def _describe_field(problem: ErrorDetails) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    return f"{'?' if problem['type'] == 'extra_forbidden' else place} {problem['type']}".strip()


def _format(error: BaseException) -> str:
    frames = "".join(traceback.format_tb(error.__traceback__))
    lines = f"Traceback (most recent call last):\n{frames}{describe_error(error)}"
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return "\n".join([lines, *(format_traceback((type(each), each, None)) for each in inner)])


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
