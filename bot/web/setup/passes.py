"""Who may use /setup: a token printed at start, once; then a session; and states that travel to GitHub.

Each is 256 random bits, known to the database by its SHA-256 only. They live on real time.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from bot.credentials import save_choices
from bot.model import UserError
from jobq import current_database, write_transaction

TOKEN_LIFE = SESSION_LIFE = timedelta(hours=1)
STATE_LIFE = timedelta(minutes=10)

AGAIN = "Start `ripe up --setup` again: it prints a new link."

_INSERT = "INSERT INTO setup_pass (digest, kind, session, expires_at) VALUES ($1, $2, $3, $4)"


class PassRefused(UserError):
    """A token or a state that is not good, or not good any more."""


@write_transaction
async def issue_token(now: datetime) -> str:
    """Opens /setup to whoever shows this token first. Nobody else gets in any more."""
    await current_database().execute("DELETE FROM setup_pass")
    return await _insert("token", None, now + TOKEN_LIFE)


@write_transaction
async def spend_token(token: str, now: datetime) -> str:
    """The session that a token is good for, once. Raises PassRefused."""
    row = await current_database().fetchrow(
        "SELECT used_at, expires_at FROM setup_pass WHERE digest = $1 AND kind = 'token' FOR UPDATE",
        _digest(token),
    )
    if row is None:
        raise PassRefused(f"This is not the link that was printed last. {AGAIN}")
    if row["used_at"] is not None:
        raise PassRefused(f"This link was used before, and it is good for one time. {AGAIN}")
    if row["expires_at"] <= now:
        raise PassRefused(f"This link is older than an hour. {AGAIN}")
    await current_database().execute(
        "UPDATE setup_pass SET used_at = $2 WHERE digest = $1", _digest(token), now
    )
    return await _insert("session", None, now + SESSION_LIFE)


async def is_opened() -> bool:
    """Whether a link was printed, and the setup not finished since."""
    return bool(await current_database().fetchval("SELECT EXISTS (SELECT FROM setup_pass)"))


async def is_open_to(session: str, now: datetime) -> bool:
    """Whether this session may go on."""
    found = await current_database().fetchval(
        "SELECT true FROM setup_pass WHERE digest = $1 AND kind = 'session' AND expires_at > $2",
        _digest(session),
        now,
    )
    return found is not None


async def issue_state(session: str, now: datetime) -> str:
    """For a trip to GitHub that this session begins."""
    return await _insert("state", _digest(session), now + STATE_LIFE)


async def spend_state(state: str, session: str, now: datetime) -> None:
    """The session is back from its trip. Raises PassRefused."""
    spent = await current_database().fetchval(
        """
        UPDATE setup_pass SET used_at = $3
        WHERE digest = $1 AND kind = 'state' AND session = $2 AND used_at IS NULL AND expires_at > $3
        RETURNING true
        """,
        _digest(state),
        _digest(session),
        now,
    )
    if spent is None:
        raise PassRefused(await _why_refused(state, session))


async def _why_refused(state: str, session: str) -> str:
    row = await current_database().fetchrow(
        "SELECT session, used_at FROM setup_pass WHERE digest = $1 AND kind = 'state'", _digest(state)
    )
    if row is None:
        return "GitHub sent you back with a state that this setup did not begin."
    if row["session"] != _digest(session):
        return "This was begun in another browser. Go on there, or begin again here."
    if row["used_at"] is not None:
        return "GitHub's answer was already taken; loading it again changes nothing."
    return "More than ten minutes passed on GitHub's page. If it has made an App, delete that one there."


@write_transaction
async def close_setup(now: datetime) -> None:
    """Nobody gets in any more, and `ripe up` starts what was set up."""
    await current_database().execute("DELETE FROM setup_pass")
    await save_choices({"finished_at": now.isoformat()}, now)


async def _insert(kind: str, session: bytes | None, expires_at: datetime) -> str:
    text = secrets.token_urlsafe(32)
    await current_database().execute(_INSERT, _digest(text), kind, session, expires_at)
    return text


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
