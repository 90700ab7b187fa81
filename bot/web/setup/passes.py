"""The passes of /setup: a token printed at start opens one session, and each trip to GitHub has a state."""

from datetime import datetime, timedelta

from bot.credentials import save_choices
from bot.web.one_time import Refusals, SecretTable, digest_of, make_secret
from jobq import current_database, write_transaction

TOKEN_LIFE = SESSION_LIFE = timedelta(hours=1)
STATE_LIFE = timedelta(minutes=10)

AGAIN = "Start `ripe up --setup` again: it prints a new link."

_PASSES = SecretTable(
    find="SELECT session AS holder, used_at, expires_at FROM setup_pass WHERE digest = $1 AND kind = $2",
    use="UPDATE setup_pass SET used_at = $2 WHERE digest = $1 AND used_at IS NULL RETURNING true",
)
_TOKEN_REFUSALS = Refusals(
    unknown=f"This is not the link that was printed last. {AGAIN}",
    used=f"This link was used before, and it is good for one time. {AGAIN}",
    expired=f"This link is older than an hour. {AGAIN}",
)
_STATE_REFUSALS = Refusals(
    unknown="GitHub sent you back with a state that this setup did not begin.",
    used="GitHub's answer was already taken; loading it again changes nothing.",
    expired="More than ten minutes passed on GitHub's page. If it has made an App, delete that one there.",
)


@write_transaction
async def issue_token(now: datetime) -> str:
    """Open /setup to the browser that shows this token first, and close it to every other."""
    await current_database().execute("DELETE FROM setup_pass")
    return await _insert("token", None, now + TOKEN_LIFE)


@write_transaction
async def spend_token(token: str, now: datetime) -> str:
    """A new session in exchange for the token, which is good once. Raises StateRefusedError."""
    await _PASSES.spend("token", token, None, now, _TOKEN_REFUSALS)
    return await _insert("session", None, now + SESSION_LIFE)


async def is_opened() -> bool:
    """Whether a link was printed, and the setup not finished since."""
    return bool(await current_database().fetchval("SELECT EXISTS (SELECT FROM setup_pass)"))


async def is_open_to(session: str, now: datetime) -> bool:
    """Whether this session may go on. Unlike the other two, it is used any number of times."""
    is_good = await current_database().fetchval(
        "SELECT true FROM setup_pass WHERE digest = $1 AND kind = 'session' AND expires_at > $2",
        digest_of(session),
        now,
    )
    return is_good is not None


async def issue_state(session: str, now: datetime) -> str:
    """The state of a trip to GitHub that this session begins."""
    return await _insert("state", digest_of(session), now + STATE_LIFE)


async def spend_state(state: str, session: str, now: datetime) -> None:
    """Accept the session's return from its trip, once. Raises StateRefusedError without spending it."""
    await _PASSES.spend("state", state, session, now, _STATE_REFUSALS)


@write_transaction
async def close_setup(now: datetime) -> None:
    """Close /setup to everybody, and let `ripe up` start what was set up."""
    await current_database().execute("DELETE FROM setup_pass")
    await save_choices({"finished_at": now.isoformat()}, now)


async def _insert(kind: str, session: bytes | None, expires_at: datetime) -> str:
    secret = make_secret()
    await current_database().execute(
        "INSERT INTO setup_pass (digest, kind, session, expires_at) VALUES ($1, $2, $3, $4)",
        digest_of(secret),
        kind,
        session,
        expires_at,
    )
    return secret
