"""People, their accounts and their absences in Postgres. Uses the ambient database and transaction."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from pydantic_core import from_json

from bot.model import AccountId, PersonId, WorkspaceId
from bot.people.model import Absence, MappedAccount, Person
from jobq import current_database

_PERSON = """
    SELECT id, workspace_id, slack_user_id, name, zone, spans, is_active, guest_allowed, max_open_reviews,
        dms_per_day, snoozed_until, dm_channel, welcomed_at, (
            SELECT jsonb_agg(jsonb_build_object('id', absence.id, 'starts_at', starts_at,
                'ends_at', least(ends_at, cancelled_at), 'cover_person_id', cover_person_id)
                ORDER BY starts_at, absence.id)
            FROM absence
            WHERE person_id = person.id AND (cancelled_at IS NULL OR cancelled_at > starts_at)
        ) AS absences
    FROM person"""
_OF_ACCOUNT = "(SELECT person_id FROM account WHERE workspace_id = $1 AND id = $2)"


async def find_person_by_account(workspace_id: WorkspaceId, account_id: AccountId) -> Person | None:
    """The person to whom a GitHub account belongs."""
    row = await current_database().fetchrow(f"{_PERSON} WHERE id = {_OF_ACCOUNT}", workspace_id, account_id)
    return None if row is None else _person(row)


async def find_person_by_slack_user(workspace_id: WorkspaceId, slack_user_id: str) -> Person | None:
    """None if this Slack user was never linked to a GitHub account here."""
    row = await current_database().fetchrow(
        f"{_PERSON} WHERE workspace_id = $1 AND slack_user_id = $2", workspace_id, slack_user_id
    )
    return None if row is None else _person(row)


async def load_person(person_id: PersonId) -> Person:
    """Raises LookupError when there is none."""
    people = await list_people_by_id([person_id])
    if not people:
        raise LookupError(f"no person {person_id}")
    return people[0]


async def list_people(workspace_id: WorkspaceId) -> tuple[Person, ...]:
    """Every person of a workspace, by name."""
    rows = await current_database().fetch("SELECT id FROM person WHERE workspace_id = $1", workspace_id)
    return await list_people_by_id(row["id"] for row in rows)


async def list_people_by_id(person_ids: Iterable[PersonId]) -> tuple[Person, ...]:
    """By name, with their absences, past ones included: reminders count working time since the first DM.

    An absence that was cancelled ended at that moment; one that was cancelled before it began never was.
    """
    rows = await current_database().fetch(
        f"{_PERSON} WHERE id = ANY($1::bigint[]) ORDER BY lower(name), id", list(person_ids)
    )
    return tuple(_person(row) for row in rows)


def _person(row: Any) -> Person:
    fields = dict(row)
    absences, spans = fields.pop("absences"), fields.pop("spans")
    return Person(
        absences=tuple(Absence.model_validate(absence) for absence in from_json(absences or "[]")),
        spans=None if spans is None else from_json(spans),
        **fields,
    )


async def upsert_person(
    workspace_id: WorkspaceId,
    slack_user_id: str,
    name: str,
    zone: str,
    is_active: bool = True,
    *,
    guest_allowed: bool = False,
) -> PersonId:
    """Stores what Slack and the people file say about a person; their own settings stay."""
    identity = await current_database().fetchval(
        """
        INSERT INTO person (workspace_id, slack_user_id, name, zone, is_active, guest_allowed)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (workspace_id, slack_user_id) DO UPDATE SET
            name = excluded.name, zone = excluded.zone, is_active = excluded.is_active,
            guest_allowed = excluded.guest_allowed
        RETURNING id
        """,
        workspace_id,
        slack_user_id,
        name,
        zone,
        is_active,
        guest_allowed,
    )
    return PersonId(identity)


async def map_account(
    workspace_id: WorkspaceId, account_id: AccountId, login: str, person_id: PersonId
) -> None:
    """Gives the account to a person, even if it belonged to somebody else, who is remembered."""
    await current_database().execute(
        """
        WITH former AS (
            INSERT INTO former_account (workspace_id, id, person_id)
            SELECT workspace_id, id, person_id FROM account
            WHERE workspace_id = $1 AND id = $2 AND person_id <> $4
            ON CONFLICT (workspace_id, id) DO UPDATE SET person_id = excluded.person_id
        )
        INSERT INTO account (workspace_id, id, login, person_id) VALUES ($1, $2, $3, $4)
        ON CONFLICT (workspace_id, id) DO UPDATE SET login = excluded.login, person_id = excluded.person_id
        """,
        workspace_id,
        account_id,
        login,
        person_id,
    )


async def list_accounts(workspace_id: WorkspaceId) -> tuple[MappedAccount, ...]:
    """Every mapped GitHub account, by login."""
    rows = await current_database().fetch(
        "SELECT id, login, person_id FROM account WHERE workspace_id = $1 ORDER BY lower(login), id",
        workspace_id,
    )
    return tuple(MappedAccount.model_validate(dict(row)) for row in rows)


async def list_logins(workspace_id: WorkspaceId, account_ids: Iterable[AccountId]) -> dict[AccountId, str]:
    """The logins that these accounts have now. Accounts that are not mapped to anybody are left out."""
    rows = await current_database().fetch(
        "SELECT id, login FROM account WHERE workspace_id = $1 AND id = ANY($2::bigint[])",
        workspace_id,
        list(account_ids),
    )
    return {row["id"]: row["login"] for row in rows}


AccountKey: TypeAlias = tuple[WorkspaceId, AccountId]


class NamedAccount(NamedTuple):
    """The owner of a mapped account, its login, and GitHub's time of the last fact that changed it."""

    person_id: PersonId
    login: str
    renamed_at: datetime | None


