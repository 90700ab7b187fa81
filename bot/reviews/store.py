"""Pull requests, review requests and reviews in Postgres. Uses the ambient database and transaction."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from bot.github.model import Account
from bot.model import PullRequestId, RepositoryId, RequestId, UserError, WorkspaceId
from bot.reviews.changes import (
    Closing,
    Opening,
    close_requests,
    insert_pull_requests,
    open_requests,
    update_pull_requests,
)
from bot.reviews.model import CloseReason, LatestReview, PullRequest, ReviewRequest
from bot.reviews.rules import Requested
from jobq import current_database

# Columns are named, because a newer release may have added some that these models do not know.
_PULL_REQUEST = """
    SELECT pull_request.id, pull_request.workspace_id, pull_request.repository_id,
        repository.full_name AS repository, pull_request.number, pull_request.title, pull_request.url,
        pull_request.author_id, pull_request.author_login, pull_request.author_is_bot, pull_request.state,
        pull_request.is_draft, pull_request.head_sha, pull_request.labels, pull_request.requested_teams,
        pull_request.additions, pull_request.deletions, pull_request.changed_files,
        pull_request.review_decision, pull_request.created_at, pull_request.updated_at,
        pull_request.told AS same_second_facts, pull_request.pushed_at, pull_request.round
    FROM pull_request JOIN repository ON repository.id = pull_request.repository_id
"""
_REQUEST = """
    SELECT id, workspace_id, pull_request_id, reviewer_id, reviewer_login, requested_by, is_again, round,
        opened_at, closed_at, close_reason, snoozed_until, snoozed_until_change AS is_snoozed_until_change,
        muted_at IS NOT NULL AS is_muted
    FROM review_request
