"""Each table has one owner that writes it, and the SQL of a room reads the tables of that room only."""

import re
from collections.abc import Iterable
from pathlib import Path

import bot

HOUSE = Path(bot.__file__).parent
MIGRATIONS = HOUSE.parent / "migrations"
ROOMS = ("github", "slack", "reviews", "people", "assignment", "reminders")

OWNERS = {
    "github": ("installation", "account_access", "repository", "delivery", "redelivery", "watch"),
    "slack": ("workspace", "slack_delivery", "slack_limit"),
    "reviews": ("pull_request", "review_request", "review", "backlog"),
    "people": ("person", "account", "former_account", "absence"),
    "assignment": ("repository_config", "assignment", "reading"),
    "reminders": ("message", "digest_item"),
    "flows/visibility": ("held",),
    "flows/obstacles": ("obstacle",),
    "flows/paces": ("pace",),
    "flows/unheard": ("unheard",),
    "flows/late_notices": ("late_notice",),
    "modes": ("pause",),
    "actions/store": ("action",),
    "credentials": ("credential", "setting"),
    "clock": ("sandbox_clock",),
    "web/states": ("oauth_state",),
    "web/setup/passes": ("setup_pass",),
    "": ("job", "job_dead"),  # jobq's: no module of the bot writes them
}
"""The room or module that writes these tables."""

MAY_WRITE = {
    "flows/account_forgetting": "deletes what is known of an account, in all rooms",
    "flows/workspace_forgetting": "deletes what is known of a workspace, in all rooms",
    "flows/take_delivery delivery": "finds the workspace and stores the delivery in one statement",
    "jobs/tidy": "deletes what was kept long enough, in all rooms",
}
"""A module, or a module and a table, that writes where another one is the owner; and why."""

MAY_READ = {
    "reviews/store repository": "a pull request is called by the name of its repository",
}
"""A module of a room, and a table of another room that it reads; and why."""

WRITES = re.compile(r"\b(?:INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)")
READS = re.compile(r"\b(?:FROM|JOIN|USING)\s+(\w+(?:\s*,\s*\w+)*)")


def all_tables() -> set[str]:
    created = (re.findall(r"CREATE TABLE (\w+)", path.read_text()) for path in MIGRATIONS.glob("*.sql"))
    return {table for tables in created for table in tables}


def modules() -> dict[str, str]:
    """The text of every module and SQL file of the bot, by its name without the ending."""
    texts: dict[str, str] = {}
    for path in sorted([*HOUSE.rglob("*.py"), *HOUSE.rglob("*.sql")]):
        name = path.relative_to(HOUSE).with_suffix("").as_posix()
        texts[name] = texts.get(name, "") + path.read_text()
    return texts


def written(text: str) -> set[str]:
    return set(WRITES.findall(text)) & all_tables()


def read(text: str) -> set[str]:
    listed = (re.split(r"\s*,\s*", tables) for tables in READS.findall(text))
    return {table for tables in listed for table in tables} & all_tables()


def owner_of(table: str) -> str:
    (owner,) = (owner for owner, tables in OWNERS.items() if table in tables)
    return owner


def is_part_of(module: str, owner: str) -> bool:
    return module == owner or module.startswith(f"{owner}/")


def foreign(module: str, tables: Iterable[str]) -> set[str]:
    return {f"{module} {table}" for table in tables if not is_part_of(module, owner_of(table))}


def foreign_writes() -> set[str]:
    return {use for module, text in modules().items() for use in foreign(module, written(text))}


def foreign_reads() -> set[str]:
    """Reads by a room of another room's table. SQL that joins rooms is in flows, jobs, doctor or web."""
    in_rooms = {name: text for name, text in modules().items() if name.partition("/")[0] in ROOMS}
    return {use for module, text in in_rooms.items() for use in foreign(module, read(text) - written(text))}


def test_every_table_has_one_owner() -> None:
    owned = [table for tables in OWNERS.values() for table in tables]
    assert len(owned) == len(set(owned))
    assert set(owned) == all_tables() - {"schema_migration"}


def test_a_table_is_written_by_its_owner_only() -> None:
    unexplained = {
        use for use in foreign_writes() if use not in MAY_WRITE and use.partition(" ")[0] not in MAY_WRITE
    }
    assert unexplained == set()


def test_a_room_reads_its_own_tables_only() -> None:
    assert foreign_reads() - MAY_READ.keys() == set()


def test_every_exception_is_still_needed() -> None:
    writes = foreign_writes()
    writers = {use.partition(" ")[0] for use in writes}
    assert MAY_WRITE.keys() - writes - writers == set()
    assert MAY_READ.keys() - foreign_reads() == set()


def test_statements_are_recognized() -> None:
    assert written(
        "INSERT INTO message (id) SELECT 1; UPDATE person SET x = 1; DELETE FROM held USING x"
    ) == {
        "message",
        "person",
        "held",
    }
    assert read("SELECT FROM person, account JOIN absence ON true; DELETE FROM x USING held, repository") == {
        "person",
        "account",
        "absence",
        "held",
        "repository",
    }