async def list_named_accounts(accounts: Iterable[AccountKey]) -> dict[AccountKey, NamedAccount]:
    """Accounts that are not mapped to anybody are left out."""
    columns = zip(*dict.fromkeys(accounts), strict=True)
    rows = await current_database().fetch(
        """
        SELECT account.workspace_id, account.id, person_id, login, renamed_at
        FROM account JOIN unnest($1::bigint[], $2::bigint[]) AS wanted (workspace_id, id)
            ON (account.workspace_id, account.id) = (wanted.workspace_id, wanted.id)
        """,
        *(list(column) for column in columns),
    )
    return {
        (row["workspace_id"], row["id"]): NamedAccount(row["person_id"], row["login"], row["renamed_at"])
        for row in rows
    }


class Rename(NamedTuple):
    """The login that an account had `at` GitHub's time."""

    workspace_id: WorkspaceId
    account_id: AccountId
    login: str
    at: datetime


async def rename_accounts(renames: Iterable[Rename]) -> None:
    """Stores the logins of mapped accounts, unless a newer fact named another. One for each account."""
    await current_database().execute(
        """
        WITH renamed AS MATERIALIZED (
            SELECT account.workspace_id, account.id, named.login, named.at
            FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[])
                AS named (workspace_id, id, login, at)
            JOIN account ON (account.workspace_id, account.id) = (named.workspace_id, named.id)
            WHERE renamed_at IS NULL OR renamed_at <= named.at
            ORDER BY account.workspace_id, account.id FOR NO KEY UPDATE OF account
        )
        UPDATE account SET login = renamed.login, renamed_at = renamed.at
        FROM renamed WHERE (account.workspace_id, account.id) = (renamed.workspace_id, renamed.id)
        """,
        *(list(column) for column in zip(*renames, strict=True)),
    )


async def lock_person(person_id: PersonId) -> None:
    """Until the transaction ends, nobody else changes or decides anything about this person.

    Lock a pull request and its review request before the person: see bot/flows/locks.py.
    """
    await current_database().execute("SELECT FROM person WHERE id = $1 FOR NO KEY UPDATE", person_id)


async def insert_absence(
    person_id: PersonId, starts_at: datetime, ends_at: datetime, cover_person_id: PersonId | None = None
) -> int:
    """Returns its id."""
    identity: int = await current_database().fetchval(
        """
        INSERT INTO absence (workspace_id, person_id, starts_at, ends_at, cover_person_id)
        SELECT workspace_id, id, $2, $3, $4 FROM person WHERE id = $1 RETURNING id
        """,
        person_id,
        starts_at,
        ends_at,
        cover_person_id,
    )
    return identity


async def cancel_absence(absence_id: int, at: datetime) -> None:
    """The absence ends at this moment; if it has not begun, it never happens."""
    await current_database().execute(
        "UPDATE absence SET cancelled_at = $2 WHERE id = $1 AND cancelled_at IS NULL", absence_id, at
    )


async def restore_absence(absence_id: int) -> None:
    """Undoes a cancellation."""
    await current_database().execute("UPDATE absence SET cancelled_at = NULL WHERE id = $1", absence_id)


async def list_absences(person_id: PersonId, now: datetime) -> tuple[Absence, ...]:
    """Current and future absences, soonest first, each with its id."""
    rows = await current_database().fetch(
        """
        SELECT id, starts_at, ends_at, cover_person_id FROM absence
        WHERE person_id = $1 AND cancelled_at IS NULL AND ends_at > $2 ORDER BY starts_at, id
        """,
        person_id,
        now,
    )
    return tuple(Absence.model_validate(dict(row)) for row in rows)


async def snooze_person(person_id: PersonId, until: datetime | None) -> datetime | None:
    """No reminders of any review until then; None ends the snooze. Returns until when it was before."""
    before: datetime | None = await current_database().fetchval(
        """
        WITH before AS (SELECT id, snoozed_until FROM person WHERE id = $1 FOR NO KEY UPDATE)
        UPDATE person SET snoozed_until = $2 FROM before WHERE person.id = before.id
        RETURNING before.snoozed_until
        """,
        person_id,
        until,
    )
    return before


async def set_zone(person_id: PersonId, zone: str) -> None:
    """`zone` is an IANA name."""
    await current_database().execute("UPDATE person SET zone = $2 WHERE id = $1", person_id, zone)


async def set_active(person_id: PersonId, is_active: bool, guest_allowed: bool) -> None:
    """`is_active` is false for a person who was deactivated in Slack, or became a guest there."""
    await current_database().execute(
        "UPDATE person SET is_active = $2, guest_allowed = $3 WHERE id = $1",
        person_id,
        is_active,
        guest_allowed,
    )


async def set_dm_channel(person_id: PersonId, channel: str) -> None:
    """Keep the channel for the next DM. If the person is locked, it is opened again then.

    A DM that is on its way must not wait for a command of the person.
    """
    await current_database().execute(
        """
        UPDATE person SET dm_channel = $2
        WHERE id = (SELECT id FROM person WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED)
        """,
        person_id,
        channel,
    )


async def mark_welcomed(person_id: PersonId, at: datetime) -> None:
    """The DM that begins at this instant says who installed Ripe and how to stop it. The first one stays."""
    await current_database().execute(
        "UPDATE person SET welcomed_at = $2 WHERE id = $1 AND welcomed_at IS NULL", person_id, at
    )


async def forget_welcome(person_id: PersonId, at: datetime) -> None:
    """The DM that began at this instant was not posted after all."""
    await current_database().execute(
        "UPDATE person SET welcomed_at = NULL WHERE id = $1 AND welcomed_at = $2", person_id, at
    )
