"""Writes what facts and GitHub's answers change, for many pull requests at once.

Each function is one statement, whatever the number of rows. Callers have locked the pull requests.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from pydantic import TypeAdapter

from bot.github.model import Review
from bot.model import HIDING, PullRequestId, RequestId
from bot.reviews.model import CloseReason, PullRequest
from bot.reviews.rules import Requested
from jobq import current_database

_AS_JSON = TypeAdapter(list[dict[str, object]], config=HIDING)


class Opening(NamedTuple):
    """Requests to open at an instant, one for each reviewer who has no open one."""

    pull_request: PullRequest
    requested: Sequence[Requested]
    at: datetime


class Closing(NamedTuple):
    """An open request to close at an instant. One that is closed keeps its reason."""

    request_id: RequestId
    reason: CloseReason
    at: datetime


async def insert_pull_requests(pull_requests: Iterable[PullRequest]) -> frozenset[PullRequestId]:
    """Inserts those that are not stored yet, and returns their ids.

    One that another transaction inserts at this moment is waited for, left as it is, and not locked: a lock
    would come after the locks on other pull requests, out of order.
    """
    rows = await current_database().fetch(
        """
        INSERT INTO pull_request (workspace_id, id, repository_id, number, title, url, author_id,
            author_login, author_is_bot, state, is_draft, head_sha, labels, requested_teams, additions,
            deletions, changed_files, review_decision, created_at, updated_at, told, pushed_at, round)
        SELECT workspace_id, id, repository_id, number, title, url, author_id,
            author_login, author_is_bot, state, is_draft, head_sha, labels, requested_teams, additions,
            deletions, changed_files, review_decision, created_at, updated_at, told, pushed_at, round
        FROM jsonb_to_recordset($1::jsonb) AS new (workspace_id bigint, id bigint, repository_id bigint,
            number int, title text, url text, author_id bigint, author_login text, author_is_bot boolean,
            state text, is_draft boolean, head_sha text, labels text[], requested_teams text[],
            additions int, deletions int, changed_files int, review_decision text, created_at timestamptz,
            updated_at timestamptz, told text[], pushed_at timestamptz, round int)
        ORDER BY id
        ON CONFLICT (id) DO NOTHING
        RETURNING id
        """,
        _rows(pull_requests),
    )
    return frozenset(PullRequestId(row["id"]) for row in rows)


async def update_pull_requests(pull_requests: Iterable[PullRequest]) -> None:
    """Replaces pull requests that the transaction has locked. Their workspace and author stay."""
    await current_database().execute(
        """
        UPDATE pull_request SET (repository_id, number, title, url, author_login, state, is_draft,
            head_sha, labels, requested_teams, additions, deletions, changed_files, review_decision,
            updated_at, told, pushed_at, round)
        = (new.repository_id, new.number, new.title, new.url, new.author_login, new.state, new.is_draft,
            new.head_sha, new.labels, new.requested_teams, new.additions, new.deletions, new.changed_files,
            new.review_decision, new.updated_at, new.told, new.pushed_at, new.round)
        FROM jsonb_to_recordset($1::jsonb) AS new (id bigint, repository_id bigint,
            number int, title text, url text, author_login text,
            state text, is_draft boolean, head_sha text, labels text[], requested_teams text[],
            additions int, deletions int, changed_files int, review_decision text,
            updated_at timestamptz, told text[], pushed_at timestamptz, round int)
        WHERE pull_request.id = new.id
        """,
        _rows(pull_requests),
    )


def _rows(pull_requests: Iterable[PullRequest]) -> str:
    """As JSON, because Postgres takes no array of arrays of different lengths."""
    return _AS_JSON.dump_json([_columns(pull_request) for pull_request in pull_requests]).decode()


def _columns(pull_request: PullRequest) -> dict[str, object]:
    fields = pull_request.model_dump(exclude={"author", "repository", "same_second_facts", "labels"})
    author = pull_request.author
    return fields | {
        "author_id": author.id,
        "author_login": author.login,
        "author_is_bot": author.is_bot,
        "labels": sorted(pull_request.labels),
        "told": sorted(pull_request.same_second_facts),
    }


async def save_reviews(reviews: Iterable[tuple[PullRequest, Review]]) -> None:
    """Records reviews of pull requests. A stored review takes its newer state, but a dismissal is final."""
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
            for pull_request, review in reviews
        ],
    )  # fmt: skip


async def open_requests(openings: Iterable[Opening]) -> list[tuple[PullRequestId, RequestId]]:
    """Opens requests. Returns the new ones, in order, each with its pull request."""
    asked = [
        (
            opening.pull_request.workspace_id, opening.pull_request.id, opening.pull_request.round,
            opening.at, requested.account.id, requested.account.login, requested.by,
        )
        for opening in openings
        for requested in opening.requested
    ]  # fmt: skip
    if not asked:
        return []
    rows = await current_database().fetch(
        """
        INSERT INTO review_request (workspace_id, pull_request_id, reviewer_id, reviewer_login, requested_by,
            is_again, round, opened_at)
        SELECT asked.workspace_id, asked.pull_request_id, asked.reviewer_id, asked.login, asked.by, EXISTS (
            SELECT FROM review_request AS earlier
            WHERE earlier.pull_request_id = asked.pull_request_id
                AND earlier.reviewer_id = asked.reviewer_id AND earlier.round = asked.round
            ), asked.round, asked.at
        FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::timestamptz[], $5::bigint[], $6::text[],
                $7::text[]) WITH ORDINALITY
            AS asked (workspace_id, pull_request_id, round, at, reviewer_id, login, by, place)
        ORDER BY asked.place
        ON CONFLICT (pull_request_id, reviewer_id) WHERE closed_at IS NULL DO NOTHING
        RETURNING pull_request_id, id
        """,
        *(list(column) for column in zip(*asked, strict=True)),
    )
    return [(PullRequestId(row["pull_request_id"]), RequestId(row["id"])) for row in rows]


async def close_requests(closings: Iterable[Closing]) -> None:
    """Closes requests. Those that are closed keep the reason that they have."""
    columns = list(zip(*closings, strict=True))
    if not columns:
        return
    await current_database().execute(
        """
        UPDATE review_request SET closed_at = closing.at, close_reason = closing.reason
        FROM unnest($1::bigint[], $2::text[], $3::timestamptz[]) AS closing (id, reason, at)
        WHERE review_request.id = closing.id AND closed_at IS NULL
        """,
        *(list(column) for column in columns),
    )


async def correct_close_reasons(reasons: Iterable[tuple[RequestId, CloseReason]]) -> None:
    """Replaces the reason "unassigned", because a review that came late explains the closing."""
    columns = list(zip(*reasons, strict=True))
    if not columns:
        return
    await current_database().execute(
        """
        UPDATE review_request SET close_reason = corrected.reason
        FROM unnest($1::bigint[], $2::text[]) AS corrected (id, reason)
        WHERE review_request.id = corrected.id AND close_reason = 'unassigned'
        """,
        *(list(column) for column in columns),
    )


async def end_snoozes_until_change(pull_request_ids: Collection[PullRequestId]) -> None:
    """Ends every "until something changes" snooze of open requests for these pull requests."""
    if not pull_request_ids:
        return
    await current_database().execute(
        """
        UPDATE review_request SET snoozed_until_change = false
        WHERE pull_request_id = ANY($1::bigint[]) AND snoozed_until_change AND closed_at IS NULL
        """,
        list(pull_request_ids),
    )
