"""Deletes the rows of accounts from which the App was uninstalled. People and rules are not theirs."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.model import InstallationId, RequestId, Value, WorkspaceId
from jobq import current_database

PAGE = 200
"""Rows a statement; with a pull request go its requests, reviews, assignments and messages."""


class Holdings(Value):
    """How many rows some installations have. `deliveries` are those whose payload is still kept."""

    installations: int
    repositories: int
    pull_requests: int
    review_requests: int
    reviews: int
    assignments: int
    messages: int
    deliveries: int


class OwnedInstallation(Value):
    """An installation on an account; `deleted_at` as far as we were told."""

    id: InstallationId
    deleted_at: datetime | None


async def list_departed(
    installation_id: InstallationId, deleted_until: datetime
) -> tuple[InstallationId, ...]:
    """Every installation on the account of this one, if the last was deleted by then; else none."""
    rows = await current_database().fetch(
        """
        WITH told AS (SELECT workspace_id, id, account_id FROM installation WHERE id = $1),
        ours AS (
            SELECT installation.id, installation.deleted_at FROM installation JOIN told
            ON installation.id = told.id OR (installation.workspace_id, installation.account_id)
                = (told.workspace_id, told.account_id))
        SELECT id FROM ours
        WHERE NOT EXISTS (SELECT FROM ours WHERE deleted_at IS NULL OR deleted_at > $2) ORDER BY id
        """,
        installation_id,
        deleted_until,
    )
    return tuple(InstallationId(row["id"]) for row in rows)


async def list_installations_of(workspace_id: WorkspaceId, owner: str) -> tuple[OwnedInstallation, ...]:
    """Every installation on an account, by its login in any case, even one known only by its repositories."""
    rows = await current_database().fetch(
        """
        SELECT id, deleted_at FROM installation
        WHERE workspace_id = $1 AND (lower(account_login) = lower($2) OR account_login IS NULL AND EXISTS (
            SELECT FROM repository
            WHERE installation_id = installation.id AND lower(split_part(full_name, '/', 1)) = lower($2)))
        ORDER BY id
        """,
        workspace_id,
        owner,
    )
    return tuple(OwnedInstallation.model_validate(dict(row)) for row in rows)


async def list_recent_requests(
    installation_ids: Iterable[InstallationId], closed_from: datetime
) -> tuple[RequestId, ...]:
    """Those about which DMs were sent, and that are open or were so until lately."""
    rows = await current_database().fetch(
        """
        SELECT review_request.id
        FROM review_request
        JOIN pull_request ON pull_request.id = pull_request_id
        JOIN repository ON repository.id = repository_id
        WHERE installation_id = ANY($1::bigint[]) AND (closed_at IS NULL OR closed_at >= $2)
            AND EXISTS (SELECT FROM message WHERE request_id = review_request.id)
        ORDER BY review_request.id
        """,
        list(installation_ids),
        closed_from,
    )
    return tuple(RequestId(row["id"]) for row in rows)


async def count_holdings(installation_ids: Iterable[InstallationId]) -> Holdings:
    """The rows that `forget_installations` would delete now."""
    row = await current_database().fetchrow(
        """
        WITH theirs AS (
            SELECT pull_request.id FROM pull_request JOIN repository ON repository.id = repository_id
            WHERE installation_id = ANY($1::bigint[])),
        requests AS (
            SELECT id FROM review_request WHERE pull_request_id IN (SELECT id FROM theirs))
        SELECT
            (SELECT count(*) FROM installation WHERE id = ANY($1)) AS installations,
            (SELECT count(*) FROM repository WHERE installation_id = ANY($1)) AS repositories,
            (SELECT count(*) FROM theirs) AS pull_requests,
            (SELECT count(*) FROM requests) AS review_requests,
            (SELECT count(*) FROM review WHERE pull_request_id IN (SELECT id FROM theirs)) AS reviews,
            (SELECT count(*) FROM assignment WHERE pull_request_id IN (SELECT id FROM theirs))
                AS assignments,
            (SELECT count(*) FROM message WHERE pull_request_id IN (SELECT id FROM theirs)
                OR request_id IN (SELECT id FROM requests)
                OR letter = 'greeting' AND occasion IN (SELECT unnest($1::bigint[])::text)) AS messages,
            (SELECT count(*) FROM delivery WHERE (fact ->> 'installation_id')::bigint = ANY($1))
                AS deliveries
        """,
        list(installation_ids),
    )
    return Holdings.model_validate(dict(row))


async def forget_installations(installation_ids: Iterable[InstallationId], page: int = PAGE) -> None:
    """Deletes them with everything under them, `page` rows a statement. May be repeated, and resumed.

    Deliveries keep their GUID, so that one sent again changes nothing. Not for a transaction: each page is
    committed.
    """
    ids = list(installation_ids)
    for statement in _STATEMENTS:
        while int((await current_database().execute(statement, ids, page)).split()[-1]) == page:
            pass


_STATEMENTS = (
    # First the facts that were not applied yet: they would bring back what follows.
    """
    UPDATE delivery SET fact = NULL, note = '' WHERE guid = ANY (ARRAY(
        SELECT guid FROM delivery WHERE (fact ->> 'installation_id')::bigint = ANY($1::bigint[]) LIMIT $2))
    """,
    """
    DELETE FROM pull_request WHERE id = ANY (ARRAY(
        SELECT pull_request.id FROM pull_request JOIN repository ON repository.id = repository_id
        WHERE installation_id = ANY($1::bigint[]) LIMIT $2))
    """,
    """
    DELETE FROM message WHERE id = ANY (ARRAY(
        SELECT id FROM message WHERE letter = 'greeting'
            AND occasion IN (SELECT unnest($1::bigint[])::text) LIMIT $2))
    """,
    """
    DELETE FROM repository WHERE id = ANY (ARRAY(
        SELECT id FROM repository WHERE installation_id = ANY($1::bigint[]) LIMIT $2))
    """,
    """
    DELETE FROM installation WHERE id = ANY (ARRAY(
        SELECT id FROM installation WHERE id = ANY($1::bigint[]) LIMIT $2))
    """,
)


KEPT_FOR = timedelta(hours=24)
"""Somebody who uninstalls it by mistake finds everything as it was."""
