"""The only place of the project that reads the wall clock."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The current instant, aware and in UTC. Follows freezegun, so that tests can move it."""
    return datetime.now(UTC)  # noqa: TID251 - the rule sends all callers here
