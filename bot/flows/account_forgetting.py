"""Deletes everything about accounts from which the App was uninstalled. People and rules stay."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.flows.paging import execute_in_pages
from bot.model import InstallationId, RequestId, Value, WorkspaceId
from jobq import current_database

KEPT_FOR = timedelta(hours=24)
"""Somebody who uninstalled the App by mistake finds everything as it was."""
PAGE = 200
"""Rows per statement. A pull request takes its requests, reviews, assignments and messages with it."""


class Holdings(Value):
    """How many rows there are about some installations. `deliveries` still have their payload."""

    installations: int
    repositories: int
    pull_requests: int
    review_requests: int
    reviews: int
    assignments: int
    messages: int
    deliveries: int


class OwnedInstallation(Value):
    """An installation on an account. `deleted_at` is None if no uninstall has arrived."""

    id: InstallationId
    deleted_at: datetime | None


async def list_departed(
    installation_id: InstallationId, deleted_until: datetime
) -> tuple[InstallationId, ...]:
    """Every installation on the same account, if all were deleted by `deleted_until`; else none."""
    rows = await current_database().fetch(
        """
        WITH this AS (SELECT workspace_id, id, account_id FROM installation WHERE id = $1),
        on_account AS (
            SELECT installation.id, installation.deleted_at FROM installation JOIN this
            ON installation.id = this.id OR (installation.workspace_id, installation.account_id)
                = (this.workspace_id, this.account_id))
        SELECT id FROM on_account
        WHERE NOT EXISTS (SELECT FROM on_account WHERE deleted_at IS NULL OR deleted_at > $2) ORDER BY id
        """,
        installation_id,
        deleted_until,
    )
    return tuple(InstallationId(row["id"]) for row in rows)


async def list_installations_of(workspace_id: WorkspaceId, owner: str) -> tuple[OwnedInstallation, ...]:
    """Every installation on an account, by its login (in any case).

    An installation whose account is not stored is found by the owner of its repositories.
    """
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
    """The review requests that have DMs, and are open or were closed at `closed_from` or later."""
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
    """Counts what `forget_installations` would delete now."""
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
    """Deletes them with everything under them, `page` rows per statement, each committed by itself.

    Call it outside of a transaction. If it fails halfway, call it again. Deliveries keep their GUID, so a
    redelivery changes nothing.
    """
    ids = list(installation_ids)
    for statement in _STATEMENTS:
        await execute_in_pages(statement, ids, page=page)


_STATEMENTS = (
    # Facts that were not applied yet go first, because they would bring the rest back.
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
