"""Trips to another site's page and back: each is begun here, once, in one browser, for ten minutes.

A state travels in the address; the browser that begins the trip keeps a secret of its own in a cookie.
A state that anybody may ask for is sealed: nothing is stored before somebody comes back with it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_core import from_json, to_json
from quart import Request, Response

from bot.encryption import Cipher, UndecryptableError
from bot.model import Value
from bot.web.one_time import (
    SECRET_LENGTH,
    Refusals,
    SecretTable,
    StateRefusedError,
    digest_of,
    make_secret,
)
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


class _SealedState(Value):
    purpose: str
    browser: str
    expires_at: datetime
    nonce: str
    invite: str = ""


class SealedStates:
    """States for trips that a stranger may begin, which the browser keeps for us, encrypted.

    Only the nonces of spent ones are stored, until they have expired.
    """

    def __init__(self, cipher: Cipher) -> None:
        self._cipher = cipher

    def issue(self, purpose: str, now: datetime, *, browser: str, invite: str = "") -> str:
        """A new state, to be spent once for `purpose` by `browser`. `check` returns its `invite`."""
        state = _SealedState(
            purpose=purpose,
            browser=digest_of(browser).hex(),
            expires_at=now + STATE_LIFE,
            nonce=make_secret(),
            invite=invite,
        )
        return self._cipher.encrypt(SecretStr(state.model_dump_json())).decode()

    async def check(self, purpose: str, state: str, browser: str | None, now: datetime) -> str:
        """The invite of a state that could be spent now. Stores nothing. Raises StateRefusedError."""
        opened = self._open(purpose, state, browser, now)
        spent = "SELECT true FROM oauth_state WHERE digest = $1"
        if await current_database().fetchval(spent, digest_of(opened.nonce)):
            raise StateRefusedError(_REFUSALS.used)
        return opened.invite

    async def spend(self, purpose: str, state: str, browser: str | None, now: datetime) -> None:
        """Make sure that nobody can use this state again. Raises StateRefusedError."""
        opened = self._open(purpose, state, browser, now)
        is_first = await current_database().fetchval(
            """
            INSERT INTO oauth_state (digest, purpose, browser, payload, expires_at, used_at)
            VALUES ($1, $2, $3, '{}', $4, $5)
            ON CONFLICT (digest) DO NOTHING RETURNING true
            """,
            digest_of(opened.nonce),
            purpose,
            bytes.fromhex(opened.browser),
            opened.expires_at,
            now,
        )
        if not is_first:
            raise StateRefusedError(_REFUSALS.used)

    def _open(self, purpose: str, state: str, browser: str | None, now: datetime) -> _SealedState:
        try:
            text = self._cipher.decrypt(state).get_secret_value()
            opened = _SealedState.model_validate_json(text)
        except (UndecryptableError, ValidationError):
            raise StateRefusedError(_REFUSALS.unknown) from None
        if opened.purpose != purpose:
            raise StateRefusedError(_REFUSALS.unknown)
        if opened.browser != digest_of(browser or "").hex():
            raise StateRefusedError(_REFUSALS.foreign)
        if opened.expires_at <= now:
            raise StateRefusedError(_REFUSALS.expired)
        return opened


async def issue_state(
    purpose: str,
    payload: Mapping[str, Any],
    now: datetime,
    *,
    browser: str | None = None,
    life: timedelta = STATE_LIFE,
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
        now + life,
    )
    return state


async def spend_state(
    purpose: str, state: str, browser: str | None, now: datetime, refusals: Refusals = _REFUSALS
) -> Payload:
    """The payload of a state, and nobody can use it again. Raises StateRefusedError without spending it."""
    row = await _STATES.spend(purpose, state, browser, now, refusals)
    payload: Payload = from_json(row["payload"])
    return payload


async def read_state(
    purpose: str, state: str, browser: str | None, now: datetime, refusals: Refusals = _REFUSALS
) -> Payload:
    """The payload of a state that could be spent now, and can be after this. Raises StateRefusedError."""
    row = await _STATES.check(purpose, state, browser, now, refusals)
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
