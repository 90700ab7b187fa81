"""Whether Postgres is there, may be used, and has this version's schema."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg

from bot.doctor.model import Finding, failed, ok
from bot.doctor.ports import DoctorPorts
from bot.flows.metrics import MOST_SKEW
from bot.logs import hide_secrets_in
from bot.migrations import FOLDER, OLDEST_POSTGRES, Migration, read_migrations
from jobq import Database, DatabaseUnavailableError

REACHABLE, VERSION, DIRECT = "database", "database.version", "database.direct"
RIGHTS = "database.rights"
MIGRATIONS, CLOCK = "database.migrations", "database.clock"

_START = "Start Postgres, or correct the host and port in DATABASE_URL."

_READ_ONLY_TABLES = """
    SELECT relname FROM pg_class
    WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND NOT (
        has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
        AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE'))
    ORDER BY relname
"""


async def check_reachable(ports: DoctorPorts) -> Sequence[Finding]:
    """Whether Postgres accepts a connection, and whether its version will do."""
    if ports.settings.database_url is None:
        return [
            failed(
                REACHABLE,
                "none is set, and no `ripe up` runs here",
                "Start `ripe up`, which brings one, or set DATABASE_URL to a PostgreSQL of yours.",
            )
        ]
    if ports.unreachable is not None:
        return [judge_unreachable(ports.unreachable)]
    database = ports.load_database()
    version = await database.fetchval("SELECT current_setting('server_version_num')::int")
    return [ok(REACHABLE, "answers"), judge_version(version // 10_000)]


def judge_unreachable(error: Exception) -> Finding:
    """Why there is no connection. The driver's text may name the user, but never the password."""
    cause = error.__cause__ or error
    fix = _START
    if isinstance(cause, asyncpg.InvalidAuthorizationSpecificationError):
        fix = "Put a user and a password that Postgres accepts into DATABASE_URL."
    elif isinstance(cause, asyncpg.InvalidCatalogNameError):
        fix = "Create this database, or correct its name in DATABASE_URL."
    elif isinstance(cause, asyncpg.TooManyConnectionsError):
        fix = "Raise Postgres's max_connections, or stop the programs that hold its connections."
    return failed(REACHABLE, f"cannot connect: {hide_secrets_in(str(cause)) or type(cause).__name__}", fix)


def judge_version(major: int) -> Finding:
    """Whether this version of Postgres is new enough."""
    if major < OLDEST_POSTGRES:
        return failed(
            VERSION,
            f"PostgreSQL {major}; {OLDEST_POSTGRES} is the oldest that works",
            f"Move the database to PostgreSQL {OLDEST_POSTGRES} or newer and set DATABASE_URL to it.",
        )
    return ok(VERSION, f"PostgreSQL {major}")


async def check_direct(ports: DoctorPorts) -> Sequence[Finding]:
    """Whether the connection past a pooler works, which LISTEN and migrations use."""
    database = ports.load_database()
    if ports.settings.database_direct_url is None:
        return [ok(DIRECT, "the same as DATABASE_URL")]
    try:
        connection = await database.connect(database.direct_dsn)
    except (DatabaseUnavailableError, asyncpg.PostgresError) as error:
        detail = judge_unreachable(error).detail
        fix = "Set DATABASE_DIRECT_URL to Postgres itself, or leave it out where there is no pooler."
        return [failed(DIRECT, detail, fix)]
    # Not close(): that would wait for a server that may be stuck.
    connection.terminate()
    return [ok(DIRECT, "answers")]


async def check_rights(ports: DoctorPorts) -> Sequence[Finding]:
    """Whether the database may be written to."""
    database = ports.load_database()
    if await database.fetchval("SELECT current_setting('transaction_read_only')::bool"):
        return [
            failed(
                RIGHTS,
                "the database is read-only",
                "Set DATABASE_URL to the primary server, or end its default_transaction_read_only.",
            )
        ]
    closed = [row["relname"] for row in await database.fetch(_READ_ONLY_TABLES)]
    if closed:
        user, schema = await database.fetchrow("SELECT current_user, current_schema()")
        return [
            failed(
                RIGHTS,
                f"{user} may not change {_some(closed)}",
                "As their owner: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES "
                f'IN SCHEMA {schema} TO "{user}".',
            )
        ]
    return [ok(RIGHTS, "may be read and written")]


async def check_migrations(ports: DoctorPorts, folder: Path = FOLDER) -> Sequence[Finding]:
    """Whether the schema is that of this code."""
    applied = await _list_applied(ports.load_database())
    return [judge_migrations(read_migrations(folder), applied)]


async def _list_applied(database: Database) -> Mapping[int, Any]:
    if not await database.fetchval("SELECT to_regclass('schema_migration') IS NOT NULL"):
        return {}
    rows = await database.fetch("SELECT number, name, checksum FROM schema_migration ORDER BY number")
    return {row["number"]: row for row in rows}


def judge_migrations(files: Sequence[Migration], applied: Mapping[int, Any]) -> Finding:
    """Whether the files are those that were applied. `applied` has name and checksum by number."""
    numbers = {file.number for file in files}
    missing = [file.name for file in files if file.number not in applied]
    changed = [
        file.name
        for file in files
        if file.number in applied and applied[file.number]["checksum"] != file.checksum
    ]
    newer = [row["name"] for number, row in applied.items() if number not in numbers]
    if missing:
        return failed(MIGRATIONS, f"not applied: {_some(missing)}", "Run `ripe migrate`.")
    if changed:
        return failed(
            MIGRATIONS,
            f"changed after it was applied: {_some(changed)}",
            "Install this version of Ripe afresh, so that its migrations are as they were published.",
        )
    if newer:
        return failed(
            MIGRATIONS,
            f"made by a newer Ripe: {_some(newer)}",
            "Run the newest version of Ripe on all machines, or restore a backup from before.",
        )
    return ok(MIGRATIONS, f"all {len(files)} applied")


async def check_clock(ports: DoctorPorts) -> Sequence[Finding]:
    """Whether this machine and Postgres agree what time it is."""
    health = await ports.load_queue().database_health()
    # Without the shift: the sandbox's clock is ahead on purpose.
    return [judge_skew(health.clock_skew - ports.clock.shift)]


def judge_skew(skew: timedelta) -> Finding:
    """Whether the clocks agree well enough. `skew` is how far this machine is ahead of Postgres."""
    seconds = skew.total_seconds()
    if abs(skew) > MOST_SKEW:
        side = "ahead of" if seconds > 0 else "behind"
        return failed(
            CLOCK,
            f"this machine is {abs(seconds):.0f} s {side} Postgres, so reminders come at wrong times",
            "Switch on time synchronisation (NTP) on both machines.",
        )
    return ok(CLOCK, f"within {max(abs(seconds), 0.1):.1f} s of Postgres")


def _some(names: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
