"""The logins in review requests, which are labels: the keys are GitHub's numeric ids."""

from collections.abc import Mapping

from bot.model import RequestId
from jobq import current_database


async def rename_reviewers(logins: Mapping[RequestId, str]) -> None:
    """The reviewers of these requests have other logins now."""
    await current_database().execute(
        """
        UPDATE review_request SET reviewer_login = named.login
        FROM unnest($1::bigint[], $2::text[]) AS named (id, login) WHERE review_request.id = named.id
        """,
        list(logins),
        list(logins.values()),
    )


async def name_requesters(logins: Mapping[RequestId, str]) -> None:
    """Records who asked for these, unless that is recorded already."""
    await current_database().execute(
        """
        UPDATE review_request SET requested_by = named.login
        FROM unnest($1::bigint[], $2::text[]) AS named (id, login)
        WHERE review_request.id = named.id AND requested_by IS NULL
        """,
        list(logins),
        list(logins.values()),
    )
