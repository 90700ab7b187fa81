"""Pull requests, review requests and reviews in Postgres. Uses the ambient database and transaction."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from bot.github.model import Account, Review
from bot.model import PullRequestId, RepositoryId, RequestId, UserError, WorkspaceId
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
    row = await current_database().fetchrow(
        f"""
        {_PULL_REQUEST}
        WHERE pull_request.id = $1 FOR NO KEY UPDATE OF pull_request
        """,
        pull_request_id,
    )
    return _pull_request(row) if row else None


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
    await current_database().execute(
        """
        INSERT INTO pull_request (workspace_id, id, repository_id, number, title, url, author_id,
            author_login, author_is_bot, state, is_draft, head_sha, labels, requested_teams, additions,
            deletions, changed_files, review_decision, created_at, updated_at, told, pushed_at, round)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
            $21, $22, $23)
        ON CONFLICT (id) DO UPDATE SET (repository_id, number, title, url, author_login, state, is_draft,
            head_sha, labels, requested_teams, additions, deletions, changed_files, review_decision,
            updated_at, told, pushed_at, round)
        = (excluded.repository_id, excluded.number, excluded.title, excluded.url, excluded.author_login,
            excluded.state, excluded.is_draft, excluded.head_sha, excluded.labels, excluded.requested_teams,
            excluded.additions, excluded.deletions, excluded.changed_files, excluded.review_decision,
            excluded.updated_at, excluded.told, excluded.pushed_at, excluded.round)
        """,
        pull_request.workspace_id, pull_request.id, pull_request.repository_id, pull_request.number,
        pull_request.title, pull_request.url, pull_request.author.id, pull_request.author.login,
        pull_request.author.is_bot, pull_request.state, pull_request.is_draft, pull_request.head_sha,
        sorted(pull_request.labels), list(pull_request.requested_teams), pull_request.additions,
        pull_request.deletions, pull_request.changed_files, pull_request.review_decision,
        pull_request.created_at, pull_request.updated_at, sorted(pull_request.same_second_facts),
        pull_request.pushed_at, pull_request.round,
    )  # fmt: skip


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
    rows = await current_database().fetch(
        f"{_REQUEST} WHERE pull_request_id = $1 ORDER BY id", pull_request_id
    )
    return tuple(_request(row) for row in rows)


async def list_open_requests(pull_request_id: PullRequestId) -> tuple[ReviewRequest, ...]:
    rows = await current_database().fetch(
        f"{_REQUEST} WHERE pull_request_id = $1 AND closed_at IS NULL ORDER BY id",
        pull_request_id,
    )
    return tuple(_request(row) for row in rows)


async def list_open_requests_with_replies(
    pull_request: PullRequest,
) -> tuple[tuple[ReviewRequest, ...], tuple[LatestReview, ...]]:
    """The open requests, and the newest review (comments included) of each of their reviewers."""
    rows = await current_database().fetch(
        f"""
        SELECT request.*, reply.state AS reply_state, reply.submitted_at AS replied_at
        FROM ({_REQUEST} WHERE pull_request_id = $1 AND closed_at IS NULL) AS request
        LEFT JOIN LATERAL (
            SELECT state, submitted_at FROM review
            WHERE review.pull_request_id = $1 AND review.reviewer_id = request.reviewer_id
                AND review.reviewer_id <> $2 AND NOT review.reviewer_is_bot
            ORDER BY submitted_at DESC, id DESC LIMIT 1
        ) AS reply ON true
        ORDER BY request.id
        """,  # noqa: S608 - our own columns
        pull_request.id,
        pull_request.author.id,
    )
    requests, replies = [], []
    for row in rows:
        fields = dict(row)
        state, replied_at = fields.pop("reply_state"), fields.pop("replied_at")
        requests.append(request := _request(fields))
        if state is not None:
            replies.append(
                LatestReview(
                    reviewer_id=request.reviewer_id,
                    reviewer_login=request.reviewer_login,
                    state=state,
                    submitted_at=replied_at,
                )
            )
    return tuple(requests), tuple(replies)


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
    if not requested:
        return ()
    rows = await current_database().fetch(
        """
        INSERT INTO review_request (workspace_id, pull_request_id, reviewer_id, reviewer_login, requested_by,
            is_again, round, opened_at)
        SELECT $1, $2, asked.id, asked.login, asked.by, EXISTS (
            SELECT FROM review_request
            WHERE pull_request_id = $2 AND reviewer_id = asked.id AND round = $3), $3, $4
        FROM unnest($5::bigint[], $6::text[], $7::text[]) WITH ORDINALITY AS asked (id, login, by, place)
        ORDER BY asked.place
        ON CONFLICT (pull_request_id, reviewer_id) WHERE closed_at IS NULL DO NOTHING
        RETURNING id
        """,
        pull_request.workspace_id,
        pull_request.id,
        pull_request.round,
        opened_at,
        [reviewer.account.id for reviewer in requested],
        [reviewer.account.login for reviewer in requested],
        [reviewer.by for reviewer in requested],
    )
    return tuple(RequestId(row["id"]) for row in rows)


async def close_review_requests(closed: Iterable[tuple[RequestId, CloseReason]], closed_at: datetime) -> None:
    """Closes each request for its reason. A closed request keeps the reason that it has."""
    reasons = dict(closed)
    if not reasons:
        return
    await current_database().execute(
        """
        UPDATE review_request SET closed_at = $3, close_reason = closing.reason
        FROM unnest($1::bigint[], $2::text[]) AS closing (id, reason)
        WHERE review_request.id = closing.id AND closed_at IS NULL
        """,
        list(reasons.keys()),
        list(reasons.values()),
        closed_at,
    )


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


async def correct_close_reason(request_id: RequestId, reason: CloseReason) -> None:
    """Replaces the reason "unassigned", because a review that came late explains the closing."""
    await current_database().execute(
        "UPDATE review_request SET close_reason = $2 WHERE id = $1 AND close_reason = 'unassigned'",
        request_id,
        reason,
    )


async def snooze_request(request_id: RequestId, until: datetime | None, until_change: bool) -> None:
    """Snoozes until an instant, or until something changes. With neither it ends the snooze."""
    await current_database().execute(
        "UPDATE review_request SET snoozed_until = $2, snoozed_until_change = $3 WHERE id = $1",
        request_id,
        until,
        until_change,
    )


async def end_snooze_until_change(pull_request_id: PullRequestId) -> None:
    """Ends every "until something changes" snooze of the pull request's open requests."""
    await current_database().execute(
        "UPDATE review_request SET snoozed_until_change = false"
        " WHERE pull_request_id = $1 AND snoozed_until_change AND closed_at IS NULL",
        pull_request_id,
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


async def save_reviews(pull_request: PullRequest, reviews: Iterable[Review]) -> None:
    """Records reviews. A stored review takes its newer state, but a dismissal is final."""
    await current_database().executemany(
        """
        INSERT INTO review (workspace_id, id, pull_request_id, reviewer_id, reviewer_login, reviewer_is_bot,
            state, submitted_at, may_write)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (id) DO UPDATE SET
            state = CASE WHEN review.state = 'dismissed' THEN 'dismissed' ELSE excluded.state END,
            may_write = excluded.may_write
        """,
        [
            (
                pull_request.workspace_id, review.id, pull_request.id, review.author.id, review.author.login,
                review.author.is_bot, review.state, review.submitted_at, review.may_write,
            )
            for review in reviews
        ],
    )  # fmt: skip


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
