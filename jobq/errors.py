"""What goes wrong with the database itself, told apart from what goes wrong with a job."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg


class DatabaseUnavailable(Exception):
    """No connection could be had: refused, cut, all in use, or the database is not open."""


class TransactionDoomed(Exception):
    """The transaction was rolled back at its end, because a block or a statement in it had failed."""


_LOST = (
    DatabaseUnavailable,
    asyncpg.PostgresConnectionError,
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
)
TRANSIENT = (DatabaseUnavailable, asyncpg.PostgresError)
"""What a worker's own statements may raise. It says so and tries again: a failover or a migration passes."""
_CONTENDED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError)


def is_lost_connection(error: BaseException) -> bool:
    """Whether the connection to Postgres is gone, as opposed to Postgres refusing a statement."""
    if isinstance(error, asyncpg.InterfaceError):
        # asyncpg uses this class for wrong calls too, and those are bugs: only the text tells them apart.
        return "closed" in str(error) or "closing" in str(error)
    return isinstance(error, _LOST)


def is_no_fault_of_the_job(error: BaseException) -> bool:
    """Whether the same job may well succeed a second later: connection lost, or transactions in conflict."""
    if isinstance(error, TransactionDoomed) and error.__cause__ is not None:
        return is_no_fault_of_the_job(error.__cause__)
    return isinstance(error, _CONTENDED) or is_lost_connection(error)


@contextmanager
def unavailable_if_refused() -> Iterator[None]:
    """Turn every way in which a connection can be refused into DatabaseUnavailable."""
    try:
        yield
    except OSError as error:  # also TimeoutError
        raise DatabaseUnavailable(f"cannot connect: {type(error).__name__}: {error}") from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        if not is_lost_connection(error):
            raise
        raise DatabaseUnavailable(f"cannot connect: {type(error).__name__}: {error}") from error
