"""Trips to another site's page and back: each is begun here, once, in one browser, for ten minutes.

A state travels in the address; the browser that begins the trip keeps a secret of its own in a cookie. Both
are 256 random bits, known to the database by their SHA-256 only. They live on real time.
"""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import from_json, to_json
from quart import Request, Response

from bot.model import UserError
from jobq import current_database

STATE_LIFE = timedelta(minutes=10)
COOKIE = "ripe_browser"
_SECRET_LENGTH = 43
"""Of 256 bits as URL-safe base64."""

Payload = dict[str, Any]


class StateRefused(UserError):
    """A state that is not good, or not good any more. Its text is for the person."""


async def issue_state(
    purpose: str, payload: Mapping[str, Any], now: datetime, *, browser: str | None = None
) -> str:
    """A new state, to be spent once for `purpose`, by `browser` only; None: by whichever browser comes.

    `payload` is JSON that nobody outside sees, given back when the state is spent.
    """
    state = secrets.token_urlsafe(32)
    await current_database().execute(
        "INSERT INTO oauth_state (digest, purpose, browser, payload, expires_at) VALUES ($1, $2, $3, $4, $5)",
        _digest(state),
        purpose,
        None if browser is None else _digest(browser),
        to_json(payload).decode(),
        now + STATE_LIFE,
    )
    return state


async def spend_state(purpose: str, state: str, browser: str | None, now: datetime) -> Payload:
    """The payload of a state, which is good no more. Raises StateRefused; then nothing was spent."""
    return await _take(_SPEND, purpose, state, browser, now)


async def read_state(purpose: str, state: str, browser: str | None, now: datetime) -> Payload:
    """The payload of a state that could be spent now, and stays so. Raises StateRefused."""
    return await _take(_READ, purpose, state, browser, now)


_GOOD = """
    digest = $1 AND purpose = $2 AND (browser IS NULL OR browser = $3) AND used_at IS NULL AND expires_at > $4
"""
_SPEND = f"UPDATE oauth_state SET used_at = $4 WHERE {_GOOD} RETURNING payload"  # noqa: S608 - our own words
_READ = f"SELECT payload FROM oauth_state WHERE {_GOOD}"  # noqa: S608 - our own words


async def _take(statement: str, purpose: str, state: str, browser: str | None, now: datetime) -> Payload:
    payload = await current_database().fetchval(
        statement, _digest(state), purpose, _digest(browser or ""), now
    )
    if payload is None:
        raise StateRefused(await _why_refused(purpose, state, browser))
    read: Payload = from_json(payload)
    return read


async def _why_refused(purpose: str, state: str, browser: str | None) -> str:
    row = await current_database().fetchrow(
        "SELECT browser, used_at FROM oauth_state WHERE digest = $1 AND purpose = $2", _digest(state), purpose
    )
    if row is None:
        return "This address was not begun here. Begin again."
    if row["browser"] not in (None, _digest(browser or "")):
        return "This was begun in another browser. Go on there, or begin again here."
    if row["used_at"] is not None:
        return "This address was used before, and it is good for one time. Begin again."
    return "More than ten minutes passed. Begin again."


def find_browser(asked: Request) -> str | None:
    """The secret of the browser that asks, if it has one."""
    secret = asked.cookies.get(COOKIE, "")
    return secret if len(secret) == _SECRET_LENGTH else None


def make_browser(asked: Request) -> str:
    """The secret of the browser that asks, or a new one, which `remember_browser` must then give to it."""
    return find_browser(asked) or secrets.token_urlsafe(32)


def remember_browser(response: Response, browser: str, *, is_secure: bool) -> Response:
    """Lets the browser prove, when it comes back, that it is the one that set out."""
    response.set_cookie(
        COOKIE,
        browser,
        max_age=STATE_LIFE,
        httponly=True,
        samesite="Lax",  # it has to come along when the other site sends the browser back
        secure=is_secure,
    )
    return response


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
