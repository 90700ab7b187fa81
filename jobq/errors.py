"""The errors that jobq raises, and which database errors pass by themselves."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import asyncpg


class JobQueueError(Exception):
    """The base class of the errors below. Errors of Postgres and of handlers pass through unchanged."""


class DatabaseUnavailableError(JobQueueError):
    """No connection: it was refused or cut, the whole pool is in use, or the database is not open."""


class LeaseLostError(JobQueueError):
    """Jobs cannot be finished: they were cancelled, or another worker may run them. Let it roll back.

    `ids` are the ids of these jobs.
    """

    def __init__(self, ids: Collection[int]) -> None:
        super().__init__(f"lease lost: {', '.join(f'job {job_id}' for job_id in sorted(ids))}")
        self.ids = frozenset(ids)


class TransactionDoomedError(JobQueueError):
    """The transaction was rolled back at its end, because a block or a statement in it had failed."""


TRANSIENT_ERRORS = (DatabaseUnavailableError, asyncpg.PostgresError)
"""The errors that a statement of the queue may raise during a failover or a migration: log and try again."""

_LOST_CONNECTION = (
    DatabaseUnavailableError,
    asyncpg.PostgresConnectionError,
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
)
# A migration changed a table under a prepared statement. asyncpg prepares it anew for the next transaction.
_SCHEMA_CHANGED = (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)
_CONTENTION = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError)


def is_lost_connection(error: BaseException) -> bool:
    """Whether the connection to Postgres is gone, as opposed to Postgres refusing a statement."""
    if isinstance(error, asyncpg.InterfaceError):
        # asyncpg raises this class for wrong calls too, which are bugs: only the text tells them apart.
        return "closed" in str(error) or "closing" in str(error)
    return isinstance(error, _LOST_CONNECTION)


def is_demoted(error: BaseException) -> bool:
    """Whether Postgres refused a write because it is a standby now. Another server takes the writes."""
    return isinstance(error, asyncpg.ReadOnlySQLTransactionError)


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed a second later.

    A connection was lost, transactions conflicted, or a migration changed a table that is in use.
    """
    if isinstance(error, TransactionDoomedError) and error.__cause__ is not None:
        return is_transient(error.__cause__)
    return isinstance(error, (*_CONTENTION, *_SCHEMA_CHANGED)) or is_lost_connection(error)


def is_refusal(error: BaseException) -> bool:
    """Whether Postgres, or asyncpg on its behalf, refuses a value: it will refuse the same value again."""
    refused = (
        asyncpg.DataError,
        asyncpg.IntegrityConstraintViolationError,
        asyncpg.ProgramLimitExceededError,
    )
    return isinstance(error, (*refused, OverflowError, ValueError))


@contextmanager
def unavailable_if_refused() -> Iterator[None]:
    """Turn every error with which a connection can be refused into DatabaseUnavailableError."""
    try:
        yield
    except OSError as error:  # TimeoutError is an OSError
        raise DatabaseUnavailableError(f"cannot connect: {type(error).__name__}: {error}") from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        if not is_lost_connection(error):
            raise
        raise DatabaseUnavailableError(f"cannot connect: {type(error).__name__}: {error}") from error
