"""The one table of GitHub's refusals, for REST and GraphQL alike: wait, use a new token, or give up. Pure.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from github import GithubException  # noqa: TID251 - the door's own table

from bot.github.model import AccessLostError, NotFoundError, RefusedError
from jobq import utc_now

LONGEST_WAIT = timedelta(hours=1)
"""GitHub's limits are refilled every hour, so a longer wait is a mistake of somebody's clock."""

_LIMITED = (
    "rate limit",
    "abuse detection",
    "please retry your request again later",
    "please wait a few minutes",
    "submitted too quickly",
)
"""GitHub's words for a limit in the texts of 403, in lower case."""
_LIMITED_TYPES = frozenset({"RATE_LIMITED", "RATE_LIMIT", "SECONDARY_RATE_LIMITED"})
_FORBIDDEN_TYPES = frozenset({"FORBIDDEN", "INSUFFICIENT_SCOPES", "UNAUTHENTICATED"})
_PASSING_STATUSES = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.MISDIRECTED_REQUEST}
)


MOST_SHOWN = 150
"""Characters of GitHub's own words in a reason."""


class GraphQLRefusedError(GithubException):
    """GitHub answered a query with status 200 and errors."""


class OddAnswerError(GithubException):
    """GitHub's answer lacks what it was asked for. It says neither yes nor no, so it is asked again."""

    def __init__(self, problem: str) -> None:
        super().__init__(HTTPStatus.OK.value, {"message": problem})


@dataclass(frozen=True)
class Later:
    """Ask again later: after `wait`, or after the next back-off if GitHub named no time.

    With `is_limit`, the installation's other calls would be refused as well.
    """

    wait: timedelta | None = None
    is_limit: bool = False


@dataclass(frozen=True)
class NewToken:
    """GitHub does not take the token. A new one may be good."""


Refusal = Later | NewToken | Exception
"""An exception is final: raise it."""


def judge(error: GithubException, now: datetime) -> Refusal:
    """Tells whether to wait, to use a new token, or to give up. `now` is real time, as GitHub's times are."""
    if isinstance(error, GraphQLRefusedError):
        return _judge_query(error, now)
    match error.status:
        case 404 | 410:
            return NotFoundError(_words(error))
        case 401:
            return NewToken()
        case 451:
            return AccessLostError(_words(error))
        case 403 | 429:
            return _limit(error, now) or AccessLostError(_words(error))
        case status if status >= 500 or status < 400 or status in _PASSING_STATUSES:
            return Later(_retry_after(_headers(error), now))
    return RefusedError(describe(error))


def _judge_query(error: GraphQLRefusedError, now: datetime) -> Refusal:
    types = {str(part.get("type") or "").upper() for part in _errors(error)}
    if types & _LIMITED_TYPES or "rate limit" in reason(error).lower():
        return Later(_named_wait(_headers(error), now), is_limit=True)
    if types == {"NOT_FOUND"}:
        return NotFoundError(_words(error))
    if types & _FORBIDDEN_TYPES:
        return AccessLostError(_words(error))
    if any(_is_our_mistake(part) for part in _errors(error)):
        return RefusedError(_words(error))
    # "Something went wrong", a time-out, too many nodes at once: only a GitHub in trouble says so here.
    return Later(_named_wait(_headers(error), now))


def _is_our_mistake(part: Mapping[str, Any]) -> bool:
    """A query that this GitHub's schema does not allow."""
    extensions = part.get("extensions")
    return isinstance(extensions, Mapping) and "code" in extensions and not part.get("type")


def _limit(error: GithubException, now: datetime) -> Later | None:
    headers = _headers(error)
    text = reason(error).lower()
    is_limit = (
        error.status == HTTPStatus.TOO_MANY_REQUESTS
        or "retry-after" in headers
        or headers.get("x-ratelimit-remaining") == "0"
        or any(phrase in text for phrase in _LIMITED)
    )
    return Later(_named_wait(headers, now), is_limit=True) if is_limit else None


def _named_wait(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How long GitHub asks us to wait, an hour at most; None if it names no time that makes sense."""
    if (wait := _retry_after(headers, now)) is not None:
        return wait
    if headers.get("x-ratelimit-remaining") != "0":
        return None
    reset_at = _number(headers.get("x-ratelimit-reset", ""))
    return None if reset_at is None else _bounded(reset_at - now.timestamp())


def _retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Seconds, or a date: https://www.rfc-editor.org/rfc/rfc9110#name-retry-after."""
    value = headers.get("retry-after", "")
    if (seconds := _number(value)) is not None:
        return _bounded(seconds)
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return _bounded((until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds())


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _bounded(seconds: float) -> timedelta | None:
    """None for a time that is over: it says nothing about when to ask again."""
    if seconds < 0:
        return None
    return timedelta(seconds=min(seconds, LONGEST_WAIT.total_seconds()))


def reason(error: GithubException) -> str:
    """GitHub's own words."""
    for part in _errors(error):
        return str(part.get("message") or error.status)
    data: Any = error.data
    if isinstance(data, Mapping):
        listed = data.get("errors")
        first = listed[0] if isinstance(listed, list) and listed else None
        return str(first or data.get("message") or error.status)
    return str(error.message or error.status)


def _words(error: GithubException) -> str:
    return " ".join(reason(error).split())[:MOST_SHOWN]


def describe(error: GithubException) -> str:
    """A short reason for people: GitHub's status and words, without a page of HTML."""
    text = " ".join(reason(error).split())
    is_page = "<" in text or text in ("", "None", str(error.status))
    if isinstance(error, GraphQLRefusedError | OddAnswerError):
        return "no usable answer" if is_page else text[:MOST_SHOWN]
    return str(error.status) if is_page else f"{error.status}: {text[:MOST_SHOWN]}"


def describe_silence(error: Exception) -> str:
    """The same for a call without an answer, or with one that is no JSON."""
    return "no usable answer" if isinstance(error, ValueError) else f"no answer ({type(error).__name__})"


def refuses_paths(error: GithubException) -> bool:
    """Whether GitHub refuses, for good, to name changed paths, and perhaps nothing else."""
    if "not accessible" in reason(error):
        return True
    if not isinstance(error, GraphQLRefusedError):
        return False
    refusal = judge(error, utc_now())
    return isinstance(refusal, RefusedError) and not isinstance(refusal, NotFoundError)


def _errors(error: GithubException) -> list[Mapping[str, Any]]:
    data: Any = error.data
    listed = data.get("errors") if isinstance(data, Mapping) else None
    return [part for part in listed if isinstance(part, Mapping)] if isinstance(listed, list) else []


def _headers(error: GithubException) -> dict[str, str]:
    return {name.lower(): str(value).strip() for name, value in (error.headers or {}).items()}