"""


async def lock_pull_request(pull_request_id: PullRequestId) -> PullRequest | None:
    """The stored pull request, which nobody else changes until the transaction ends. None: not stored.

    A transaction that changes a pull request or its requests locks it first, before any request or person.
    """
    return (await lock_pull_requests([pull_request_id])).get(pull_request_id)


async def lock_pull_requests(
    pull_request_ids: Iterable[PullRequestId],
) -> dict[PullRequestId, PullRequest]:
    """Those that are stored: see lock_pull_request. Read what hangs on them in a later statement.

    Postgres reads the newest row of a pull request for which it had to wait, but nothing else that was
    committed meanwhile.
    """
    rows = await current_database().fetch(
        f"""
        {_PULL_REQUEST}
        WHERE pull_request.id = ANY($1::bigint[]) ORDER BY pull_request.id
        FOR NO KEY UPDATE OF pull_request
        """,
        list(pull_request_ids),
    )
    return {row["id"]: _pull_request(row) for row in rows}


async def find_pull_request_by_name(
    workspace_id: WorkspaceId, full_name: str, number: int
) -> PullRequest | None:
    """By the name (in any case) and number that people type, such as acme/api and 12."""
    row = await current_database().fetchrow(
        f"""
        {_PULL_REQUEST}
        WHERE repository.workspace_id = $1 AND lower(repository.full_name) = lower($2)
            AND pull_request.number = $3
        ORDER BY pull_request.id DESC LIMIT 1
        """,
        workspace_id,
        full_name,
        number,
    )
    return _pull_request(row) if row else None


async def list_newest_pull_requests(workspace_id: WorkspaceId, most: int) -> tuple[PullRequest, ...]:
    """The newest first."""
    rows = await current_database().fetch(
        f"""
        {_PULL_REQUEST}
        WHERE pull_request.workspace_id = $1
        ORDER BY pull_request.created_at DESC, pull_request.id DESC LIMIT $2
        """,
        workspace_id,
        most,
    )
    return tuple(_pull_request(row) for row in rows)


async def list_pull_requests_by_id(
    pull_request_ids: Iterable[PullRequestId],
) -> tuple[PullRequest, ...]:
    rows = await current_database().fetch(
        f"""
        {_PULL_REQUEST}
        WHERE pull_request.id = ANY($1::bigint[])
        """,
        list(pull_request_ids),
    )
    return tuple(_pull_request(row) for row in rows)


async def save_pull_request(pull_request: PullRequest) -> None:
    """Inserts or replaces it."""
    if not await insert_pull_requests([pull_request]):
        await update_pull_requests([pull_request])


async def list_newest_updates(repository_ids: Iterable[RepositoryId]) -> dict[RepositoryId, datetime]:
    """When the newest fact or answer about a pull request of each of these repositories was."""
    rows = await current_database().fetch(
        """
        SELECT repository_id, max(updated_at) AS newest_at FROM pull_request
        WHERE repository_id = ANY($1::bigint[]) GROUP BY repository_id
        """,
        list(repository_ids),
    )
    return {RepositoryId(row["repository_id"]): row["newest_at"] for row in rows}


async def delete_pull_requests_of(repository_ids: Iterable[RepositoryId]) -> None:
    """Deletes the pull requests of repositories, with all that refers to them."""
    await current_database().execute(
        "DELETE FROM pull_request WHERE repository_id = ANY($1::bigint[])", list(repository_ids)
    )


async def lock_request(request_id: RequestId) -> ReviewRequest | None:
    """Lock its pull request first: see lock_pull_request."""
    row = await current_database().fetchrow(f"{_REQUEST} WHERE id = $1 FOR NO KEY UPDATE", request_id)
    return _request(row) if row else None


async def load_request(request_id: RequestId) -> ReviewRequest:
    """Raises UserError if there is none, since a person pressed a button that outlived its request."""
    row = await current_database().fetchrow(f"{_REQUEST} WHERE id = $1", request_id)
    if row is None:
        raise UserError("This review request no longer exists.")
    return _request(row)


async def list_requests(pull_request_id: PullRequestId) -> tuple[ReviewRequest, ...]:
    """Every request for a pull request, open or closed, oldest first."""
    return (await list_requests_of([pull_request_id])).get(pull_request_id, ())


async def list_requests_of(
    pull_request_ids: Iterable[PullRequestId],
) -> dict[PullRequestId, tuple[ReviewRequest, ...]]:
    """Every request for each of these pull requests, open or closed, oldest first."""
    wanted = list(pull_request_ids)
    if not wanted:
        return {}
    rows = await current_database().fetch(
        f"{_REQUEST} WHERE pull_request_id = ANY($1::bigint[]) ORDER BY id", wanted
    )
    return {of: tuple(_request(row) for row in group) for of, group in _grouped(rows).items()}


async def list_open_requests(pull_request_id: PullRequestId) -> tuple[ReviewRequest, ...]:
    rows = await current_database().fetch(
        f"{_REQUEST} WHERE pull_request_id = $1 AND closed_at IS NULL ORDER BY id",
        pull_request_id,
    )
    return tuple(_request(row) for row in rows)


class Asked(NamedTuple):
    """The open requests for a pull request, and the newest review (comments included) of their reviewers."""

    requests: tuple[ReviewRequest, ...] = ()
    replies: tuple[LatestReview, ...] = ()


async def list_open_requests_with_replies(
    pull_requests: Iterable[PullRequest],
) -> dict[PullRequestId, Asked]:
    """Those of each of these pull requests for which there is an open request, oldest first."""
    authors = {pull_request.id: pull_request.author.id for pull_request in pull_requests}
    if not authors:
        return {}
    rows = await current_database().fetch(
        f"""
        SELECT request.*, reply.state AS reply_state, reply.submitted_at AS replied_at
        FROM unnest($1::bigint[], $2::bigint[]) AS wanted (pull_request_id, author_id)
        JOIN ({_REQUEST} WHERE closed_at IS NULL AND pull_request_id = ANY($1)) AS request
            USING (pull_request_id)
        LEFT JOIN LATERAL (
            SELECT state, submitted_at FROM review
            WHERE review.pull_request_id = request.pull_request_id
                AND review.reviewer_id = request.reviewer_id
                AND review.reviewer_id <> wanted.author_id AND NOT review.reviewer_is_bot
            ORDER BY submitted_at DESC, id DESC LIMIT 1
        ) AS reply ON true
        ORDER BY request.id
        """,  # noqa: S608 - our own columns
        list(authors),
        list(authors.values()),
    )
    return {
        pull_request_id: Asked(
            tuple(_request_with_reply(row) for row in of_one),
            tuple(_reply(row) for row in of_one if row["reply_state"] is not None),
        )
        for pull_request_id, of_one in _grouped(rows).items()
    }


def _grouped(rows: Iterable[Any]) -> dict[PullRequestId, list[Any]]:
    grouped: dict[PullRequestId, list[Any]] = {}
    for row in rows:
        grouped.setdefault(row["pull_request_id"], []).append(row)
    return grouped


def _request_with_reply(row: Any) -> ReviewRequest:
    fields = dict(row)
    del fields["reply_state"], fields["replied_at"]
    return _request(fields)


def _reply(row: Any) -> LatestReview:
    return LatestReview(
        reviewer_id=row["reviewer_id"],
        reviewer_login=row["reviewer_login"],
        state=row["reply_state"],
        submitted_at=row["replied_at"],
    )


async def list_open_request_ids_of_workspace(workspace_id: WorkspaceId) -> tuple[RequestId, ...]:
    rows = await current_database().fetch(
        "SELECT id FROM review_request WHERE workspace_id = $1 AND closed_at IS NULL ORDER BY id",
        workspace_id,
    )
    return tuple(RequestId(row["id"]) for row in rows)


async def list_open_request_ids(after: RequestId | None, limit: int) -> tuple[RequestId, ...]:
    """A page of the open requests of all workspaces, by id: those after `after`."""
    rows = await current_database().fetch(
        "SELECT id FROM review_request WHERE closed_at IS NULL AND id > $1 ORDER BY id LIMIT $2",
        after or 0,
        limit,
    )
    return tuple(RequestId(row["id"]) for row in rows)


async def list_requests_by_id(request_ids: Iterable[RequestId]) -> tuple[ReviewRequest, ...]:
    """Oldest first."""
    rows = await current_database().fetch(
        f"{_REQUEST} WHERE id = ANY($1::bigint[]) ORDER BY opened_at, id", list(request_ids)
    )
    return tuple(_request(row) for row in rows)


async def open_review_requests(
    pull_request: PullRequest, requested: Sequence[Requested], opened_at: datetime
) -> tuple[RequestId, ...]:
    """Opens a request for each reviewer who has no open one. Returns the new requests."""
    opened = await open_requests([Opening(pull_request, requested, opened_at)])
    return tuple(request_id for _, request_id in opened)


async def close_review_requests(closed: Iterable[tuple[RequestId, CloseReason]], closed_at: datetime) -> None:
    """Closes each request for its reason. A closed request keeps the reason that it has."""
    await close_requests(Closing(request_id, reason, closed_at) for request_id, reason in closed)


async def close_requests_of_repositories(
    repository_ids: Iterable[RepositoryId], closed_at: datetime
) -> tuple[RequestId, ...]:
    """Closes every open request in these repositories as unassigned. Returns those that it closed."""
    rows = await current_database().fetch(
        """
        WITH pull_requests AS MATERIALIZED (
            SELECT id FROM pull_request
            WHERE repository_id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE OF pull_request
        ), open AS MATERIALIZED (
            SELECT id FROM review_request
            WHERE pull_request_id = ANY(ARRAY(SELECT id FROM pull_requests)) AND closed_at IS NULL
            ORDER BY id FOR NO KEY UPDATE OF review_request
        )
        UPDATE review_request SET closed_at = $2, close_reason = 'unassigned'
        FROM open WHERE review_request.id = open.id
        RETURNING review_request.id
        """,
        list(repository_ids),
        closed_at,
    )
    return tuple(RequestId(row["id"]) for row in rows)


async def snooze_request(request_id: RequestId, until: datetime | None, until_change: bool) -> None:
    """Snoozes until an instant, or until something changes. With neither it ends the snooze."""
    await current_database().execute(
        "UPDATE review_request SET snoozed_until = $2, snoozed_until_change = $3 WHERE id = $1",
        request_id,
        until,
        until_change,
    )


async def silence_requests(request_ids: Iterable[RequestId]) -> None:
    """Snoozes new requests until something changes, so that no DM is sent about them."""
    await current_database().execute(
        """
        UPDATE review_request SET snoozed_until = NULL, snoozed_until_change = true
        WHERE id = ANY($1::bigint[])
        """,
        list(request_ids),
    )


async def mute_request(request_id: RequestId, at: datetime | None) -> None:
    """No DM is sent about this request from `at` on. None takes that back."""
    await current_database().execute("UPDATE review_request SET muted_at = $2 WHERE id = $1", request_id, at)


async def record_quiet_until(request_id: RequestId, until: datetime | None) -> None:
    """Until when the request's DMs are unwanted, as the last decision saw it."""
    await current_database().execute(
        "UPDATE review_request SET quiet_until = $2 WHERE id = $1", request_id, until
    )


