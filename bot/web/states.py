"""Trips to another site's page and back: each is begun here, once, in one browser, for ten minutes.

A state travels in the address; the browser that begins the trip keeps a secret of its own in a cookie.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import from_json, to_json
from quart import Request, Response

from bot.web.one_time import SECRET_LENGTH, Refusals, SecretTable, digest_of, make_secret
from jobq import current_database

STATE_LIFE = timedelta(minutes=10)
COOKIE = "ripe_browser"

Payload = dict[str, Any]

_STATES = SecretTable(
    find="""
    SELECT payload, browser AS holder, used_at, expires_at FROM oauth_state
    WHERE digest = $1 AND purpose = $2
    """,
    use="UPDATE oauth_state SET used_at = $2 WHERE digest = $1 AND used_at IS NULL RETURNING true",
)
_REFUSALS = Refusals(
    unknown="This address was not begun here. Begin again.",
    used="This address was used before, and it is good for one time. Begin again.",
    expired="More than ten minutes passed. Begin again.",
)


async def issue_state(
    purpose: str, payload: Mapping[str, Any], now: datetime, *, browser: str | None = None
) -> str:
    """A new state, to be spent once for `purpose`, by `browser` only. Without one, any browser may spend it.

    `payload` is JSON that nobody outside sees; `spend_state` and `read_state` return it.
    """
    state = make_secret()
    await current_database().execute(
        "INSERT INTO oauth_state (digest, purpose, browser, payload, expires_at) VALUES ($1, $2, $3, $4, $5)",
        digest_of(state),
        purpose,
        None if browser is None else digest_of(browser),
        to_json(payload).decode(),
        now + STATE_LIFE,
    )
    return state


async def spend_state(purpose: str, state: str, browser: str | None, now: datetime) -> Payload:
    """The payload of a state, and nobody can use it again. Raises StateRefusedError without spending it."""
    row = await _STATES.spend(purpose, state, browser, now, _REFUSALS)
    payload: Payload = from_json(row["payload"])
    return payload


async def read_state(purpose: str, state: str, browser: str | None, now: datetime) -> Payload:
    """The payload of a state that could be spent now, and can be after this. Raises StateRefusedError."""
    row = await _STATES.check(purpose, state, browser, now, _REFUSALS)
    payload: Payload = from_json(row["payload"])
    return payload


def find_browser(asked: Request) -> str | None:
    """The secret of the browser that asks, if it has one."""
    secret = asked.cookies.get(COOKIE, "")
    return secret if len(secret) == SECRET_LENGTH else None


def make_browser(asked: Request) -> str:
    """The secret of the browser that asks, or a new one, which `remember_browser` must then give to it."""
    return find_browser(asked) or make_secret()


def remember_browser(response: Response, browser: str, *, is_secure: bool) -> Response:
    """Give the browser its secret, with which it proves on its return that it began the trip."""
    response.set_cookie(
        COOKIE,
        browser,
        max_age=STATE_LIFE,
        httponly=True,
        samesite="Lax",  # the browser must send it when the other site sends the browser back
        secure=is_secure,
    )
    return response