async def record_sync(pull_request_id: PullRequestId, at: datetime) -> None:
    """GitHub answered then how the pull request stands."""
    await current_database().execute(
        "UPDATE pull_request SET synced_at = $2 WHERE id = $1", pull_request_id, at
    )


async def list_reviews(pull_request: PullRequest) -> tuple[LatestReview, ...]:
    """The newest review of each reviewer whose reviews count. A verdict goes before a later comment."""
    rows = await current_database().fetch(
        """
        SELECT DISTINCT ON (reviewer_id) reviewer_id, reviewer_login, state, submitted_at, may_write
        FROM review
        WHERE pull_request_id = $1 AND reviewer_id <> $2 AND NOT reviewer_is_bot
        ORDER BY reviewer_id, state = 'commented', submitted_at DESC, id DESC
        """,
        pull_request.id,
        pull_request.author.id,
    )
    return tuple(LatestReview.model_validate(dict(row)) for row in rows)


def _pull_request(row: Any) -> PullRequest:
    fields = dict(row)
    return PullRequest(
        author=Account(
            id=fields.pop("author_id"), login=fields.pop("author_login"), is_bot=fields.pop("author_is_bot")
        ),
        **fields,
    )


def _request(row: Any) -> ReviewRequest:
    return ReviewRequest.model_validate(dict(row))
